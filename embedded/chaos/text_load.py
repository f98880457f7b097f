"""An app that asks language models beside the clips: a few questions, some of which go wrong on their way."""

from __future__ import annotations

import time
from random import Random
from typing import Any, Final

import httpx
from kombu.exceptions import OperationalError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from embedded.chaos.harness import Harness
from embedded.chaos.text_check import TextOrder
from models import OnLostAnswer
from models.operations.texts.from_document import enqueue_text_document
from models.session import DatabaseClock
from reelqueue import messages

_ASK_SECONDS: Final = 1.0
"""At most one question in this time: they are here to be hurt, and leave the machine to the clips."""
_IN_FLIGHT: Final = 4
_FAULTY_SHARE: Final = 0.4
_BATCHED_SHARE: Final = 0.3
# Answers always come as streams, so that what the service cuts after 300 s is a stream without its end.
ANSWER_FAULTS: Final[dict[str, dict[str, Any]]] = {
    "lost answer": {"kind": "drop", "phase": "after"},
    "stream cut": {"kind": "cut", "phase": "after"},
    "half an answer, properly closed": {"kind": "no-end", "phase": "after"},
    "an answer that is no stream": {"kind": "unstreamed", "phase": "after"},
    "silence": {"kind": "stall", "phase": "after"},
    "an error inside the stream": {"kind": "stream-error", "phase": "after", "code": "InternalError"},
    "an error after the answer was written": {"kind": "error", "phase": "after", "status": 500},
    "no usage": {"kind": "no-stream-usage", "phase": "after"},
    "refused, too many requests": {"kind": "error", "phase": "before", "status": 429, "code": "limit_requests"},
}
"""What happens to one call, by its words for people."""


class TextLoad:
    """Asks as the API does: a committed row first, then the hint; what was not committed comes again."""

    def __init__(self, world: Harness) -> None:
        self._world = world
        self._random = Random(world.seed)  # noqa: S311 - a replay, no secret
        self._waiting: list[TextOrder] = []
        """Orders that are not known to be stored."""
        self._asked_at = 0.0
        self.is_over = False
        """Whether nothing new is ordered any more; what was ordered is still stored."""

    def tick(self) -> None:
        """Ask once in a while; called often."""
        if time.monotonic() - self._asked_at < _ASK_SECONDS:
            return
        self._asked_at = time.monotonic()
        try:
            self._store()
        except (DBAPIError, OperationalError, httpx.HTTPError):  # later, under the same keys
            return

    @property
    def is_stored(self) -> bool:
        """Whether every order has become a job."""
        return not self._waiting

    def _store(self) -> None:
        if not self.is_over and not self._waiting and len(self._world.books.texts.unfinished()) < _IN_FLIGHT:
            is_batched = self._random.random() < _BATCHED_SHARE
            order = self._world.text_order(self._random.choice(list(OnLostAnswer)), is_batched=is_batched)
            self._waiting.append(order)
            if not is_batched and self._random.random() < _FAULTY_SHARE:
                self._hurt(order)
        for order in self._waiting:
            with Session(self._world.engine) as session, session.begin():
                now = DatabaseClock().now(session)
                stored = enqueue_text_document(session, order.document, now=now, idempotency_key=order.key)
            if not order.is_batched:  # the sweep finds those that wait for a batch
                self._world.send(messages.TEXT_ANSWER, str(stored.job_id))
        self._waiting.clear()

    def _hurt(self, order: TextOrder) -> None:
        """Let the first call of one question go wrong, or the first two."""
        fault = self._random.choice(list(ANSWER_FAULTS.values()))
        match = {"prompt_contains": str(order.request["prompt"])}
        self._world.script(operation="chat", **fault, count=self._random.choice((1, 1, 2)), match=match)
