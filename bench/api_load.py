"""What one tenant's load costs the others: listeners, slow readers, contact sheets, brackets and half requests.

``python -m bench.api_load [--clips 16000] [--seconds 15] [--only sheets]`` starts Postgres, Valkey and one API process
with keys, gives tenant A a campaign, and prints for each load how long tenant B, ``/readyz`` and ``/healthz`` waited
meanwhile, also as a multiple of the median wait without load, what A was answered, and the processor time and memory
of the process. On a machine with other work the multiples and the processor time are what can be compared. Nothing is
rendered.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
from alembic import command
from alembic.config import Config
from sqlalchemy.orm import Session

from embedded.processes.child_process import ChildProcess, Command
from embedded.processes.ports import PortClaims, loopback_host, loopback_url
from embedded.servers.postgres import PostgresServer
from embedded.servers.valkey import ValkeyServer
from models import ApiKey
from models.session import make_engine
from models.tenant import ensure_tenant

ROOT = Path(__file__).parents[1]
NAME, BATCH = "autumn", 2_000
A, B = ({"Authorization": f"Bearer rq_{name}"} for name in "ab")
NDJSON = {"Content-Type": "application/x-ndjson"}
PROBES = {
    "healthz": ("/healthz", {}),
    "readyz": ("/readyz", {}),
    "B lists": ("/v1/jobs", B),
    "B campaigns": ("/v1/campaigns", B),
}
WAIT_SECONDS = 90.0

Answers = Counter[str]


@dataclass
class Api:
    """A running API process."""

    url: str
    port: int
    pid: int

    @property
    def memory_mb(self) -> int:
        return psutil.Process(self.pid).memory_info().rss // 1024**2

    @property
    def cpu_seconds(self) -> float:
        """Processor time of the process so far."""
        times = psutil.Process(self.pid).cpu_times()
        return times.user + times.system

    def client(self) -> httpx.AsyncClient:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        # Not verified, as there is no TLS: making a context would hold up the bench itself.
        return httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=WAIT_SECONDS, limits=limits, verify=False)  # noqa: S501

    @asynccontextmanager
    async def unread(self, path: str) -> AsyncIterator[None]:
        """A request of A's whose answer is never read beyond its first bytes."""
        reader, writer = await asyncio.open_connection(loopback_host(), self.port, limit=1024)
        host = self.url.removeprefix("http://")
        head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {A['Authorization']}\r\n\r\n"
        writer.write(head.encode())
        await reader.read(1)
        try:
            yield
        finally:
            writer.close()


@contextmanager
def serving(folder: Path) -> Iterator[Api]:
    """Postgres, Valkey and the API."""
    postgres, valkey = PostgresServer(folder / "postgres", is_durable=False), ValkeyServer(folder / "valkey")
    postgres.start()
    valkey.start()
    claims = PortClaims()
    port = claims.claim_free()
    try:
        postgres.create_database()
        config = Config(ROOT / "alembic.ini")
        config.attributes["database_url"] = postgres.url()
        command.upgrade(config, "head")
        _make_keys(postgres.url())
        environment = os.environ | {
            "REELQUEUE_DATABASE_URL": postgres.url(),
            "REELQUEUE_BROKER_URL": valkey.broker_url,
            "REELQUEUE_ARCHIVE_URL": (folder / "archive").as_uri(),
            "REELQUEUE_API_REQUIRE_KEY": "true",
        }
        arguments = [sys.executable, "-m", "api", "--host", loopback_host(), "--port", str(port)]
        run = Command(name="api", arguments=arguments, environment=environment, folder=ROOT)
        child = ChildProcess(run, logs=folder, pids=folder)
        child.start()
        url = loopback_url(port)
        child.wait_until(lambda: _answers(url), WAIT_SECONDS)
        yield Api(url, port, child.pid or 0)
        child.stop()
    finally:
        claims.release()
        valkey.stop()
        postgres.stop()


def _make_keys(url: str) -> None:
    engine = make_engine(url)
    with Session(engine) as session, session.begin():
        for name in "ab":
            digest = hashlib.sha256(f"rq_{name}".encode()).hexdigest()
            session.add(ApiKey(name=name, tenant_id=ensure_tenant(session, name), sha256=digest))
    engine.dispose()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", trust_env=False).is_success
    except httpx.TransportError:
        return False


async def fill(api: Api, clips: int) -> None:
    """Give A a campaign."""
    async with api.client() as client:
        (await client.put(f"/v1/campaigns/{NAME}", json={}, headers=A)).raise_for_status()
        for first in range(0, clips, BATCH):
            lines = (
                json.dumps({"custom_id": str(number), "model": "wan2.6-t2v", "prompt": f"a boat {number} " + "x" * 300})
                for number in range(first, min(first + BATCH, clips))
            )
            path = f"/v1/campaigns/{NAME}/clips"
            (await client.post(path, content="\n".join(lines), headers=A | NDJSON)).raise_for_status()


