"""What does a clip cost us? CPU, statements and transactions of the whole stack, and the same clips without any record.

``python -m bench.throughput [--clips 200] [--accounts 10] [--slots 20] [--top 0]`` starts the whole stack and the
simulator, hands one campaign in, and waits until the last video is in the archive. Each render takes 3 s and is asked
about each second, the slots of all accounts are the only limit.

* **CPU** is user and system time of each service with its children, from before the hand-in to the end. On a machine
  that does other work it says more than clips per second do; the simulator's own is beside it, and in no sum.
* **Statements and transactions** are Postgres's own counts. What only frames a transaction is no statement here; a
  ping of a pooled connection is an empty one, and counts as a transaction. ``--top 20`` prints the most frequent.
* **Lateness** of a poll is what lies between two questions about a task beyond its interval, by the simulator's log.
* **Memory** is PSS, which counts what processes share once.
* Beside it, the AI SDK's way: as many coroutines over one httpx client, which submit and poll the same clips, and store
  nothing. The last line is how many times their CPU the stack takes: the price of durability.

Exit code 1 if a clip did not succeed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import psutil
from sqlalchemy import Engine, Executable, text
from sqlalchemy.orm import Session

from embedded.stack.service_plan import ANY_PORTS
from embedded.stack.stack import ROOT, Stack, StackOptions
from embedded.stack.up import wait_until_whole
from models import Account, PollLane
from models.session import make_engine
from reelqueue import Client
from reelqueue.campaigns.options import CampaignOptions
from reelqueue.schemas.campaigns import Phase

MODEL: Final = "wan2.6-t2v"
NAME: Final = "throughput"
RENDER_SECONDS, POLL_SECONDS, TIME_SCALE = 3.0, 1.0, 20.0
LONGEST_SECONDS: Final = 1_800.0
_FRAME: Final = re.compile(r"^(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE)", re.IGNORECASE)

ENDS = text("SELECT count(*) FILTER (WHERE state = 'succeeded') FROM render_jobs")
STATEMENTS = text("SELECT query, calls FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid "
                  "WHERE d.datname = current_database() ORDER BY calls DESC")  # fmt: skip
TRANSACTIONS = text("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()")


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    clips: int
    accounts: int
    slots: int
    top: int


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--accounts", type=int, default=10)
    parser.add_argument("--slots", type=int, default=20, help="of each account")
    parser.add_argument("--top", type=int, default=0, help="print so many of the most frequent statements")
    parser.add_argument("--bare", metavar="URL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    size = Size(options.clips, options.accounts, options.slots, options.top)
    if options.bare:
        print(json.dumps(asyncio.run(bare(options.bare, size))))
        return 0
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), size) as stack:
        return 0 if measure(stack, size) else 1


@contextmanager
def running(folder: Path, size: Size) -> Iterator[Stack]:
    """The whole stack, with statements counted and as many accounts, each with a key of its own."""
    keys = {key_name(number): key(number) for number in range(size.accounts)}
    stack = Stack(StackOptions(state=folder / "state", ports=ANY_PORTS, time_scale=TIME_SCALE, settings=keys))
    stack.postgres.start()
    engine = make_engine(stack.postgres.url("postgres"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'"))
    engine.dispose()
    stack.postgres.stop()
    with stack:
        wait_until_whole(stack)
        configure(stack, size)
        add_accounts(stack, size)
        yield stack


def key_name(number: int) -> str:
    """The variable of an account's key; the first is the default account's."""
    return f"THROUGHPUT_KEY_{number}"


def key(number: int) -> str:
    return f"sk-throughput-{number}"


def configure(stack: Stack, size: Size) -> None:
    """Tiny files, one length of renders, and no limit but the slots."""
    seconds = RENDER_SECONDS * TIME_SCALE
    parts = {
        "clips": {"width": 64, "height": 36, "seconds": 1, "frames_per_second": 4},
        "limits": {"slots": size.slots, "queries_per_second": 10_000, "submits_per_second": 1_000},
        "run_times": {"minimum_seconds": seconds, "maximum_seconds": seconds, "tail_share": 0.0},
    }
    httpx.post(f"{stack.url('simulator')}/__sim__/config", json=parts, trust_env=False).raise_for_status()


def add_accounts(stack: Stack, size: Size) -> None:
    """The accounts that render; the default one, which the workers make, renders nothing."""
    with database(stack) as engine, Session(engine) as session, session.begin():
        session.execute(text("CREATE EXTENSION pg_stat_statements"))
        session.execute(text("UPDATE accounts SET models = '[]'"))
        for number in range(size.accounts):
            account = Account(
                name=f"account-{number}",
                base_url=stack.url("simulator"),
                region="ap-southeast-1",
                key_env=key_name(number),
                slot_limits={MODEL: size.slots},
            )
            session.add(account)
            session.flush()
            session.add(PollLane(account_id=account.id, seq=0))


@contextmanager
def database(stack: Stack) -> Iterator[Engine]:
    """The stack's database."""
    engine = make_engine(stack.environment["REELQUEUE_DATABASE_URL"], application_name="bench")
    yield engine
    engine.dispose()


