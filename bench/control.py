"""How soon is in force what people tell a running campaign.

``python bench/control.py [--clips 400]`` starts the whole stack with the product's own waiting times, lets a campaign
run, and prints for each command the seconds from its call to the last admission that it forbids, or to the first one
that it allows. Renders are short, so that slots become free all the time.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import httpx
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from embedded.chaos.short_timings import simulation
from embedded.stack.service_plan import ANY_PORTS
from embedded.stack.stack import Stack, StackOptions
from models import Campaign, RenderJob
from models.session import DatabaseClock, make_engine
from reelqueue import Client
from reelqueue.campaigns.options import CampaignOptions
from reelqueue.states import RenderState

LATER, NAME, OTHER = 6.0, "night", "other"
"""So many seconds after a command nothing of it may come any more; longer than the sweep's interval of 5 s."""


class Bench:
    """A running stack with a campaign."""

    def __init__(self, stack: Stack, clips: int) -> None:
        self.stack = stack
        httpx.post(f"{stack.url('simulator')}/__sim__/config", json=simulation(), trust_env=False).raise_for_status()
        self.client = Client(stack.url("api"))
        self.engine: Engine = make_engine(stack.environment["REELQUEUE_DATABASE_URL"], application_name="bench")
        for name in (NAME, OTHER):
            self.client.campaigns.put(CampaignOptions(name=name))
            lines = [
                json.dumps(
                    {
                        "custom_id": f"{name}-{number}",
                        "model": "wan2.6-t2v",
                        "prompt": f"{name} {number}",
                        "poll_interval_ms": 500,
                    }
                )
                for number in range(clips)
            ]
            self.client.campaigns.submit_clips(name, [line.encode() for line in lines])

    def wait(self, seconds: float) -> None:
        """Let the stack work."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.stack.look_after()
            time.sleep(0.1)

    def admissions(self, name: str, since: datetime) -> list[datetime]:
        """When the campaign's clips got their slots."""
        got = select(RenderJob.admitted_at).join(Campaign, Campaign.id == RenderJob.campaign_id)
        with Session(self.engine) as session:
            found = session.scalars(got.where(Campaign.name == name, RenderJob.admitted_at > since))
            return sorted(at for at in found if at is not None)

    def forbidden(self, act: Callable[[], object], name: str = NAME) -> float:
        """Seconds from a command to the last admission after it; 0: there was none."""
        since = self.now()
        act()
        self.wait(LATER)
        late = self.admissions(name, since)
        return (late[-1] - since).total_seconds() if late else 0.0

    def allowed(self, act: Callable[[], object], name: str = NAME) -> float:
        """Seconds from a command to the first admission after it."""
        since = self.now()
        act()
        while not (got := self.admissions(name, since)):
            self.wait(0.1)
        return (got[0] - since).total_seconds()

    def now(self) -> datetime:
        with Session(self.engine) as session:
            return DatabaseClock().now(session)

    def limit(self, **options: object) -> None:
        """Set options of the campaign."""
        self.client.campaigns.put(CampaignOptions.model_validate({"name": NAME} | options))

    def committed(self) -> Decimal:
        """What the campaign has spent and reserved."""
        return sum((money.spent + money.reserved for money in self.client.campaigns.get(NAME).money), Decimal(0))

    def ended(self) -> float:
        """Seconds from the cancellation until nothing of the campaign waits."""
        began = time.perf_counter()
        self.client.campaigns.cancel(NAME)
        while self.client.campaigns.get(NAME).counts.get(RenderState.QUEUED):
            self.wait(0.1)
        return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=400)
    clips = parser.parse_args().clips
    with tempfile.TemporaryDirectory() as folder, Stack(StackOptions(state=Path(folder), ports=ANY_PORTS)) as stack:
        bench = Bench(stack, clips)
        bench.allowed(lambda: None)
        campaigns = bench.client.campaigns
        told = {
            "pause: last admission": bench.forbidden(lambda: campaigns.pause(NAME)),
            "resume: first admission": bench.allowed(lambda: campaigns.resume(NAME)),
            "priority 50: last of the others'": bench.forbidden(lambda: bench.limit(priority=50), OTHER),
            "budget down: last admission": bench.forbidden(lambda: _stop_at_what_is_committed(bench)),
            "budget up: first admission": bench.allowed(lambda: bench.limit(budget="500 USD")),
            "cancel: nothing waits": bench.ended(),
        }
        for what, seconds in told.items():
            print(f"{what}: {seconds:.2f} s")
        bench.client.close()
        bench.engine.dispose()


def _stop_at_what_is_committed(bench: Bench) -> None:
    """The smallest budget that may be set: more is committed from one moment to the next."""
    bench.client.campaigns.pause(NAME)
    bench.limit(budget=f"{bench.committed()} USD")
    bench.client.campaigns.resume(NAME)


if __name__ == "__main__":
    main()
