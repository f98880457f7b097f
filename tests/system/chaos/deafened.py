"""The product's Celery app with a remote command that no product has: it makes the worker deaf.

The worker's consumer is cancelled behind Celery's back, which is what a lost reconnection leaves: the process
lives, its heart beats, remote commands are answered, and no message is taken.
"""

from __future__ import annotations

from typing import Any

from celery.worker.control import control_command

from workers.app import app

__all__ = ["app"]


@control_command()  # type: ignore[untyped-decorator]
def deafen(state: Any) -> dict[str, str]:  # noqa: ANN401 - Celery's, untyped
    """Take no message from now on."""
    state.consumer.task_consumer.cancel()
    return {"ok": "deaf"}
