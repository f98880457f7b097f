"""What a task shows of itself: in Flower, in events, in `inspect` and in the log.

Many eyes are on these, so none of them sees a prompt, a URL or a key. Arguments are shown as their sender
described them (``argsrepr``, workers/runtime/hints.py), or not at all where a stranger sends them. A failure keeps
the lines of code it went through, and loses the words of those who may have quoted a request: libraries,
the database, the provider.
"""

from __future__ import annotations

from typing import Any

from celery import Task
from celery.exceptions import TaskPredicate
from celery.worker.request import Request
from sqlalchemy.exc import DBAPIError

from reelqueue.errors import ReelqueueError
from workers.dashscope import ProviderError


class TaskError(ReelqueueError):
    """A task failed of something that must not be quoted; its traceback says where."""


class DiscreetRequest(Request):  # type: ignore[misc] # Celery ships no types
    """A message in a worker."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if not self.task.shows_arguments:
            self._argsrepr, self._kwargsrepr = "…", ""

    def info(self, safe: bool = False) -> dict[str, Any]:  # noqa: ARG002, FBT001, FBT002 - Celery's signature
        """What `inspect` and Flower's worker page show; Celery would give them the arguments themselves."""
        return dict(super().info(safe=True))


class RedactedTask(Task):  # type: ignore[misc] # Celery ships no types
    """What every task of ours is."""

    Request = DiscreetRequest
    shows_arguments = True
    """Whether the sender of its messages is ours, and describes the arguments with care."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the task returns
        """Run the task; what it raises can be shown to anybody."""
        try:
            self.__header__(*args, **kwargs)
        except TypeError as error:
            raise TaskError(f"the message does not fit {self.name}: {error}") from None
        try:
            return self.run(*args, **kwargs)
        except TaskPredicate:  # Celery's own way to reject or ignore a message
            raise
        except Exception as error:  # noqa: BLE001 - the boundary: everything passes here
            raise redact(error).with_traceback(error.__traceback__) from None


def redact(error: Exception) -> Exception:
    """The error itself if its words are ours, else one that names it without them."""
    match error:
        case ProviderError():
            return TaskError(error.summary)
        case ReelqueueError():
            return error
        case DBAPIError():
            # The whole text would have the statement, and its DETAIL the row.
            diagnosis = getattr(error.orig, "diag", None)
            said = getattr(diagnosis, "message_primary", None) or str(error.orig).partition("\n")[0]
            return TaskError(f"{type(error.orig).__name__}: {said}")
        case _:
            return TaskError(f"{type(error).__name__}; where it came from is in the traceback")
