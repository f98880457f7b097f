"""Calls of a language model with a journal: a call that was answered is never made again, also after a kill."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from threading import Lock
from typing import Any, Final

from reelqueue.campaigns.writer.texts.calls import TextAnswer, TextCallError
from reelqueue.qwen import (
    FinishReason,
    QwenClient,
    TextCost,
    TextError,
    TextMaybeBilledError,
    TextRequest,
    Usage,
)
from reelqueue.states import FailureClass

JOURNAL: Final = "texts.jsonl"
_LOST_MAX: Final = 2
"""Calls that were sent and have no answer: each may be billed, and the next is a person's to decide."""
_THROTTLE_WAITS: Final = (2.0, 10.0, 60.0)
"""Seconds before a throttled call is made again; the service's own limits are by the minute."""


@dataclass(slots=True)
class _Known:
    """What the journal says about one call."""

    answer: TextAnswer | None = None
    sent: int = 0
    """POSTs without an outcome that says that they are not billed."""
    most: TextCost | None = None


@dataclass(slots=True)
class JournaledCalls:
    """Asks with a client, and writes each step into a file before and after the POST.

    Args:
        client: Its calls are one POST each.
        path: The journal; lines of an earlier run count.
        sleep: Waits where the service throttles.
    """

    client: QwenClient
    path: Path
    sleep: Callable[[float], None] = time.sleep
    _known: dict[str, _Known] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        if self.path.exists():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                self._read(line)

    def most(self, request: TextRequest) -> TextCost | None:
        """The most that a call may cost."""
        return self.client.build(request).max_cost

    def ask(self, name: str, request: TextRequest) -> TextAnswer:
        """The answer to *request*: from the journal, or of one POST."""
        for wait_seconds in (*_THROTTLE_WAITS, None):
            try:
                return self._ask(name, request)
            except TextCallError as error:
                # Refused before any token, so it costs nothing to ask again.
                if error.failure is not FailureClass.THROTTLE or error.cost is not None or wait_seconds is None:
                    raise
                self.sleep(wait_seconds)
        raise AssertionError("the last attempt answers or raises")

    def _ask(self, name: str, request: TextRequest) -> TextAnswer:
        built = self.client.build(request)
        key = f"{name} {hashlib.sha256(built.content).hexdigest()}"
        with self._lock:
            known = self._known.setdefault(key, _Known(most=built.max_cost))
            if known.answer is not None:
                return known.answer
            if known.sent >= _LOST_MAX:
                why = f"its answer was lost {known.sent} times, and each may be billed; see {self.path.name}"
                raise TextCallError(name, why, FailureClass.PROVIDER)
            lost = known.sent
            self._write(key, "sent", most=_cost_object(built.max_cost))
            known.sent += 1
        try:
            with self.client.send(built) as reply:
                found = reply.answer()
        except TextError as error:
            raise self._failed(key, name, known, error) from error
        cost = _added(found.cost, [built.max_cost] * lost)
        answer = TextAnswer(found.text, found.usage, cost)
        if found.finish_reason is not FinishReason.STOP:
            answer = TextAnswer("", found.usage, cost)  # cut: what came is the beginning of an answer
        with self._lock:
            known.answer = answer
            usage = asdict(answer.usage) if answer.usage else None
            self._write(key, "answered", text=answer.text, usage=usage, cost=_cost_object(cost))
        return answer

    def _failed(self, key: str, name: str, known: _Known, error: TextError) -> TextCallError:
        is_billed = isinstance(error, TextMaybeBilledError)
        with self._lock:
            if not is_billed:
                known.sent -= 1
            self._write(key, "failed", is_billed=is_billed, why=error.message)
        return TextCallError(name, str(error), error.failure, known.most if is_billed else None)

    def _write(self, key: str, event: str, **details: object) -> None:
        line = json.dumps({"call": key, "event": event, **details}, ensure_ascii=False)
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(f"{line}\n")
            stream.flush()
            os.fsync(stream.fileno())

    def _read(self, line: str) -> None:
        try:
            entry: dict[str, Any] = json.loads(line)
        except ValueError:
            return  # the last line of a killed run; what it was about counts as lost
        known = self._known.setdefault(str(entry["call"]), _Known())
        match entry["event"]:
            case "sent":
                known.sent += 1
                known.most = _cost(entry.get("most"))
            case "failed" if not entry.get("is_billed"):
                known.sent -= 1
            case "answered":
                usage = entry.get("usage")
                known.answer = TextAnswer(entry["text"], Usage(**usage) if usage else None, _cost(entry.get("cost")))


def _added(cost: TextCost | None, lost: list[TextCost | None]) -> TextCost | None:
    for one in lost:
        cost = one if cost is None else cost if one is None else cost + one
    return cost


def _cost_object(cost: TextCost | None) -> dict[str, object] | None:
    if cost is None:
        return None
    told = {"currency": cost.currency, "priced_on": cost.priced_on.isoformat(), "is_estimate": cost.is_estimate}
    return {"amount": f"{cost.amount:f}", **told}


def _cost(document: Mapping[str, Any] | None) -> TextCost | None:
    if document is None:
        return None
    return TextCost(
        Decimal(document["amount"]),
        document["currency"],
        date.fromisoformat(document["priced_on"]),
        bool(document["is_estimate"]),
    )
