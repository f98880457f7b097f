"""What can go wrong with a call to a language model, by what is known about its bill afterwards.

::

    TextError
    ├── TextNotSentError       no byte of the request left: nothing is billed
    ├── TextRefusedError       answered 3xx or 4xx, before any token: nothing is billed
    └── TextMaybeBilledError   bytes left, and no whole answer came: it may be billed, and cannot be looked up
        ├── TextServerError      answered 5xx, or 408
        ├── TextNoAnswerError    no answer at all: lost connection, silence
        ├── TextFailedError      a failure inside an answer that had begun with 200
        ├── TextIncompleteError  the answer ended in the middle
        └── TextUnreadableError  2xx with something that is no answer, or too much of it

    TextGivenUpError           a tool loop or a structured answer that came to no end within its bounds

`TextError.failure` says why, `partial` holds what had come, `earlier` what was paid for before in the same run.
Nothing here was sent twice, and nothing but a decision of the caller may do so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from reelqueue.errors import ReelqueueError
from reelqueue.states import FailureClass

if TYPE_CHECKING:
    from reelqueue.qwen.answer import Answer

_MESSAGE_CHARACTERS: Final = 500


class TextError(ReelqueueError):
    """A call to a language model gave no whole answer."""

    def __init__(
        self,
        message: str,
        *,
        failure: FailureClass = FailureClass.PROVIDER,
        http_status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        retry_after_seconds: float | None = None,
        partial: Answer | None = None,
        earlier: tuple[Answer, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message: str = message[:_MESSAGE_CHARACTERS]
        self.failure = failure
        """Why, by what can be done about it."""
        self.http_status = http_status
        self.code = code
        """The provider's code, as received."""
        self.request_id = request_id
        """The provider's id of the call, for its support."""
        self.retry_after_seconds = retry_after_seconds
        """How long to wait before the next call, where that is known; 60 at most."""
        self.partial = partial
        """What had come of the answer, with its usage where that was said."""
        self.earlier = earlier
        """Answers that the same run had paid for before this call."""

    def __reduce__(self) -> tuple[object, ...]:
        known = {name: value for name, value in vars(self).items() if name not in {"message", "__notes__"}}
        return _rebuild, (type(self), self.message, known)

    def __str__(self) -> str:
        seen = ", ".join(
            str(part)
            for part in (self.http_status, self.code, self.request_id and f"request {self.request_id}")
            if part
        )
        return self.message + (f" ({seen})" if seen else "")


class TextNotSentError(TextError):
    """No byte of the request left this machine."""


class TextRefusedError(TextError):
    """The service, or something before it, refused the call."""


class TextMaybeBilledError(TextError):
    """The request left, and no whole answer came."""


class TextServerError(TextMaybeBilledError):
    """The service answered 5xx, or a gateway 408."""


class TextNoAnswerError(TextMaybeBilledError):
    """No answer came, or it stopped coming."""


class TextFailedError(TextMaybeBilledError):
    """The answer began, and then said that it failed; or moderation refused what had been written."""


class TextIncompleteError(TextMaybeBilledError):
    """The answer ended without an end."""


class TextUnreadableError(TextMaybeBilledError):
    """What came is no answer of a language model."""


class TextGivenUpError(TextError):
    """A run of several calls reached its bound of rounds, repairs or cost; `earlier` holds what was paid for."""


def _rebuild(kind: type[TextError], message: str, known: dict[str, Any]) -> TextError:
    return kind(message, **known)
