"""State of the language models: what waits, is asked, is held and was spent, and the doctor's checks of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from models.account import Account
from models.campaign import Campaign
from models.ledger_entry import EntryKind, LedgerEntry
from models.text_attempt import TextAttempt
from models.text_job import TextJob
from models.text_lane import TextLane
from reelqueue.failure_codes import FailureCode
from reelqueue.states import TextAttemptState, TextState
from workers.batches.load import BatchLoad, batch_loads
from workers.batches.standing_still import batch_troubles

_LONG_WAIT: Final = timedelta(minutes=10)
"""A job that may be asked and was not for so long: no worker takes the queue, or its lane is far too slow."""
_LONG_HOLD: Final = timedelta(minutes=2)
"""A refusal for the pace alone holds a model for a minute at most."""


@dataclass(frozen=True)
class TextTrouble:
    """A finding about language models that an operator should check."""

    subject: str
    seen: str
    remedy: str


@dataclass(frozen=True, kw_only=True)
class TextLoad:
    """One language model's jobs now, and its calls of the last 24 hours; nothing of what is asked."""

    model: str
    waiting: int = 0
    """Jobs that may be asked now; not those that wait for a later time, a budget or a batch."""
    oldest_waiting_seconds: float = 0.0
    in_flight: int = 0
    """Jobs that are being asked; not those in a batch."""
    held: int = 0
    """Jobs that wait for an operator."""
    answered: int = 0
    ambiguous: int = 0
    """Calls whose answer was lost, and that may be billed."""
    spent: dict[str, Decimal] = field(default_factory=dict)
    """By currency, what answers have cost."""
    written_off: dict[str, Decimal] = field(default_factory=dict)
    """By currency, the most that lost answers may have cost."""
    batches: BatchLoad = field(default_factory=BatchLoad)


def text_loads(session: Session, now: datetime) -> list[TextLoad]:
    """Every model that has live jobs or was asked in the last 24 hours, by name."""
    found: dict[str, dict[str, Any]] = {}
    for row in session.execute(_live_jobs(now)):
        waited = (now - row.oldest).total_seconds() if row.oldest else 0.0
        counts = {"waiting": row.waiting, "in_flight": row.in_flight, "held": row.held}
        found.setdefault(row.model, {}).update(counts, oldest_waiting_seconds=max(waited, 0.0))
    for row in session.execute(_paid_calls(now)):
        one = found.setdefault(row.model, {})
        for name, count in (("answered", row.answered), ("ambiguous", row.ambiguous)):
            one[name] = one.get(name, 0) + count
        if row.currency is not None:
            one.setdefault("spent", {})[row.currency] = row.spent
            one.setdefault("written_off", {})[row.currency] = row.written_off
    for model, batches in batch_loads(session, now).items():
        found.setdefault(model, {})["batches"] = batches
    return [TextLoad(model=model, **facts) for model, facts in sorted(found.items())]


def _is_due(now: datetime) -> ColumnElement[bool]:
    is_due = or_(TextJob.not_before_at.is_(None), TextJob.not_before_at <= now)
    is_payable = TextJob.failure_code.is_distinct_from(FailureCode.BUDGET_EXHAUSTED)
    return and_(TextJob.state == TextState.QUEUED, TextJob.is_batched.is_(False), is_due, is_payable)


def _live_jobs(now: datetime) -> Select[*tuple[Any, ...]]:
    is_asked = and_(TextJob.state == TextState.RUNNING, TextJob.is_batched.is_(False))
    return (
        select(
            TextJob.model,
            func.count().filter(_is_due(now)).label("waiting"),
            func.min(func.greatest(TextJob.created_at, TextJob.not_before_at)).filter(_is_due(now)).label("oldest"),
            func.count().filter(is_asked).label("in_flight"),
            func.count().filter(TextJob.state == TextState.HELD).label("held"),
        )
        .where(TextJob.state.in_([TextState.QUEUED, TextState.RUNNING, TextState.HELD]))
        .group_by(TextJob.model)
    )


def _paid_calls(now: datetime) -> Select[*tuple[Any, ...]]:
    settled, lost = LedgerEntry.kind == EntryKind.SETTLE, LedgerEntry.kind == EntryKind.WRITE_OFF
    # A write-off that was taken back has a second entry, which is negative.
    still_lost = TextAttempt.state == TextAttemptState.AMBIGUOUS
    return (
        select(
            TextJob.model,
            LedgerEntry.currency,
            func.count().filter(settled).label("answered"),
            func.count().filter(lost, still_lost).label("ambiguous"),
            func.coalesce(func.sum(LedgerEntry.amount).filter(settled), 0).label("spent"),
            func.coalesce(func.sum(LedgerEntry.amount).filter(lost), 0).label("written_off"),
        )
        .join(TextAttempt, TextAttempt.id == LedgerEntry.text_attempt_id)
        .join(TextJob, TextJob.id == TextAttempt.job_id)
        .where(LedgerEntry.at > now - timedelta(days=1))
        .group_by(TextJob.model, LedgerEntry.currency)
    )


def text_troubles(session: Session, now: datetime) -> Iterator[TextTrouble]:
    """Models that an account may not use just now, and held text jobs."""
    lanes = select(Account.name, TextLane).join(Account, Account.id == TextLane.account_id)
    held = lanes.where(TextLane.held_until > now + _LONG_HOLD)
    for name, lane in session.execute(held.order_by(Account.name, TextLane.model)):
        yield TextTrouble(
            f"{lane.model} of account {name}",
            f"not asked until {lane.held_until:%Y-%m-%d %H:%M} UTC: {lane.held_reason}",
            "give the account access to the model at the provider; it is tried again by itself then",
        )
    waits = select(TextJob.model, func.min(func.greatest(TextJob.created_at, TextJob.not_before_at)).label("since"))
    campaigns = waits.join(Campaign, Campaign.id == TextJob.campaign_id).where(
        _is_due(now), Campaign.paused_at.is_(None), or_(Campaign.run_at.is_(None), Campaign.run_at <= now)
    )
    for model, since in session.execute(campaigns.group_by(TextJob.model).order_by(TextJob.model)):
        if since <= now - _LONG_WAIT:
            yield TextTrouble(
                f"texts for {model}",
                f"the oldest could have been asked since {since:%Y-%m-%d %H:%M} UTC",
                "see that a worker takes the queue text (python -m workers texts status), and set the account's true "
                "rate with accounts change --text-rate",
            )
    yield from (TextTrouble(*one) for one in batch_troubles(session, now))
    count = session.scalars(select(func.count()).where(TextJob.state == TextState.HELD)).one()
    if count:
        yield TextTrouble(
            "held texts",
            f"{count} text jobs wait for a person, as their answers were lost and may be billed",
            "python -m workers texts list, then retry or fail",
        )
