"""What an error of the service means: inside a refusal, and inside an answer that had begun."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from reelqueue.states import FailureClass

RETRY_AFTER_SECONDS_MAX: Final = 60.0
"""More is never waited for by itself: a header may say days."""

_INPUT, _MODERATION, _ACCOUNT = FailureClass.INPUT, FailureClass.MODERATION, FailureClass.ACCOUNT
_THROTTLE, _PROVIDER = FailureClass.THROTTLE, FailureClass.PROVIDER

# Codes in lower case; one that ends with a dot stands for all that begin with it.
_CLASS_BY_CODE: Final = {
    "invalid_parameter_error": _INPUT,
    "invalidparameter": _INPUT,
    "invalidparameter.": _INPUT,
    "model_not_found": _INPUT,
    "model_not_supported": _INPUT,
    "data_inspection_failed": _MODERATION,
    "datainspectionfailed": _MODERATION,
    "internalerror.algo.datainspectionfailed": _MODERATION,
    "content_filter": _MODERATION,
    "ipinfringementsuspect": _MODERATION,
    "customroleblocked": _MODERATION,
    "faqruleblocked": _MODERATION,
    "arrearage": _ACCOUNT,
    "invalid_api_key": _ACCOUNT,
    "invalidapikey": _ACCOUNT,
    "access_denied": _ACCOUNT,
    "accessdenied": _ACCOUNT,
    "accessdenied.": _ACCOUNT,
    "model.accessdenied": _ACCOUNT,
    "allocationquota.freetieronly": _ACCOUNT,
    "commoditynotpurchased": _ACCOUNT,
    "prepaidbilloverdue": _ACCOUNT,
    "postpaidbilloverdue": _ACCOUNT,
    "limit_requests": _THROTTLE,
    "limit_burst_rate": _THROTTLE,
    "insufficient_quota": _THROTTLE,
    "throttling": _THROTTLE,
    "throttling.": _THROTTLE,
    "modelservingerror": _THROTTLE,
    "modelunavailable": _THROTTLE,
    "serviceunavailable": _THROTTLE,
    "internal_error": _PROVIDER,
    "internalerror": _PROVIDER,
    "internalerror.": _PROVIDER,
    "systemerror": _PROVIDER,
    "modelservicefailed": _PROVIDER,
    "requesttimeout": _PROVIDER,
}
_CLASS_BY_WORDS: Final = (
    ("free allocated quota exceeded", _ACCOUNT),
    ("datainspectionfailed", _MODERATION),
    ("may contain inappropriate content", _MODERATION),
    ("throttling", _THROTTLE),
)
"""Words of a message, for codes that say too little or too much."""

_OUTPUT_WORDS: Final = "output data"
_CLASS_BY_STATUS: Final = {401: _ACCOUNT, 403: _ACCOUNT, 429: _THROTTLE, 503: _THROTTLE}
_TOKEN_CODES: Final = frozenset({"insufficient_quota", "throttling.allocationquota"})
"""Tokens per minute: their window is a minute long."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as the service says it."""

    message: str
    code: str | None = None
    type: str | None = None
    request_id: str | None = None

    def class_of(self, http_status: int | None = None) -> FailureClass:
        """What can be done about it: by known words, by its code, by its type, by the HTTP status."""
        words = self.message.lower()
        by_words = next((found for text, found in _CLASS_BY_WORDS if text in words), None)
        found = by_words or _by_code(self.code) or _by_code(self.type)
        return found or _by_status(http_status)

    def is_about_output(self, http_status: int | None = None) -> bool:
        """Whether moderation refused what the model had written, and not the question."""
        return self.class_of(http_status) is _MODERATION and _OUTPUT_WORDS in self.message.lower()

    def retry_after_seconds(self, stated: str | None = None) -> float | None:
        """How long to wait: what a ``Retry-After`` header states, or a minute where tokens per minute are used up."""
        if stated is not None and stated.isdecimal():
            return min(float(stated), RETRY_AFTER_SECONDS_MAX)
        is_tokens = (self.code or "").lower() in _TOKEN_CODES or "tpm" in self.message.lower()
        return RETRY_AFTER_SECONDS_MAX if is_tokens and self.class_of() is _THROTTLE else None


def read_failure(document: object) -> Failure | None:
    """The error in a body or a chunk, nested or flat; None where there is none."""
    if not isinstance(document, Mapping):
        return None
    inner = document.get("error")
    if isinstance(inner, str) and inner:
        return Failure(inner, request_id=_text(document.get("request_id")))
    source = inner if isinstance(inner, Mapping) else document
    code, message = _text(source.get("code")), _text(source.get("message"))
    if not isinstance(inner, Mapping) and ("choices" in document or not (code and message is not None)):
        return None
    identified = _text(document.get("request_id")) or _text(source.get("request_id"))
    return Failure(message or "no message", code, _text(source.get("type")), identified)


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _by_code(code: str | None) -> FailureClass | None:
    word = (code or "").lower()
    family = word.partition(".")[0] + "."
    return _CLASS_BY_CODE.get(word) or (_CLASS_BY_CODE.get(family) if "." in word else None)


def _by_status(http_status: int | None) -> FailureClass:
    if http_status is None or http_status < 400:
        return FailureClass.UNKNOWN
    return _CLASS_BY_STATUS.get(http_status, _INPUT if http_status < 500 else _PROVIDER)
