"""State of the provider accounts: slots in use, and why an account takes no jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.account import Account
from models.operations.scheduling.account_limits import lane_limits
from models.operations.scheduling.submit_gates import Obstacle, obstacles
from models.operations.texts.rates import rate_of
from models.slot import Slot
from models.submit_lane import SubmitLane
from models.text_lane import TextLane
from reelqueue.catalog.text_limits import is_published
from workers.runtime.context import text_base_url


@dataclass(frozen=True)
class Health:
    """State of one account, for operators."""

    name: str
    region: str
    base_url: str
    key_env: str
    has_key: bool
    """Whether this process sees the key; the workers may see another environment."""
    models: list[str] | None
    slots: dict[str, tuple[int, int]]
    """By model: how many are held, and how many may be."""
    limits: str
    """Where its limits are from, and of when."""
    text_base_url: str
    """Where its language models are asked."""
    text_rates: str
    """Where their requests and tokens per minute are from."""
    is_healthy: bool
    state: str
    """``healthy``, or what holds it up."""


def health_of_accounts(session: Session, environment: Mapping[str, str], *, now: datetime) -> list[Health]:
    """Every account, the oldest first."""
    return [_health(session, account, environment, now) for account in session.scalars(_ALL)]


_ALL = select(Account).order_by(Account.created_at, Account.id)


def _health(session: Session, account: Account, environment: Mapping[str, str], now: datetime) -> Health:
    counted = select(Slot.model, func.count().label("held_count")).group_by(Slot.model)
    counted = counted.where(Slot.account_id == account.id)
    held = {row.model: row.held_count for row in session.execute(counted.order_by(Slot.model))}
    state = _state(session, account, now)
    return Health(
        name=account.name,
        region=account.region,
        base_url=account.base_url,
        key_env=account.key_env,
        has_key=bool(environment.get(account.key_env, "").strip()),
        models=account.models,
        slots={model: (count, lane_limits(account, model).slots + account.look_ahead) for model, count in held.items()},
        limits=_limits(account),
        text_base_url=text_base_url(account),
        text_rates=_text_rates(session, account),
        is_healthy=state is None,
        state=state or "healthy",
    )


def _limits(account: Account) -> str:
    read = account.limits_read_at
    said = "published" if read is None else f"the provider's own, read {read:%Y-%m-%d %H:%M} UTC"
    own = f"; at most {_shown(account.slot_limits)} by an operator" if account.slot_limits else ""
    problem = f"; not read again: {account.limits_problem}" if account.limits_problem else ""
    return said + own + problem


def _text_rates(session: Session, account: Account) -> str:
    used = session.scalars(select(TextLane.model).where(TextLane.account_id == account.id))
    rates = {model: rate_of(account, model) for model in {*used, *account.text_rates}}
    shown = [
        f"{model} {rate.requests_per_minute} requests and {rate.tokens_per_minute:,} tokens a minute"
        f" ({'by an operator' if model in account.text_rates else 'published' if is_published(model) else 'assumed'})"
        for model, rate in sorted(rates.items())
    ]
    return "; ".join(shown) or "none was asked yet"


def _shown(slots: Mapping[str, object]) -> str:
    return ", ".join(f"{model} {count}" for model, count in sorted(slots.items()))


def _state(session: Session, account: Account, now: datetime) -> str | None:
    if account.paused_at is not None:
        return f"paused since {account.paused_at:%Y-%m-%d %H:%M} UTC: {account.paused_reason}"
    gates = [_gate(one) for one in obstacles(session, now) if one.account == account.name]
    held_up = select(SubmitLane).where(SubmitLane.account_id == account.id, SubmitLane.throttled_until > now)
    lanes = session.scalars(held_up.order_by(SubmitLane.model)).all()
    held = [_held(lane, lane.throttled_until - now) for lane in lanes if lane.throttled_until]
    return ", ".join(gates + held) or None


def _gate(obstacle: Obstacle) -> str:
    of = "" if obstacle.models is None else f" of {', '.join(model or 'any model' for model in obstacle.models)}"
    return f"takes no submits{of}: {obstacle.reason}"


def _held(lane: SubmitLane, left: timedelta) -> str:
    return f"{lane.model} held for {round(left.total_seconds())} s after {lane.throttle_count} refusals"
