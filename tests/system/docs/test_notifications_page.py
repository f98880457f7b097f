"""docs/notifications.md: its events and its URLs are real; its commands run in tests/workers/operator."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from models.notice import OperatorEvent
from reelqueue.webhooks import CampaignEvent
from workers.notices.apprise import send_all
from workers.notices.channels import ALL_EVENTS
from workers.notices.wording import _TEXTS
from workers.operator.channels.commands import notify
from workers.settings import load_settings

PAGE = (Path(__file__).parents[3] / "docs/notifications.md").read_text()
COMMANDS = re.findall(r"^(?:python -m workers )(notify .*?)\s*(?:#.*)?$", PAGE, re.MULTILINE)
URLS = re.findall(r"^\| [^|]+ \| `([a-z]+://[^`]+)`", PAGE, re.MULTILINE)
# What a service's own rules say about its tokens.
FILLED = {
    "TOKEN_A": "T1JJ3T3L2",
    "TOKEN_B": "A1BRTD4JD",
    "TOKEN_C": "TIiajkdnlazkcOXrIdevi7FQ",
    "TOKEN": "abcdefghijklmnopqrstuvwxyz",
    "SECRET": "abcdefghijklmnopqrstuvwxyz",
    "KEY": "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa",
    "HOST": "prod-01.westus.logic.azure.com",
    "WORKFLOW": "3e4ee56d8c1f4f4b8a1f0f3c0a1c2d3e",
    "SIGNATURE": "abcdefghijklmnopqrstuvwxyz",
}


@pytest.mark.parametrize("kind", ALL_EVENTS)
def test_every_event_is_named_and_has_its_text(kind: str) -> None:
    assert f"| `{kind}` |" in PAGE
    assert kind in _TEXTS
    assert set(ALL_EVENTS) == {*CampaignEvent, *OperatorEvent}


def test_every_command_is_shown() -> None:
    shown = {command.split()[1] for command in COMMANDS}

    assert shown == {command.name for command in notify.registered_commands}
    assert CliRunner().invoke(notify, ["--help"]).exit_code == 0


@pytest.mark.parametrize("url", URLS)
def test_a_url_of_the_table_is_read(url: str) -> None:
    filled = re.sub(r"\b[A-Z][A-Z_]+\b", lambda word: FILLED.get(word[0], word[0].lower()), url)

    assert send_all(SecretStr(filled), [], load_settings(), timeout_seconds=60).refusal is None
