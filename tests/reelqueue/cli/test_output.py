"""Tables on terminals that are too narrow for them."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import UTC, datetime
from io import StringIO

import pytest
from rich.table import Column

from reelqueue.cli import _jobs
from reelqueue.cli._output import moment, print_table, print_text
from reelqueue.schemas.jobs import Job
from tests.reelqueue.client.conftest import job

ID = "018f2e5e-0000-7000-8000-000000000001"


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal as Rich knows it."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")


def shown(show: Callable[[], None]) -> list[str]:
    with redirect_stdout(Terminal()) as terminal:
        show()
    return [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue()).splitlines()]


@pytest.mark.parametrize(
    ("columns", "titles"),
    [
        (60, ["job", "state"]),
        (80, ["job", "state", "model"]),
        (120, ["job", "state", "model", "created", "custom id"]),
        (160, ["job", "state", "model", "created", "custom id", "prompt"]),
    ],
)
def test_a_narrow_terminal_gives_up_the_prompt_and_never_id_and_state(
    monkeypatch: pytest.MonkeyPatch, columns: int, titles: list[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    found = Job.model_validate(
        job(state="needs_review", prompt="a paper boat " * 9, custom_id="autumn-k-001-noir-16x9")
    )

    heading, row = shown(lambda: _jobs.print_jobs([found]))

    assert re.split(r" {2,}", heading) == titles
    assert re.split(r" {2,}", row)[:2] == [ID, "needs_review"]
    assert len(row) <= columns


def test_a_table_that_cannot_be_narrower_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    columns = [Column("id", no_wrap=True), Column("note", no_wrap=True)]

    assert shown(lambda: print_table(columns, [(ID, "x" * 30)], spare=["note"])) == ["id", ID]


def test_results_cannot_steer_a_terminal() -> None:
    text = "\ufeffcustom_id,prompt\r\n\x1b]52;c;aGk=\x07,a\tboat\r\n"

    assert shown(lambda: print_text(text)) == ["custom_id,prompt", "\ufffd]52;c;aGk=\ufffd,a\tboat"]


def test_results_are_as_they_are_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    print_text("\ufeffcustom_id\r\n\x1b[31m\r\n")

    assert capsys.readouterr().out == "\ufeffcustom_id\r\n\x1b[31m\r\n"


def test_a_time_has_its_zone() -> None:
    text = moment(datetime(2026, 11, 30, 5, 2, 26, 9, tzinfo=UTC))

    assert datetime.fromisoformat(text) == datetime(2026, 11, 30, 5, 2, 26, tzinfo=UTC)
    assert re.fullmatch(r"2026-(11|12)-\d\d \d\d:\d\d:26[+-]\d\d:\d\d", text)
