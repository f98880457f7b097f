"""What people tell a running campaign is in force at the next dispatch."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import Campaign, JobEvent, RenderJob
from reelqueue.schemas.campaigns import Phase
from reelqueue.states import RenderState
from tests.system.acceptance.campaigns.studio import Studio

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("stack")]

COUNT = 150
"""More than are rendered while a busy machine starts a command."""
CLIP_COST = Decimal("0.30")
HEAD = "custom_id,model,prompt,duration,poll_interval_ms\n"


@pytest.fixture
def running(studio: Studio, tmp_path: Path) -> Iterator[str]:
    """A campaign of which some clips render and most wait; nothing of it waits any more afterwards."""
    name = f"run-{tmp_path.name}"
    manifest(studio, tmp_path, name)
    studio.wait_for(lambda: count(studio, name, RenderState.SUCCEEDED) > 0, "the first clip is there")
    yield name
    if studio.client.campaigns.get(name).phase is not Phase.CANCELLED:
        studio.campaign("cancel", name)
    studio.wait_until_idle()


def test_a_paused_campaign_gets_no_slot(studio: Studio, running: str) -> None:
    studio.campaign("pause", running)
    said_at = paused_at(studio, running)
    another(studio)  # which is only rendered if dispatchers work

    assert admitted_since(studio, running, said_at) == 0
    studio.campaign("resume", running)
    studio.wait_for(lambda: admitted_since(studio, running, said_at) > 0, "it goes on")


def test_a_cancelled_campaign_ends_what_waits_and_collects_what_is_paid_for(studio: Studio, running: str) -> None:
    studio.campaign("cancel", running)

    waiting = count(studio, running, RenderState.QUEUED)
    studio.wait_until_idle()
    ended = studio.client.campaigns.get(running)
    assert waiting == 0
    assert ended.counts[RenderState.CANCELLED] + ended.counts[RenderState.SUCCEEDED] == COUNT
    assert ended.money[0].reserved == 0
    assert studio.audit() == []


def test_a_priority_that_is_set_puts_it_first(studio: Studio, running: str, tmp_path: Path) -> None:
    later = tmp_path / "later"
    later.mkdir()
    studio.campaign("pause", running)
    name = manifest(studio, later, f"{running}-urgent", count=8, run_at="2999-01-01T00:00:00Z")
    studio.client.campaigns.resume(running)
    studio.campaign("set", name, "priority=50", "run_at=none")
    studio.wait_for(lambda: studio.client.campaigns.get(name).phase is Phase.FINISHED, "the urgent one has ended")

    urgent, others = admissions(studio, name), admissions(studio, running)
    assert [at for at in others if urgent[0] < at < urgent[-1]] == []
    assert others[0] < urgent[0]


def test_a_budget_that_is_set_stops_it_where_its_money_ends(studio: Studio, running: str) -> None:
    studio.campaign("pause", running)
    (so_far,) = studio.client.campaigns.get(running).money
    two_more = so_far.spent + so_far.reserved + 2 * CLIP_COST
    studio.campaign("set", running, f"budget={two_more} USD")
    studio.campaign("resume", running)

    studio.wait_for(
        lambda: studio.client.campaigns.get(running).phase is Phase.OUT_OF_BUDGET, "its budget can pay for no more"
    )
    (money,) = studio.client.campaigns.get(running).money
    assert (money.spent, money.reserved, money.cap) == (two_more, Decimal(0), two_more)
    paid = two_more / CLIP_COST
    studio.wait_for(lambda: count(studio, running, RenderState.SUCCEEDED) == paid, "what is paid for is archived")


def test_a_budget_on_the_command_line_holds_from_the_first_clip(studio: Studio, tmp_path: Path) -> None:
    name = f"capped-{tmp_path.name}"
    sheet = tmp_path / "capped.csv"
    rows = "".join(f"{name}-{number},wan2.6-t2v,a capped boat {number},2,500\n" for number in range(COUNT))
    sheet.write_text(HEAD + rows)
    cap = 3 * CLIP_COST

    studio.campaign("apply", sheet, "--yes", "--name", name, "--budget", f"{cap} USD")

    studio.wait_for(lambda: studio.client.campaigns.get(name).phase is Phase.OUT_OF_BUDGET, "its budget is spent")
    (money,) = studio.client.campaigns.get(name).money
    assert (money.spent, money.reserved, money.cap) == (cap, Decimal(0), cap)
    assert len(admissions(studio, name)) == 3
    studio.campaign("cancel", name)
    studio.wait_until_idle()


def manifest(studio: Studio, folder: Path, name: str, *, count: int = COUNT, **options: object) -> str:
    """Apply a manifest of this many clips."""
    file = folder / "run.yaml"
    options |= {"name": name}
    lines = [f"  {key}: {value}" for key, value in options.items()]
    rows = [f"  - {{custom_id: {name}-{number}, prompt: 'a boat, {name} {number}'}}" for number in range(count)]
    defaults = "defaults: {model: wan2.6-t2v, duration: 2, poll_interval_ms: 500}"
    file.write_text("\n".join(["campaign:", *lines, defaults, "rows:", *rows]))
    studio.campaign("apply", file, "--yes")
    return name


def another(studio: Studio) -> None:
    """Render a clip that has nothing to do with it."""
    clip = studio.client.submit(model="wan2.6-t2v", prompt="a single boat", duration=2, poll_interval_ms=500)
    studio.wait_for(lambda: clip.state() is RenderState.SUCCEEDED, "a single clip is rendered")


def count(studio: Studio, name: str, state: RenderState) -> int:
    return studio.client.campaigns.get(name).counts.get(state, 0)


def paused_at(studio: Studio, name: str) -> datetime:
    at = studio.client.campaigns.get(name).paused_at
    assert at is not None
    return at


def campaign_id(session: Session, name: str) -> UUID:
    return session.scalars(select(Campaign.id).where(Campaign.name == name)).one()


def admitted_since(studio: Studio, name: str, at: datetime) -> int:
    """Clips that got a slot by a dispatch that began later."""
    with Session(studio.engine) as session:
        mine = (RenderJob.campaign_id == campaign_id(session, name), RenderJob.admitted_at > at)
        return session.scalars(select(func.count()).select_from(RenderJob).where(*mine)).one()


def admissions(studio: Studio, name: str) -> list[datetime]:
    """When its clips got their slots, in order."""
    with Session(studio.engine) as session:
        got = (
            select(JobEvent.at)
            .join(RenderJob, RenderJob.id == JobEvent.job_id)
            .where(RenderJob.campaign_id == campaign_id(session, name), JobEvent.to_state == RenderState.ADMITTED)
        )
        return sorted(session.scalars(got))
