"""Every error that Reelqueue raises, by what the caller can do.

::

    ReelqueueError
    ├── InvalidRequestError      fix the request: code, message, field
    ├── ConfigurationError       ask an operator: a setting is missing or wrong
    ├── ApiError                 the server refused: status, code, detail
    │   ├── AuthenticationError  401, 403
    │   ├── NotFoundError        404
    │   └── ConflictError        409
    ├── UnavailableError         try again: server, database or broker cannot be reached
    ├── WaitTimeoutError         the wait ended, the job goes on
    ├── RenderJobError           a render job did not succeed: job_id, state, code
    └── TextJobError             a text job did not succeed: job_id, state, code

Errors rebuild from ``args``, because Celery and process pools pickle them.
"""

from __future__ import annotations

from uuid import UUID

from reelqueue.states import RenderState, TextState


class ReelqueueError(Exception):
    """Root of every error that Reelqueue raises on purpose."""


class InvalidRequestError(ReelqueueError):
    """A request cannot be rendered as it stands; nothing was stored or sent."""

    def __init__(self, code: str, message: str, field: str | None = None) -> None:
        super().__init__(code, message, field)
        self.code = code
        """Stable word, such as ``unknown_option`` or ``out_of_range``."""
        self.message = message
        """What was seen and what the model takes."""
        self.field = field
        """The option's snake_case name, where one option is at fault."""

    def __str__(self) -> str:
        return self.message


class ConfigurationError(ReelqueueError):
    """A setting is missing or wrong; the message names it and the remedy."""


class ApiError(ReelqueueError):
    """The Reelqueue server refused a call."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(status, code, detail)
        self.status = status
        """HTTP status."""
        self.code = code
        """The problem's stable word."""
        self.detail = detail
        """The problem's sentence."""

    def __str__(self) -> str:
        return f"the server refused the call ({self.status} {self.code}): {self.detail}"


class AuthenticationError(ApiError):
    """The API key is missing, wrong or not allowed to do this."""


class NotFoundError(ApiError):
    """No such object, or not yours."""


class ConflictError(ApiError):
    """The object's state or an earlier request with the same key forbids it."""


class UnavailableError(ReelqueueError):
    """Something that should answer does not; try again."""


class WaitTimeoutError(ReelqueueError):
    """A wait ended before the job did; the job goes on."""

    def __init__(self, job_id: UUID, timeout_seconds: float, kind: str = "render job") -> None:
        super().__init__(job_id, timeout_seconds, kind)
        self.job_id = job_id
        self.timeout_seconds = timeout_seconds
        self.kind = kind
        """``render job`` or ``text job``."""

    def __str__(self) -> str:
        return (
            f"{self.kind} {self.job_id}: not finished after {self.timeout_seconds:g} s of waiting; "
            "it goes on, so wait again or ask for its state"
        )


class RenderJobError(ReelqueueError):
    """A render job ended without a video."""

    def __init__(self, job_id: UUID, state: RenderState, message: str, code: str | None = None) -> None:
        super().__init__(job_id, state, message, code)
        self.job_id = job_id
        self.state = state
        """The state it ended in."""
        self.message = message
        self.code = code
        """The provider's code, where it gave one."""

    def __str__(self) -> str:
        seen = f" ({self.code})" if self.code else ""
        return f"render job {self.job_id}: {self.state}{seen}: {self.message}"


class TextJobError(ReelqueueError):
    """A text job ended without a whole answer."""

    def __init__(self, job_id: UUID, state: TextState, message: str, code: str | None = None) -> None:
        super().__init__(job_id, state, message, code)
        self.job_id = job_id
        self.state = state
        """The state it ended in."""
        self.message = message
        self.code = code
        """The provider's code, where it gave one."""

    def __str__(self) -> str:
        seen = f" ({self.code})" if self.code else ""
        return f"text job {self.job_id}: {self.state}{seen}: {self.message}"
