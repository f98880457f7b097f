"""The doctor about language models: what waits for a person, and nothing where all is well."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy.orm import Session

from models import EntryKind, LedgerEntry, TextAttempt, TextJob, TextLane
from reelqueue.states import TextAttemptState, TextState
from tests.support.stored_jobs import NOW, store_account
from tests.support.stored_texts import store_text, store_text_attempt
from workers.operator.text_health import text_loads, text_troubles


@pytest.mark.parametrize(("minutes", "count"), [(1, 0), (9, 1)])
def test_a_model_that_may_not_be_used_is_named(session: Session, minutes: int, count: int) -> None:
    until = NOW + timedelta(minutes=minutes)
    lane = TextLane(account_id=store_account(session), model="qwen-max", held_until=until, held_reason="403: denied")
    session.add(lane)
    session.flush()

    troubles = list(text_troubles(session, NOW))

    assert len(troubles) == count
    assert all("403: denied" in trouble.seen for trouble in troubles)


def test_held_jobs_are_counted(session: Session) -> None:
    assert list(text_troubles(session, NOW)) == []

    for state in (TextState.HELD, TextState.HELD, TextState.QUEUED):
        store_text(session, state)

    (trouble,) = text_troubles(session, NOW)
    assert trouble.seen.startswith("2 text jobs wait")


@pytest.mark.parametrize(("minutes", "count"), [(9, 0), (11, 1)])
def test_a_model_that_no_worker_asks_is_named(session: Session, minutes: int, count: int) -> None:
    store_text(session, model="qwen-max")
    now = NOW + timedelta(minutes=minutes)

    troubles = list(text_troubles(session, now))

    assert [trouble.subject for trouble in troubles] == ["texts for qwen-max"] * count


def test_what_waits_for_money_or_a_later_time_is_no_trouble(session: Session) -> None:
    store_text(session, failure_code="budget_exhausted")
    store_text(session, not_before_at=NOW + timedelta(hours=2))

    assert list(text_troubles(session, NOW + timedelta(hours=1))) == []


def test_a_models_load_is_counted(session: Session) -> None:
    for state in (TextState.QUEUED, TextState.QUEUED, TextState.RUNNING, TextState.HELD, TextState.SUCCEEDED):
        store_text(session, state)
    charge(session, TextAttemptState.ANSWERED, EntryKind.SETTLE, "0.02")
    charge(session, TextAttemptState.AMBIGUOUS, EntryKind.WRITE_OFF, "0.50")
    charge(session, TextAttemptState.ANSWERED, EntryKind.SETTLE, "7", at=NOW - timedelta(days=2))

    (load,) = text_loads(session, NOW + timedelta(seconds=30))

    assert (load.model, load.waiting, load.oldest_waiting_seconds) == ("qwen-plus", 2, 30.0)
    assert (load.in_flight, load.held, load.answered, load.ambiguous) == (1, 1, 1, 1)
    assert (load.spent, load.written_off) == ({"USD": Decimal("0.02")}, {"USD": Decimal("0.50")})


def charge(session: Session, state: TextAttemptState, kind: EntryKind, amount: str, at: datetime = NOW) -> None:
    job_id = store_text(session, TextState.SUCCEEDED)
    attempt_id = store_text_attempt(session, job_id, state)
    attempt, job = session.get_one(TextAttempt, attempt_id), session.get_one(TextJob, job_id)
    entry = {"campaign_id": job.campaign_id, "account_id": attempt.account_id, "text_attempt_id": attempt_id}
    session.add(LedgerEntry(**entry, kind=kind, amount=Decimal(amount), currency="USD", at=at))
    session.flush()
