"""The API on a loopback port, over a real database and broker."""

from __future__ import annotations

import hashlib
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest
import structlog
import uvicorn
from playwright.sync_api import Browser
from sqlalchemy import Engine, delete, text
from sqlalchemy.orm import Session

from api.app import create_app
from api.http.server import server_config
from api.settings import ApiSettings
from embedded.servers.postgres import PostgresServer
from embedded.servers.valkey import ValkeyServer
from models import Base
from models.api_key import ApiKey
from models.session import Clock, make_engine
from models.tenant import ensure_tenant
from tests.api.gallery.conftest import Desk
from tests.api.gallery.reel import Stock, make_stock
from tests.conftest import TEMPLATE

START_SECONDS = 30.0


@pytest.fixture(scope="session")
def settings(
    postgres_server: PostgresServer, valkey_server: ValkeyServer, tmp_path_factory: pytest.TempPathFactory
) -> ApiSettings:
    """Settings of an API with a database that the tests of this folder share."""
    postgres_server.create_database("api", template=TEMPLATE)
    return ApiSettings(
        database_url=postgres_server.url("api"),
        broker_url=valkey_server.broker_url,
        archive_url=f"file:{tmp_path_factory.mktemp('archive')}",
        api_max_body_bytes=100_000,
        api_database_connections=4,
        webhook_key="the API's key for webhooks, 32 characters or more",
        webhook_private_hosts="receiver",
    )


def log_to_stderr() -> None:
    """Let the API log where no test looks; other tests of this process set the loggers back."""
    # The real one: those that pytest puts in its place are closed with their test.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.__stderr__))


@contextmanager
def serving(settings: ApiSettings, *, require_key: bool = False, clock: Clock | None = None) -> Iterator[httpx.Client]:
    """A client of an API that serves on a thread of this process."""
    log_to_stderr()
    app = create_app(settings, require_key=require_key, clock=clock)
    server = uvicorn.Server(server_config(app, settings, log_config=None, timeout_graceful_shutdown=1))
    # With the protocol named, asyncio sets TCP_NODELAY; else each answer waits 40 ms for an acknowledgement.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        port = listener.getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=START_SECONDS) as client:
            client.get("/healthz").raise_for_status()  # waits in the listener's backlog until the app is up
            yield client
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="session")
def local_api(settings: ApiSettings) -> Iterator[httpx.Client]:
    """An API without keys, as bound to loopback."""
    with serving(settings) as client:
        yield client


@pytest.fixture
def api(local_api: httpx.Client, rows: Session) -> httpx.Client:
    """An API without keys and without jobs."""
    return local_api


@pytest.fixture(scope="session")
def engine_of_api(settings: ApiSettings) -> Iterator[Engine]:
    """An engine on the API's database."""
    engine = make_engine(settings.database_url.get_secret_value(), application_name="tests")
    yield engine
    engine.dispose()


@pytest.fixture
def rows(engine_of_api: Engine) -> Iterator[Session]:
    """A session on the API's empty database; what the API shall see, a test commits."""
    with Session(engine_of_api) as session:
        yield session
        session.rollback()
        delete_all_rows(session)


def delete_all_rows(session: Session) -> None:
    """Leave every table empty: for a handful of rows quicker than a database a test, and than TRUNCATE."""
    session.execute(text("SET LOCAL session_replication_role = replica"))  # the ledger refuses to forget
    for table in reversed(Base.metadata.sorted_tables):
        session.execute(delete(table))
    session.commit()


@pytest.fixture(scope="session")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Stock:
    """One video and one poster."""
    return make_stock(tmp_path_factory.mktemp("stock"))


@pytest.fixture
def locked(settings: ApiSettings, rows: Session) -> Iterator[httpx.Client]:
    """An API that needs keys."""
    with serving(settings, require_key=True) as client:
        yield client


@pytest.fixture
def alice(rows: Session) -> dict[str, str]:
    """Headers of a producer."""
    return authorization(rows, "alice")


@pytest.fixture
def bob(rows: Session) -> dict[str, str]:
    """Headers of another producer."""
    return authorization(rows, "bob")


def authorization(rows: Session, name: str) -> dict[str, str]:
    """Headers with a new key."""
    key = f"rq_{name}"
    rows.add(ApiKey(name=name, tenant_id=ensure_tenant(rows, name), sha256=hashlib.sha256(key.encode()).hexdigest()))
    rows.commit()
    return {"Authorization": f"Bearer {key}"}


Enqueue = Callable[..., dict[str, Any]]


@pytest.fixture
def enqueue(api: httpx.Client) -> Enqueue:
    """Enqueues a job with some options and gives it as the API answered."""

    def post(**options: object) -> dict[str, Any]:
        answer = api.post("/v1/jobs", json=request(**options))
        assert answer.status_code == httpx.codes.CREATED, answer.text
        job: dict[str, Any] = answer.json()
        return job

    return post


def request(**options: object) -> dict[str, object]:
    """A request that can be rendered."""
    return {"model": "wan2.6-t2v", "prompt": "a paper boat", **options}


def problem(answer: httpx.Response) -> dict[str, Any]:
    """The problem that *answer* must be."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body: dict[str, Any] = answer.json()
    assert body["status"] == answer.status_code
    assert body["code"]
    assert body["detail"]
    return body


def job_id(job: dict[str, Any]) -> UUID:
    """The id of *job*."""
    return UUID(job["id"])


@pytest.fixture
def url(api: httpx.Client) -> str:
    """Where the API without keys is."""
    return str(api.base_url).rstrip("/")


@pytest.fixture
def desk(browser: Browser, api: httpx.Client) -> Iterator[Desk]:
    """A desk that is left before the API's rows are; the test fails if the browser complained about anything."""
    with_page = Desk(browser.new_context(viewport={"width": 1280, "height": 900}).new_page())
    with_page.listen()
    yield with_page
    with_page.page.context.close()
    assert with_page.complaints == []
