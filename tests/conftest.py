"""Real services for every test: PostgreSQL, Valkey and the simulator as child processes.

Each xdist worker has its own, so no test sees another's rows. Schemas come from the migrations, once per worker; a
test gets either a transaction that is rolled back (``session``) or a database of its own (``database_url``).
A missing server binary skips the test on a laptop and fails it where ``CI`` is set.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import socket
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from alembic import command
from alembic.config import Config
from playwright.sync_api import Browser, sync_playwright
from sqlalchemy import Connection, Engine, text
from sqlalchemy.orm import Session

from embedded.errors import BinaryNotFoundError
from embedded.processes.child_process import ChildProcess, Command
from embedded.processes.server_folders import remove_folder
from embedded.servers.postgres import PostgresServer
from embedded.servers.valkey import ValkeyServer
from models.session import make_engine
from tests.support.s3 import S3, proxying
from tests.support.shared_stacks import keep_together, stop_left

# A run in the background of a script ignores Ctrl-C, and would hand that down to processes that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parents[1]
TEMPLATE = "migrated"
START_SECONDS = 60.0
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
LEFT_DESCRIPTORS_MAX = 40
"""Of one module; what it is the first to ask for, such as servers and pools of connections, stays open: 14 at most."""
TIME_SCALE = 100.0
"""A render of 60 to 300 s takes 0.6 to 3 s."""


@dataclass(frozen=True)
class Simulator:
    """A running DashScope stand-in, and its control plane."""

    base_url: str
    """Scheme and host, as in ``REELQUEUE_VIDEO_BASE_URL``."""
    control: httpx.Client
    """Calls below ``/__sim__/``: ``ledger``, ``faults``, ``config``, ``log``, ``reset``."""


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse to run where xdist does not see the groups: each of its processes would start every stack again."""
    if session.config.getoption("loadgroup", default=False):
        alone = next(
            (one for one in session.items if one.get_closest_marker("xdist_group") and "@" not in one.nodeid), None
        )
        if alone is not None:
            raise pytest.UsageError(f"{alone.nodeid} is in no group, though it is marked: which pytest is installed?")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests that share a stack together."""
    keep_together(items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """Stop stacks that the next test does not share."""
    try:
        return (yield)
    finally:
        stop_left(item.session, nextitem)


@pytest.fixture(scope="module", autouse=True)
def _descriptors() -> Iterator[None]:
    """Fail a module that leaves many more files and sockets open than it found."""
    before = descriptor_count()
    yield
    if descriptor_count() - before > LEFT_DESCRIPTORS_MAX:
        gc.collect()  # what only a cycle holds is closed some time, and leaks nothing
        left = descriptor_count() - before
        assert left <= LEFT_DESCRIPTORS_MAX, f"this module leaves {left} descriptors open; close what it opens"


def descriptor_count() -> int:
    """Files, pipes and sockets that this process has open."""
    return len(os.listdir("/dev/fd"))  # noqa: PTH208  numbers are counted, not paths


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """One PostgreSQL per test process, with a migrated template database."""
    folder = tmp_path_factory.mktemp("services") / "postgres"
    server = PostgresServer(folder, is_durable=False)
    try:
        server.start()
    except BinaryNotFoundError as error:
        skip_or_fail(error)
    server.create_database(TEMPLATE)
    config = Config(ROOT / "alembic.ini")
    config.attributes["database_url"] = server.url(TEMPLATE)
    command.upgrade(config, "head")
    yield server
    server.stop()
    remove_folder(folder)


@pytest.fixture(scope="session")
def postgres_url(postgres_server: PostgresServer) -> str:
    """A migrated database for the whole session; leave no rows in it."""
    postgres_server.create_database("session", template=TEMPLATE)
    return postgres_server.url("session")


@pytest.fixture(scope="session")
def engine(postgres_url: str) -> Iterator[Engine]:
    """An engine on the session's database."""
    engine = make_engine(postgres_url, application_name="tests")
    yield engine
    engine.dispose()


