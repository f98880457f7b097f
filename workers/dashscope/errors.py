"""What can go wrong at DashScope, by what is known about it afterwards.

::

    ProviderError
    ├── NotSentError      no byte of the request left: nothing was created
    ├── RefusedError      answered with an error of its own (4xx): nothing was created
    ├── ServerFaultError  answered 5xx: nobody knows
    └── NoAnswerError     bytes left, and no readable answer came back: nobody knows

Only the first two let a paid POST be sent again.
"""

from __future__ import annotations

from typing import Final

from reelqueue.errors import ReelqueueError
from reelqueue.states import FailureClass

_MESSAGE_CHARACTERS: Final = 500


class ProviderError(ReelqueueError):
    """A call to the provider did not give what was asked for."""

    def __init__(
        self, message: str, *, http_status: int | None = None, code: str | None = None, request_id: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message[:_MESSAGE_CHARACTERS]
        self.http_status = http_status
        self.code = code
        """The provider's code, as received."""
        self.request_id = request_id
        """The provider's id of the call, for its support."""

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.message, self.http_status, self.code, self.request_id)

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
    def failure_class(self) -> FailureClass:
        """The class of the code, or of the HTTP status where there is no code."""
        return classify(self.code, self.http_status)


class NotSentError(ProviderError):
    """No byte of the request left this machine."""


class RefusedError(ProviderError):
    """The provider refused the call, and said so."""


class ServerFaultError(ProviderError):
    """The provider answered 5xx; it may have created a task all the same."""


class NoAnswerError(ProviderError):
    """The request left, and no answer came that can be read."""


def _rebuild(
    kind: type[ProviderError], message: str, http_status: int | None, code: str | None, request_id: str | None
) -> ProviderError:
    return kind(message, http_status=http_status, code=code, request_id=request_id)


# Prefixes of lower-cased codes with "_" taken out, so that `limit_requests` and `LimitRequests` are
# one word. The first match decides; more special ones stand first. Alibaba Cloud Model Studio,
# "Error codes", read 2026-11.
_CLASS_BY_PREFIX: Final = (
    ("throttling.allocationquota", FailureClass.ACCOUNT),
    ("throttling", FailureClass.THROTTLE),
    ("limitrequests", FailureClass.THROTTLE),
    ("limitburstrate", FailureClass.THROTTLE),
    ("modelservingerror", FailureClass.THROTTLE),
    ("serviceunavailable", FailureClass.THROTTLE),
    ("modelunavailable", FailureClass.THROTTLE),
    ("arrearage", FailureClass.ACCOUNT),
    ("postpaidbilloverdue", FailureClass.ACCOUNT),
    ("prepaidbilloverdue", FailureClass.ACCOUNT),
    ("commoditynotpurchased", FailureClass.ACCOUNT),
    ("allocationquota", FailureClass.ACCOUNT),
    ("insufficientquota", FailureClass.ACCOUNT),
    ("invalidapikey", FailureClass.ACCOUNT),
    ("not authorized", FailureClass.ACCOUNT),
    ("accessdenied", FailureClass.ACCOUNT),
    ("model.accessdenied", FailureClass.ACCOUNT),
    ("app.accessdenied", FailureClass.ACCOUNT),
    ("workspace.accessdenied", FailureClass.ACCOUNT),
    ("workspacenotfound", FailureClass.ACCOUNT),
    # A moderation word inside a parameter code: the inspection could not read the media.
    ("invalidparameter", FailureClass.INPUT),
    ("datainspectionfailed", FailureClass.MODERATION),
    ("ipinfringementsuspect", FailureClass.MODERATION),
    ("customroleblocked", FailureClass.MODERATION),
    ("faqruleblocked", FailureClass.MODERATION),
    ("invalidurl", FailureClass.INPUT),
    ("invalidfile", FailureClass.INPUT),
    ("invalidimage", FailureClass.INPUT),
    ("badrequest", FailureClass.INPUT),
    ("modelnotfound", FailureClass.INPUT),
    ("unsupportedoperation", FailureClass.INPUT),
    ("internalerror.algo.invalidparameter", FailureClass.INPUT),
    ("internalerror", FailureClass.PROVIDER),
    ("systemerror", FailureClass.PROVIDER),
    ("modelservicefailed", FailureClass.PROVIDER),
    ("rewritefailed", FailureClass.PROVIDER),
    ("requesttimeout", FailureClass.PROVIDER),
    ("responsetimeout", FailureClass.PROVIDER),
)

_CLASS_BY_STATUS: Final = {
    401: FailureClass.ACCOUNT,
    403: FailureClass.ACCOUNT,
    413: FailureClass.INPUT,
    429: FailureClass.THROTTLE,
}


# The provider could not fetch a medium of the request; it is often there a minute later.
_PASSING_PREFIXES: Final = ("invalidurl.timeout", "invalidurl.connectionrefused", "badrequest.inputdownloadfailed")


def may_pass(code: str | None) -> bool:
    """Whether a refusal or failure that created or billed nothing may be over soon, with the same request."""
    word = (code or "").lower().replace("_", "")
    return classify(code) is FailureClass.PROVIDER or word.startswith(_PASSING_PREFIXES)


def classify(code: str | None, http_status: int | None = None) -> FailureClass:
    """The class of a provider's code; the HTTP status decides only where the code is unknown.

    A status alone misleads: arrears come as 400, and an overdue bill as 429.
    """
    word = (code or "").lower().replace("_", "")
    for prefix, failure_class in _CLASS_BY_PREFIX:
        if word.startswith(prefix):
            return failure_class
    return _CLASS_BY_STATUS.get(http_status or 0, FailureClass.UNKNOWN)
