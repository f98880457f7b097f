"""Jobs and lanes under any sequence of calls, against a model of a few lines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from models import PollLane
from models.base import new_id
from models.operations.jobs.cancel import request_cancel
from models.operations.jobs.transitions import move
from models.operations.money.slot_reservations import release_slot
from models.operations.scheduling.poll_wakeups import (
    TOLERANCE,
    Wake,
    ensure_lane,
    holds_lane,
    leave_lane,
    take_lane,
    wake_lane,
)
from reelqueue.states import MOVES, TERMINAL, RenderState
from tests.support.stored_jobs import NOW, events_of, has_slot, lease_slot, read_job, store_account, store_job

STATES = st.sampled_from(sorted(RenderState))
WAITING = {RenderState.QUEUED, RenderState.ADMITTED}
CLAIMED = {RenderState.SUBMITTING, RenderState.CANCELLING}
HOLDING = {
    RenderState.ADMITTED,
    *CLAIMED,
    RenderState.RENDERING,
    RenderState.TIMED_OUT,
    RenderState.CANCELLED,
    RenderState.NEEDS_REVIEW,
}
LEASE = timedelta(seconds=30)
TOUGH = settings(max_examples=30, stateful_step_count=25, deadline=None)


class LifeOfAJob(RuleBasedStateMachine):
    """One job, which many move at once and with old claims."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.job_id = store_job(session)
        lease_slot(session, self.job_id)
        self.state, self.epoch, self.has_slot, self.is_cancel_requested = RenderState.QUEUED, 0, True, False
        self.path: list[RenderState] = []

    @rule(seen=st.sets(STATES, min_size=1, max_size=3), to_state=STATES, is_stale=st.booleans(), claims=st.booleans())
    def move(self, seen: set[RenderState], to_state: RenderState, *, is_stale: bool, claims: bool) -> None:
        """Move it, with a claim that may be an old one."""
        epoch = self.epoch - is_stale
        if any(to_state not in MOVES[state] for state in seen):
            with pytest.raises(ValueError, match="never moves"):
                move(self.session, self.job_id, seen, to_state, now=NOW, epoch=epoch)
            return

        moved = move(
            self.session, self.job_id, seen, to_state, now=NOW, epoch=epoch, epoch_to=epoch + 1 if claims else None
        )

        moves = self.state in seen and not is_stale
        assert (moved and moved.from_state) == (self.state if moves else None)
        if moves:
            self._release(to_state)
            self._go(to_state)
            self.epoch += claims
            if to_state is RenderState.QUEUED and self.is_cancel_requested:
                self._go(RenderState.CANCELLED)

    @rule(abandon=st.booleans())
    def cancel(self, *, abandon: bool) -> None:
        """Stop it, or ask for it."""
        stops = request_cancel(self.session, self.job_id, now=NOW, abandon_running=abandon)

        assert stops == (self.state in WAITING | CLAIMED | {RenderState.RENDERING})
        self.is_cancel_requested = self.is_cancel_requested or stops
        if self.state in WAITING:
            self._release(RenderState.CANCELLED)
            self._go(RenderState.CANCELLED)
        elif self.state is RenderState.RENDERING:
            self._go(RenderState.CANCELLING)

    @rule()
    def give_the_slot_back(self) -> None:
        """As often as one likes."""
        release_slot(self.session, self.job_id, now=NOW)
        self.has_slot = False

    def _release(self, to_state: RenderState) -> None:
        ends_unsent = self.state in WAITING and to_state in TERMINAL
        self.has_slot = self.has_slot and to_state in HOLDING and not ends_unsent

    def _go(self, to_state: RenderState) -> None:
        self.state = to_state
        self.path.append(to_state)

    @invariant()
    def the_row_is_as_it_should_be(self) -> None:
        """State, claim, slot and history."""
        job = read_job(self.session, self.job_id)
        moves = [event for event in events_of(self.session, self.job_id) if event.kind == "state"]
        assert (job.state, job.epoch) == (self.state, self.epoch)
        assert has_slot(self.session, self.job_id) is self.has_slot
        assert [event.to_state for event in moves] == self.path
        assert (job.finished_at is not None) == any(state in TERMINAL for state in self.path)


@dataclass(frozen=True)
class Batch:
    """A batch under way."""

    lease_until: datetime


