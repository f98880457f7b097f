"""The stack as data: what runs beside Postgres and Valkey, in which order, and how one sees that it is ready."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from embedded.processes.ports import loopback_host, loopback_url
from embedded.stack.service_environment import Secret
from embedded.stack.state_folder import StackRecord

PREFERRED_PORTS: Mapping[str, int] = MappingProxyType({"api": 8000, "flower": 5555, "simulator": 8090})
"""Where to find the doors of a stack; a taken one is replaced."""
ANY_PORTS: Mapping[str, int] = MappingProxyType(dict.fromkeys(PREFERRED_PORTS, 0))
"""For stacks beside others: whatever is free."""
FLOWER_USER = "reelqueue"

SCHEMA = "migrate"
"""The service that ends when its work is done; every later stage needs it."""
WORKERS = ("control", "render", "poll", "text")
"""Services that are Celery workers, by node name."""
_WORKER_SECRETS = frozenset({Secret.PROVIDER})
"""Control has the keys too: which variable is set names the default account."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """One Python process of the stack."""

    name: str
    """Names its log and its line in the table."""
    stage: int
    """Services of one stage start together, after all of the stage before are ready. They stop in reverse."""
    arguments: tuple[str, ...]
    """After ``python -m``."""
    health_url: str | None = None
    """Answers 2xx when it is ready; None: nothing waits for it."""
    stop_seconds: float = 10.0
    """How long an orderly end may take."""
    secrets: frozenset[Secret] = frozenset()
    """What it may have of the environment beside the settings that all share."""
    is_background: bool = False
    """Whether it leaves the processors to the others."""


def plan(record: StackRecord, state: Path, *, time_scale: float) -> list[Service]:
    """Everything that runs, in the order in which it starts.

    Args:
        record: Ports, and whether the simulator is needed.
        state: The state folder.
        time_scale: The simulator divides render times by it.
    """
    services = [Service(name=SCHEMA, stage=0, arguments=("alembic", "upgrade", "head"))]
    if not record.is_live:
        services.append(_simulator(record.ports["simulator"], state / "simulator", time_scale))
    return [*services, _api(record.ports["api"]), *_workers(), _beat(state), _flower(record.ports["flower"])]


def _simulator(port: int, state: Path, time_scale: float) -> Service:
    return Service(
        name="simulator",
        stage=0,
        arguments=(
            "simulator",
            "--host",
            loopback_host(),
            "--port",
            str(port),
            "--state",
            str(state),
            "--time-scale",
            f"{time_scale:g}",
        ),
        health_url=f"{loopback_url(port)}/__sim__/health",
    )


def _api(port: int) -> Service:
    return Service(
        name="api",
        stage=0,  # it is ready only when the schema is; until then it may load
        arguments=("api", "--host", loopback_host(), "--port", str(port)),
        secrets=frozenset({Secret.ARCHIVE, Secret.WEBHOOKS, Secret.SESSIONS}),
        health_url=f"{loopback_url(port)}/readyz",
    )


def _flower(port: int) -> Service:
    return Service(
        name="flower",
        stage=1,
        arguments=("celery", "-A", "workers.app", "flower", f"--address={loopback_host()}", f"--port={port}"),
        secrets=frozenset({Secret.FLOWER}),
        stop_seconds=3.0,  # it keeps nothing
        is_background=True,
    )


def _workers() -> list[Service]:
    threads, prefork = ("--pool", "threads"), ("--pool", "prefork")
    return [
        # It reads the journal of submits, which is beside the clips.
        _worker("control", "control,intake,celery", (*threads, "--concurrency", "2"), frozenset({Secret.ARCHIVE})),
        _worker(
            "render",
            "submit,archive,notify",
            (*threads, "--concurrency", "8"),
            frozenset({Secret.ARCHIVE, Secret.WEBHOOKS}),
        ),
        # A batch of polls runs an event loop of its own, and keeps a processor busy.
        _worker("poll", "poll", (*prefork, "--concurrency", "2", "--prefetch-multiplier", "1")),
        # Each thread waits for one answer, for minutes where that is long.
        _worker("text", "text,batch", (*threads, "--concurrency", "16")),
    ]


def _worker(name: str, queues: str, pool: tuple[str, ...], more_secrets: frozenset[Secret] = frozenset()) -> Service:
    return Service(
        name=name,
        stage=1,
        arguments=(
            *("celery", "-A", "workers.app", "worker", "--loglevel", "INFO"),
            *("-n", f"{name}@%h", "-Q", queues, *pool),
            # Other workers would be asked for their clocks for a second at the start, and no code here uses the answer.
            *("--without-mingle", "--without-gossip"),
        ),
        secrets=_WORKER_SECRETS | more_secrets,
        stop_seconds=20.0,  # a download goes on until its next check
    )


def _beat(state: Path) -> Service:
    return Service(
        name="beat",
        stage=1,
        # No pid file: after a kill -9 it would keep the next beat from starting, and ours are elsewhere.
        arguments=("celery", "-A", "workers.app", "beat", "--schedule", str(state / "beat"), "--pidfile="),
        stop_seconds=3.0,  # it keeps nothing that the sweep does not make again
    )


def python(service: Service) -> list[str]:
    """The command line of a service."""
    return [sys.executable, "-m", *service.arguments]
