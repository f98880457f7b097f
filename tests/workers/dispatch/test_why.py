"""What a job is said to wait for is what a dispatch admits it without.

``WAIT_STATES=10000 ./run test tests/workers/dispatch/test_why.py`` asks in as many random states.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest
import structlog
from hypothesis import HealthCheck, Phase, event, example, given, settings
from sqlalchemy import Connection, Engine
from sqlalchemy.orm import sessionmaker

from models.operations.admission.conditions import Cause
from models.operations.waiting.queued import Wait, what_waits
from models.render_job import RenderJob
from reelqueue.catalog.price_list import SINGAPORE
from reelqueue.states import RenderState
from tests.conftest import rolled_back
from tests.support.drawn_waits import MODELS, STATES, ACampaign, AJob, AnAccount, State, add_slots, remove, store
from tests.support.stored_jobs import NOW
from workers.dispatch.dispatcher import admit_jobs
from workers.runtime.context import Context

CAUSES_MAX = 40
STATES_COUNT = int(os.environ.get("WAIT_STATES", "60"))


OPEN = AnAccount(
    region=SINGAPORE, slots=1, look_ahead=0, models=None, is_paused=False, is_shut=False, is_held=False,
    is_throttled=False,
)  # fmt: skip
TWO_ACCOUNTS = State(
    accounts=[OPEN, OPEN],
    campaigns=[ACampaign(0, 0, ("1.40", "USD"), None, None, None, frozenset())],
    jobs=[AJob(0, MODELS[1], priority, RenderState.QUEUED, 0, frozenset()) for priority in (0, 1)],
    cap=None,
    is_dearer=False,
)
"""The job before it gets the first account's slot, so that it is the first in line at the second."""


class Case:
    """A drawn state in a transaction, and the job that is asked about."""

    def __init__(self, connection: Connection, context: Context, state: State) -> None:
        self.connection = connection
        sessions = sessionmaker(connection, expire_on_commit=False, join_transaction_mode="create_savepoint")
        self.context = replace(context, sessions=sessions)
        with sessions.begin() as session:
            self.job_id = store(session, state).job_ids[0]

    def wait(self) -> Wait:
        """What the job waits for; reading it changes no row."""
        with self.context.sessions() as session:
            found = what_waits(session, session.get_one(RenderJob, self.job_id), NOW)
            assert not session.dirty
            assert not session.new
            return found

    def admitted(self, *, extra_slots: int = 0, at: Wait | None = None) -> set[UUID]:
        """What a dispatch admits now; it is rolled back."""
        with self.connection.begin_nested() as tried:
            if at is not None:
                with self.context.sessions.begin() as session:
                    add_slots(session, at, session.get_one(RenderJob, self.job_id).model, extra_slots)
            found = {one.job_id for one in admit_jobs(self.context)}
            tried.rollback()
        return found

    def remove(self, wait: Wait) -> None:
        """Take away what the job waits for."""
        with self.context.sessions.begin() as session:
            remove(session, session.get_one(RenderJob, self.job_id), wait)


Play = Callable[[State], None]
"""Asks and dispatches in a state until the job is admitted."""


@pytest.fixture
def play(engine: Engine, context: Context) -> Play:
    """Hidden in a function, as Hypothesis prints what a test is given."""

    def take_away_one_by_one(state: State) -> None:
        with rolled_back(engine) as connection:
            _take_away_one_by_one(Case(connection, context, state))

    return take_away_one_by_one


def _take_away_one_by_one(case: Case) -> None:
    causes: Counter[Cause] = Counter()
    while (wait := case.wait()).cause is not Cause.DUE:
        assert case.job_id not in case.admitted(), wait.cause
        if wait.cause is Cause.SLOTS:
            # So many slots, and not one less.
            assert case.job_id not in case.admitted(extra_slots=wait.missing_slots - 1, at=wait)
            assert case.job_id in case.admitted(extra_slots=wait.missing_slots, at=wait)
        causes[wait.cause] += 1
        event(wait.cause)
        assert causes.total() < CAUSES_MAX, causes
        case.remove(wait)
    assert case.job_id in case.admitted(), causes


@pytest.mark.timeout(60 + 2 * STATES_COUNT)
@settings(
    max_examples=STATES_COUNT,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # to make a failing state smaller takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example(state=TWO_ACCOUNTS)
@given(state=STATES)
def test_the_named_cause_is_the_one_without_which_dispatch_admits_the_job(play: Play, state: State) -> None:
    with structlog.testing.capture_logs():
        play(state)
