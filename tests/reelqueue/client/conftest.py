"""Both clients, over scripted answers or a server; what holds for one must hold for the other."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from api.settings import ApiSettings
from embedded.servers.postgres import PostgresServer
from embedded.servers.valkey import ValkeyServer
from models.session import make_engine
from reelqueue import AsyncClient, Client
from tests.api.conftest import delete_all_rows, log_to_stderr, serving
from tests.conftest import TEMPLATE

JOB_ID = UUID("018f2e5e-0000-7000-8000-000000000001")
CREATED_AT = "2026-11-23T12:00:00Z"

Handler = Callable[[httpx.Request], httpx.Response]


# `Any` below: what a call gives depends on the world, and tests of one world must read like the other's.
class World:
    """One kind of client; `run` gives what its call gives, awaited where it must be."""

    def __init__(self, kind: type[Client | AsyncClient], runner: asyncio.Runner) -> None:
        self.kind = kind
        self._runner = runner
        self._clients: list[Client | AsyncClient] = []

    def client(self, handler: Handler, **options: Any) -> Any:  # noqa: ANN401
        """A client whose requests *handler* answers."""
        return self.connect("http://reelqueue.test", transport=httpx.MockTransport(handler), **options)

    def connect(self, url: str | None, **options: Any) -> Any:  # noqa: ANN401
        """A client of the API at *url*, closed with the test."""
        client = self.kind(url, **options)
        self._clients.append(client)
        return client

    def close(self) -> None:
        """Close every client."""
        for client in self._clients:
            self.run(client.close())

    def run(self, result: Any) -> Any:  # noqa: ANN401
        """The value of a call."""
        if inspect.isasyncgen(result):
            return self._runner.run(_collect(result))
        return self._runner.run(result) if inspect.isawaitable(result) else result


@pytest.fixture(params=[Client, AsyncClient], ids=["blocking", "asyncio"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Each kind of client in turn."""
    with asyncio.Runner() as runner:
        world = World(request.param, runner)
        yield world
        world.close()


async def _collect(items: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in items]


@pytest.fixture(scope="session")
def settings(
    postgres_server: PostgresServer, valkey_server: ValkeyServer, tmp_path_factory: pytest.TempPathFactory
) -> ApiSettings:
    """Settings of an API with a database that the tests of this folder share."""
    postgres_server.create_database("client", template=TEMPLATE)
    return ApiSettings(
        database_url=postgres_server.url("client"),
        broker_url=valkey_server.broker_url,
        archive_url=f"file:{tmp_path_factory.mktemp('archive')}",
        webhook_key="the API's key for webhooks, 32 characters or more",
    )


@pytest.fixture(scope="session")
def running_api(settings: ApiSettings) -> Iterator[str]:
    """Where a running API is."""
    with serving(settings) as api:
        yield str(api.base_url)


@pytest.fixture(scope="session")
def engine_of_api(settings: ApiSettings) -> Iterator[Engine]:
    """An engine on the API's database."""
    engine = make_engine(settings.database_url.get_secret_value(), application_name="tests")
    yield engine
    engine.dispose()


@pytest.fixture
def server(running_api: str, engine_of_api: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A running API without jobs, which the environment names."""
    monkeypatch.setenv("REELQUEUE_API_URL", running_api)
    log_to_stderr()
    yield running_api
    with Session(engine_of_api) as session:
        delete_all_rows(session)


def job(**changes: Any) -> dict[str, Any]:
    """A job as the API answers with it."""
    empty = [
        "provider_status", "prompt", "negative_prompt", "custom_id", "metadata", "provider_task_id", "failure",
        "provider_request_id", "asset", "poster_url", "estimated_cost", "cost", "admitted_at", "submitted_at",
        "deadline_at", "cancel_requested_at", "finished_at",
    ]  # fmt: skip
    return {
        **dict.fromkeys(empty),
        "id": str(JOB_ID),
        "state": "queued",
        "is_terminal": False,
        "model": "wan2.6-t2v",
        "mode": "text-to-video",
        "options": {},
        "campaign": "default",
        "priority": 0,
        "warnings": [],
        "attempt_count": 0,
        "poll_count": 0,
        "collected_late": False,
        "created_at": CREATED_AT,
        **changes,
    }


def problem(status: int, code: str, **more: str) -> httpx.Response:
    """A refusal as the API answers with it."""
    body = {
        "type": "about:blank",
        "title": "No",
        "status": status,
        "code": code,
        "detail": f"because of {code}",
        **more,
    }
    return httpx.Response(status, json=body, headers={"Content-Type": "application/problem+json"})