class LifeOfALane(RuleBasedStateMachine):
    """One lane with its jobs: messages may come twice, late or never, batches may die."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.account_id = store_account(session, name=str(new_id()))
        ensure_lane(session, self.account_id)
        self.now = NOW
        self.sent: list[Wake] = []
        self.batches: list[Batch] = []
        self.jobs: list[UUID] = []

    @rule(seconds=st.sampled_from([0, 0.01, 1, 5, 31]))
    def pass_time(self, seconds: float) -> None:
        """Without anybody doing anything."""
        self.now += timedelta(seconds=seconds)

    @rule(seconds=st.sampled_from([0, 1, 5, 60]))
    def bind_a_job(self, seconds: float) -> None:
        """Write the job first, touch the lane after."""
        due_at = self.now + timedelta(seconds=seconds)
        self.jobs.append(
            store_job(self.session, RenderState.RENDERING, account_id=self.account_id, next_poll_at=due_at)
        )
        self._note(wake_lane(self.session, self.account_id, due_at))

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        """Any message that was ever sent, at any time."""
        wake = data.draw(st.sampled_from(self.sent))
        lane = self._lane()
        is_free = lane.lease_until is None or lane.lease_until <= self.now

        token = take_lane(self.session, self.account_id, wake.seq, now=self.now, lease=LEASE)

        assert (token is not None) == (wake.seq == lane.seq and is_free)
        if token is not None:
            self.batches.append(Batch(token))

    @precondition(lambda self: self.batches)
    @rule(data=st.data(), is_over=st.booleans())
    def end_a_batch(self, data: st.DataObject, *, is_over: bool) -> None:
        """Any batch, also one that was believed dead."""
        batch = data.draw(st.sampled_from(self.batches))
        self.batches.remove(batch)
        holds = self._lane().lease_until == batch.lease_until
        assert holds_lane(self.session, self.account_id, batch.lease_until) is holds
        if holds:
            self._answer(is_over=is_over)

        wake = leave_lane(self.session, self.account_id, batch.lease_until, not_before=self.now)

        assert holds or wake is None
        self._note(wake)

    @precondition(lambda self: self.batches)
    @rule()
    def kill_a_batch(self) -> None:
        """It never comes back."""
        self.batches.pop()

    def _answer(self, *, is_over: bool) -> None:
        for job_id in self.jobs:
            job = read_job(self.session, job_id)
            if job.next_poll_at is not None and job.next_poll_at <= self.now:
                job.next_poll_at = None if is_over else self.now + timedelta(seconds=5)
        self.session.flush()

    def _note(self, wake: Wake | None) -> None:
        if wake is not None:
            assert all(wake.seq > other.seq for other in self.sent)
            self.sent.append(wake)

    def _lane(self) -> PollLane:
        return self.session.get_one(PollLane, self.account_id, populate_existing=True)

    @invariant()
    def no_wake_up_is_missed(self) -> None:
        """A lane that nobody polls has a message under way for its first job, unless its batch has died."""
        lane = self._lane()
        due = [job.next_poll_at for job in (read_job(self.session, job_id) for job_id in self.jobs) if job.next_poll_at]
        if lane.lease_until is None and due:
            assert lane.wake_at is not None
            assert lane.wake_at <= max(min(due) + TOLERANCE, self.now)
            assert self.sent[-1] == Wake(self.account_id, lane.seq, lane.wake_at, "")


def test_a_job_moves_as_its_map_says(engine: Engine) -> None:
    with rolled_back(engine) as session:
        run_state_machine_as_test(lambda: LifeOfAJob(session), settings=TOUGH)  # type: ignore[no-untyped-call]

        assert session.is_active


def test_a_lane_forgets_no_job(engine: Engine) -> None:
    with rolled_back(engine) as session:
        run_state_machine_as_test(lambda: LifeOfALane(session), settings=TOUGH)  # type: ignore[no-untyped-call]

        assert session.is_active


@contextmanager
def rolled_back(engine: Engine) -> Iterator[Session]:
    """A session whose rows are gone afterwards; each example has a job and an account of its own."""
    with engine.connect() as connection, connection.begin() as transaction:
        with Session(connection, expire_on_commit=False, join_transaction_mode="create_savepoint") as session:
            yield session
        transaction.rollback()
