"""The provider's error codes in one table: what each means in a submit, in a query and inside a task alike.

A code is compared in lower case and without "_", so that ``limit_requests`` and ``LimitRequests`` are one word, by its
beginning, and where it is wrapped (``InternalError.Algo.DataInspectionFailed``) by what is inside. The HTTP status
decides only where the code is unknown: arrears come as 400, and an overdue bill as 429.

Source: Alibaba Cloud Model Studio, "Error codes", read 2026-11.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from reelqueue.states import FailureClass


@dataclass(frozen=True)
class ErrorRule:
    """What a code means."""

    code: str
    """Its beginning, as it is compared."""
    failure_class: FailureClass
    text: re.Pattern[str] | None = None
    """What its message says; None: anything."""
    may_pass: bool = False
    """Whether the same request may succeed soon, where nothing was created or billed."""
    blocks_account: bool = True
    """Of an account's: whether a task that failed so means the whole account, and not what its request named."""

    def matches(self, word: str, message: str) -> bool:
        """Whether it is about a code, as it is compared, with a message."""
        return word.startswith(self.code) and (self.text is None or self.text.search(message) is not None)


_ENDS = re.compile(r"\breset (at|on|in)\b|\btry again (at|after|in) \d", re.IGNORECASE)
_IS_SPENT = re.compile(
    r"\b(free|plan|billing|purchase\w*|subscri\w+|budget|balance|used up|exhausted|recharge|top up)\b", re.IGNORECASE
)
_IS_MODERATED = re.compile(r"inappropriate content|DataInspectionFailed|IP infringement", re.IGNORECASE)
_FETCHED = re.compile(r"download|timed? ?out", re.IGNORECASE)
# <400> InternalError.Algo.DataInspectionFailed: Input data may contain inappropriate content.
_QUOTED_CODE: Final = re.compile(r"<\d{3}>\s*([\w.]+)")

_ACCOUNT, _THROTTLE, _INPUT = FailureClass.ACCOUNT, FailureClass.THROTTLE, FailureClass.INPUT
_MODERATION, _PROVIDER = FailureClass.MODERATION, FailureClass.PROVIDER

# The first that matches decides; more special ones come first.
RULES: Final = (
    # A quota is a pace, which passes by itself, or money, which a person adds; some say when they are renewed.
    *(
        rule
        for code in ("throttling.allocationquota", "insufficientquota")
        for rule in (
            ErrorRule(code, _THROTTLE, _ENDS, may_pass=True),
            ErrorRule(code, _ACCOUNT, _IS_SPENT),
            ErrorRule(code, _THROTTLE, may_pass=True),
        )
    ),
    ErrorRule("throttling", _THROTTLE, may_pass=True),
    ErrorRule("limitrequests", _THROTTLE, may_pass=True),
    ErrorRule("limitburstrate", _THROTTLE, may_pass=True),
    ErrorRule("modelservingerror", _THROTTLE, may_pass=True),
    ErrorRule("serviceunavailable", _THROTTLE, may_pass=True),
    ErrorRule("modelunavailable", _THROTTLE, may_pass=True),
    ErrorRule("arrearage", _ACCOUNT),
    ErrorRule("postpaidbilloverdue", _ACCOUNT),
    ErrorRule("prepaidbilloverdue", _ACCOUNT),
    ErrorRule("commoditynotpurchased", _ACCOUNT),
    ErrorRule("allocationquota", _ACCOUNT),
    ErrorRule("invalidapikey", _ACCOUNT),
    ErrorRule("not authorized", _ACCOUNT),
    ErrorRule("accessdenied.unpurchased", _ACCOUNT),
    # Inside a task it may be about a medium of the request.
    ErrorRule("accessdenied", _ACCOUNT, blocks_account=False),
    ErrorRule("model.accessdenied", _ACCOUNT),
    ErrorRule("app.accessdenied", _ACCOUNT),
    ErrorRule("workspace.accessdenied", _ACCOUNT),
    ErrorRule("workspacenotfound", _ACCOUNT),
    ErrorRule("datainspectionfailed", _MODERATION),
    ErrorRule("ipinfringementsuspect", _MODERATION),
    ErrorRule("customroleblocked", _MODERATION),
    ErrorRule("faqruleblocked", _MODERATION),
    # The inspection could not read the media.
    ErrorRule("invalidparameter.datainspection", _INPUT, _FETCHED, may_pass=True),
    ErrorRule("invalidparameter", _INPUT),
    ErrorRule("invalidurl.timeout", _INPUT, may_pass=True),
    ErrorRule("invalidurl.connectionrefused", _INPUT, may_pass=True),
    ErrorRule("invalidurl", _INPUT),
    ErrorRule("invalidfile", _INPUT),
    ErrorRule("invalidimage", _INPUT),
    ErrorRule("badrequest.inputdownloadfailed", _INPUT, may_pass=True),
    ErrorRule("badrequest", _INPUT),
    ErrorRule("modelnotfound", _INPUT),
    ErrorRule("unsupportedoperation", _INPUT),
    ErrorRule("internalerror", _PROVIDER, may_pass=True),
    ErrorRule("systemerror", _PROVIDER, may_pass=True),
    ErrorRule("modelservicefailed", _PROVIDER, may_pass=True),
    ErrorRule("rewritefailed", _PROVIDER, may_pass=True),
    ErrorRule("requesttimeout", _PROVIDER, may_pass=True),
    ErrorRule("responsetimeout", _PROVIDER, may_pass=True),
)

