"""A whole stack, and what people do with it at a command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import httpx
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from embedded.chaos.short_timings import TIMINGS, simulation
from embedded.processes.server_folders import remove_folder
from embedded.stack.service_plan import ANY_PORTS
from embedded.stack.stack import Stack, StackOptions
from models import Attempt, RenderJob
from models.session import make_engine
from reelqueue import Client
from reelqueue.states import TERMINAL
from workers.timings import TEST_TIMINGS

ROOT: Final = Path(__file__).parents[4]
PATIENCE_SECONDS: Final = 90.0
"""Bounds a wait on a busy machine; none of them takes this long."""
_LOOK_SECONDS: Final = 0.25
_SETTINGS: Final = {
    TEST_TIMINGS: json.dumps(
        dict(TIMINGS)
        | {
            # Between the product's 5 and 3 s and a storm's: sweeps must leave the processors to the work.
            "SWEEP_SECONDS": 2,
            "OVERDUE_SECONDS": 2,
        }
    )
}


class Command:
    """A started command, with what it wrote."""

    def __init__(self, arguments: list[str], environment: Mapping[str, str]) -> None:
        # Files and not pipes: nobody reads while it runs, and a full pipe would stop it.
        self._out, self._err = tempfile.TemporaryFile("w+"), tempfile.TemporaryFile("w+")  # noqa: SIM115 - see finish
        self.process = subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, env=environment, stdout=self._out, stderr=self._err
        )

    @property
    def has_ended(self) -> bool:
        """Whether it has ended."""
        return self.process.poll() is not None

    def finish(self) -> subprocess.CompletedProcess[str]:
        """Its exit code and its words, once it has ended."""
        code = self.process.wait(PATIENCE_SECONDS)
        words = []
        for file in (self._out, self._err):
            file.seek(0)
            words.append(file.read())
            file.close()
        return subprocess.CompletedProcess(self.process.args, code, *words)


class Studio:
    """Every service of the product, kept alive; the simulator renders small clips in half a second."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stack = Stack(StackOptions(state=folder / "state", ports=ANY_PORTS, settings=_SETTINGS))

    def start(self) -> None:
        """Start everything."""
        self.stack.start()
        self.simulator = httpx.Client(base_url=f"{self.stack.url('simulator')}/__sim__/", trust_env=False)
        # The smallest that a clip may begin with: shots continue each other.
        config = simulation() | {"clips": {"width": 426, "height": 240, "seconds": 1.0}}
        self.simulator.post("config", json=config).raise_for_status()
        self.client = Client(self.stack.url("api"))
        self.engine: Engine = make_engine(self.stack.environment["REELQUEUE_DATABASE_URL"], application_name="tests")

    def stop(self) -> None:
        """Stop everything, and forget it."""
        for close in (self.simulator.close, self.client.close, self.engine.dispose):
            close()
        self.stack.stop()
        for server in ("postgres", "valkey"):
            remove_folder(self.folder / "state" / server)

    def environment(self, **more: str) -> dict[str, str]:
        """What a program on this machine is given to use the stack."""
        ours = ("REELQUEUE_", "ALIBABA_", "DASHSCOPE_")
        others = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return others | self.stack.environment | more

    def begin(self, *arguments: object, **environment: str) -> Command:
        """Start ``python -m`` with these arguments."""
        return Command(["-m", *map(str, arguments)], self.environment(**environment))

    def run(self, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run ``python -m`` with these arguments, and look after the stack meanwhile."""
        command = self.begin(*arguments, **environment)
        self.wait_for(lambda: command.has_ended, f"{arguments} has ended")
        return command.finish()

    def campaign(self, *arguments: object, **environment: str) -> str:
        """What ``reelqueue campaign`` writes; it must succeed."""
        done = self.run("reelqueue", "campaign", *arguments, **environment)
        assert done.returncode == 0, f"{arguments}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def kill(self, *services: str) -> None:
        """End services as a crash would; they are started again by the next look."""
        for service in services:
            self.stack.children[service].kill()

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until a condition holds, and start again who has ended meanwhile."""
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < give_up_at, f"not in {PATIENCE_SECONDS:g} s: {what}; {self.describe()}"
            self.stack.look_after()
            time.sleep(_LOOK_SECONDS)

    def describe(self) -> str:
        """What there is to see when something does not come."""
        with Session(self.engine) as session:
            job, attempt = RenderJob, Attempt
            alike = (job.state, attempt.state, job.next_poll_at < func.now(), job.next_archive_at < func.now())
            query = select(*alike, func.count()).outerjoin(attempt, attempt.job_id == job.id).group_by(*alike)
            rows = [f"{state}, attempt {last}: {count} (late: poll {poll}, fetch {fetch})"
                    for state, last, poll, fetch, count in session.execute(query)]  # fmt: skip
        return "\n".join([f"logs: {self.stack.folder.logs}", *rows])

    def wait_until_idle(self) -> None:
        """Wait until no job waits, and nothing that might be billed is under way."""
        self.wait_for(self.is_idle, "every job has ended")

    def is_idle(self) -> bool:
        """Whether no job waits, and nothing that might be billed is under way."""
        with suppress(httpx.TransportError):
            tasks = self.simulator.get("health").raise_for_status().json()["tasks"]
            with Session(self.engine) as session:
                open_jobs = select(RenderJob.id).where(RenderJob.state.not_in(TERMINAL)).limit(1)
                return not {"PENDING", "RUNNING"} & tasks.keys() and session.scalars(open_jobs).first() is None
        return False

    def bill(self) -> dict[str, Any]:
        """The simulator's ledger: charges by task id."""
        entries = self.simulator.get("ledger").raise_for_status().json()["entries"]
        return {entry["task_id"]: entry for entry in entries}

    def audit(self) -> list[dict[str, Any]]:
        """Every invariant that does not hold, as ``python -m workers audit --provider`` tells them."""
        told = self.run("workers", "audit", "--provider", "--json").stdout
        return [finding for line in told.splitlines() if not (finding := json.loads(line))["holds"]]
