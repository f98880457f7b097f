"""Everything that the provider lists of an account within a window, over every host that its tasks live at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.account import Account
from models.attempt import Attempt
from reelqueue.errors import ConfigurationError
from workers.dashscope import (
    ClockComparison,
    DashScope,
    ListedTask,
    ProviderError,
    TaskAnswer,
    TaskList,
    TooManyTasksError,
)
from workers.dashscope.limits import LONGEST_WINDOW
from workers.runtime.context import Context
from workers.runtime.provider_clock import ClockRange, keep_reading

log = structlog.get_logger(__name__)

_SHORTEST_WINDOW: Final = timedelta(seconds=10)
_READS: Final = 5


@dataclass(frozen=True)
class Located:
    """A listed task, and the host that listed it."""

    task: ListedTask
    base_url: str


def listed_window(now: datetime, window: timedelta, clocks: ClockRange) -> tuple[datetime, datetime]:
    """The longest window that the provider lists, up to now by its clock, and no longer than wanted."""
    until = now + clocks.high + clocks.allowance
    return max(now + clocks.low - window, until - LONGEST_WINDOW), until


def hosts_of(session: Session, account: Account, *, since: datetime) -> list[str]:
    """Where an account's tasks may live: its host now, and those that it was submitted to in a window."""
    sent = select(Attempt.base_url).where(Attempt.account_id == account.id, Attempt.created_at >= since).distinct()
    return sorted({account.base_url, *session.scalars(sent)})


@dataclass(frozen=True)
class AccountList:
    """What an account's hosts list of a window."""

    tasks: dict[str, Located]
    """By id."""
    flaw: str | None = None
    """Why it may miss tasks; None: it is whole."""


def list_account(
    context: Context, account: Account, hosts: Iterable[str], *, since: datetime, until: datetime
) -> AccountList:
    """The account's tasks of all models in all statuses.

    Args:
        context: The outside world.
        account: Whose list.
        hosts: Where to ask.
        since: Aware; not longer ago than :data:`LONGEST_WINDOW`.
        until: Aware.

    Raises:
        workers.dashscope.ProviderError: A part of the list cannot be read.
        reelqueue.errors.ConfigurationError: The account's key is not in the environment.
    """
    found: dict[str, Located] = {}
    flaw = None
    for host in hosts:
        listed, clock = context.host.run(_list_host(context, account, host, since, until))
        keep_reading(context, account.id, clock)
        found |= {task.provider_task_id: Located(task, host) for task in listed.tasks}
        flaw = flaw or listed.flaw
    return AccountList(found, flaw)


def query_task(context: Context, account: Account, base_url: str, provider_task_id: str) -> TaskAnswer | None:
    """Query one task at the provider; None if it gives no answer now."""

    async def get() -> TaskAnswer:
        async with context.provider(account, base_url=base_url) as provider:
            return await provider.get(provider_task_id)

    try:
        return context.host.run(get())
    except (ProviderError, ConfigurationError) as error:
        log.warning("orphan.no_answer", account=account.name, provider_task_id=provider_task_id, error=str(error))
        return None


async def _list_host(
    context: Context, account: Account, base_url: str, since: datetime, until: datetime
) -> tuple[TaskList, ClockComparison | None]:
    async with context.provider(account, base_url=base_url) as provider:
        # On a busy account tasks are made while its pages are read: reason to read them again, a few times.
        for _ in range(_READS):
            listed = await _list_window(provider, since, until)
            if listed.flaw is None:
                break
        return listed, provider.clock


async def _list_window(provider: DashScope, since: datetime, until: datetime) -> TaskList:
    """A window's tasks; one that holds too many is asked for in halves."""
    try:
        return await provider.list_tasks(model=None, since=since, until=until)
    except TooManyTasksError:
        if until - since <= _SHORTEST_WINDOW:
            raise
    middle = since + (until - since) / 2
    early, late = await _list_window(provider, since, middle), await _list_window(provider, middle, until)
    return TaskList(early.tasks + late.tasks, early.flaw or late.flaw)
