"""What a worker process holds open: made after the fork, closed at the end, never at import.

A connection that two processes share gives each the other's rows, so a pool that forks opens its own
in every child. A pool of threads has one process and opens at the worker's start.
"""

from __future__ import annotations

from typing import Any

import structlog
from celery import Celery
from celery.signals import worker_init, worker_process_init, worker_process_shutdown, worker_shutdown
from sqlalchemy import Engine

from models.session import make_engine, make_sessions
from reelqueue.errors import ReelqueueError
from workers.runtime.context import Context
from workers.runtime.hints import CeleryHints
from workers.runtime.submit_journal import SubmitJournal
from workers.settings import Settings

log = structlog.get_logger(__name__)

_open: dict[str, tuple[Context, Engine]] = {}


class NotOpenError(ReelqueueError):
    """Resources were asked for before the worker process had opened them: a bug."""


def make_context(app: Celery, settings: Settings, *, pool_size: int = 5) -> tuple[Context, Engine]:
    """A context over real Postgres, archive and broker; the caller disposes of the engine."""
    engine = make_engine(
        settings.services.database_url.get_secret_value(), application_name="reelqueue-worker", pool_size=pool_size
    )
    hints = CeleryHints(app, longest_countdown_seconds=settings.celery.longest_countdown_seconds)
    services, sessions = settings.services, make_sessions(engine)
    archive = services.open_archive()  # first: the journal is in it unless it has a place of its own
    journal = SubmitJournal(services.open_journal())
    return Context(settings, sessions, archive, hints, journal=journal), engine


def context() -> Context:
    """The context of this worker process.

    Raises:
        NotOpenError: Nothing has opened them.
    """
    if "context" not in _open:
        raise NotOpenError("the worker's resources are not open; they open when a Celery worker process starts")
    return _open["context"][0]


def open_resources(app: Celery, settings: Settings, *, pool_size: int) -> None:
    """Open this process's context."""
    _open["context"] = make_context(app, settings, pool_size=pool_size)


def close_resources() -> None:
    """Close them, if they are open."""
    if "context" in _open:
        _open.pop("context")[1].dispose()


def connect_signals(app: Celery, settings: Settings) -> None:
    """Open and close with the worker's processes."""

    def open_in_child(**_: Any) -> None:
        open_resources(app, settings, pool_size=2)

    def open_in_worker(sender: object, **_: Any) -> None:
        # Celery tells a forked or solo pool when its process begins, but not a pool of threads.
        pool = getattr(sender, "pool_cls", None)
        if pool is not None and "thread" in pool.__module__:
            open_resources(app, settings, pool_size=int(getattr(sender, "concurrency", 0) or 1) + 1)

    def close(**_: Any) -> None:
        close_resources()

    worker_process_init.connect(open_in_child, weak=False)
    worker_init.connect(open_in_worker, weak=False)
    worker_process_shutdown.connect(close, weak=False)
    worker_shutdown.connect(close, weak=False)
