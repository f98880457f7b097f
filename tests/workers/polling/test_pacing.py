"""How often clips are asked about for which nobody has set an interval."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from models import Account, RenderJob
from models.base import new_id
from models.operations.scheduling.poll_intervals import MEASURED_MIN, Pace, Pacing
from tests.support.due import decide_at, make_due, seconds_of
from tests.support.jobs import Jobs
from tests.support.recorded_hints import RecordedHints
from tests.support.rows import Rows
from tests.support.scripted_provider import task
from tests.support.stored_payments import store_payment
from tests.support.virtual_clock import START, VirtualClock
from workers.settings import PollSettings

MODEL = "wan2.6-t2v"
PACE = Pace(shortest=timedelta(seconds=80), interval=timedelta(seconds=30))
FINEST_SECONDS = PollSettings().finest_seconds


def measured(session: Session, *seconds: float, look_ahead: int = 2) -> Pace:
    """The pace of a model whose clips rendered for so long."""
    for one in seconds:
        store_payment(session, started_at=START, ended_at=START + timedelta(seconds=one))
    account = Account(id=new_id(), name="studio", slot_limits={}, look_ahead=look_ahead)
    job = RenderJob(model=MODEL)
    found = Pacing().of(session, account, job, FINEST_SECONDS, START)
    assert isinstance(found, Pace)
    return found


def test_a_model_that_was_not_measured_is_asked_about_every_5_s(session: Session) -> None:
    assert measured(session, *[100] * (MEASURED_MIN - 1)) == Pace(timedelta(seconds=5), timedelta(seconds=5))


def test_a_third_of_the_look_ahead_may_end_unseen(session: Session) -> None:
    # Half of the clips on five slots render for less than 300 s: in 40 s, two thirds of a task end.
    pace = measured(session, 100, 300, 300, 300, 400)

    assert (pace.shortest, pace.interval) == (timedelta(seconds=180), timedelta(seconds=40))


def test_questions_come_together() -> None:
    moments = {PACE.first_poll_at(START + timedelta(seconds=seconds)) for seconds in (0.1, 0.5, 1)}

    assert moments == {START + timedelta(seconds=81)}


def test_without_a_look_ahead_no_slot_waits_long(session: Session) -> None:
    assert measured(session, *[200] * 5, look_ahead=0).interval == timedelta(seconds=5)


def test_no_clip_is_seen_later_than_a_fifth_of_its_time(session: Session) -> None:
    assert measured(session, *[200] * 5, look_ahead=50).interval == timedelta(seconds=40)


def test_it_is_measured_again_after_half_a_render(session: Session) -> None:
    account, job, pacing = (
        Account(id=new_id(), name="studio", slot_limits={}, look_ahead=2),
        RenderJob(model=MODEL),
        Pacing(),
    )

    def at(seconds: float) -> bool:
        spacing = pacing.of(session, account, job, FINEST_SECONDS, START + timedelta(seconds=seconds))
        return isinstance(spacing, Pace) and spacing.interval > timedelta(seconds=5)

    assert not at(0)
    for _ in range(MEASURED_MIN):
        store_payment(session, started_at=START, ended_at=START + timedelta(seconds=100))
    assert [at(4.9), at(5)] == [False, True]


@pytest.mark.parametrize(
    ("asked_at", "status", "started_at", "next_poll"),
    [
        (80, "PENDING", None, 160),  # nine of ten that begin now are rendering still
        (80, "RUNNING", 70, 150),
        (150, "RUNNING", 70, 180),
        (80, "RUNNING", None, 110),  # the provider does not say since when
        (80, "RUNNING", 9_999, 160),  # its clock is wrong: no harm beyond one render
        (80, "SUSPENDED", None, 110),
    ],
)
def test_the_next_question_comes_when_it_can_bring_news(
    asked_at: float, status: str, started_at: float | None, next_poll: float
) -> None:
    due = make_due(spacing=PACE, poll_at=asked_at, deadline_at=600)
    started = None if started_at is None else START + timedelta(seconds=started_at)

    assert seconds_of(decide_at(asked_at, status, due, started_at=started)) == next_poll


def test_the_last_question_comes_at_the_deadline() -> None:
    assert seconds_of(decide_at(580, "RUNNING", make_due(spacing=PACE, poll_at=580, deadline_at=600))) == 600


def test_a_clip_without_an_interval_is_followed_at_its_models_pace(
    jobs: Jobs, rows: Rows, hints: RecordedHints, clock: VirtualClock
) -> None:
    hint = jobs.admitted()
    with jobs.context.sessions.begin() as session:
        session.execute(update(RenderJob).values(poll_interval_ms=None))
        for _ in range(MEASURED_MIN):
            store_payment(session, started_at=START, ended_at=START + timedelta(seconds=100))

    jobs.submit(hint)
    first_at = hints.wakes[-1].at
    jobs.poll(task("PENDING"))

    assert (first_at, hints.wakes[-1].at) == (clock.at(100), clock.at(200))
    assert rows.job(hint.job_id).poll_count == 1
