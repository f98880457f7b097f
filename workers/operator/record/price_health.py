"""What is wrong with the provider's lists of models and prices, and which models end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.account import Account
from models.model_list import ModelList
from models.operations.scheduling.render_times import model_ends
from models.render_job import RenderJob
from reelqueue.states import RenderState

_WARNED_BEFORE: Final = timedelta(days=14)
_LATELY: Final = timedelta(days=30)
_LISTS: Final = (
    select(Account.name, ModelList).join(ModelList, ModelList.account_id == Account.id).order_by(Account.name)
)


def price_problems(session: Session) -> Iterator[str]:
    """What of the provider's lists is not followed, and why."""
    for name, found in session.execute(_LISTS):
        read = f"read at {utc_moment(found.read_at)}" if found.read_at else "never read"
        if found.problem:
            yield f"the list of account {name} was {read}, and not at {utc_moment(found.asked_at)}: {found.problem}"
        for model, why in sorted(found.unread.items()):
            yield f"the list of account {name}: {model}: {why}; what counted before still does"


def missing_models(session: Session) -> Iterator[str]:
    """Models that a list has not any more; no one has to do anything about them."""
    for name, found in session.execute(_LISTS):
        for model in sorted(found.missing):
            yield f"the list of account {name} lacks {model}, which it had: its last price still counts"


def ends_ahead(session: Session, now: datetime) -> Iterator[str]:
    """Models that end within two weeks, or have ended, and that jobs wait for or used lately."""
    used = select(RenderJob.model).where(RenderJob.created_at > now - _LATELY)
    waiting = select(RenderJob.model).where(RenderJob.state == RenderState.QUEUED)
    models = set(session.scalars(used.union(waiting)))
    for model, ends_at in sorted(model_ends(session, models).items()):
        if ends_at <= now + _WARNED_BEFORE:
            word = "ended" if ends_at <= now else "ends"
            yield f"{model} {word} on {utc_moment(ends_at)}, by the provider's list"


def utc_moment(moment: datetime | None) -> str | None:
    """A moment as operators' commands show it."""
    return None if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"
