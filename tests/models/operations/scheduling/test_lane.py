"""The poll chain of an account: one valid message, one batch at a time, no wake-up missed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from models import PollLane
from models.operations.scheduling.poll_wakeups import (
    NextPoll,
    Wake,
    ensure_lane,
    leave_lane,
    take_lane,
    wake_for,
    wake_lane,
)
from models.session import make_engine
from reelqueue.states import RenderState
from tests.support.blocked import PATIENCE_SECONDS, wait_until_blocked
from tests.support.stored_jobs import NOW, store_account, store_job

LEASE = timedelta(seconds=30)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def due_job(session: Session, account_id: UUID, seconds: float) -> UUID:
    """A job whose next poll is due that many seconds from now."""
    return store_job(session, RenderState.RENDERING, account_id=account_id, next_poll_at=after(seconds))


@pytest.fixture
def account_id(session: Session) -> UUID:
    """An account with a lane that nobody has woken."""
    account_id = store_account(session)
    ensure_lane(session, account_id)
    return account_id


def test_a_lane_is_made_once(session: Session, account_id: UUID) -> None:
    wake_lane(session, account_id, after(5))
    ensure_lane(session, account_id)

    assert session.get_one(PollLane, account_id, populate_existing=True).seq == 1


def test_each_wake_up_names_its_own_account(session: Session) -> None:
    names = {store_account(session, name=name): name for name in ("first", "second")}

    made = [wake_for(session, NextPoll(account_id, after(10))) for account_id in names]
    moved = [wake_for(session, NextPoll(account_id, after(5))) for account_id in names]
    woken = [wake_lane(session, account_id, after(1)) for account_id in names]

    assert [wake and wake.account for wake in made + moved + woken] == list(names.values()) * 3


@pytest.mark.parametrize(
    ("stands_at", "wanted_at", "is_sent"),
    [
        (None, 5, True),  # nothing is under way
        (10, 5, True),  # moved forward
        (5, 5, False),
        (5, 10, False),  # the earlier one looks for the later by itself
        (5.01, 5, False),  # within the tolerance: not worth a message
        (5.03, 5, True),
    ],
)
def test_a_wake_up_is_only_moved_forward(
    session: Session, account_id: UUID, stands_at: float | None, wanted_at: float, *, is_sent: bool
) -> None:
    if stands_at is not None:
        wake_lane(session, account_id, after(stands_at))

    assert (wake_lane(session, account_id, after(wanted_at)) is not None) is is_sent


def test_a_message_that_is_believed_lost_is_replaced(session: Session, account_id: UUID) -> None:
    lost = wake_lane(session, account_id, after(5))

    assert wake_lane(session, account_id, after(9), anyway=True) == Wake(account_id, lost.seq + 1, after(9), "studio")


def test_the_valid_message_takes_the_lane_once(session: Session, account_id: UUID) -> None:
    wake = wake_lane(session, account_id, NOW)

    assert take_lane(session, account_id, wake.seq, now=NOW, lease=LEASE) == NOW + LEASE
    assert take_lane(session, account_id, wake.seq, now=NOW, lease=LEASE) is None  # doubled


def test_a_replaced_message_does_nothing(session: Session, account_id: UUID) -> None:
    replaced = wake_lane(session, account_id, after(10))
    wake_lane(session, account_id, after(5))

    assert take_lane(session, account_id, replaced.seq, now=NOW, lease=LEASE) is None


def test_a_message_of_the_future_does_nothing(session: Session, account_id: UUID) -> None:
    assert take_lane(session, account_id, 7, now=NOW, lease=LEASE) is None


def test_a_dead_batch_loses_the_lane_when_its_lease_ends(session: Session, account_id: UUID) -> None:
    wake = wake_lane(session, account_id, NOW)
    take_lane(session, account_id, wake.seq, now=NOW, lease=LEASE)

    again = wake_lane(session, account_id, after(30), anyway=True)

    assert take_lane(session, account_id, again.seq, now=after(29.9), lease=LEASE) is None
    assert take_lane(session, account_id, again.seq, now=after(30), lease=LEASE) == after(60)


def test_a_batch_leaves_at_the_next_due_poll(session: Session, account_id: UUID) -> None:
    due_job(session, account_id, 7)
    due_job(session, account_id, 4)
    lease_until = take_lane(session, account_id, 0, now=NOW, lease=LEASE)

    assert leave_lane(session, account_id, lease_until, not_before=NOW) == Wake(account_id, 1, after(4), "studio")


def test_what_is_overdue_waits_for_the_accounts_pace(session: Session, account_id: UUID) -> None:
    due_job(session, account_id, -7)
    lease_until = take_lane(session, account_id, 0, now=NOW, lease=LEASE)

    wake = leave_lane(session, account_id, lease_until, not_before=after(0.05))

    assert wake is not None
    assert wake.at == after(0.05)


def test_a_chain_ends_when_nothing_is_left(session: Session, account_id: UUID) -> None:
    lease_until = take_lane(session, account_id, 0, now=NOW, lease=LEASE)

    assert leave_lane(session, account_id, lease_until, not_before=NOW) is None
    assert wake_lane(session, account_id, after(5)) is not None  # and begins again with the next job


def test_another_accounts_jobs_are_not_this_ones(session: Session, account_id: UUID) -> None:
    due_job(session, store_account(session, "other"), 4)
    lease_until = take_lane(session, account_id, 0, now=NOW, lease=LEASE)

    assert leave_lane(session, account_id, lease_until, not_before=NOW) is None


def test_a_late_owner_leaves_nothing_behind(session: Session, account_id: UUID) -> None:
    late = take_lane(session, account_id, 0, now=NOW, lease=LEASE)
    taken = take_lane(session, account_id, 0, now=after(31), lease=LEASE)
    due_job(session, account_id, 4)

    assert leave_lane(session, account_id, late, not_before=NOW) is None
    assert leave_lane(session, account_id, taken, not_before=NOW) is not None


@pytest.fixture
def own_engine(database_url: str) -> Iterator[Engine]:
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("first", ["the bind", "the batch"])
def test_a_job_bound_while_a_batch_ends_is_not_forgotten(own_engine: Engine, first: str) -> None:
    """Both write the lane's row, so one of them waits: whoever is second sees what the first did."""
    with Session(own_engine) as session, session.begin():
        account_id = store_account(session)
        ensure_lane(session, account_id)
        due_job(session, account_id, 60)
        lease_until = take_lane(session, account_id, 0, now=NOW, lease=LEASE)
        assert lease_until is not None
    wakes: list[Wake | None] = []

    def bind(session: Session) -> Wake | None:
        due_job(session, account_id, 5)
        return wake_lane(session, account_id, after(5))

    def end_batch(session: Session) -> Wake | None:
        return leave_lane(session, account_id, lease_until, not_before=NOW)

    one, other = (bind, end_batch) if first == "the bind" else (end_batch, bind)
    with Session(own_engine) as holder, Session(own_engine) as waiter:
        wakes.append(one(holder))
        second = threading.Thread(target=lambda: (wakes.append(other(waiter)), waiter.commit()))
        second.start()
        wait_until_blocked(own_engine)
        holder.commit()
        second.join(PATIENCE_SECONDS)

    valid = max((wake for wake in wakes if wake is not None), key=lambda wake: wake.seq)
    with Session(own_engine) as session:
        lane = session.get_one(PollLane, account_id)
        assert (lane.seq, lane.wake_at) == (valid.seq, after(5)) == (valid.seq, valid.at)
