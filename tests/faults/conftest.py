"""One world for all cases: its own Postgres, Valkey and simulator, because cases kill them."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from alembic import command
from alembic.config import Config
from celery import Celery

from embedded.errors import BinaryNotFoundError
from embedded.places import remove_folder
from embedded.postgres import PostgresServer
from embedded.process import ChildProcess, Command
from embedded.valkey import ValkeyServer
from tests.conftest import ROOT, START_SECONDS, answers, free_port, skip_or_fail
from tests.faults.crew import Crew
from tests.faults.pace import PACE, SIMULATION
from tests.faults.world import World, engine_on, environment_of
from workers.failpoints import VARIABLE

Finish = Callable[[list[UUID]], None]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Logs, data and files of the world."""
    folder = tmp_path_factory.mktemp("faults")
    (folder / "failpoints").mkdir()
    return folder


@pytest.fixture(scope="session")
def own_postgres(folder: Path) -> Iterator[PostgresServer]:
    """A PostgreSQL that may be killed, and keeps what it has committed."""
    server = PostgresServer(folder / "postgres")
    try:
        server.start()
    except BinaryNotFoundError as error:
        skip_or_fail(error)
    server.create_database()
    config = Config(ROOT / "alembic.ini")
    config.attributes["database_url"] = server.url()
    command.upgrade(config, "head")
    yield server
    server.stop()
    remove_folder(folder / "postgres")


@pytest.fixture(scope="session")
def own_valkey(folder: Path) -> Iterator[ValkeyServer]:
    """A Valkey that may be killed."""
    server = ValkeyServer(folder / "valkey")
    try:
        server.start()
    except BinaryNotFoundError as error:
        skip_or_fail(error)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def own_simulator(folder: Path) -> Iterator[httpx.Client]:
    """The control plane of a simulator that nobody resets: it bills every task ever made."""
    port = free_port()
    arguments = ["--port", str(port), "--state", str(folder / "simulator")]
    run = Command(name="simulator", arguments=[sys.executable, "-m", "simulator", *arguments], folder=ROOT)
    child = ChildProcess(run, logs=folder, pids=folder)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}/__sim__/", trust_env=False) as control:
        child.start()
        child.wait_until(lambda: answers(control, "health"), START_SECONDS)
        control.post("config", json=SIMULATION).raise_for_status()
        yield control
    child.stop()


@pytest.fixture(scope="session")
def whole_world(
    folder: Path, own_postgres: PostgresServer, own_valkey: ValkeyServer, own_simulator: httpx.Client
) -> Iterator[World]:
    """Everything, running."""
    base_url = str(own_simulator.base_url).removesuffix("/__sim__/")
    services = environment_of(folder, own_postgres.url(), own_valkey, base_url)
    crew = Crew(services | PACE | {VARIABLE: str(folder / "failpoints")}, folder)
    producer = Celery("another-app", broker=own_valkey.broker_url, set_as_current=False)
    with engine_on(own_postgres.url()) as engine, contextlib.closing(producer), crew.working():
        yield World(own_postgres, own_valkey, own_simulator, crew, engine, producer, folder)


@pytest.fixture
def world(whole_world: World) -> Iterator[World]:
    """The world, with nothing in hand and nothing armed."""
    yield whole_world
    whole_world.crew.thaw()
    whole_world.simulator.delete("faults").raise_for_status()
    for armed in whole_world.failpoints.iterdir():
        armed.unlink()


@pytest.fixture
def finish(world: World) -> Finish:
    """Waits until jobs have healed, and judges."""

    def finish(job_ids: list[UUID]) -> None:
        world.wait_for(lambda: world.is_settled(job_ids), "every job is terminal")
        world.judge()

    return finish
