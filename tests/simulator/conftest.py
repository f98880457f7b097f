"""A simulator inside the test process, on a clock that only the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from simulator.app import create_app
from simulator.assemble import build_service
from simulator.clock import VirtualClock
from simulator.config import SimulatorConfig
from simulator.core.admission import Order
from simulator.core.provider import Provider
from simulator.exchange.dependencies import Service
from simulator.store.store import Store
from simulator.tasks import Task


def repeatable(seed: int) -> Random:
    """Randomness that is the same in every run."""
    return Random(seed)  # noqa: S311 - ids and run times of a simulation


SUBMIT_PATH = "/api/v1/services/aigc/video-generation/video-synthesis"


@dataclass
class Bench:
    """The core without HTTP: orders go in, tasks come out, time passes when told."""

    provider: Provider
    clock: VirtualClock

    def order(self, prompt: str = "a cat", *, model: str = "wan2.6-t2v", account: str = "acme", **rest: Any) -> Order:
        """A submit of *prompt*, with ``parameters`` or other parts of the body replaced."""
        body = {"model": model, "input": {"prompt": prompt}, "parameters": {}} | rest
        return Order(account, self.provider.new_id(), "video-generation", body, is_async=True)

    def submit(self, prompt: str = "a cat [[run=60]]", **rest: Any) -> Task:
        """Submit and keep the submit rate out of the way."""
        return self.provider.submit(self.order(prompt, **rest))

    def after(self, seconds: float) -> None:
        """Let simulated time pass."""
        self.provider.advance(seconds)

    def see(self, task: Task) -> Task:
        """The task as its owner sees it now."""
        seen = self.provider.query(task.account, task.task_id)
        assert seen is not None
        return seen


class LocalClient:
    """Calls an app without a socket, from code that is not asynchronous."""

    def __init__(self, app: ASGIApp, runner: asyncio.Runner) -> None:
        self.runner = runner
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://simulator.test",
            headers={"Authorization": "Bearer sk-test"},
        )

    def request(self, method: str, url: str, **rest: Any) -> httpx.Response:
        """One call; redirects are not followed."""
        return self.runner.run(self._client.request(method, url, **rest))

    def get(self, url: str, **rest: Any) -> httpx.Response:
        """A GET."""
        return self.request("GET", url, **rest)

    def post(self, url: str, **rest: Any) -> httpx.Response:
        """A POST."""
        return self.request("POST", url, **rest)


@dataclass
class Wire:
    """The HTTP face, called without a socket."""

    client: LocalClient
    bench: Bench

    def submit(self, prompt: str = "a cat [[run=60]]", model: str = "wan2.6-t2v", **rest: Any) -> str:
        """Submit over HTTP; returns the task id."""
        body = {"model": model, "input": {"prompt": prompt}} | rest
        answer = self.client.post(SUBMIT_PATH, json=body, headers={"X-DashScope-Async": "enable"})
        assert answer.status_code == 200, answer.text
        task_id: str = answer.json()["output"]["task_id"]
        return task_id

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run asynchronous code where the client's calls run."""
        self.client.runner.run(work)

    def post(self, body: object, **headers: str) -> httpx.Response:
        """Send any body to the submit path."""
        sent = {"X-DashScope-Async": "enable"} | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(SUBMIT_PATH, json=body, headers=sent)

    def query(self, task_id: str) -> dict[str, Any]:
        """The answer to a query."""
        answer: dict[str, Any] = self.client.get(f"/api/v1/tasks/{task_id}").json()
        return answer

    def fault(self, operation: str, kind: str, **rest: Any) -> None:
        """Script a fault."""
        self.client.post("/__sim__/faults", json={"operation": operation, "kind": kind} | rest).raise_for_status()

    def succeeded(self, prompt: str = "a cat [[run=60]]", **rest: Any) -> str:
        """Submit and let the task end."""
        task_id = self.submit(prompt, **rest)
        self.bench.after(120)
        return task_id


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service in memory whose randomness is always the same."""
    service = build_service(Store(), VirtualClock(), random=repeatable(7), clip_folder=tmp_path)
    service.provider.configure({"limits": {"is_throttling": False}, "clips": {"width": 64, "height": 36, "seconds": 1}})
    yield service
    service.close()


@pytest.fixture
def bench(service: Service) -> Bench:
    """The core of the service; no rates, the documented slots."""
    clock = service.provider.clock
    assert isinstance(clock, VirtualClock)
    return Bench(service.provider, clock)


@pytest.fixture
def config(bench: Bench) -> SimulatorConfig:
    """The configuration as it is at first."""
    return bench.provider.config


@pytest.fixture
def wire(service: Service, bench: Bench) -> Iterator[Wire]:
    """The service over HTTP, with a key."""
    with asyncio.Runner() as runner:
        yield Wire(LocalClient(create_app(service), runner), bench)
