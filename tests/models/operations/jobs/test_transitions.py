"""A job moves where the map allows it, once, and each move has its event."""

from __future__ import annotations

import itertools

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from models.operations.jobs.transitions import move, record
from models.operations.money.slot_reservations import release_slot
from models.session import make_engine
from reelqueue.states import MOVES, TERMINAL, RenderState
from tests.support.stored_jobs import NOW, events_of, has_slot, lease_slot, read_job, store_job

PAIRS = list(itertools.product(RenderState, RenderState))


@pytest.mark.parametrize(("from_state", "to_state"), PAIRS, ids=lambda state: state.value)
def test_a_job_moves_only_where_the_map_allows(
    session: Session, from_state: RenderState, to_state: RenderState
) -> None:
    job_id = store_job(session, from_state)

    if to_state in MOVES[from_state]:
        assert move(session, job_id, [from_state], to_state, now=NOW) is from_state
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

    left = move(session, job_id, [RenderState.QUEUED, RenderState.ADMITTED], RenderState.CANCELLED, now=NOW)

    assert left is RenderState.ADMITTED


def test_a_slot_is_given_back(session: Session) -> None:
    job_id = store_job(session, RenderState.RENDERING)
    lease_slot(session, job_id)

    release_slot(session, job_id, now=NOW)
    release_slot(session, job_id, now=NOW)

    assert not has_slot(session, job_id)


def test_a_move_does_not_wait_for_an_event_that_is_being_written(database_url: str) -> None:
    """Whoever writes one may be about to move the job too, and would wait for this move in turn."""
    engine = make_engine(database_url)
    with Session(engine) as session, session.begin():
        job_id = store_job(session)

    with Session(engine) as writer, Session(engine) as mover:
        record(writer, job_id, "note", now=NOW)
        mover.execute(text("SET LOCAL lock_timeout = '1s'"))
        assert move(mover, job_id, [RenderState.QUEUED], RenderState.EXPIRED, now=NOW) is RenderState.QUEUED
    engine.dispose()
