"""How much longer than its slots need does a campaign take? And the same clips by threads over the official SDK.

``python bench/makespan.py [--clips 500] [--scale 100] [--no-sdk] [--virtual]`` starts the whole stack and the
simulator, hands a campaign in and waits for the last video on disk.

* Render times are drawn once (60 to 300 s, one in fifty up to 720 s) and stand in the prompts, so both render the
  same clips.
* **Ideal** is what a queue without any delay would need: the run times that the simulator has recorded, in the order
  of their submits, each on the first of five slots that is free.
* **Makespan** runs from the first submit that the simulator accepted to its last task's end; *to disk* runs from
  before the file is handed in until the last video is in the archive.
* The time scale divides render times. Our own delays are not scaled: a commit, a message or a submit takes as long as
  ever, so at a scale of 100 each 10 ms of ours counts as 1 s. What is scaled is the shortest delay between two polls
  (`POLL_FINEST_SECONDS`), everything else that polling goes by is measured from the clips; the pace of
  queries stays at 18 a second of real time, a hundredth of what the provider allows here.
* The SDK's threads render the same clips at the same scale, and their pauses are divided by it.

``--virtual`` renders the clips without a time scale: the same steps, one after the other, over a virtual clock, each
call to the provider at 0.2 s. It shows what dispatch and polling cost in earnest, where our own delays are a
hundredth of what the scale makes of them here; no load of the machine gets into it.

Exit code 1 if the makespan is above 1.02 x ideal, or a clip was asked about more than 8 times on average.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import json
import logging
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from embedded.processes.server_folders import remove_folder
from embedded.rehearsal.clip_selection import read_script
from embedded.rehearsal.environment import open_stage
from embedded.rehearsal.simulate import Simulation
from embedded.rehearsal.virtual_clock import StageClock
from embedded.stack.service_plan import ANY_PORTS
from embedded.stack.stack import ROOT, SIMULATOR_KEY, Stack, StackOptions
from embedded.stack.up import wait_until_whole
from models.session import make_engine
from reelqueue import Client
from reelqueue.campaigns.options import CampaignOptions
from reelqueue.schemas.campaigns import Phase
from workers.timings import TEST_TIMINGS

MODEL = "wan2.6-t2v"
SLOTS = 5
LOOK_AHEAD = 2
RATIO_MAX = 1.02
POLLS_MAX = 8
FINEST_SECONDS = 5.0
LONGEST_SECONDS = 600.0

SEEN = text("SELECT detail->>'provider_task_id', at FROM job_events WHERE kind = 'provider_status' "
            "AND detail->>'to' = 'SUCCEEDED' ORDER BY at")  # fmt: skip
MOVED = text("SELECT at FROM job_events WHERE to_state = :state ORDER BY at")
TASKS = text("SELECT id, submitted_at, started_at, ended_at FROM provider_tasks ORDER BY id")
ENDS = text("SELECT count(*), avg(poll_count), max(poll_count), max(finished_at) FROM render_jobs "
            "WHERE state IN ('succeeded', 'timed_out')")  # fmt: skip


@dataclass(frozen=True)
class Task:
    """One task as the simulator has recorded it; milliseconds."""

    task_id: str
    submitted_ms: int
    started_ms: int
    ended_ms: int


@dataclass(frozen=True)
class Run:
    """The tasks of one way to render the clips, in the order of their submits."""

    tasks: Sequence[Task]

    @property
    def makespan_ms(self) -> int:
        """From the first submit to the last end."""
        return max(task.ended_ms for task in self.tasks) - self.tasks[0].submitted_ms

    @property
    def ideal_ms(self) -> int:
        """The same run times, each on the first slot that is free."""
        free_at = [0] * SLOTS
        for task in self.tasks:
            heapq.heapreplace(free_at, free_at[0] + task.ended_ms - task.started_ms)
        return max(free_at)

    @property
    def ratio(self) -> float:
        """Makespan against ideal."""
        return self.makespan_ms / self.ideal_ms


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=500)
    parser.add_argument("--scale", type=float, default=100)
    parser.add_argument("--sdk", action=argparse.BooleanOptionalAction, default=True, help="the SDK's threads too")
    parser.add_argument("--virtual", action="store_true", help="on virtual time instead: the same on any machine")
    options = parser.parse_args()
    if options.virtual:
        return 0 if on_virtual_time(make_prompts(options.clips)) else 1
    print(f"load {os.getloadavg()[0]:.1f}", flush=True)
    prompts = make_prompts(options.clips)
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(stack_options(Path(folder), options.scale))
        with stack:
            wait_until_whole(stack)
            prepare(stack)
            is_good = ours(stack, prompts, options.scale)
            if options.sdk:
                theirs(stack, prompts, options.scale)
    print(f"load {os.getloadavg()[0]:.1f}")
    return 0 if is_good else 1


def make_prompts(count: int) -> list[str]:
    """A prompt for each clip, with the seconds that it renders."""
    dice = random.Random(11)  # noqa: S311 - the same clips each time
    seconds = (dice.uniform(300, 720) if dice.random() < 1 / 50 else dice.uniform(60, 300) for _ in range(count))
    return [f"a lighthouse, take {number} [[run={run:.1f}]]" for number, run in enumerate(seconds)]


def stack_options(folder: Path, scale: float) -> StackOptions:
    """The stack as it is, but for the shortest delay between polls."""
    finest = {TEST_TIMINGS: json.dumps({"POLL_FINEST_SECONDS": FINEST_SECONDS / scale})}
    return StackOptions(state=folder / "state", ports=ANY_PORTS, time_scale=scale, settings=finest)


def prepare(stack: Stack) -> None:
    """Small files, and limits per simulated second: what is measured is how slots are kept busy."""
    tiny = {"width": 64, "height": 36, "seconds": 1, "frames_per_second": 4}
    configure(stack, clips=tiny, limits={"queries_per_second": 10_000, "submits_per_second": 1_000})


def configure(stack: Stack, **parts: object) -> None:
    """Change a part of the simulator."""
    httpx.post(f"{stack.url('simulator')}/__sim__/config", json=parts, trust_env=False).raise_for_status()


def ours(stack: Stack, prompts: Sequence[str], scale: float) -> bool:
    """Render the clips as a campaign; whether it was fast enough."""
    began_at = time.time()
    with Client(stack.url("api")) as client:
        client.campaigns.put(CampaignOptions(name="makespan"))
        for start in range(0, len(prompts), 1_000):
            client.campaigns.submit_clips(
                "makespan", [line(start + at, one) for at, one in enumerate(prompts[start:][:1000])]
            )
        wait(client, stack)
    run = Run(read_tasks(stack, SIMULATOR_KEY))
    engine = make_engine(stack.environment["REELQUEUE_DATABASE_URL"])
    with Session(engine) as session:
        count, polls, polls_max, finished_at = session.execute(ENDS).one()
        print(f"reelqueue: {count} clips, {scale:g} x: makespan {hours(run.makespan_ms, scale)}, "
              f"ideal {hours(run.ideal_ms, scale)}, ratio {run.ratio:.4f}")  # fmt: skip
        to_disk_ms = (finished_at.timestamp() - began_at) * 1000
        print(f"  to disk {hours(to_disk_ms, scale)}, ratio {to_disk_ms / run.ideal_ms:.4f}")
        print(f"  polls per clip {polls:.1f}, at most {polls_max}")
        for step, delays in delays_of(session, run).items():
            half, nearly_all = (delays[int(len(delays) * share)] * scale for share in (0.5, 0.9))
            print(f"  {step}: half within {half:.0f} s, nine in ten within {nearly_all:.0f} s")
    engine.dispose()
    return count == len(prompts) and run.ratio <= RATIO_MAX and polls <= POLLS_MAX


def on_virtual_time(prompts: Sequence[str]) -> bool:
    """Render the clips as a campaign on virtual time, with the settings of production; whether it was fast enough."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [json.loads(line(number, prompt)) for number, prompt in enumerate(prompts)]
        file = folder / "makespan.jsonl"
        file.write_text("\n".join(map(json.dumps, rows)))
        script = read_script(file, region="ap-southeast-1", encoding=None, clips_max=len(prompts))
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        clock = StageClock(datetime.now(UTC))
        try:
            with open_stage(
                folder, clock, region="ap-southeast-1", has_chains=False, finest_seconds=FINEST_SECONDS
            ) as stage:
                Simulation(stage, script, LONGEST_SECONDS).run()
                with stage.context.sessions() as session:
                    return tell_virtual(session, len(prompts))
        finally:
            remove_folder(folder / "postgres")