async def probe(api: Api, stop: asyncio.Event) -> dict[str, list[float]]:
    """How long the others wait, one call after another; a refusal counts as the longest wait."""
    waits: dict[str, list[float]] = {name: [] for name in PROBES}

    async def ask(name: str) -> None:
        path, headers = PROBES[name]
        async with api.client() as client:
            while not stop.is_set():
                began = time.perf_counter()
                try:
                    good = (await client.get(path, headers=headers)).is_success
                except httpx.TransportError:
                    good = False
                waits[name].append(time.perf_counter() - began if good else WAIT_SECONDS)
                await asyncio.sleep(0.05)

    await asyncio.gather(*(ask(name) for name in PROBES))
    return waits


async def measure(
    api: Api, title: str, load: Callable[[], Awaitable[Answers]], idle: dict[str, float]
) -> dict[str, float]:
    """Print what a load costs the others; their median waits, to which *idle* has those without load."""
    stop = asyncio.Event()
    watching = asyncio.create_task(probe(api, stop))
    began, cpu_before = time.perf_counter(), api.cpu_seconds
    answers = await load()
    took, cpu = time.perf_counter() - began, api.cpu_seconds - cpu_before
    stop.set()
    waits = await watching
    medians = {name: statistics.median(found) for name, found in waits.items()}
    told = ", ".join(f"{count} x {answer}" for answer, count in sorted(answers.items()))
    print(f"{title}: {took:.1f} s, {cpu:.1f} s of processor, {api.memory_mb} MB; A was answered: {told}")
    for name, found in waits.items():
        least = idle.get(name, medians[name])
        print(
            f"  {name:12} {len(found):5} calls; longest {max(found):6.2f} s (x {max(found) / least:6.1f}), "
            f"median {medians[name]:6.3f} s (x {medians[name] / least:5.1f})",
            flush=True,
        )
    return medians


async def at_once(api: Api, count: int, call: Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]) -> Answers:
    async def one(client: httpx.AsyncClient) -> str:
        try:
            return str((await call(client)).status_code)
        except httpx.TransportError as error:
            return type(error).__name__

    async with api.client() as client:
        return Counter(await asyncio.gather(*(one(client) for _ in range(count))))


async def unread(api: Api, path: str, count: int, seconds: float) -> Answers:
    async def one() -> str:
        async with api.unread(path):
            await asyncio.sleep(seconds)
        return "unread"

    return Counter(await asyncio.gather(*(one() for _ in range(count))))


async def half_requests(api: Api, count: int, seconds: float) -> Answers:
    """Connections that send half a head; how many the API has closed at the end."""
    opened = [await asyncio.open_connection(loopback_host(), api.port) for _ in range(count)]
    for _, writer in opened:
        writer.write(b"GET / HTTP/1.1\r\n")
    await asyncio.sleep(seconds)
    closed = sum(reader.at_eof() for reader, _ in opened)
    for _, writer in opened:
        writer.close()
    return Counter({"closed": closed, "open": count - closed})


async def run(api: Api, clips: int, seconds: float, only: str) -> None:
    await fill(api, clips)
    brackets = b'{"metadata": {"a": [' + b"[]," * 5_000_000 + b"[]]}}"
    json_type = A | {"Content-Type": "application/json"}
    page = f"/v1/campaigns/{NAME}"

    async def nothing() -> Answers:
        await asyncio.sleep(seconds)
        return Counter({"nothing": 0})

    async def together() -> Answers:
        parts = [loads[title]() for title in ("200 listeners", "45 slow readers of results", "45 contact sheets (pdf)")]
        return sum(await asyncio.gather(*parts), Answers())

    loads: dict[str, Callable[[], Awaitable[Answers]]] = {
        "200 listeners": lambda: unread(api, f"{page}/events", 200, seconds),
        "300 listeners": lambda: at_most(api, f"{page}/events", 300, seconds),
        "45 slow readers of results": lambda: unread(api, f"{page}/results.jsonl", 45, seconds),
        "45 slow readers of contents": lambda: unread(api, f"{page}/contents", 45, seconds),
        "45 contact sheets (pdf)": lambda: at_once(api, 45, lambda client: client.get(f"{page}/sheet.pdf", headers=A)),
        "listeners, readers and sheets together": together,
        "3 bodies of 15 MB of brackets": lambda: at_once(
            api, 3, lambda client: client.post("/v1/preview", content=brackets, headers=json_type)
        ),
        "20 million lines of 60 MB": lambda: at_once(
            api, 1, lambda client: client.post(f"{page}/clips", content=b"ab\n" * 20_000_000, headers=A | NDJSON)
        ),
        "400 half requests": lambda: half_requests(api, 400, max(seconds, 12.0)),
    }
    idle = await measure(api, "no load", nothing, {})
    for title, load in loads.items():
        if only in title:
            await measure(api, title, load, idle)


async def at_most(api: Api, path: str, count: int, seconds: float) -> Answers:
    """Streams at once; those above the quota are refused."""

    async def one(client: httpx.AsyncClient) -> str:
        async with client.stream("GET", path, headers=A) as answer:
            if answer.is_success:
                await asyncio.sleep(seconds)
            return str(answer.status_code)

    async with api.client() as client:
        return Counter(await asyncio.gather(*(one(client) for _ in range(count))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=16_000)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--only", default="", help="loads whose title has this")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as api:
        asyncio.run(run(api, options.clips, options.seconds, options.only))


if __name__ == "__main__":
    main()
