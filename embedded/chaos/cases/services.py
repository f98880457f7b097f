"""Broker, database and provider go away and come back, with and without what they knew."""

from __future__ import annotations

import shutil
import signal
import time
from functools import partial
from typing import Final
from uuid import UUID

import psutil
from sqlalchemy import text

from embedded.chaos.cases.case import Case
from embedded.chaos.harness import Harness
from embedded.processes.child_process import ChildProcess
from reelqueue.states import RenderState
from workers.failpoints import Action, Failpoint

_BROKER: Final = "broker"
_DATABASE: Final = "database"
_PROVIDER: Final = "provider"


def _busy(world: Harness, count: int = 6, state: RenderState = RenderState.RENDERING) -> list[UUID]:
    """Jobs of which one has come so far."""
    job_ids = world.enqueue(count)
    world.wait_for(lambda: world.states(job_ids)[state] > 0, f"one is {state}")
    return job_ids


def _forgets(world: Harness) -> list[UUID]:
    job_ids = _busy(world)
    for state in (RenderState.RENDERING, RenderState.SUCCEEDED):
        world.wait_for(lambda state=state: world.states(job_ids)[state] > 0, f"one is {state}")  # type: ignore[misc]
        world.site.valkey.flush()
        world.injected["fault"] += 1
    return job_ids


def _broker_dies(world: Harness, *, remembers: bool) -> list[UUID]:
    job_ids = _busy(world)
    world.site.valkey.child.kill()
    world.injected["crash"] += 1
    if not remembers:
        shutil.rmtree(world.site.valkey.folder / "appendonlydir")
    world.pause(1)
    world.site.valkey.start()
    return job_ids


def _stands_still(world: Harness, child: ChildProcess, seconds: float) -> None:
    """Suspend a service, which keeps its connections; nothing here asks it anything meanwhile."""
    server = psutil.Process(child.pid)
    family = [server, *server.children(recursive=True)]
    for process in family:
        process.send_signal(signal.SIGSTOP)
    world.injected["fault"] += 1
    time.sleep(seconds)
    for process in family:
        process.send_signal(signal.SIGCONT)


def _broker_stands_still(world: Harness) -> list[UUID]:
    job_ids = _busy(world)
    _stands_still(world, world.site.valkey.child, 3)
    return job_ids


def _database_stands_still(world: Harness) -> list[UUID]:
    job_ids = _busy(world)
    _stands_still(world, world.site.postgres.child, 3)
    return job_ids


def _provider_stands_still(world: Harness) -> list[UUID]:
    job_ids = _busy(world)
    _stands_still(world, world.site.simulator, 2)
    return job_ids


def _provider_dies(world: Harness) -> list[UUID]:
    job_ids = _busy(world)
    world.site.simulator.kill()
    world.injected["crash"] += 1
    world.pause(0.5)
    world.site.revive()
    return job_ids


def _database_restarts(world: Harness, *, is_orderly: bool) -> list[UUID]:
    world.script(operation="submit", phase="after", kind="delay", seconds=1, count=3)
    before = sum(world.tasks().values())
    job_ids = world.enqueue(6)
    world.wait_for(lambda: sum(world.tasks().values()) > before, "the provider has something")
    world.site.postgres.stop() if is_orderly else world.site.postgres.child.kill()
    world.injected["fault" if is_orderly else "crash"] += 1
    world.pause(0.5)
    world.site.postgres.start()
    return job_ids


def _connections_are_cut(world: Harness) -> list[UUID]:
    job_ids = world.enqueue(6)
    for _ in range(4):
        world.cut_connections()
        world.pause(0.4)
    return job_ids


def _read_only(world: Harness) -> list[UUID]:
    job_ids = _busy(world)
    _set_read_only(world, value="on")
    world.injected["fault"] += 1
    world.pause(2)
    _set_read_only(world, value="off")
    return job_ids


def _set_read_only(world: Harness, *, value: str) -> None:
    with world.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET default_transaction_read_only = off"))
        connection.execute(text(f"ALTER SYSTEM SET default_transaction_read_only = {value}"))
        connection.execute(text("SELECT pg_reload_conf()"))
        connection.invalidate()


def _commit_is_unknown(name: Failpoint, world: Harness) -> list[UUID]:
    """The connection goes while a transaction is open, and the one who had it goes on."""
    world.arm(name, Action.FREEZE)
    job_ids = world.enqueue(4)
    world.wait_until_met(name, is_crash=False)
    world.cut_connections()
    for crew in world.crews:
        crew.thaw()
    return job_ids


SERVICES: Final = (
    Case(_BROKER, "FLUSHALL, twice", _forgets, in_ci=True),
    Case(_BROKER, "killed, back with its append-only file", partial(_broker_dies, remembers=True)),
    Case(_BROKER, "killed, back without its append-only file", partial(_broker_dies, remembers=False), in_ci=True),
    Case(_BROKER, "stands still for 3 s", _broker_stands_still),
    Case(_DATABASE, "restarts in an orderly way", partial(_database_restarts, is_orderly=True)),
    Case(_DATABASE, "is killed and restarts", partial(_database_restarts, is_orderly=False), in_ci=True),
    Case(_DATABASE, "every connection is cut, four times", _connections_are_cut),
    Case(_DATABASE, "read-only for 2 s", _read_only),
    Case(_DATABASE, "stands still for 3 s", _database_stands_still),
    Case(_DATABASE, "connection lost at the intent's commit", partial(_commit_is_unknown, Failpoint.CLAIMING)),
    Case(_DATABASE, "connection lost before the bind's commit", partial(_commit_is_unknown, Failpoint.ACCEPTED)),
    Case(_PROVIDER, "killed and back, with its tasks", _provider_dies),
    Case(_PROVIDER, "stands still for 2 s", _provider_stands_still),
)
"""Each takes a service away for a while."""
