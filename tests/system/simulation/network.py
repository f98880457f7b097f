"""The wire between the workers and the simulator: requests travel, arrive and are answered.

A request that has left arrives, also if the worker that sent it is killed or gives up meanwhile; that is what
makes a lost answer ambiguous. Arrivals happen in the order of virtual time, in the scheduler's thread.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Final
from uuid import UUID

import httpx
from starlette.types import ASGIApp

from embedded.rehearsal.virtual_event_loop import InstantLoop
from simulator.http.delivery import ConnectionDroppedError
from tests.system.simulation.stage import Stage, StuckError

NEVER_SECONDS: Final = 3600.0
"""An answer that takes longer than any limit of ours."""
_CHUNK_BYTES: Final = 400


@dataclass(frozen=True)
class Answer:
    """What came back, how long the provider took for it, and whether the connection broke."""

    status: int = 0
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    delay_seconds: float = 0.0
    is_dropped: bool = False


@dataclass
class Flight:
    """One request on its way."""

    request: httpx.Request
    sender: UUID | None
    """The job that it is for, where its worker knows one."""
    arrives_at: datetime
    answer: Answer | None = None

    @property
    def operation(self) -> str:
        """``submit``, ``query``, ``list``, ``cancel`` or ``result``."""
        path = self.request.url.path
        if path.startswith("/result/"):
            return "result"
        if self.request.method == "POST":
            return "cancel" if path.endswith("/cancel") else "submit"
        return "list" if path.endswith("/tasks") else "query"


class Backend:
    """The simulator's app, called without a socket; shared by all seeds, as loops are dear."""

    def __init__(self) -> None:
        self._instant = asyncio.Runner(loop_factory=InstantLoop)
        # Files are read by threads, whose work an instant loop cannot tell from nothing to do.
        self._real = asyncio.Runner()

    def ask(self, app: ASGIApp, flight: Flight) -> Answer:
        """The app's answer to a request."""
        runner = self._real if flight.operation == "result" else self._instant
        return runner.run(_ask(app, flight.request))

    def close(self) -> None:
        """Close the loops."""
        self._instant.close()
        self._real.close()


async def _ask(app: ASGIApp, request: httpx.Request) -> Answer:
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        async with asyncio.timeout(NEVER_SECONDS):
            response = await httpx.ASGITransport(app).handle_async_request(request)
            body = b"".join([part async for part in response.aiter_raw()])
    except ConnectionDroppedError:
        return Answer(is_dropped=True, delay_seconds=loop.time() - began)
    except TimeoutError:
        return Answer(is_dropped=True, delay_seconds=NEVER_SECONDS)
    headers = tuple((bytes(name), bytes(value)) for name, value in response.headers.raw)
    return Answer(response.status_code, headers, body, loop.time() - began)


@dataclass
class Network:
    """Everything that is on its way."""

    stage: Stage
    app: ASGIApp
    backend: Backend
    random: Random
    on_departure: Callable[[Flight], None]
    on_arrival: Callable[[Flight], None]
    slowness: float = 1.0
    before_arrival: Callable[[Flight], None] | None = None
    """May spoil the answer."""
    _flights: list[tuple[datetime, int, Flight]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def depart(self, request: httpx.Request) -> Flight:
        """Let a request leave; from now on nobody can call it back."""
        step = self.stage.current
        travel = timedelta(milliseconds=max(self.random.expovariate(1 / (30 * self.slowness)), 1))
        flight = Flight(request, step.job_id if step else None, self.stage.clock.now() + travel)
        self.on_departure(flight)
        heapq.heappush(self._flights, (flight.arrives_at, next(self._numbers), flight))
        return flight

    @property
    def next_arrival_at(self) -> datetime | None:
        """When something happens on the wire next."""
        return self._flights[0][0] if self._flights else None

    def land_next(self) -> None:
        """Let the next request arrive."""
        _, _, flight = heapq.heappop(self._flights)
        if self.before_arrival is not None:
            self.before_arrival(flight)
        flight.answer = self.backend.ask(self.app, flight)
        self.on_arrival(flight)


class ProviderWire(httpx.AsyncBaseTransport):
    """What the workers' client sends through."""

    def __init__(self, network: Network) -> None:
        self._network = network

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One exchange; waiting for it costs virtual time only."""
        await request.aread()
        stage, random = self._network.stage, self._network.random
        stage.point("connecting")
        await asyncio.sleep(random.uniform(0.001, 0.02))
        stage.point("connected")  # and nothing has left yet
        if random.random() < 0.01 * self._network.slowness:
            raise httpx.ConnectError("refused")
        flight = self._network.depart(request)
        # Arrivals come before whoever wakes up at the same moment, so one sleep is enough.
        await asyncio.sleep((flight.arrives_at - stage.clock.now()).total_seconds())
        answer = _answer_of(flight)
        stage.point("accepted")
        await asyncio.sleep(answer.delay_seconds + random.uniform(0.001, 0.02))
        stage.point("answered")
        return _response(answer, request)


class ResultWire(httpx.AsyncBaseTransport):
    """What the workers' downloads come through, in small pieces."""

    def __init__(self, network: Network) -> None:
        self._network = network

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One download."""
        flight = self._network.depart(request)
        await asyncio.sleep((flight.arrives_at - self._network.stage.clock.now()).total_seconds())
        answer = _answer_of(flight)
        if answer.is_dropped:
            raise _dropped(request)
        stream = _Pieces(self._network, answer.body)
        return httpx.Response(answer.status, headers=list(answer.headers), stream=stream)


class _Pieces(httpx.AsyncByteStream):
    def __init__(self, network: Network, content: bytes) -> None:
        self._network = network
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._content), _CHUNK_BYTES):
            self._network.stage.point("downloading")
            yield self._content[start : start + _CHUNK_BYTES]


def _answer_of(flight: Flight) -> Answer:
    if flight.answer is None:
        raise StuckError(f"a {flight.operation} has not arrived in time")
    return flight.answer


def _response(answer: Answer, request: httpx.Request) -> httpx.Response:
    if answer.is_dropped:
        raise _dropped(request)
    return httpx.Response(answer.status, headers=list(answer.headers), content=answer.body, request=request)


def _dropped(request: httpx.Request) -> httpx.RemoteProtocolError:
    return httpx.RemoteProtocolError("the connection was closed without an answer", request=request)
