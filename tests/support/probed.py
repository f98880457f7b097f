"""A probe of a simulator on virtual time, with everything that workers do for its jobs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import select

from embedded.rehearsal.environment import Environment, open_stage
from embedded.rehearsal.virtual_clock import StageClock
from models.account import Account
from models.render_job import RenderJob
from reelqueue.catalog.price_list import SINGAPORE
from reelqueue.states import RenderState
from workers.audit.invariants import audit
from workers.probe.command import run_probe
from workers.probe.lab import Lab
from workers.probe.paid.plan import make_plan
from workers.probe.paid.renders import Clip
from workers.probe.run import QUESTIONS

KEY = "sk-canary-7d1f-0123456789"


@dataclass
class Probed:
    """A stage, and what one probe of it said."""

    stage: Environment
    lab: Lab
    lines: list[str] = field(default_factory=list)
    clips: tuple[Clip, ...] = ()

    def run(self, amount: str) -> None:
        """Ask everything that an amount of dollars pays for."""
        with self.stage.context.sessions() as session:
            plan = make_plan(session, self.lab.account, Decimal(amount), "USD")
        rendered = run_probe(self.lab, plan)
        self.clips = rendered.clips if rendered else ()

    def answers(self) -> dict[str, str | None]:
        """Every answer by its question's id."""
        return {one.id: self.lab.findings[one.id].answer for one in QUESTIONS}

    def submits(self) -> int:
        """Paid POSTs that the simulator has seen."""
        return self.stage.simulator.provider.store.requests.count().get("submit", 0)

    def billed(self) -> Decimal:
        """What the simulator has charged."""
        charges = self.stage.simulator.provider.store.ledger.charges()
        return sum((Decimal(charge.amount) for charge in charges if charge.amount), Decimal(0))

    def states(self) -> list[RenderState]:
        """Of every job in the database."""
        with self.stage.context.sessions() as session:
            return list(session.scalars(select(RenderJob.state)))

    def broken(self) -> list[str]:
        """Invariants that do not hold."""
        with self.stage.context.sessions() as session:
            return [finding.check.name for finding in audit(session) if finding.is_broken]


@contextmanager
def probing(database_url: str, **config: Any) -> Iterator[Probed]:
    """A stage over a database, whose simulator is configured so, and a lab on it."""
    clock = StageClock(datetime.now(UTC))
    options: dict[str, Any] = {"region": SINGAPORE, "has_chains": False, "key": KEY, "database_url": database_url}
    with tempfile.TemporaryDirectory() as name, open_stage(Path(name), clock, **options) as stage:
        stage.simulator.provider.configure(config)
        with stage.context.sessions() as session:
            account = session.scalars(select(Account)).one()
        probed = Probed(stage, Lab.open(stage.context, account, lambda _: None))
        probed.lab.say = probed.lines.append
        yield probed