def measure(stack: Stack, size: Size) -> bool:
    """Render the clips both ways and print the table; whether all of them succeeded."""
    print(f"{size.clips} clips, {size.accounts} accounts x {size.slots} slots, {RENDER_SECONDS:g} s renders, "
          f"polled each {POLL_SECONDS:g} s; load {os.getloadavg()[0]:.1f}")  # fmt: skip
    with database(stack) as engine:
        ask(engine, text("SELECT 1 FROM pg_stat_statements_reset()"))
        transactions, used, began = ask(engine, TRANSACTIONS)[0][0], cpu_by_service(stack), time.monotonic()
        render(stack, size)
        seconds = time.monotonic() - began
        cpu = {name: at - used.get(name, 0.0) for name, at in cpu_by_service(stack).items()}
        transactions = ask(engine, TRANSACTIONS)[0][0] - transactions
        succeeded = ask(engine, ENDS)[0][0]
        statements = [(str(query), int(calls)) for query, calls in ask(engine, STATEMENTS)]
    lateness = sorted(late_seconds(stack))
    ours = sum(used for name, used in cpu.items() if name != "simulator")
    tell_cpu(cpu, ours, seconds, size, succeeded)
    tell_database(statements, transactions, size)
    polls = len(lateness)
    half, nearly_all = (lateness[int(polls * share)] for share in (0.5, 0.95))
    print(f"polls: {polls} = {polls / size.clips:.1f} a clip, late by {half:.2f} s (p50), {nearly_all:.2f} s (p95); "
          f"poll worker {cpu['poll'] / polls * 1000:.1f} CPU-s per 1,000")  # fmt: skip
    print(f"memory: {memory_bytes(stack) / 1e6:.0f} MB (PSS) without the simulator")
    theirs = run_bare(stack, size)
    print(f"AI SDK's way: {theirs['cpu']:.2f} CPU-s, {theirs['seconds']:.1f} s, nothing stored or downloaded; "
          f"ours takes {ours / theirs['cpu']:.0f} x its CPU")  # fmt: skip
    return bool(succeeded == size.clips)


def tell_cpu(cpu: Mapping[str, float], ours: float, seconds: float, size: Size, succeeded: int) -> None:
    print(f"{succeeded} succeeded in {seconds:.1f} s: {succeeded / seconds:.1f} clips/s")
    print(
        f"CPU: {ours:.1f} s = {ours / size.clips * 1000:.0f} ms a clip, without the simulator's {cpu['simulator']:.1f}"
    )
    for name, used in sorted(cpu.items(), key=lambda one: -one[1]):
        if name != "simulator" and used >= 0.05:
            print(f"    {name:10} {used:7.1f} s")


def tell_database(statements: list[tuple[str, int]], transactions: int, size: Size) -> None:
    own = [(query, calls) for query, calls in statements if not _FRAME.match(query)]
    total = sum(calls for _, calls in own)
    print(f"database: {total / size.clips:.1f} statements and {transactions / size.clips:.1f} transactions a clip")
    for query, calls in own[: size.top]:
        print(f"    {calls / size.clips:6.2f}  {' '.join(query.split())[:150]}")


def ask(engine: Engine, question: Executable) -> list[Any]:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        return list(connection.execute(question))


