"""What the simulator raises.

::

    ReelqueueError
    ├── WireError          an error answer of the service: HTTP status, code, message
    ├── TaskFailure        why a task ends as FAILED: code, message
    └── StartError         the simulator cannot start
"""

from __future__ import annotations

from reelqueue.errors import ReelqueueError


class WireError(ReelqueueError):
    """The service refuses a call with its flat error object."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(status, code, message)
        self.status = status
        """HTTP status."""
        self.code = code
        """DashScope's error code."""
        self.message = message
        """DashScope's sentence."""


class TaskFailure(ReelqueueError):  # noqa: N818 - it is an outcome that a task keeps, not an error of ours
    """A task was accepted and cannot succeed."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        """DashScope's error code."""
        self.message = message
        """DashScope's sentence; empty for the failures that say nothing."""


class StartError(ReelqueueError):
    """The simulator cannot start: its port or its state folder cannot be used; the message says what to do."""