@contextmanager
def rolled_back(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction for a whole test, which is rolled back then."""
    with engine.connect() as connection, connection.begin() as transaction:
        # The product's transactions never wait for Python; this one does, for as long as a busy machine takes.
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        yield connection
        transaction.rollback()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A session whose commits are real to the test and rolled back after it."""
    with (
        rolled_back(engine) as connection,
        Session(connection, expire_on_commit=False, join_transaction_mode="create_savepoint") as session,
    ):
        yield session


@pytest.fixture
def database_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A migrated database of the test's own, for code that opens its own connections."""
    name = f"test_{uuid4().hex}"
    postgres_server.create_database(name, template=TEMPLATE)
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    """One Valkey per test process."""
    folder = tmp_path_factory.mktemp("services") / "valkey"
    server = ValkeyServer(folder)
    try:
        server.start()
    except BinaryNotFoundError as error:
        skip_or_fail(error)
    yield server
    server.stop()
    remove_folder(folder)


@pytest.fixture
def broker(valkey_server: ValkeyServer) -> ValkeyServer:
    """An empty broker."""
    valkey_server.flush()
    return valkey_server


@pytest.fixture
def broker_url(broker: ValkeyServer) -> str:
    """An empty broker, as in ``REELQUEUE_BROKER_URL``."""
    return broker.broker_url


@pytest.fixture
def result_backend_url(broker: ValkeyServer) -> str:
    """An empty result backend, as in ``REELQUEUE_RESULT_BACKEND_URL``."""
    return broker.result_backend_url


@pytest.fixture(scope="session")
def simulator_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """One simulator per test process."""
    folder = tmp_path_factory.mktemp("simulator")
    port = free_port()
    arguments = ["--port", str(port), "--state", str(folder / "state"), "--time-scale", str(TIME_SCALE)]
    run = Command(name="simulator", arguments=[sys.executable, "-m", "simulator", *arguments], folder=ROOT)
    child = ChildProcess(run, logs=folder, pids=folder)
    base_url = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=f"{base_url}/__sim__/", trust_env=False) as control:
        child.start()
        child.wait_until(lambda: answers(control, "health"), START_SECONDS)
        yield Simulator(base_url, control)
    child.stop()


@pytest.fixture
def simulator(simulator_process: Simulator) -> Iterator[Simulator]:
    """The simulator without tasks, charges or faults, configured as at its start."""
    config = simulator_process.control.get("config").json()
    simulator_process.control.post("reset").raise_for_status()
    yield simulator_process
    simulator_process.control.post("config", json=config).raise_for_status()


@pytest.fixture(scope="session")
def moto_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """One S3 server per test process."""
    folder, port = tmp_path_factory.mktemp("moto"), free_port()
    arguments = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
    child = ChildProcess(Command(name="moto", arguments=arguments, folder=ROOT), logs=folder, pids=folder)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        child.start()
        child.wait_until(lambda: answers(client, "/moto-api/data.json"), START_SECONDS)
    yield port
    child.stop()


@pytest.fixture
def s3(moto_port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    """An empty bucket, whose credentials are in the environment."""
    with proxying(moto_port) as bucket:
        for name, value in bucket.environment.items():
            monkeypatch.setenv(name, value)
        yield bucket


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; skipped where there is none, failed where ``CI`` is set.

    Not for the session: Playwright keeps an event loop running in this thread, and no other test could have one.
    """
    path = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if path is None:
        missing = "no Chromium on PATH; apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        # No sandbox: root has none, and the pages are ours.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def answers(client: httpx.Client, path: str) -> bool:
    """Whether a server answers a GET with success."""
    try:
        return client.get(path).is_success
    except httpx.TransportError:
        return False


def free_port() -> int:
    """A TCP port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def skip_or_fail(error: BinaryNotFoundError) -> None:
    """Skip the test for want of a server, or fail it in CI."""
    if os.environ.get("CI"):
        pytest.fail(str(error))
    pytest.skip(str(error))
