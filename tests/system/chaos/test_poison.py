"""A job that kills every worker which has it in hand is set aside after the third, and the others are rendered."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from embedded.chaos.harness import Harness
from embedded.chaos.short_timings import TIMINGS
from models import Account, RenderJob
from models.account import DEFAULT_ACCOUNT_NAME
from models.operations.accounts import pause_account, resume_account
from models.session import DatabaseClock
from reelqueue.states import RenderState
from workers.failpoints import Failpoint
from workers.quarantine.release import quarantined, retry

# One world, so one process of pytest-xdist's. Each death is found out by a lease.
pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(240)]

LIMIT = int(TIMINGS["DEATH_LIMIT"])


@pytest.mark.parametrize("step", [Failpoint.INTENT, Failpoint.ASKED, Failpoint.DOWNLOADED])
def test_it_is_set_aside_and_goes_on_when_the_cause_is_gone(step: Failpoint, world: Harness) -> None:
    pause(world)
    poisonous, *others = world.enqueue(5)
    poison = world.site.failpoints / f"{step}.{poisonous}"
    poison.touch()
    resume(world)
    world.wait_for(lambda: deaths(world, poisonous) > 0, "the first worker has died")
    # The storms of this suite must not reach the limit, so that it is far above the product's.
    blame(world, poisonous, LIMIT - 2)

    world.wait_for(lambda: world.are_all(others, RenderState.SUCCEEDED), "the others are rendered")
    world.wait_for(lambda: set_aside(world) == [poisonous], "the poisonous one is set aside")
    poison.unlink()
    with Session(world.engine) as session, session.begin():
        retry(session, poisonous, now=DatabaseClock().now(session))

    verdict = world.finish([poisonous, *others])
    assert verdict.is_good, str(verdict)
    assert world.are_all([poisonous, *others], RenderState.SUCCEEDED)


def blame(world: Harness, job_id: UUID, count: int) -> None:
    """Let so many workers have died with the job in hand."""
    with Session(world.engine) as session, session.begin():
        session.execute(update(RenderJob).where(RenderJob.id == job_id).values(death_count=count))


def deaths(world: Harness, job_id: UUID) -> int:
    """How many workers have died with the job in hand."""
    with Session(world.engine) as session:
        return session.get_one(RenderJob, job_id).death_count


def set_aside(world: Harness) -> list[UUID]:
    """Jobs in quarantine."""
    with Session(world.engine) as session:
        return [one.job_id for one in quarantined(session)]


def pause(world: Harness) -> None:
    """Let nothing be submitted, so that a job can be chosen first."""
    world.wait_for(lambda: bool(account_ids(world)), "there is an account")
    with Session(world.engine) as session, session.begin():
        for account_id in account_ids(world):
            pause_account(session, account_id, "a test chooses its victim", now=DatabaseClock().now(session))


def resume(world: Harness) -> None:
    """Let everything be submitted."""
    with Session(world.engine) as session, session.begin():
        resume_account(session, DEFAULT_ACCOUNT_NAME)


def account_ids(world: Harness) -> list[UUID]:
    """The accounts that there are."""
    with Session(world.engine) as session:
        return list(session.scalars(select(Account.id)))
