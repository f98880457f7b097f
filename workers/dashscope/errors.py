"""Errors of calls to DashScope, by what is known afterwards: not sent, refused, or perhaps executed.

::

    ProviderError
    ├── NotSentError      no byte of the request left: nothing was created
    ├── RefusedError      answered with an error of its own (4xx): nothing was created
    │   └── MisdirectedError  something else than the provider answered, before it: nothing was created
    ├── ServerFaultError  answered 5xx: it is unknown whether a task exists
    └── NoAnswerError     bytes left, and no readable answer came back: likewise unknown

Only the first two let a paid POST be sent again.
"""

from __future__ import annotations

from typing import Any, Final

from reelqueue.errors import ReelqueueError
from reelqueue.failure_codes import FailureCode
from reelqueue.states import FailureClass
from workers.dashscope.error_codes import ErrorRule, rule_of

_MESSAGE_CHARACTERS: Final = 500


class ProviderError(ReelqueueError):
    """A call to the provider did not give what was asked for."""

    def __init__(
        self,
        message: str,
        *,
        http_status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message[:_MESSAGE_CHARACTERS]
        self.http_status = http_status
        self.code = code
        """The provider's code, as received."""
        self.request_id = request_id
        """The provider's id of the call, for its support."""
        self.retry_after_seconds = retry_after_seconds
        """How long it wants to be left alone, where it says."""

    def __reduce__(self) -> tuple[object, ...]:
        known = {name: value for name, value in vars(self).items() if name != "message"}
        return _rebuild, (type(self), self.message, known)

    def __str__(self) -> str:
        seen = ", ".join(
            str(part)
            for part in (self.http_status, self.code, self.request_id and f"request {self.request_id}")
            if part
        )
        return f"dashscope: {self.message}" + (f" ({seen})" if seen else "")

    @property
    def summary(self) -> str:
        """What anybody may read: the provider's code without its sentence, which may quote the request."""
        if self.http_status is None:
            return str(self)  # the words are ours
        seen = [str(self.http_status), *([f"request {self.request_id}"] if self.request_id else [])]
        return f"dashscope: {self.code or type(self).__name__} ({', '.join(seen)})"

    @property
    def rule(self) -> ErrorRule:
        """What the code means, or the HTTP status where there is no code."""
        return rule_of(self.code, self.message, self.http_status)

    @property
    def failure_class(self) -> FailureClass:
        """The class of the code, or of the HTTP status where there is no code."""
        return self.rule.failure_class


class NotSentError(ProviderError):
    """No byte of the request left this machine."""


class RefusedError(ProviderError):
    """The provider refused the call, and said so."""


class MisdirectedError(RefusedError):
    """What answered is not the provider: another service at its address, or a proxy before it."""

    def __init__(self, message: str, *, http_status: int | None = None) -> None:
        super().__init__(message, http_status=http_status, code=FailureCode.NOT_DASHSCOPE)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.message, {"http_status": self.http_status})

    def __str__(self) -> str:
        return self.message

    @property
    def summary(self) -> str:
        """What anybody may read: the words are ours."""
        return self.message

    @property
    def rule(self) -> ErrorRule:
        """The rule of an account whose address is wrong; it is paused if that goes on."""
        return ErrorRule("", FailureClass.ACCOUNT, blocks_account=False)


class ServerFaultError(ProviderError):
    """The provider answered 5xx; it may have created a task all the same."""


class NoAnswerError(ProviderError):
    """The request left, and no answer came that can be read."""


def _rebuild(kind: type[ProviderError], message: str, known: dict[str, Any]) -> ProviderError:
    return kind(message, **known)
