"""Free questions about the service as a whole: its clock, its keys, its headers."""

from __future__ import annotations

import re
from typing import Final

from workers.dashscope import ClockReading, ProviderError
from workers.probe.lab import Lab, Seen, said
from workers.probe.questions import Question, listed, named, near, rounded

_WRONG_KEY: Final = f"sk-{'0' * 32}"
_LIMITING: Final = re.compile(r".*(rate-?limit|quota|retry-after|remaining).*")
_CLOCK_SECONDS: Final = 3.0

QUESTIONS: Final = (
    Question(
        "clock", "the provider's clock, beside the database's", "Dates of HTTP: no page promises an exact clock",
        "under 3 s", lambda seconds: {"clock_ahead_seconds": seconds},
    ),
    Question("key-check", "a key can be checked for nothing: the list of language models", "Compatible mode: models; "
             "not documented as a check of keys", "200"),
    Question("wrong-key", "what a wrong key is told by the list of models", "List models: names no errors",
             "401 InvalidApiKey"),
    Question("request-id", "the header x-request-id is the request_id of the body", "Manage tasks: headers are "
             "not documented", "yes"),
    Question(
        "limit-headers", "headers that tell of limits", "Rate limits: documents none", "none",
        lambda names: {"wire": {"headers": dict.fromkeys(names, "1")}},
    ),
    Question("text-headers", "the same of language models", "Language models: documents none", "none"),
    Question("server", "the header server", "Not documented; older captures have istio-envoy", "istio-envoy"),
)  # fmt: skip


def ask(lab: Lab) -> None:
    """Ask them all."""
    _clock(lab)
    _keys(lab)
    _headers(lab, lab.look("/api/v1/tasks?page_no=1&page_size=1", is_list=True))


def _clock(lab: Lab) -> None:
    async def compare() -> ClockReading | None:
        async with lab.context.provider(lab.account) as provider:
            await provider.look("/api/v1/models?page_size=1")
            return provider.clock.reading if provider.clock else None

    reading = lab.context.host.run(compare())
    if reading is None:
        lab.miss("no answer told the time", "clock")
        return
    offset = reading.offset_seconds
    if abs(offset) < _CLOCK_SECONDS + reading.uncertainty_seconds:
        lab.find("clock", near(0, _CLOCK_SECONDS))
    else:
        length = rounded(abs(offset))
        lab.find("clock", f"{length} s {'ahead' if offset > 0 else 'behind'}", length if offset > 0 else -length)


def _keys(lab: Lab) -> None:
    seen = lab.look("/compatible-mode/v1/models")
    lab.find("key-check", said(seen))
    lab.find("text-headers", listed(_limiting(seen)))
    try:
        lab.find("wrong-key", said(lab.look("/api/v1/models?page_size=1", key=_WRONG_KEY)))
    except ProviderError as error:
        lab.miss(error.summary, "wrong-key")


def _limiting(seen: Seen) -> list[str]:
    return [name for name in map(str.lower, seen.headers) if _LIMITING.fullmatch(name)]


def _headers(lab: Lab, seen: Seen) -> None:
    sent, written = seen.headers.get("x-request-id"), seen.document.get("request_id")
    lab.find("request-id", "no such header" if sent is None else "yes" if sent == written else "no")
    names = _limiting(seen)
    lab.find("limit-headers", listed(names), [name for name in names if named(name) == name])
    lab.find("server", named(seen.headers.get("server", "none")))
