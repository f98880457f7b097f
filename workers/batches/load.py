"""Numbers of batches of text jobs for operators: what waits, is under way, is not known, and is reserved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from models.campaign import Campaign
from models.text_attempt import TextAttempt
from models.text_batch import TextBatch
from models.text_job import TextJob
from reelqueue.failure_codes import FailureCode
from reelqueue.states import OPEN_TEXT_ATTEMPT, TextBatchState
from workers.batches.gathering import may_be_gathered

_COUNTED: Final = tuple(state for state in TextBatchState if state is not TextBatchState.CLOSED)


@dataclass(frozen=True, kw_only=True)
class BatchLoad:
    """The batches of one language model that are not closed, and the jobs that wait for one."""

    waiting: int = 0
    """Jobs that may be put into a batch now; not those that wait for a later time or a budget."""
    oldest_waiting_seconds: float = 0.0
    gathered: int = 0
    """Batches that were not made at the provider yet."""
    creating: int = 0
    ambiguous: int = 0
    """Batches whose making was not answered: the provider's list is asked for them."""
    oldest_ambiguous_seconds: float = 0.0
    """Since the request of the oldest of them left."""
    running: int = 0
    releasing: int = 0
    """Batches that the provider does not have, and whose jobs go back to the queue."""
    overdue_seconds: float = 0.0
    """For how long the oldest step that is due was not taken."""
    lines: int = 0
    """Jobs in batches whose outcome is open."""
    reserved: dict[str, Decimal] = field(default_factory=dict)
    """By currency, the most that these may cost."""


def batch_loads(session: Session, now: datetime) -> Mapping[str, BatchLoad]:
    """Every model that has open batches, or jobs that wait for one, by name."""
    found: dict[str, dict[str, Any]] = {}
    for row in session.execute(_waiting(now)):
        found[row.model] = {"waiting": row.waiting, "oldest_waiting_seconds": _since(row.oldest, now)}
    for row in session.execute(_open_batches()):
        one = found.setdefault(row.model, {})
        one.update({state.value: getattr(row, state.value) for state in _COUNTED})
        one["oldest_ambiguous_seconds"] = _since(row.ambiguous_since, now)
        one["overdue_seconds"] = _since(row.due_since, now)
    for row in session.execute(_open_lines()):
        one = found.setdefault(row.model, {})
        one["lines"] = one.get("lines", 0) + row.lines
        if row.currency is not None and row.reserved is not None:
            one.setdefault("reserved", {})[row.currency] = row.reserved
    return {model: BatchLoad(**facts) for model, facts in found.items()}


def _since(moment: datetime | None, now: datetime) -> float:
    return max((now - moment).total_seconds(), 0.0) if moment else 0.0


def _waiting(now: datetime) -> Select[*tuple[Any, ...]]:
    since = func.min(func.greatest(TextJob.created_at, TextJob.not_before_at)).label("oldest")
    return (
        select(TextJob.model, func.count().label("waiting"), since)
        .join(Campaign, Campaign.id == TextJob.campaign_id)
        .where(may_be_gathered(now), TextJob.failure_code.is_distinct_from(FailureCode.BUDGET_EXHAUSTED))
        .group_by(TextJob.model)
    )


def _open_batches() -> Select[*tuple[Any, ...]]:
    counts = (func.count().filter(TextBatch.state == state).label(state.value) for state in _COUNTED)
    is_ambiguous = TextBatch.state == TextBatchState.AMBIGUOUS
    return (
        select(
            TextBatch.model,
            *counts,
            func.min(TextBatch.sent_at).filter(is_ambiguous).label("ambiguous_since"),
            func.min(TextBatch.next_step_at).label("due_since"),
        )
        .where(TextBatch.state != TextBatchState.CLOSED)
        .group_by(TextBatch.model)
    )


def _open_lines() -> Select[*tuple[Any, ...]]:
    reserved = func.sum(TextAttempt.reserved_amount).label("reserved")
    return (
        select(TextBatch.model, TextAttempt.currency, func.count().label("lines"), reserved)
        .join(TextBatch, TextBatch.id == TextAttempt.batch_id)
        .where(TextAttempt.state.in_(OPEN_TEXT_ATTEMPT))
        .group_by(TextBatch.model, TextAttempt.currency)
    )