def tell_virtual(session: Session, wanted_count: int) -> bool:
    """Print how the clips on virtual time went; whether it was fast enough."""
    times = ((at.timestamp() * 1000 for at in row[1:]) for row in session.execute(TASKS))
    run = Run([Task("", *map(round, moments)) for moments in times])
    count, polls, polls_max, _ = session.execute(ENDS).one()
    print(f"virtual time: {count} clips: makespan {hours(run.makespan_ms, 1)}, ideal {hours(run.ideal_ms, 1)}, "
          f"ratio {run.ratio:.4f}; polls per clip {polls:.1f}, at most {polls_max}")  # fmt: skip
    return len(run.tasks) == wanted_count and run.ratio <= RATIO_MAX and polls <= POLLS_MAX


def delays_of(session: Session, run: Run) -> dict[str, list[float]]:
    """What passes between a task's end and the submit that takes its place, step by step, in seconds of ours."""
    seen = list(session.execute(SEEN))
    ended_at = {task.task_id: task.ended_ms / 1000 for task in run.tasks}
    admitted, submitted = (list(session.scalars(MOVED, {"state": state})) for state in ("admitted", "rendering"))
    # The n-th slot that is given back is leased by the n-th admission after the first ones.
    first = SLOTS + LOOK_AHEAD
    return {
        "end to seen": sorted(at.timestamp() - ended_at[task_id] for task_id, at in seen),
        "seen to admitted": _apart([at for _, at in seen], admitted[first:]),
        "admitted to submitted": _apart(admitted, submitted),
    }


