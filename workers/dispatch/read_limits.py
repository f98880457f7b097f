"""Reads what the provider says of each account's limits, so that fewer slots are kept within a minute.

Only read, never set: the provider's own interface can change limits, and nothing here calls it. A reading that fails
changes nothing; its age and reason are shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.account import Account
from models.operations.scheduling.account_limits import ReadLimit, lane_limits
from models.render_job import RenderJob
from models.slot import Slot
from reelqueue.errors import ConfigurationError
from reelqueue.states import RenderState
from workers.dashscope import MisdirectedError, ProviderError
from workers.dashscope.quotas import Quota
from workers.runtime.context import Context

log = structlog.get_logger(__name__)

_BUSY_EVERY: Final = timedelta(seconds=50)
"""While jobs wait or hold slots; less than beat's interval, so that each of its messages reads."""
_IDLE_EVERY: Final = timedelta(minutes=15)
_ABSENT_EVERY: Final = timedelta(hours=24)
"""Where the host has no such list."""
_ABSENT: Final = "this host lists no limits"
_REASON_CHARACTERS: Final = 300


@dataclass(frozen=True)
class LimitsRead:
    """What one reading of the accounts' limits did."""

    read_count: int
    failed_count: int
    changed: tuple[str, ...]
    """Account and model of each lane whose slots changed."""

    def __str__(self) -> str:
        changed = f" changed={','.join(self.changed)}" if self.changed else ""
        return f"read={self.read_count} failed={self.failed_count}{changed}"


def read_limits(context: Context) -> LimitsRead:
    """Ask the provider about the limits of each account that is due."""
    with context.sessions() as session:
        now = context.clock.now(session)
        due = _due(session, now)
    read, failed, changed = 0, 0, list[str]()
    for account in due:
        try:
            quotas = context.host.run(_ask(context, account))
        except (ProviderError, ConfigurationError) as error:
            failed += 1
            if isinstance(error, MisdirectedError) and error.http_status == HTTPStatus.NOT_FOUND:
                _note(context, account.id, _ABSENT)
                continue
            _note(context, account.id, str(error)[:_REASON_CHARACTERS])
            log.warning("account.limits_unread", account=account.name, reason=str(error)[:_REASON_CHARACTERS],
                        remedy="the last ones still count")  # fmt: skip
        else:
            changed += _store(context, account.id, quotas)
            read += 1
    if changed:
        context.hints.dispatch()
    return LimitsRead(read, failed, tuple(changed))


def _due(session: Session, now: datetime) -> list[Account]:
    is_waiting = session.scalars(select(RenderJob.id).where(RenderJob.state == RenderState.QUEUED).limit(1)).first()
    holders = set(session.scalars(select(Slot.account_id).distinct()))
    accounts = session.scalars(select(Account).order_by(Account.created_at, Account.id))
    return [one for one in accounts if _is_due(one, now, is_busy=is_waiting is not None or one.id in holders)]


def _is_due(account: Account, now: datetime, *, is_busy: bool) -> bool:
    every = _BUSY_EVERY if is_busy else _IDLE_EVERY
    if account.limits_problem == _ABSENT:
        every = _ABSENT_EVERY
    asked_at = account.limits_asked_at
    # One that lies ahead was written before the database's clock was set back.
    return asked_at is None or asked_at > now or now >= asked_at + every


async def _ask(context: Context, account: Account) -> dict[str, Quota]:
    async with context.provider(account, is_paced=False) as provider:
        return await provider.quotas()


def _note(context: Context, account_id: UUID, problem: str) -> None:
    """Keep why an account's limits were not read; what was read before stays."""
    with context.sessions.begin() as session:
        account = session.get_one(Account, account_id, with_for_update={"key_share": True})
        account.limits_asked_at, account.limits_problem = context.clock.now(session), problem


def _store(context: Context, account_id: UUID, quotas: dict[str, Quota]) -> list[str]:
    """Follow a reading; the lanes whose slots changed."""
    with context.sessions.begin() as session:
        now = context.clock.now(session)
        # Dispatchers lock it too: each admits by the limits of before or of after.
        account = session.get_one(Account, account_id, with_for_update={"key_share": True})
        before = {model: lane_limits(account, model).slots for model in quotas}
        followed = {
            model: ReadLimit.of(account, model).follow(
                quota.slots, quota.submits_per_second, assumed=before[model], now=now
            )
            for model, quota in quotas.items()
        }
        # A model that is listed no more keeps its last numbers: a list may be cut.
        account.read_limits = account.read_limits | {model: limit.stored() for model, limit in followed.items()}
        account.limits_read_at = account.limits_asked_at = now
        account.limits_problem = None
        after = {model: lane_limits(account, model).slots for model in quotas}
        changed = [model for model in quotas if after[model] != before[model]]
        for model in changed:
            log.warning("account.limits_changed", account=account.name, model=model, slots=after[model],
                        before=before[model])  # fmt: skip
        return [f"{account.name}/{model}" for model in changed]