_BY_STATUS: Final = {
    401: ErrorRule("", _ACCOUNT),
    403: ErrorRule("", _ACCOUNT),
    413: ErrorRule("", _INPUT),
    429: ErrorRule("", _THROTTLE, may_pass=True),
}
_SPENT: Final = ErrorRule("", _ACCOUNT)
_MODERATED: Final = ErrorRule("", _MODERATION)
_UNKNOWN: Final = ErrorRule("", FailureClass.UNKNOWN)
# What may be found inside another code. An account's word there is about a step of the provider's own.
_MAY_BE_WRAPPED: Final = frozenset({_MODERATION, _INPUT, _THROTTLE})


def rule_of(code: str | None, message: str | None = None, http_status: int | None = None) -> ErrorRule:
    """What a code means, whatever it is wrapped in.

    Args:
        code: As received.
        message: As received; tells apart what one code says for several things.
        http_status: Of the answer; None inside a task.
    """
    text = message or ""
    rule = _by_code(code or "", text)
    if rule is None and (quoted := _QUOTED_CODE.match(text)):
        rule = _by_code(quoted[1], text)
    if rule is None:
        is_spent = http_status == 429 and _IS_SPENT.search(text) and not _ENDS.search(text)
        rule = _SPENT if is_spent else _BY_STATUS.get(http_status or 0, _UNKNOWN)
    if rule.failure_class in {_PROVIDER, _INPUT, FailureClass.UNKNOWN} and _IS_MODERATED.search(text):
        return _MODERATED
    return rule


def classify(code: str | None, message: str | None = None, http_status: int | None = None) -> FailureClass:
    """The class of a code."""
    return rule_of(code, message, http_status).failure_class


def _by_code(code: str, message: str) -> ErrorRule | None:
    word = code.lower().replace("_", "")
    rule = _first(word, message)
    wrapper, _, inner = word.partition(".")
    while inner:
        inside = _first(inner, message)
        # Moderation counts in any wrapping; the rest only where the wrapping itself says nothing.
        is_vague = wrapper == "internalerror" and inside is not None and inside.failure_class in _MAY_BE_WRAPPED
        if inside is not None and (is_vague or inside.failure_class is _MODERATION):
            return inside
        inner = inner.partition(".")[2]
    return rule


def _first(word: str, message: str) -> ErrorRule | None:
    return next((rule for rule in RULES if rule.matches(word, message)), None)
