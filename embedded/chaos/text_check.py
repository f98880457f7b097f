"""Text jobs that were ordered against what was stored, sent and billed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from models import OnLostAnswer, TextAttempt, TextBatch, TextJob
from models.operations.texts.attempts import calls_allowed
from reelqueue.states import OPEN_TEXT_ATTEMPT, TEXT_TERMINAL, TextBatchState, TextState
from workers.audit.simulator_bill import TextLine, text_lines
from workers.audit.text_bill import compare_text_bill, question_of

_ENDED: Final = TEXT_TERMINAL | {TextState.HELD}
"""A held job waits for an operator: no process may decide it."""


@dataclass(frozen=True)
class TextOrder:
    """One question that the producer ordered."""

    key: str
    """The idempotency key."""
    request: dict[str, Any]
    """No other order asks the same."""
    on_lost_answer: OnLostAnswer
    chapter: str = ""
    """During which case it was made."""
    is_batched: bool = False

    @property
    def document(self) -> dict[str, Any]:
        """The request with the options of its job, as a producer sends it."""
        return {**self.request, "on_lost_answer": self.on_lost_answer.value, "batch": self.is_batched}


@dataclass(frozen=True)
class TextResult:
    """Result of the checks of text jobs: what is wrong, if anything."""

    lost: list[str] = field(default_factory=list)
    """Orders that are not one job that has ended or is held."""
    sent_too_often: list[str] = field(default_factory=list)
    """Orders that were billed more often than their policy allows, once for each bill."""
    made_twice: list[str] = field(default_factory=list)
    """Names of batches that were made more than once, once for each that is too many."""
    findings: list[str] = field(default_factory=list)
    """Where our ledger and the simulator's disagree, call by call."""

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.sent_too_often or self.made_twice or self.findings)


@dataclass
class TextCheck:
    """All questions since the world was empty."""

    engine: Engine
    simulator: httpx.Client
    """The simulator's control plane: its ledger."""
    host: str
    """Its scheme and host, as they are in the base URL of a call."""
    orders: dict[str, TextOrder] = field(default_factory=dict)

    def look(self) -> TextResult:
        """What is wrong already, while work is under way."""
        return TextResult(sent_too_often=self._sent_too_often(self._bill()), made_twice=self._made_twice())

    def close(self) -> TextResult:
        """What is wrong now that nothing is under way."""
        bill = self._bill()
        with Session(self.engine) as session:
            stored = session.execute(select(TextJob.idempotency_key, TextJob.state)).all()
            findings = compare_text_bill(session, self.host, bill)
        ended = Counter(key for key, state in stored if state in _ENDED)
        return TextResult(
            lost=sorted(key for key in self.orders if ended[key] != 1),
            sent_too_often=self._sent_too_often(bill),
            made_twice=self._made_twice(),
            findings=[f"{found.check.name}: {found.rows}" for found in findings if found.rows],
        )

    def unfinished(self) -> list[str]:
        """Keys of the text jobs that have not ended, and are not held."""
        with Session(self.engine) as session:
            keys = session.scalars(select(TextJob.idempotency_key).where(TextJob.state.not_in(_ENDED)))
            return [str(key) for key in keys]

    def are_stored(self, keys: list[str]) -> bool:
        """Whether every order has become a job."""
        with Session(self.engine) as session:
            stored = session.scalars(select(TextJob.idempotency_key).where(TextJob.idempotency_key.in_(keys)))
            return set(stored) == set(keys)

    def is_at_rest(self) -> bool:
        """Whether no text job, no call and no batch is under way."""
        calls = select(TextAttempt.id).where(TextAttempt.state.in_(OPEN_TEXT_ATTEMPT)).limit(1)
        batches = select(TextBatch.id).where(TextBatch.state != TextBatchState.CLOSED).limit(1)
        with Session(self.engine) as session:
            is_open = [*session.scalars(calls), *session.scalars(batches)]
        return not is_open and not self.unfinished()

    def _bill(self) -> tuple[TextLine, ...]:
        return text_lines(self.simulator.get("texts").raise_for_status().json())

    def _made_twice(self) -> list[str]:
        names = Counter(self.simulator.get("batches").raise_for_status().json()["names"])
        return sorted((names - Counter(names.keys())).elements())

    def _sent_too_often(self, bill: tuple[TextLine, ...]) -> list[str]:
        billed = Counter(line.question for line in bill)
        return [
            order.key
            for order in self.orders.values()
            for _ in range(billed[question_of(order.request)] - calls_allowed(order.on_lost_answer, 0))
        ]
