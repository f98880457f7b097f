"""A job moves where the map allows it, once, and each move has its event."""

from __future__ import annotations

import itertools
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from models.ledger_entry import LedgerEntry
from models.operations.jobs.transitions import move, record
from models.operations.money.slot_reservations import release_slot
from models.session import make_engine
from reelqueue.states import MOVES, TERMINAL, UNSENT, RenderState
from tests.support.stored_jobs import NOW, events_of, has_slot, lease_slot, read_job, store_job

PAIRS = list(itertools.product(RenderState, RenderState))
AT_PROVIDER = {RenderState.ADMITTED, RenderState.SUBMITTING, RenderState.RENDERING, RenderState.CANCELLING}
"""States of a job that holds a slot."""
MAY_BE_FOLLOWED = {RenderState.TIMED_OUT, RenderState.CANCELLED, RenderState.NEEDS_REVIEW}
"""States of a job that holds its slot as long as its task may run."""
ALLOWED = [(state, to_state) for state in MOVES for to_state in MOVES[state]]
RESERVED = Decimal("0.50")


def balance_of(session: Session, job_id: UUID) -> Decimal:
    """What the ledger holds reserved for a job."""
    entered = select(func.coalesce(func.sum(LedgerEntry.amount), 0)).where(LedgerEntry.job_id == job_id)
    return session.scalars(entered).one()


@pytest.mark.parametrize(("from_state", "to_state"), PAIRS, ids=lambda state: state.value)
def test_a_job_moves_only_where_the_map_allows(
    session: Session, from_state: RenderState, to_state: RenderState
) -> None:
    job_id = store_job(session, from_state)

    if to_state in MOVES[from_state]:
        moved = move(session, job_id, [from_state], to_state, now=NOW)
        assert moved is not None
        assert moved.from_state is from_state
        assert read_job(session, job_id).state is to_state
    else:
        with pytest.raises(ValueError, match="never moves"):
            move(session, job_id, [from_state], to_state, now=NOW)
        assert read_job(session, job_id).state is from_state


def test_the_map_knows_every_state() -> None:
    assert set(MOVES) == set(RenderState)


def test_only_late_collection_leaves_a_terminal_state() -> None:
    leaving = {(state, to_state) for state in TERMINAL for to_state in MOVES[state]}

    assert leaving == {(state, RenderState.SUCCEEDED) for state in (RenderState.TIMED_OUT, RenderState.LOST)}


def test_every_state_can_come_to_an_end() -> None:
    ending = set(TERMINAL)
    for _ in RenderState:
        ending |= {state for state, targets in MOVES.items() if targets & ending}

    assert ending == set(RenderState)


def test_a_move_has_its_event(session: Session) -> None:
    job_id = store_job(session)

    move(session, job_id, [RenderState.QUEUED], RenderState.ADMITTED, now=NOW, detail={"slot": 1})

    (event,) = events_of(session, job_id)
    assert (event.kind, event.from_state, event.to_state) == ("state", RenderState.QUEUED, RenderState.ADMITTED)
    assert (event.at, event.detail) == (NOW, {"slot": 1})


def test_a_job_that_moved_meanwhile_stays_where_it_is(session: Session) -> None:
    job_id = store_job(session, RenderState.CANCELLED)

    assert move(session, job_id, [RenderState.QUEUED], RenderState.ADMITTED, now=NOW) is None
    assert read_job(session, job_id).state is RenderState.CANCELLED
    assert events_of(session, job_id) == []


def test_a_claim_of_another_epoch_moves_nothing(session: Session) -> None:
    job_id = store_job(session, RenderState.ADMITTED, epoch=4)

    assert move(session, job_id, [RenderState.ADMITTED], RenderState.SUBMITTING, now=NOW, epoch=3) is None
    assert read_job(session, job_id).state is RenderState.ADMITTED


def test_a_claim_begins_its_own_epoch(session: Session) -> None:
    job_id = store_job(session, RenderState.ADMITTED, epoch=4)

    move(session, job_id, [RenderState.ADMITTED], RenderState.SUBMITTING, now=NOW, epoch=4, epoch_to=5)

    assert read_job(session, job_id).epoch == 5


def test_a_terminal_state_says_when(session: Session) -> None:
    job_id = store_job(session)

    move(session, job_id, [RenderState.QUEUED], RenderState.EXPIRED, now=NOW, failure_message="too late")

    job = read_job(session, job_id)
    assert (job.finished_at, job.failure_message) == (NOW, "too late")


def test_any_of_several_states_is_left(session: Session) -> None:
    job_id = store_job(session, RenderState.ADMITTED)

    moved = move(session, job_id, [RenderState.QUEUED, RenderState.ADMITTED], RenderState.CANCELLED, now=NOW)

    assert moved is not None
    assert moved.from_state is RenderState.ADMITTED


def test_a_slot_is_given_back(session: Session) -> None:
    job_id = store_job(session, RenderState.RENDERING)
    lease_slot(session, job_id)

    release_slot(session, job_id, now=NOW)
    release_slot(session, job_id, now=NOW)

    assert not has_slot(session, job_id)


@pytest.mark.parametrize(("from_state", "to_state"), ALLOWED, ids=lambda state: state.value)
def test_a_move_releases_the_slot_where_no_task_can_run(
    session: Session, from_state: RenderState, to_state: RenderState
) -> None:
    job_id = store_job(session, from_state)
    lease_slot(session, job_id)

    moved = move(session, job_id, [from_state], to_state, now=NOW)

    keeps = to_state in AT_PROVIDER or (to_state in MAY_BE_FOLLOWED and from_state not in UNSENT)
    assert has_slot(session, job_id) is keeps
    assert moved is not None
    assert (moved.slot is None) is keeps
    assert balance_of(session, job_id) == (RESERVED if keeps else 0)


@pytest.mark.parametrize("to_state", sorted(MAY_BE_FOLLOWED))
def test_a_move_releases_the_slot_of_a_task_that_is_over(session: Session, to_state: RenderState) -> None:
    job_id = store_job(session, RenderState.CANCELLING)
    lease_slot(session, job_id)

    move(session, job_id, [RenderState.CANCELLING], to_state, now=NOW, frees_slot=True)

    assert not has_slot(session, job_id)


@pytest.mark.parametrize("from_state", [state for state, targets in MOVES.items() if RenderState.QUEUED in targets])
@pytest.mark.parametrize("wish", ["cancel_requested_at", "superseded_at"])
def test_a_job_that_is_back_in_the_queue_is_cancelled_if_that_was_asked_for(
    session: Session, from_state: RenderState, wish: str
) -> None:
    job_id = store_job(session, from_state, **{wish: NOW})
    lease_slot(session, job_id)

    move(session, job_id, [from_state], RenderState.QUEUED, now=NOW)

    assert read_job(session, job_id).state is RenderState.CANCELLED
    assert [event.to_state for event in events_of(session, job_id)] == [RenderState.QUEUED, RenderState.CANCELLED]
    assert not has_slot(session, job_id)


def test_a_move_does_not_wait_for_an_event_that_is_being_written(database_url: str) -> None:
    """Whoever writes one may be about to move the job too, and would wait for this move in turn."""
    engine = make_engine(database_url)
    with Session(engine) as session, session.begin():
        job_id = store_job(session)

    with Session(engine) as writer, Session(engine) as mover:
        record(writer, job_id, "note", now=NOW)
        mover.execute(text("SET LOCAL lock_timeout = '1s'"))
        assert move(mover, job_id, [RenderState.QUEUED], RenderState.EXPIRED, now=NOW)
    engine.dispose()
