"""Where a rehearsal is played: a Postgres of its own, the simulator in this process, and nothing else.

No request can leave: provider, results and webhooks share one transport that calls the simulator. No key can leak:
the steps are given an environment of their own, with a word that opens the simulator alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from alembic import command
from alembic.config import Config
from pydantic import SecretStr
from sqlalchemy import Engine, create_engine

from embedded.rehearsal.event_queue import EventQueue
from embedded.rehearsal.in_process_transport import Wire
from embedded.rehearsal.virtual_clock import StageClock, StageHost
from embedded.servers.postgres import PostgresServer
from embedded.stack.stack import ROOT, SIMULATOR_KEY
from models.account import Account
from models.session import make_sessions
from models.settings import ServiceSettings
from models.storage import LocalArchive
from reelqueue.builder import KEY_VARIABLES
from simulator.app import create_app
from simulator.assemble import build_service
from simulator.exchange.dependencies import Service
from simulator.store.store import Store
from workers.dispatch.default_account import ensure_default_account
from workers.runtime.context import Context
from workers.settings import (
    ArchiveSettings,
    DeliverySettings,
    PollSettings,
    ProviderSettings,
    Settings,
)

HOST: Final = "http://simulator.invalid"
"""A name that no resolver knows, if anybody asked one."""
_SEED: Final = 7
FINEST_SECONDS: Final = 25.0
"""Fewer and larger batches of polls than in earnest; the look-ahead hides it, and a rehearsal takes half the time."""
_TINY: Final = {"width": 64, "height": 36, "seconds": 1, "frames_per_second": 4}
_SMALL: Final = _TINY | {"width": 432, "height": 244}
"""For chains: a first frame needs at least 240 px on each side."""


@dataclass(frozen=True)
class Environment:
    """Everything that a rehearsal works with."""

    clock: StageClock
    agenda: EventQueue
    simulator: Service
    context: Context


@contextmanager
def open_stage(
    folder: Path,
    clock: StageClock,
    *,
    region: str,
    has_chains: bool,
    finest_seconds: float = FINEST_SECONDS,
    key: str = SIMULATOR_KEY,
    database_url: str | None = None,
) -> Iterator[Environment]:
    """An empty stage.

    Args:
        folder: Its own; the caller removes it.
        clock: At the time when the campaign begins.
        region: Whose prices the simulator charges.
        has_chains: Whether a clip begins with the last frame of another.
        finest_seconds: Shortest delay between two polls of a clip.
        key: The one that the simulator takes.
        database_url: Of a migrated, empty database; None: a server of its own is started.
    """
    with ExitStack() as stack:
        engine = _open_database(database_url or _start_server(folder, stack), stack)
        random = Random(_SEED)  # noqa: S311
        simulator = build_service(Store(), clock, random=random, keys=[key], clip_folder=folder / "clips")
        stack.callback(simulator.close)
        simulator.provider.configure({"clips": _SMALL if has_chains else _TINY, "region": region})
        wire = stack.enter_context(Wire(create_app(simulator)))
        agenda = EventQueue(clock)
        context = Context(
            settings=_settings(wire, folder, finest_seconds),
            sessions=make_sessions(engine),
            archive=LocalArchive(folder / "archive"),
            hints=agenda,
            clock=clock,
            host=StageHost(clock),
            environment={KEY_VARIABLES[0]: key},
        )
        with context.sessions.begin() as session:
            session.get_one(Account, ensure_default_account(session, context)).region = region
        yield Environment(clock, agenda, simulator, context)


def _settings(wire: Wire, folder: Path, finest_seconds: float) -> Settings:
    return Settings(
        services=ServiceSettings(
            database_url=SecretStr("postgresql+psycopg:///unused"), archive_url=(folder / "archive").as_uri()
        ),
        provider=ProviderSettings(video_base_url=HOST, http_transport=lambda: wire),
        poll=PollSettings(finest_seconds=finest_seconds),
        archive=ArchiveSettings(http_transport=lambda: wire),
        delivery=DeliverySettings(webhook_http_transport=lambda: wire),
    )


def _start_server(folder: Path, stack: ExitStack) -> str:
    server = stack.enter_context(PostgresServer(folder / "postgres", is_durable=False))
    config = Config(ROOT / "alembic.ini")
    config.attributes["database_url"] = server.url()
    command.upgrade(config, "head")
    return server.url()


def _open_database(url: str, stack: ExitStack) -> Engine:
    # Not the workers' engine: one server, one thread and few rows need neither its pings nor plans made anew.
    engine = create_engine(url, connect_args={"options": "-c timezone=UTC"})
    stack.callback(engine.dispose)
    return engine
