"""What another program did with the key while nothing of ours ran is adopted when beat starts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from embedded.servers.valkey import ValkeyServer
from models import Campaign, LedgerEntry, RenderJob
from tests.conftest import Simulator
from tests.support.real_worker import PATIENCE_SECONDS, Studio, working
from tests.support.simulated import SUBMIT_PATH

KEY = "sk-canary-7d1f"
LONGEST_SUBMIT = timedelta(seconds=12)
"""By the settings of the worker under test, whose provider has its own clock."""

pytestmark = pytest.mark.timeout(4 * PATIENCE_SECONDS)


@pytest.fixture
def studio(
    database_url: str,
    broker: ValkeyServer,
    simulator: Simulator,
    tmp_path: Path,
) -> Iterator[Studio]:
    """A worker of the test's own; the simulator's clock is this machine's."""
    with working(database_url, broker, simulator, tmp_path, RECONCILE_CLOCK_SKEW_SECONDS=1) as studio:
        yield studio


def test_a_stray_task_is_archived_and_paid_after_the_next_start(studio: Studio) -> None:
    studio.enqueue(1)
    studio.wait_for(succeeded=1)
    studio.child.stop()
    made_at = make_stray(studio)
    studio.wait_until(lambda: datetime.now(UTC) - made_at > LONGEST_SUBMIT + timedelta(seconds=2))

    studio.child.start()
    studio.wait_for(succeeded=2)

    with Session(studio.engine) as session:
        orphans = select(RenderJob).join(Campaign, Campaign.id == RenderJob.campaign_id)
        (orphan,) = session.scalars(orphans.where(Campaign.name == "orphans"))
        (paid,) = session.scalars(select(LedgerEntry).where(LedgerEntry.job_id == orphan.id))
    assert orphan.prompt == "a stray [[run=1]]"
    billed = studio.simulator.control.get("ledger").json()["entries"][-1]["amount"]
    assert paid.amount == Decimal(billed)
    assert (studio.billed(), studio.broken()) == (2, [])


def make_stray(studio: Studio) -> datetime:
    """A task of another program that has the key; gives the time."""
    body = {"model": "wan2.6-t2v", "input": {"prompt": "a stray [[run=1]]"}, "parameters": {"duration": 3}}
    headers = {"Authorization": f"Bearer {KEY}", "X-DashScope-Async": "enable"}
    with httpx.Client(base_url=studio.simulator.base_url, trust_env=False) as client:
        client.post(SUBMIT_PATH, json=body, headers=headers).raise_for_status()
    return datetime.now(UTC)
