"""Does the probe find what differs? Ten deviations are planted in the simulator, which the probe does not know.

``python -m bench.probe`` asks a simulator as it is, in which nothing may differ; one with ten deviations; and one that
plays the capture of the second. All of it on virtual time, with the workers' own steps. Printed is each deviation with
what the probe said of it and whether the replay gives the same answer; exit code 1 if one was missed, if anything
else differs, or if more was spent than allowed.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy import select

from embedded.rehearsal.environment import Environment, open_stage
from embedded.rehearsal.virtual_clock import StageClock
from models.account import Account
from reelqueue.catalog.price_list import SINGAPORE
from simulator.assemble import replay
from simulator.store.ledger import summary
from workers.probe.capture import capture
from workers.probe.command import run_probe
from workers.probe.lab import Lab
from workers.probe.paid.plan import make_plan
from workers.probe.questions import Finding, Verdict, verdict
from workers.probe.run import QUESTIONS

AMOUNT: Final = Decimal("1.00")
EARLY: Final = "wan2.2-t2v-plus"


@dataclass(frozen=True)
class Planted:
    """A deviation, and the question that must find it."""

    name: str
    question: str
    config: Mapping[str, Any]


PLANTED: Final = (
    Planted("clock 40 s ahead", "clock", {"clock_ahead_seconds": 40}),
    Planted("pages of the list have 20 rows", "list-page", {"listing": {"page_size_max": 20}}),
    Planted("tasks are listed after 25 s", "list-lag", {"listing": {"lag_seconds": 25}}),
    Planted("an unknown task is a 404", "unknown-id", {"unknown_is_404": True}),
    Planted("a header tells of limits", "limit-headers", {"wire": {"headers": {"x-ratelimit-remaining": "1"}}}),
    Planted("the prompt is echoed at once", "echo-when", {"wire": {"echo": "always"}}),
    Planted("other fields of usage", "usage-first",
            {"wire": {"usage": {EARLY: {"duration": 5.0, "SR": 480, "video_count": 1}}}}),
    Planted("results live for an hour", "result-life", {"lifetimes": {"result_url_seconds": 3600}}),
    Planted("a submit above the slots is a 429", "over-slots", {"limits": {"over_slots": "reject"}}),
    Planted("a rendering task is cancelled", "cancel-running", {"wire": {"cancels_running": True}}),
)  # fmt: skip
SEVERAL: Final = frozenset({"text-headers", "unknown-word"})
"""Questions that a planted deviation changes as well."""


@dataclass(frozen=True)
class Asked:
    """What one probe found, wrote and spent."""

    findings: Mapping[str, Finding]
    capture: str
    spent: Decimal

    @property
    def differing(self) -> set[str]:
        """Ids of the questions whose answer is not the simulator's usual one."""
        return {one.id for one in QUESTIONS if verdict(one, self.findings[one.id]) is Verdict.DIFFERS}

    @property
    def answered(self) -> int:
        """How many questions have an answer."""
        return sum(finding.answer is not None for finding in self.findings.values())


@contextmanager
def stage() -> Iterator[Environment]:
    """A simulator with a list of its own, whose clips have their true sizes."""
    with (
        tempfile.TemporaryDirectory() as name,
        open_stage(Path(name), StageClock(datetime.now(UTC)), region=SINGAPORE, has_chains=False) as found,
    ):
        found.simulator.provider.configure({"clips": {"width": None, "height": None}})
        yield found


def probe(environment: Environment) -> Asked:
    """Ask a stage's simulator everything that a dollar pays for."""
    context = environment.context
    with context.sessions() as session:
        account = session.scalars(select(Account)).one()
    lab = Lab.open(context, account, lambda _: None)
    with context.sessions() as session:
        plan = make_plan(session, account, AMOUNT, "USD")
    run_probe(lab, plan)
    text = capture(lab, QUESTIONS, environment.clock.now())
    charges = environment.simulator.provider.store.ledger.charges()
    assert summary(charges)
    return Asked(lab.findings, text, sum((Decimal(one.amount) for one in charges if one.amount), Decimal(0)))


def main() -> int:
    """Ask three times and print the table."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with stage() as usual:
        before = probe(usual)
    with stage() as planted:
        for one in PLANTED:
            planted.simulator.provider.configure(_whole(planted, one.config))
        found = probe(planted)
    with stage() as again, tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(found.capture)
        file.flush()
        replay(again.simulator, Path(file.name))
        replayed = probe(again)
    return _report(before, found, replayed)


def _whole(environment: Environment, config: Mapping[str, Any]) -> dict[str, Any]:
    """A part of a configuration beside what was planted before."""
    present = environment.simulator.provider.config
    return {
        name: {inner: {**getattr(getattr(present, name), inner), **one} if isinstance(one, dict) else one
               for inner, one in value.items()} if isinstance(value, dict) else value
        for name, value in config.items()
    }  # fmt: skip


def _report(before: Asked, found: Asked, replayed: Asked) -> int:
    kept = 0
    for one in PLANTED:
        answer, again = found.findings[one.question].answer, replayed.findings[one.question].answer
        is_found = one.question in found.differing
        kept += is_found and answer == again
        print(f"{'found ' if is_found else 'MISSED'}  {one.name:34}  {answer or found.findings[one.question].reason}"
              + ("" if answer == again else f"  REPLAYED AS {again}"))  # fmt: skip
    extra = found.differing - {one.question for one in PLANTED} - SEVERAL
    dear = [asked.spent for asked in (before, found, replayed) if asked.spent > AMOUNT]
    print(f"{kept} of {len(PLANTED)} found and replayed; without them {len(before.differing)} differ"
          + (f" ({', '.join(sorted(before.differing))})" if before.differing else "")
          + (f"; found besides: {', '.join(sorted(extra))}" if extra else ""))  # fmt: skip
    print(f"{before.answered} of {len(QUESTIONS)} questions answered for {before.spent.normalize():f} USD of {AMOUNT}")
    return 0 if kept == len(PLANTED) and not before.differing and not extra and not dear else 1


if __name__ == "__main__":
    sys.exit(main())
