"""A thousand text jobs while everything goes wrong: none lost, none sent too often, and both ledgers equal.

``python -m bench.texts [--jobs 1000] [--kills 20] [--seed 1]`` starts the stack and the simulator, hands in text jobs
(each twice, under one key; some of them batched), and breaks things until all of them have been asked: workers are
killed between the steps of a call and of a batch, answers are dropped, cut, stalled, refused and moderated, those that
make batches too, the broker forgets, and Postgres restarts. Then a person decides about the jobs that are held. Printed
is what became of the jobs, how often the simulator was called, and both ledgers; exit code 1 if a job was lost, sent
too often, or paid otherwise than it was billed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import OperationalError

from embedded.stack.service_plan import ANY_PORTS
from embedded.stack.stack import Stack, StackOptions
from models import EntryKind, LedgerEntry, OnLostAnswer, TextAttempt, TextBatch, TextJob
from models.operations.texts.decide import decide_held_text
from models.operations.texts.enqueue import TextJobOptions, enqueue_text_job
from models.session import DatabaseClock, make_engine, make_sessions
from reelqueue.qwen import QwenSettings, parse_text_request
from reelqueue.states import TEXT_TERMINAL, TextState
from workers.failpoints import VARIABLE, Failpoint
from workers.timings import TEST_TIMINGS

MODELS = ("qwen3.5-flash", "qwen3.5-plus")
TIMINGS = {
    "TEXT_SEND_WITHIN_SECONDS": 5,
    "TEXT_IDLE_SECONDS": 2,
    "TEXT_SETTLE_WITHIN_SECONDS": 4,
    "TEXT_EXTEND_SECONDS": 0.5,
    "TEXT_RETRY_SECONDS": 1,
    "BATCH_GATHER_SECONDS": 2,
    "BATCH_LINES_MAX": 20,
    "BATCH_LEASE_SECONDS": 10,
    "BATCH_SEND_WITHIN_SECONDS": 5,
    "BATCH_CREATE_SECONDS": 10,
    "BATCH_SETTLE_WITHIN_SECONDS": 4,
    "BATCH_FIRST_LOOK_SECONDS": 0.5,
    "BATCH_ASK_AGAIN_SECONDS": 1,
    "BATCH_ABSENT_SECONDS": 4,
    "BATCH_POLL_SECONDS": 1,
    "SWEEP_SECONDS": 1,
    "OVERDUE_SECONDS": 1,
}
POINTS = (
    Failpoint.TEXT_INTENT,
    Failpoint.TEXT_SENT,
    Failpoint.TEXT_BEGUN,
    Failpoint.TEXT_ANSWERED,
    Failpoint.TEXT_CLOSED,
    Failpoint.BATCH_GATHERED,
    Failpoint.BATCH_UPLOADED,
    Failpoint.BATCH_CREATING,
    Failpoint.BATCH_CREATED,
    Failpoint.BATCH_LISTED,
    Failpoint.BATCH_READ,
    Failpoint.BATCH_SETTLED,
    Failpoint.BATCH_CLOSED,
)
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "drop", "phase": "after"},
    {"kind": "drop", "phase": "before"},
    {"kind": "cut", "phase": "after"},
    {"kind": "stall", "phase": "after"},
    {"kind": "hang", "phase": "after"},
    {"kind": "no-end", "phase": "after"},
    {"kind": "stream-error", "phase": "after", "code": "InternalError"},
    {"kind": "stream-flat-error", "phase": "after", "code": "data_inspection_failed"},
    {"kind": "stream-named-error", "phase": "after"},
    # Its usual words are about tokens per minute, for which a lane waits a minute.
    {"kind": "error-finish", "phase": "after", "message": "Throttling: RPM(600/600)"},
    {"kind": "no-stream-usage", "phase": "after"},
    {"kind": "unstreamed", "phase": "after"},
    {"kind": "html", "phase": "after"},
    {"kind": "error", "phase": "after", "status": 500},
    {"kind": "error", "phase": "before", "status": 503},
    {"kind": "error", "phase": "before", "status": 429, "code": "limit_burst_rate"},
    {"kind": "gateway-page", "phase": "before", "status": 502},
    {"kind": "gateway-page", "phase": "before", "status": 404},
)
BATCH_MODEL = "qwen3.5-flash"
BATCHED_SHARE = 0.3
"""Of the jobs."""
BATCH_FAULTS: tuple[dict[str, Any], ...] = (
    {"operation": "batch-create", "kind": "drop", "phase": "after"},
    {"operation": "batch-create", "kind": "drop", "phase": "before"},
    {"operation": "batch-create", "kind": "html", "phase": "after"},
    {"operation": "batch-create", "kind": "error", "phase": "after", "status": 500},
    {"operation": "batch-create", "kind": "gateway-page", "phase": "after", "status": 404},
    {"operation": "batch-create", "kind": "error", "phase": "before", "status": 429, "code": "limit_requests"},
    {"operation": "batch-list", "kind": "drop", "phase": "before"},
    {"operation": "batch-list", "kind": "error", "phase": "before", "status": 500},
    {"operation": "batch-get", "kind": "error", "phase": "before", "status": 503},
    {"operation": "file-put", "kind": "drop", "phase": "after"},
    {"operation": "file-content", "kind": "cut", "phase": "after"},
    {"operation": "file-content", "kind": "empty", "phase": "after"},
)
ENDINGS = ("", "", "", "", "", "", "[[long=300]]", "[[blocked-input]]", "[[blocked-output]]")
LONGEST_SECONDS = 900.0
FAULTY_SHARE = 0.3
"""Of the jobs: the first call of each, or the first two, go wrong."""
STORM = {"kind": "error", "phase": "before", "status": 429, "code": "limit_requests", "count": 8}


@dataclass
class Blows:
    """What was broken, and how often."""

    counts: Counter[str] = field(default_factory=Counter)

    def add(self, what: str) -> None:
        """Count one."""
        self.counts[what] += 1

    def __str__(self) -> str:
        return ", ".join(f"{what} {count}" for what, count in sorted(self.counts.items()))


class Run:
    """One stack, its jobs and what is broken."""

    def __init__(self, stack: Stack, engine: Engine, failpoints: Path, dice: random.Random) -> None:
        self.stack = stack
        self.sessions = make_sessions(engine)
        self.blows = Blows()
        self._failpoints = failpoints
        self._dice = dice
        self._control = httpx.Client(base_url=f"{stack.url('simulator')}/__sim__/", trust_env=False)

    def hand_in(self, count: int) -> None:
        """Store the jobs, each twice under one key."""
        settings = QwenSettings(base_url=f"{self.stack.url('simulator')}/compatible-mode/v1")
        for number in range(count):
            prompt = f"Name paper boat {number}. {self._dice.choice(ENDINGS)}".strip()
            is_batched = self._dice.random() < BATCHED_SHARE
            model = BATCH_MODEL if is_batched else self._dice.choice(MODELS)
            request = parse_text_request({"model": model, "prompt": prompt})
            if not is_batched and self._dice.random() < FAULTY_SHARE:
                self._fault({**self._dice.choice(FAULTS), "count": self._dice.choice((1, 1, 2))}, f"boat {number}.")
            policy = self._dice.choice(list(OnLostAnswer))
            is_streamed = not is_batched and self._dice.random() < 0.2
            options = TextJobOptions(on_lost_answer=policy, is_streamed=is_streamed, is_batched=is_batched)
            for _ in range(2):
                with self.sessions.begin() as session:
                    now = DatabaseClock().now(session)
                    enqueue_text_job(
                        session, request, options, now=now, settings=settings, idempotency_key=f"boat {number}"
                    )

    def play(self, kills: int) -> None:
        """Break things until every job has ended or is held; the last of them end in peace."""
        next_blow_at = time.monotonic() + 2
        for fault in BATCH_FAULTS:
            self._fault(fault)
        blows = [*["kill"] * kills, *["flush"] * 4, *["storm"] * 4, "postgres", "valkey"]
        self._dice.shuffle(blows)
        give_up_at = time.monotonic() + LONGEST_SECONDS
        while self._open_count():
            if time.monotonic() > give_up_at:
                sys.exit(f"not within {LONGEST_SECONDS:g} s; the logs are in {self.stack.folder.logs}")
            self.stack.look_after()
            if blows and time.monotonic() > next_blow_at:
                self._strike(blows.pop())
                next_blow_at = time.monotonic() + 1.5
            time.sleep(0.1)

    def decide(self) -> None:
        """A person has half of the held jobs asked again, and ends the others; nothing else goes wrong."""
        self._control.delete("faults").raise_for_status()
        for point in self._failpoints.iterdir():
            point.unlink()
        with self.sessions() as session:
            held = session.scalars(select(TextJob.id).where(TextJob.state == TextState.HELD)).all()
        for number, job_id in enumerate(held):
            with self.sessions.begin() as session:
                now = DatabaseClock().now(session)
                decide_held_text(session, job_id, now=now, ask_again=bool(number % 2))
        give_up_at = time.monotonic() + LONGEST_SECONDS
        while self._open_count() and time.monotonic() < give_up_at:
            self.stack.look_after()
            time.sleep(0.2)

    def report(self, count: int) -> bool:
        """Print what became of everything; whether all promises were kept."""
        with self.sessions() as session:
            states = dict(session.execute(select(TextJob.state, func.count()).group_by(TextJob.state)).all())
            calls = dict(session.execute(select(TextAttempt.state, func.count()).group_by(TextAttempt.state)).all())
            batches = dict(session.execute(select(TextBatch.state, func.count()).group_by(TextBatch.state)).all())
            entered = dict(
                session.execute(select(LedgerEntry.kind, func.sum(LedgerEntry.amount)).group_by(LedgerEntry.kind)).all()
            )
        bill = self._control.get("texts").json()
        lost = count - sum(states.get(state, 0) for state in TEXT_TERMINAL)
        print(f"broken     {self.blows}")
        print(f"jobs       {_shown(states)}")
        print(f"calls      {_shown(calls)}")
        twice = self._made_twice()
        print(f"batches    {_shown(batches)}, made twice {twice}")
        print(f"simulator  {bill['count']} charges, {bill['totals'].get('USD', '0')} USD")
        print(f"ledger     settled {entered.get(EntryKind.SETTLE, Decimal(0))} USD, "
              f"written off {entered.get(EntryKind.WRITE_OFF, Decimal(0))} USD")  # fmt: skip
        broken = self._audit()
        print(f"{count - lost}/{count} ended, lost {lost}, broken invariants {broken}")
        return lost == 0 and broken == 0 and twice == 0

    def _made_twice(self) -> int:
        """Batches that the simulator has more than once, by their names."""
        names = Counter(self._control.get("batches").json()["names"])
        return sum(count - 1 for count in names.values())

    def _audit(self) -> int:
        """Every invariant, and the simulator's ledger, call by call, as an operator asks for them."""
        import subprocess

        environment = {**os.environ, **self.stack.environment}
        command = [sys.executable, "-m", "workers", "audit", "--provider"]
        done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
        lines = [line for line in done.stdout.splitlines() if line.startswith(("BROKEN", "   "))]
        print("\n".join([*lines[:20], f"audit      {done.stderr.strip().splitlines()[-1]}"]))
        return sum(line.startswith("BROKEN") for line in lines) + (done.returncode != 0)

    def _strike(self, what: str) -> None:
        if what == "kill":
            point = self._dice.choice(POINTS)
            self._failpoints.joinpath(f"{point}.kill-group").touch()
            what = f"kill at {point}"
        elif what == "flush":
            self.stack.valkey.flush()
        elif what == "storm":
            self._fault(STORM)
        elif what == "postgres":
            self.stack.postgres.stop()
            self.stack.postgres.start()
        else:
            self.stack.valkey.child.kill()
            self.stack.valkey.start()
        self.blows.add(what)

    def _fault(self, fault: dict[str, Any], prompt: str | None = None) -> None:
        match = {} if prompt is None else {"match": {"prompt_contains": prompt}}
        self._control.post("faults", json={"operation": "chat", **fault, **match}).raise_for_status()
        self.blows.add(f"{fault.get('operation', '')} {fault['kind']} {fault.get('status', '')}".strip())

    def _open_count(self) -> int:
        ended = [*TEXT_TERMINAL, TextState.HELD]
        try:
            with self.sessions() as session:
                return session.scalars(select(func.count()).where(TextJob.state.not_in(ended))).one()
        except OperationalError:
            return 1


def _shown(counts: dict[Any, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


@contextmanager
def started(state: Path) -> Iterator[Stack]:
    """A stack whose workers can be killed at each step."""
    failpoints = state.parent / "failpoints"
    failpoints.mkdir()
    os.environ[VARIABLE] = str(failpoints)
    os.environ[TEST_TIMINGS] = json.dumps(TIMINGS)
    stack = Stack(StackOptions(state=state, ports=ANY_PORTS))
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


def main() -> int:
    """Play it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, started(Path(folder) / "state") as stack:
        engine = make_engine(stack.environment["REELQUEUE_DATABASE_URL"])
        run = Run(stack, engine, Path(folder) / "failpoints", random.Random(arguments.seed))  # noqa: S311 - dice
        run.hand_in(arguments.jobs)
        began = time.monotonic()
        run.play(arguments.kills)
        run.decide()
        print(f"{arguments.jobs} text jobs, seed {arguments.seed}: {time.monotonic() - began:.0f} s")
        is_kept = run.report(arguments.jobs)
        engine.dispose()
    return 0 if is_kept else 1


if __name__ == "__main__":
    sys.exit(main())
