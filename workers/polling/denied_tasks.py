"""Tasks that the provider denies to know: before one is given up, its task list is asked, too."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import select

from models.account import Account
from models.attempt import Attempt
from models.provider_task import ProviderTask
from reelqueue.errors import ConfigurationError
from workers.dashscope import DashScope, ProviderError
from workers.polling.apply_answers import Asked
from workers.polling.decisions import DuePoll, PollRules, is_denied
from workers.runtime.context import Context
from workers.runtime.provider_clock import clock_range

log = structlog.get_logger(__name__)

_LIMIT_SECONDS: Final = 5.0
"""For all lists of a batch, whose lease goes on; what was not reached is asked the next time."""


def look_for_denied(context: Context, account: Account, asked: list[Asked], rules: PollRules) -> list[Asked]:
    """The answers of a batch, with what the task list says of tasks that it has denied for long.

    Args:
        context: The outside world.
        account: Whose tasks.
        asked: The batch.
        rules: The settings that matter.
    """
    denied = [one.due for one in asked if is_denied(one.due, one.answer, one.at, rules)]
    if not denied:
        return asked
    try:
        searches = [search for due in denied if (search := _search(context, account, due)) is not None]
    except ConfigurationError:
        return asked
    missing = context.host.run(_missing(context, account, searches))
    return [replace(one, is_missing=one.due.provider_task_id in missing) for one in asked]


@dataclass(frozen=True)
class Search:
    """A task to be looked for, and when it can have been made by the provider's clock."""

    due: DuePoll
    since: datetime
    until: datetime


def _search(context: Context, account: Account, due: DuePoll) -> Search | None:
    """The account and window whose list must show a task; None if it was submitted with another key."""
    submit = select(Attempt).join(ProviderTask, ProviderTask.attempt_id == Attempt.id)
    with context.sessions() as session:
        attempt = session.scalars(submit.where(ProviderTask.id == due.task_row_id)).one()
        if attempt.key_fingerprint not in {None, context.key_fingerprint(account)}:
            return None
        clocks = clock_range(
            session,
            account.id,
            context.settings.reconcile,
            model=due.model,
            sent_with=[attempt.clock_offset_seconds],
        )
    return Search(due, *clocks.window(attempt.sent_at or attempt.created_at, due.submitted_at))


async def _missing(context: Context, account: Account, searches: list[Search]) -> set[str]:
    """The ids that a whole list misses."""
    missing: set[str] = set()
    try:
        async with asyncio.timeout(_LIMIT_SECONDS):
            for search in searches:
                async with context.provider(account, base_url=search.due.base_url) as provider:
                    if await _is_missing(provider, search):
                        missing.add(search.due.provider_task_id)
    except (ProviderError, TimeoutError) as error:
        log.warning("provider_task.list_unclear", account=account.name, error=str(error))
    return missing


async def _is_missing(provider: DashScope, search: Search) -> bool:
    due = search.due
    listed = await provider.list_tasks(model=due.model, since=search.since, until=search.until)
    is_there = any(task.provider_task_id == due.provider_task_id for task in listed.tasks)
    log.warning("provider_task.denied", job_id=str(due.job_id), provider_task_id=due.provider_task_id,
                is_listed=is_there, flaw=listed.flaw)  # fmt: skip
    return not is_there and listed.flaw is None
