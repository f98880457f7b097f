"""Who is next while much waits: an urgent clip at once, and tenants by equal shares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import RenderJob, Tenant
from reelqueue import Client
from reelqueue.states import RenderState
from tests.system.acceptance.campaigns.studio import Studio

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("stack")]

COUNTS = {"large": 400, "small": 25}
"""Clips by tenant."""
HEAD = "custom_id,model,prompt,duration,poll_interval_ms\n"


@pytest.fixture(scope="module")
def keys(studio: Studio, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The key of each tenant; each has a campaign under way, and nothing waits any more afterwards."""
    folder = tmp_path_factory.mktemp("tenants")
    keys = {name: studio.run("workers", "keys", "create", name, "--tenant", name).stdout.strip() for name in COUNTS}
    for name, key in keys.items():
        studio.campaign("apply", write(folder, name), "--yes", REELQUEUE_API_KEY=key)
    yield keys
    for name, key in keys.items():
        studio.campaign("cancel", name, REELQUEUE_API_KEY=key)
    studio.wait_until_idle()


def test_an_urgent_clip_is_admitted_next(studio: Studio, keys: dict[str, str]) -> None:
    with Client(studio.stack.url("api"), api_key=keys["large"]) as client:
        urgent = client.submit(model="wan2.6-t2v", prompt="urgent", duration=2, poll_interval_ms=500, priority=50)
        studio.wait_for(lambda: urgent.state() is RenderState.SUCCEEDED, "the urgent clip is rendered")

    job = urgent.job
    assert job.admitted_at is not None
    # A dispatch that had looked before the clip was stored may end after.
    between = {at for at in admissions(studio)["large"] if job.created_at < at < job.admitted_at}
    assert len(between) <= 1


def test_tenants_of_unequal_size_get_equal_shares(studio: Studio, keys: dict[str, str]) -> None:
    studio.wait_for(lambda: len(admissions(studio)["small"]) == COUNTS["small"], "the small tenant is served")

    got = admissions(studio)
    begin, end = got["small"][0], got["small"][-1]
    shares = Counter({name: sum(begin <= at <= end for at in times) for name, times in got.items()})

    assert jain(list(shares.values())) >= 0.95, shares


def jain(shares: list[int]) -> float:
    """1 where all get the same, and 1 / n where one of n gets all."""
    return sum(shares) ** 2 / (len(shares) * sum(share**2 for share in shares))


def admissions(studio: Studio) -> dict[str, list[datetime]]:
    """When each tenant's clips got their slots, in order."""
    got = (
        select(Tenant.name, RenderJob.admitted_at)
        .join(Tenant, Tenant.id == RenderJob.tenant_id)
        .where(Tenant.name.in_(COUNTS), RenderJob.admitted_at.is_not(None), RenderJob.priority == 0)
        .order_by(RenderJob.admitted_at)
    )
    found: dict[str, list[datetime]] = {name: [] for name in COUNTS}
    with Session(studio.engine) as session:
        for name, at in session.execute(got):
            if at is not None:
                found[name].append(at)
    return found


def write(folder: Path, name: str) -> Path:
    """The campaign file of a tenant."""
    rows = (f"{name}-{number},wan2.6-t2v,a {name} boat {number},2,500\n" for number in range(COUNTS[name]))
    file = folder / f"{name}.csv"
    file.write_text(HEAD + "".join(rows))
    return file
