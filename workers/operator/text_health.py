"""The doctor's checks of language models: models that wait, and jobs that an operator must decide about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.account import Account
from models.text_job import TextJob
from models.text_lane import TextLane
from reelqueue.states import TextState

_LONG_HOLD: Final = timedelta(minutes=2)
"""A refusal for the pace alone holds a model for a minute at most."""


@dataclass(frozen=True)
class TextTrouble:
    """A finding about language models that an operator should check."""

    subject: str
    seen: str
    remedy: str


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
    count = session.scalars(select(func.count()).where(TextJob.state == TextState.HELD)).one()
    if count:
        yield TextTrouble(
            "held texts",
            f"{count} text jobs wait for a person, as their answers were lost and may be billed",
            "python -m workers texts list, then retry or fail",
        )
