"""What jobs cost that are submitted one by one, beside up to a thousand in one call.

``python -m bench.submits [--jobs 20000] [--singles 1000]`` starts Postgres, Valkey and one API process, and prints for
each way jobs per second, and the CPU of API and Postgres per 1,000 jobs. On a machine with other work the CPU and the
last line, a ratio, are what can be compared. The bodies are made before the time is taken, and reading the answers is
not in the CPU. Nothing is rendered.

Exit code 1 if two cores cannot store 3,000 jobs a second in batches, by the CPU that they take.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

import httpx
import psutil

from bench.api_load import WAIT_SECONDS, A, serving
from reelqueue.schemas.jobs import JOBS_MAX

GOAL_CPU_SECONDS: Final = 2 / 3
"""Per 1,000 jobs: 3,000 a second on two cores."""
HEADERS: Final = A | {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Way:
    """A way to hand jobs in."""

    title: str
    path: str
    bodies: Sequence[bytes]
    jobs: int
    at_once: int

    @property
    def has_keys(self) -> bool:
        """Whether each call has the key of its one job."""
        return self.path == "/v1/jobs"


def request(number: int) -> dict[str, object]:
    return {
        "model": "wan2.6-t2v",
        "prompt": f"a paper boat on a lake at dawn, take {number}, " + "slow and wide " * 15,
        "duration": 5,
        "custom_id": f"shot-{number}",
        "metadata": {"order": number},
    }


def ways(jobs: int, singles: int) -> list[Way]:
    alone = [json.dumps(request(number)).encode() for number in range(singles)]
    many = [
        json.dumps(
            {"jobs": [{"request": request(number), "idempotency_key": uuid4().hex} for number in range(JOBS_MAX)]}
        ).encode()
        for _ in range(jobs // JOBS_MAX)
    ]
    half = len(many) // 2
    return [
        Way("single, one at a time", "/v1/jobs", alone, singles, 1),
        Way("single, 8 at a time", "/v1/jobs", alone, singles, 8),
        Way("batches, one at a time", "/v1/jobs/batch", many[:half], half * JOBS_MAX, 1),
        Way("batches, 2 at a time", "/v1/jobs/batch", many[half:], (len(many) - half) * JOBS_MAX, 2),
    ]


def run(url: str, way: Way) -> float:
    """Hand the jobs in; the seconds that it took."""

    def post(body: bytes) -> None:
        headers = HEADERS | ({"Idempotency-Key": uuid4().hex} if way.has_keys else {})
        client.post(way.path, content=body, headers=headers).raise_for_status()

    with (
        httpx.Client(base_url=url, trust_env=False, timeout=WAIT_SECONDS) as client,
        ThreadPoolExecutor(way.at_once) as threads,
    ):
        began = time.monotonic()
        list(threads.map(post, way.bodies))
        return time.monotonic() - began


def cpu_by_kind() -> dict[str, float]:
    """Seconds of the services that were started here: the API, Postgres and its backends."""
    found = {"api": 0.0, "postgres": 0.0}
    for child in psutil.Process().children(recursive=True):
        kind = "postgres" if child.name().startswith("postgres") else "api"
        found[kind] += sum(child.cpu_times()[:4])
    return found


def measure(url: str, way: Way) -> float:
    """Print what a way costs; its CPU seconds per 1,000 jobs."""
    before = cpu_by_kind()
    seconds = run(url, way)
    used = {kind: (at - before[kind]) / way.jobs * 1000 for kind, at in cpu_by_kind().items()}
    total = sum(used.values())
    print(
        f"{way.title:24} {way.jobs / seconds:7.0f} jobs/s; CPU-s per 1,000: {total:6.3f} "
        f"(API {used['api']:.3f}, Postgres {used['postgres']:.3f})",
        flush=True,
    )
    return total


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=20_000, help="in batches")
    parser.add_argument("--singles", type=int, default=1_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as api:
        costs = [measure(api.url, way) for way in ways(options.jobs, options.singles)]
    alone, many = min(costs[:2]), min(costs[2:])
    print(f"a batch takes 1/{alone / many:.1f} of the CPU; goal {GOAL_CPU_SECONDS:.2f} CPU-s per 1,000")
    return 0 if many <= GOAL_CPU_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
