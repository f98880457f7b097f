"""Tasks that the provider denies to know: before one is given up, its task list is asked, too."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy import select

from models.account import Account
from models.attempt import Attempt
from models.provider_task import ProviderTask
from reelqueue.errors import ConfigurationError
from workers.dashscope import DashScope, ProviderError
from workers.polling.apply_answers import Asked
from workers.polling.decisions import Due, Rules, is_denied
from workers.runtime.context import Services

log = structlog.get_logger(__name__)

_AROUND: Final = timedelta(hours=1)
"""Before and after its submit: more than clocks are apart."""
_LIMIT_SECONDS: Final = 5.0
"""For all lists of a batch, whose lease goes on; what was not reached is asked the next time."""


def look_for_denied(services: Services, account: Account, asked: list[Asked], rules: Rules) -> list[Asked]:
    """The answers of a batch, with what the task list says of tasks that it has denied for long.

    Args:
        services: The outside world.
        account: Whose tasks.
        asked: The batch.
        rules: The settings that matter.
    """
    denied = [one.due for one in asked if is_denied(one.due, one.answer, one.at, rules)]
    if not denied:
        return asked
    try:
        mine = [due for due in denied if _is_under_same_key(services, account, due)]
        missing = services.host.run(_missing(services, account, mine))
    except ConfigurationError:
        return asked
    return [replace(one, is_missing=one.due.provider_task_id in missing) for one in asked]


def _is_under_same_key(services: Services, account: Account, due: Due) -> bool:
    """Whether a task was submitted with the account's present key: another one's list may not have it."""
    submitted = select(Attempt.key_fingerprint).join(ProviderTask, ProviderTask.attempt_id == Attempt.id)
    with services.sessions() as session:
        fingerprint = session.scalars(submitted.where(ProviderTask.id == due.task_row_id)).one()
    return fingerprint in {None, services.key_fingerprint(account)}


async def _missing(services: Services, account: Account, denied: list[Due]) -> set[str]:
    """The ids that a whole list misses."""
    missing: set[str] = set()
    try:
        async with asyncio.timeout(_LIMIT_SECONDS):
            for due in denied:
                async with services.provider(account, base_url=due.base_url) as provider:
                    if await _is_missing(provider, due):
                        missing.add(due.provider_task_id)
    except (ProviderError, TimeoutError) as error:
        log.warning("provider_task.list_unclear", account=account.name, error=str(error))
    return missing


async def _is_missing(provider: DashScope, due: Due) -> bool:
    since, until = due.submitted_at - _AROUND, due.submitted_at + _AROUND
    listed = await provider.list_tasks(model=due.model, since=since, until=until)
    is_there = any(task.provider_task_id == due.provider_task_id for task in listed.tasks)
    log.warning("provider_task.denied", job_id=str(due.job_id), provider_task_id=due.provider_task_id,
                is_listed=is_there, flaw=listed.flaw)  # fmt: skip
    return not is_there and listed.flaw is None