def _apart(earlier: Sequence[datetime], later: Sequence[datetime]) -> list[float]:
    return sorted((after - before).total_seconds() for before, after in zip(earlier, later, strict=False))


def line(number: int, prompt: str) -> bytes:
    """A clip as a campaign file has it, without an interval of its own."""
    clip = {"model": MODEL, "prompt": prompt, "custom_id": f"clip-{number}", "duration": 5, "resolution": "1280x720"}
    return json.dumps(clip).encode()


def wait(client: Client, stack: Stack) -> None:
    """Until the last video is there."""
    give_up_at = time.monotonic() + LONGEST_SECONDS
    while client.campaigns.get("makespan").phase is not Phase.FINISHED:
        if time.monotonic() > give_up_at:
            raise SystemExit(f"not finished after {LONGEST_SECONDS:g} s; logs: {stack.folder.logs}")
        for ending in stack.look_after():
            print(ending)
        time.sleep(1)


def theirs(stack: Stack, prompts: Sequence[str], scale: float) -> None:
    """Render the clips by threads over the SDK, in a process of its own: it reads its host at import."""
    environment = os.environ | {
        "DASHSCOPE_HTTP_BASE_URL": f"{stack.url('simulator')}/api/v1",
        "DASHSCOPE_API_KEY": "sk-sdk-pool",
        "NO_PROXY": "127.0.0.1",
    }
    program = [sys.executable, str(ROOT / "bench/sdk_pool.py"), "--threads", str(SLOTS), "--scale", str(scale)]
    queries = query_count(stack)
    ended = subprocess.run(
        [*program, "--model", MODEL], input="\n".join(prompts), text=True, env=environment, check=True,
        stdout=subprocess.PIPE, timeout=LONGEST_SECONDS,
    )  # fmt: skip
    run = Run(read_tasks(stack, "sk-sdk-pool"))
    print(f"SDK, {SLOTS} threads: {int(ended.stdout)} clips, {scale:g} x: makespan {hours(run.makespan_ms, scale)}, "
          f"ideal {hours(run.ideal_ms, scale)}, ratio {run.ratio:.4f}")  # fmt: skip
    print(f"  polls per clip {(query_count(stack) - queries) / len(prompts):.1f}; nothing is archived")


def query_count(stack: Stack) -> int:
    """Questions that the simulator was asked so far."""
    counts = httpx.get(f"{stack.url('simulator')}/__sim__/log?limit=1", trust_env=False).json()["counts"]
    return int(counts.get("query", 0))


def read_tasks(stack: Stack, key: str) -> list[Task]:
    """What the simulator lists of a key's tasks, in the order of their submits."""
    found: list[Task] = []
    with httpx.Client(
        base_url=stack.url("simulator"), headers={"Authorization": f"Bearer {key}"}, trust_env=False
    ) as provider:
        for page in itertools.count(1):
            rows = provider.get("/api/v1/tasks", params={"page_no": page, "page_size": 100}).json()["data"]
            found += [Task(row["task_id"], row["gmt_create"], row["start_time"], row["end_time"]) for row in rows]
            if not rows:
                return found[::-1]
    return found


def hours(milliseconds: float, scale: float) -> str:
    """A measured time as the provider would take it."""
    return f"{milliseconds * scale / 3_600_000:.2f} h"


if __name__ == "__main__":
    sys.exit(main())