def render(stack: Stack, size: Size) -> None:
    """Hand the clips in and wait for the last video."""
    lines = [
        json.dumps(
            clip(number) | {"custom_id": f"clip-{number}", "poll_interval_ms": int(POLL_SECONDS * 1000)}
        ).encode()
        for number in range(size.clips)
    ]
    give_up_at = time.monotonic() + LONGEST_SECONDS
    with Client(stack.url("api")) as client:
        client.campaigns.put(CampaignOptions(name=NAME))
        for start in range(0, len(lines), 1_000):
            client.campaigns.submit_clips(NAME, lines[start : start + 1_000])
        while client.campaigns.get(NAME).phase is not Phase.FINISHED:
            if time.monotonic() > give_up_at:
                raise SystemExit(f"not finished after {LONGEST_SECONDS:g} s; logs: {stack.folder.logs}")
            for ending in stack.look_after():
                print(ending)
            time.sleep(1)


def clip(number: int) -> dict[str, Any]:
    return {"model": MODEL, "prompt": f"a lighthouse, take {number}", "duration": 5, "resolution": "1280x720"}


def cpu_by_service(stack: Stack) -> dict[str, float]:
    """Seconds of user and system time so far, of each service and the children that it has or has had."""
    found: dict[str, float] = {}
    for name, child in stack.children.items():
        if child.pid is not None and psutil.pid_exists(child.pid):
            process = psutil.Process(child.pid)
            found[name] = sum(sum(one.cpu_times()[:4]) for one in [process, *process.children(recursive=True)])
    return found


def memory_bytes(stack: Stack) -> int:
    """PSS of every service but the simulator."""
    parents = [
        psutil.Process(child.pid)
        for name, child in stack.children.items()
        if name != "simulator" and child.pid is not None and psutil.pid_exists(child.pid)
    ]
    return sum(one.memory_full_info().pss for parent in parents for one in [parent, *parent.children(recursive=True)])


def late_seconds(stack: Stack) -> Iterator[float]:
    """How much later than its interval each question about a task came after the one before, or after its submit."""
    url = f"{stack.url('simulator')}/__sim__/log"
    last: dict[str, int] = {}
    for one in httpx.get(url, params={"limit": 1_000_000}, trust_env=False, timeout=60).json()["requests"]:
        if one["operation"] == "query" and one["task_id"] in last:
            yield max((one["at_ms"] - last[one["task_id"]]) / 1000 - POLL_SECONDS, 0.0)
        if one["operation"] in {"submit", "query"} and one["task_id"]:
            last[one["task_id"]] = one["at_ms"]


def run_bare(stack: Stack, size: Size) -> dict[str, float]:
    """The same clips without a record, in a process of their own."""
    sizes = ["--clips", str(size.clips), "--accounts", str(size.accounts)]
    program = [sys.executable, "-m", "bench.throughput", "--bare", stack.url("simulator"), *sizes]
    ended = subprocess.run(program, check=True, cwd=ROOT, text=True, stdout=subprocess.PIPE, timeout=LONGEST_SECONDS)
    found: dict[str, float] = json.loads(ended.stdout)
    return found


async def bare(url: str, size: Size) -> dict[str, float]:
    """Submit and poll every clip at once, each by a coroutine; seconds by the wall, and of CPU without the imports."""
    used, began = cpu_seconds(), time.monotonic()
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(base_url=url, trust_env=False, limits=limits, timeout=60) as http:
        await asyncio.gather(*(_render_bare(http, number, size) for number in range(size.clips)))
    return {"cpu": cpu_seconds() - used, "seconds": time.monotonic() - began}


async def _render_bare(http: httpx.AsyncClient, number: int, size: Size) -> None:
    headers = {"Authorization": f"Bearer {key(number % size.accounts)}"}
    body = {
        "model": MODEL,
        "input": {"prompt": clip(number)["prompt"]},
        "parameters": {"size": "1280*720", "duration": 5},
    }
    path = "/api/v1/services/aigc/video-generation/video-synthesis"
    accepted = await http.post(path, json=body, headers=headers | {"X-DashScope-Async": "enable"})
    task_id = accepted.raise_for_status().json()["output"]["task_id"]
    status = "PENDING"
    while status in {"PENDING", "RUNNING"}:
        await asyncio.sleep(POLL_SECONDS)
        answer = await http.get(f"/api/v1/tasks/{task_id}", headers=headers)
        status = answer.raise_for_status().json()["output"]["task_status"]


def cpu_seconds() -> float:
    """Of this process, user and system."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    sys.exit(main())
