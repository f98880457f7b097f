"""The journal of submits: what it says of each, and that it says nothing but ids."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from models.base import new_id
from models.storage import LineLog, StorageError, open_line_log
from tests.support.journals import submit_at
from workers.runtime.submit_journal import KEPT, JournaledSubmit, SubmitJournal

NOW = datetime(2026, 12, 1, 23, 59, 50, tzinfo=UTC)


def submit(**facts: object) -> JournaledSubmit:
    return submit_at(NOW, new_id(), **facts)


@pytest.fixture
def lines(tmp_path: Path) -> LineLog:
    return open_line_log(f"file://{tmp_path}", timeout_seconds=5)


@pytest.fixture
def journal(lines: LineLog) -> SubmitJournal:
    return SubmitJournal(lines)


def test_a_submit_is_read_as_it_was_noted(journal: SubmitJournal) -> None:
    lost, bound = submit(), submit(clock_offset_seconds=-1.5)
    journal.leaving(lost)
    journal.leaving(bound)
    journal.made(bound.attempt_id, "0385dc79", at=NOW)

    read = journal.read(NOW)

    assert read.submits == {lost.attempt_id: lost, bound.attempt_id: replace(bound, provider_task_id="0385dc79")}
    assert read.damaged_count == 0


def test_a_submit_that_made_no_task_is_left_out(journal: SubmitJournal) -> None:
    refused = submit()
    journal.leaving(refused)
    journal.unmade(refused.attempt_id, at=NOW)

    assert journal.read(NOW).submits == {}


def test_a_task_that_proved_to_be_anothers_is_not_the_submits(journal: SubmitJournal) -> None:
    misled = submit()
    journal.leaving(misled)
    journal.made(misled.attempt_id, "another's", at=NOW)
    journal.misnamed(misled.attempt_id, at=NOW)

    assert journal.read(NOW).submits == {misled.attempt_id: misled}


def test_the_task_of_one_submit_is_found_among_others(journal: SubmitJournal) -> None:
    lost, bound, misled = submit(), submit(), submit()
    for one in (lost, bound, misled):
        journal.leaving(one)
    journal.made(bound.attempt_id, "0385dc79", at=NOW)
    journal.made(misled.attempt_id, "another's", at=NOW)
    journal.misnamed(misled.attempt_id, at=NOW)

    found = [journal.task_of(one.attempt_id, NOW) for one in (lost, bound, misled, submit())]

    assert found == [None, "0385dc79", None, None]
    assert journal.task_of(bound.attempt_id, NOW + timedelta(days=1)) is None


def test_what_comes_after_midnight_is_kept_with_the_submit(journal: SubmitJournal, lines: LineLog) -> None:
    late = submit()
    journal.leaving(late)
    journal.made(late.attempt_id, "0385dc79", at=NOW)

    lines.remove_before(date(2026, 12, 2))

    assert (list(lines.read(date.min)), journal.read(NOW).damaged_count) == ([], 0)


@pytest.mark.parametrize("line", ["", "no JSON", "[]", '{"kind": "leaving"}', '{"kind": "made", "attempt_id": "x"}'])
def test_a_damaged_line_is_counted_and_the_others_are_read(journal: SubmitJournal, lines: LineLog, line: str) -> None:
    whole = submit()
    journal.leaving(whole)
    lines.append(NOW.date(), line)

    read = journal.read(NOW)

    assert (read.submits, read.damaged_count) == ({whole.attempt_id: whole}, 1)


def test_what_no_backup_needs_is_removed(journal: SubmitJournal) -> None:
    now = datetime.now(UTC)
    old, young = submit(claimed_at=now - KEPT - timedelta(days=1)), submit(claimed_at=now - KEPT + timedelta(days=1))
    journal.leaving(old)
    journal.leaving(young)

    journal.forget_old(now)

    assert journal.read(old.claimed_at).submits.keys() == {young.attempt_id}


def test_nothing_is_removed_because_the_databases_clock_was_set_ahead(journal: SubmitJournal) -> None:
    young = submit(claimed_at=datetime.now(UTC))
    journal.leaving(young)

    journal.forget_old(datetime.now(UTC) + 2 * KEPT)

    assert journal.read(young.claimed_at).submits.keys() == {young.attempt_id}


def test_a_journal_that_takes_nothing_stops_what_leaves_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    journal = SubmitJournal(open_line_log(f"file://{tmp_path}/file", timeout_seconds=5))

    with pytest.raises(StorageError, match="make it a folder"):
        journal.leaving(submit())
    journal.made(submit().attempt_id, "0385dc79", at=NOW)
    journal.unmade(submit().attempt_id, at=NOW)


def test_without_a_place_nothing_is_noted() -> None:
    journal = SubmitJournal()
    journal.leaving(submit())

    assert (journal.place, journal.read(NOW).submits) == (None, {})
