"""docs/webhooks.md: its calls, its variables, its message and its receiver are real."""

from __future__ import annotations

import base64
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from api.app import create_app
from api.settings import ApiSettings
from reelqueue.cli._webhooks import webhook
from reelqueue.states import TERMINAL
from reelqueue.webhooks import CampaignEvent, WebhookEvent, sign

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs/webhooks.md").read_text()
SETTINGS = (ROOT / "docs/settings.md").read_text()
SECRET = "whsec_" + base64.b64encode(b"0" * 32).decode()


def _block(language: str) -> str:
    return _blocks(language)[0]


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def test_the_table_has_every_call_and_no_other() -> None:
    paths = create_app(ApiSettings(), require_key=False).openapi()["paths"]
    served = {(method.upper(), path) for path, calls in paths.items() for method in calls if "/webhooks" in path}

    listed = re.findall(r"^\| `([A-Z]+) (\S+)` \|", TEXT, re.MULTILINE)

    assert sorted(listed) == sorted(served)


def test_the_table_has_every_command_and_no_other() -> None:
    known = {each.name or each.callback.__name__ for each in webhook.registered_commands if each.callback}

    listed = re.findall(r"`reelqueue webhook (\w+)[^`]*` \|", TEXT)

    assert sorted(listed) == sorted(known)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\bREELQUEUE_WEBHOOK_[A-Z_]+\b", TEXT))))
def test_a_variable_exists(name: str) -> None:
    assert f"`{name}`" in SETTINGS


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_every_type_of_event_is_named(state: str) -> None:
    assert f"`{state}`" in TEXT.partition("## What arrives")[2].partition("\n## ")[0]


@pytest.mark.parametrize("kind", CampaignEvent)
def test_every_event_of_campaigns_is_named(kind: str) -> None:
    assert f"| `{kind}` |" in TEXT


@pytest.mark.parametrize("text", _blocks("json"))
def test_each_message_is_one(text: str) -> None:
    message = json.loads(text)

    event = WebhookEvent.model_validate({**message, "id": "1"})

    assert json.loads(event.model_dump_json(exclude={"id"})) == message


def test_the_receiver_takes_an_event_once_and_no_forgery(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    exec(_block("python"), names)  # noqa: S102 - our own page
    body, now = _block("json").encode(), int(time.time())
    headers = {"webhook-id": "1", "webhook-timestamp": str(now), "webhook-signature": sign("1", now, body, SECRET)}

    answers = [names["receive"](body + tail, headers, SECRET) for tail in (b"", b"", b" ")]

    assert answers == [204, 204, 401]
    assert capsys.readouterr().out.count("render_job.failed") == 1
