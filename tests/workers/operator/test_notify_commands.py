"""The operators' commands about notification channels."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import Run
from tests.support.loopback import LoopbackServer, says, serving

TOKEN = "T0kenThatOpensTheRoom"
PAGE = (Path(__file__).parents[3] / "docs/notifications.md").read_text()


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackServer]:
    """A service on loopback, which the operator lets be reached."""
    monkeypatch.setenv("REELQUEUE_WEBHOOK_PRIVATE_HOSTS", "127.0.0.1")
    with serving(says("200 OK", b"ok")) as server:
        monkeypatch.setenv("TEAM_URL", f"json://{server.url.removeprefix('http://')}/{TOKEN}")
        yield server


def test_a_channel_is_added_listed_tested_and_removed(run: Run, receiver: LoopbackServer) -> None:
    added = run("notify", "add", "team", "--url-env", "TEAM_URL")
    assert (added.exit_code, added.err) == (0, "python -m workers notify test team sends a first message\n")

    listed = run("notify", "list", "--json")
    line = json.loads(listed.out)
    assert (line["name"], line["tenant"], line["service"], line["url_env"]) == ("team", None, "json", "TEAM_URL")
    assert "account.paused" in line["events"]
    assert TOKEN not in listed.out + run("notify", "list").out

    tested = run("notify", "test", "team")
    assert (tested.exit_code, tested.out) == (0, "channel team has taken a message\n")
    assert b"Reelqueue can reach this channel" in receiver.requests[0]

    assert run("notify", "remove", "team").exit_code == 0
    assert run("notify", "list", "--json").out == ""


def test_a_url_inside_the_network_is_refused_and_not_repeated(run: Run) -> None:
    refused = run("notify", "add", "team", "--url-env", "TEAM_URL", TEAM_URL=f"jsons://10.0.0.1/{TOKEN}")

    assert refused.exit_code == 1
    assert "10.0.0.1, which is not on the public internet" in refused.err
    assert "REELQUEUE_WEBHOOK_PRIVATE_HOSTS" in refused.err
    assert TOKEN not in refused.err


def test_bad_input_is_named(run: Run, receiver: LoopbackServer) -> None:
    def says_of(*words: str) -> str:
        ended = run("notify", *words)
        assert ended.exit_code == 1
        return ended.err

    assert "OTHER_URL is not set here" in says_of("add", "team", "--url-env", "OTHER_URL")
    given = says_of("add", "team", "--url-env", f"json://studio.example/{TOKEN}")
    assert "no name of an environment variable" in given
    assert TOKEN not in given
    assert "no tenant named acme" in says_of("add", "team", "--url-env", "TEAM_URL", "--tenant", "acme")
    assert "campaign.done is no event" in says_of("add", "team", "--url-env", "TEAM_URL", "--event", "campaign.done")
    assert "no channel named team" in says_of("remove", "team")


def test_a_service_that_refuses_is_an_error_without_its_token(run: Run, receiver: LoopbackServer) -> None:
    run("notify", "add", "team", "--url-env", "TEAM_URL")
    with serving(says("403 Forbidden", b"")) as closed:
        url = f"json://{closed.url.removeprefix('http://')}/{TOKEN}"
        refused = run("notify", "test", "team", TEAM_URL=url)

    assert refused.exit_code == 1
    assert "channel team:" in refused.err
    assert "403" in refused.err
    assert TOKEN not in refused.err


def test_the_commands_of_the_page_run(run: Run, receiver: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONCALL_URL", os.environ["TEAM_URL"])
    run("keys", "create", "studio")
    commands = re.findall(r"^python -m workers (notify .*?)\s*(?:#.*)?$", PAGE, re.MULTILINE)

    ended = {command: run(*shlex.split(command)) for command in commands}

    assert len(ended) >= 7
    assert {command: one.err for command, one in ended.items() if one.exit_code != 0} == {}
    assert len(receiver.requests) == 1
