"""How fast models render, as it is told to planners."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import ProviderTask
from models.operations.scheduling.render_times import model_speeds
from tests.support.stored_jobs import NOW, store_account
from tests.support.stored_payments import store_payment


def test_a_model_that_was_never_rendered_has_its_published_slots(session: Session) -> None:
    store_account(session)

    (speed,) = model_speeds(session, ["wan2.6-t2v"])

    assert (speed.slots, speed.submits_per_second, speed.clip_count, speed.p50_seconds) == (5, 5, 0, None)


def test_times_are_those_of_the_clips_themselves(session: Session) -> None:
    for _ in range(3):
        store_payment(session)
    for number, task in enumerate(session.scalars(select(ProviderTask).order_by(ProviderTask.id)), 1):
        task.ended_at = NOW + timedelta(seconds=100 * number)
    session.flush()

    (speed,) = model_speeds(session, ["wan2.6-t2v"])

    assert (speed.slots, speed.clip_count, speed.p50_seconds, speed.p90_seconds) == (15, 3, 200, 280)
