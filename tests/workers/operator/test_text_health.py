"""The doctor about language models: what waits for a person, and nothing where all is well."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from models import EntryKind, LedgerEntry, TextAttempt, TextBatch, TextJob, TextLane
from models.base import new_id
from reelqueue.states import TextAttemptState, TextBatchState, TextState
from tests.support.stored_jobs import NOW, store_account
from tests.support.stored_texts import store_text, store_text_attempt
from workers.batches.load import BatchLoad
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


def store_batch(session: Session, state: TextBatchState, **values: object) -> UUID:
    """A batch of one job in some state."""
    account_id = store_account(session, name=f"account {new_id()}")
    facts = {"base_url": "https://dashscope.test", "model": "qwen-plus", "line_count": 1, "name": str(new_id())}
    dates = {"created_at": NOW, "next_step_at": NOW}
    batch = TextBatch(account_id=account_id, state=state, **facts | dates | values)
    session.add(batch)
    session.flush()
    job_id = store_text(session, TextState.RUNNING, is_batched=True, line_bytes=100)
    store_text_attempt(session, job_id, account_id=account_id, batch_id=batch.id, reserved_amount=Decimal("0.25"),
                       currency="USD")  # fmt: skip
    return batch.id


def test_the_batches_of_a_model_are_counted(session: Session) -> None:
    store_text(session, is_batched=True, line_bytes=100)
    store_text(session, is_batched=True, line_bytes=100, failure_code="budget_exhausted")
    store_text(session, is_batched=True, line_bytes=100, not_before_at=NOW + timedelta(hours=2))
    store_batch(session, TextBatchState.GATHERED, next_step_at=NOW + timedelta(minutes=9))
    store_batch(session, TextBatchState.RUNNING, next_step_at=NOW + timedelta(minutes=3))
    for minutes in (1, 5):
        store_batch(session, TextBatchState.AMBIGUOUS, sent_at=NOW + timedelta(minutes=minutes),
                    next_step_at=NOW + timedelta(minutes=9))  # fmt: skip

    (load,) = text_loads(session, NOW + timedelta(minutes=6))

    assert (load.waiting, load.in_flight) == (0, 0)
    assert load.batches == BatchLoad(
        waiting=1,
        oldest_waiting_seconds=360.0,
        gathered=1,
        ambiguous=2,
        oldest_ambiguous_seconds=300.0,
        running=1,
        overdue_seconds=180.0,
        lines=4,
        reserved={"USD": Decimal(1)},
    )


def test_a_batch_that_is_closed_is_not_counted(session: Session) -> None:
    batch_id = store_batch(session, TextBatchState.CLOSED)
    (attempt,) = session.query(TextAttempt).filter_by(batch_id=batch_id)
    attempt.state = TextAttemptState.ANSWERED
    session.get_one(TextJob, attempt.job_id).state = TextState.SUCCEEDED
    session.flush()

    assert text_loads(session, NOW) == []


@pytest.mark.parametrize(("minutes", "count"), [(14, 0), (16, 1)])
def test_a_batch_that_is_ambiguous_for_long_is_named_with_when_it_left(
    session: Session, minutes: int, count: int
) -> None:
    now = NOW + timedelta(hours=1)
    sent_at = now - timedelta(minutes=minutes)
    store_batch(session, TextBatchState.AMBIGUOUS, sent_at=sent_at, next_step_at=now)

    troubles = list(text_troubles(session, now))

    assert [f"ambiguous since {sent_at:%Y-%m-%d %H:%M} UTC" in trouble.seen for trouble in troubles] == [True] * count


@pytest.mark.parametrize(("minutes", "count"), [(14, 0), (16, 1)])
def test_a_model_whose_jobs_no_worker_gathers_is_named(session: Session, minutes: int, count: int) -> None:
    store_text(session, model="qwen-max", is_batched=True, line_bytes=100)

    troubles = list(text_troubles(session, NOW + timedelta(minutes=minutes)))

    assert [trouble.subject for trouble in troubles] == ["batches of qwen-max"] * count


def charge(session: Session, state: TextAttemptState, kind: EntryKind, amount: str, at: datetime = NOW) -> None:
    job_id = store_text(session, TextState.SUCCEEDED)
    attempt_id = store_text_attempt(session, job_id, state)
    attempt, job = session.get_one(TextAttempt, attempt_id), session.get_one(TextJob, job_id)
    entry = {"campaign_id": job.campaign_id, "account_id": attempt.account_id, "text_attempt_id": attempt_id}
    session.add(LedgerEntry(**entry, kind=kind, amount=Decimal(amount), currency="USD", at=at))
    session.flush()
