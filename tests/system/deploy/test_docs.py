"""docs/deployment.md and docs/monitoring.md: every command, variable, query and word in them is real."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session
from typer.main import get_command

from tests.conftest import ROOT
from tests.system.deploy.compose import FILE, Service, binary
from workers.__main__ import cli

PAGES = {name: (ROOT / "docs" / f"{name}.md").read_text() for name in ("deployment", "monitoring")}
BOTH = "\n".join(PAGES.values())
SETTINGS = (ROOT / "docs" / "settings.md").read_text() + FILE.read_text()
WORKERS = "\n".join(path.read_text() for path in sorted((ROOT / "workers").rglob("*.py")))
MODELS = "\n".join(path.read_text() for path in sorted((ROOT / "models").rglob("*.py")))
API = "\n".join(path.read_text() for path in sorted((ROOT / "api").rglob("*.py")))


def _blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


@pytest.mark.parametrize("query", _blocks(PAGES["monitoring"], "sql"))
def test_a_query_runs(session: Session, query: str) -> None:
    assert session.execute(text(query)).keys()


@pytest.mark.parametrize("words", sorted(set(re.findall(r"python -m workers ((?:[a-z][a-z-]* ?)+)", BOTH))))
def test_an_operators_command_exists(words: str) -> None:
    command: Any = get_command(cli)

    for word in words.split():
        command = command.commands[word]


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\bREELQUEUE_[A-Z_]+\b", BOTH))))
def test_a_variable_exists(name: str) -> None:
    assert name in SETTINGS


@pytest.mark.parametrize("line", [line for line in BOTH.splitlines() if line.startswith("docker compose")])
def test_compose_knows_the_options(line: str, compose_help: str) -> None:
    for option in re.findall(r"--[a-z-]+", line.partition(" python ")[0]):
        assert option in compose_help, line


def test_the_table_of_services_is_whole(services: dict[str, Service]) -> None:
    section = PAGES["deployment"].partition("## What runs")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `([a-z]+)` \|", section, re.MULTILINE)

    assert sorted([*listed, "postgres", "valkey"]) == sorted(services)


def test_the_times_of_stopping_are_those_of_compose(services: dict[str, Service]) -> None:
    section = PAGES["deployment"].partition("## Stopping")[2].partition("\n## ")[0]
    told = dict(re.findall(r"^\| `([a-z]+)` \| (\d+ (?:min|s)) \|", section, re.MULTILINE))
    real = {name: _short(services[name]["stop_grace_period"]) for name in told}

    assert told == real
    assert set(told) == {"render", "poll", "text", "control", "api"}


def test_what_flower_shows_is_what_the_workers_say() -> None:
    section = PAGES["monitoring"].partition("### What each line means")[2].partition("\n## ")[0]
    rows = [line.split("|")[2] for line in section.splitlines() if line.startswith("| ")][1:]
    said = [words.strip() for row in rows for words in re.findall(r"`([^`]+)`", row)]

    assert said
    assert [words for words in said if words.rstrip("=:") not in WORKERS] == []


@pytest.mark.parametrize("event", re.findall(r"`([a-z_]+\.[a-z_]+)`", PAGES["monitoring"].partition("## Logs")[2]))
def test_an_event_is_logged(event: str) -> None:
    assert f'"{event}"' in WORKERS + API + MODELS


@pytest.fixture(scope="module")
def compose_help() -> str:
    """Every option of the subcommands that the pages use."""
    helps = [
        subprocess.run([binary(), *words, "--help"], capture_output=True, text=True, check=True).stdout
        for words in ([], ["up"], ["run"], ["exec"], ["build"])
    ]
    return "\n".join(helps)


def _short(duration: str) -> str:
    minutes, seconds = (int(part or 0) for part in re.fullmatch(r"(?:(\d+)m)?(\d+)s", duration).groups())  # type: ignore[union-attr]
    return f"{minutes} min" if minutes else f"{seconds} s"
