"""The task list of an account: a window that holds too many tasks is read in halves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from models import Account
from tests.support.jobs import MODEL, Jobs
from tests.support.rows import Rows
from tests.support.scripted_provider import Answer, answer, listing
from tests.support.virtual_clock import VirtualClock
from workers.dashscope import TooManyTasksError
from workers.dashscope.client import MAX_PAGES
from workers.dispatch.dispatcher import dispatch
from workers.reconciliation.task_list import AccountList, list_account
from workers.runtime.context import Context

OVERFULL = answer(200, {"total": 9999, "total_page": MAX_PAGES + 1, "page_no": 1, "page_size": 100, "data": []})


@pytest.fixture
def account(context: Context, rows: Rows) -> Account:
    """The default account."""
    dispatch(context)
    with rows.sessions.begin() as session:
        return session.scalars(select(Account)).one()


def of_task(clock: VirtualClock, task_id: str) -> Answer:
    """A whole list of one task."""
    made_ms = int(clock.now().timestamp() * 1000)
    row: dict[str, Any] = {"task_id": task_id, "status": "RUNNING", "model_name": MODEL, "gmt_create": made_ms}
    return listing(row)


def read(context: Context, account: Account, clock: VirtualClock, minutes: float) -> AccountList:
    until = clock.now()
    return list_account(context, account, [account.base_url], since=until - timedelta(minutes=minutes), until=until)


def test_an_overfull_window_is_read_in_halves_and_nothing_is_lost(
    context: Context, jobs: Jobs, account: Account, clock: VirtualClock
) -> None:
    before = len(jobs.provider.requests)
    jobs.provider.on_list(OVERFULL, of_task(clock, "early"), OVERFULL, of_task(clock, "middle"), of_task(clock, "late"))

    found = read(context, account, clock, 60)

    assert (sorted(found.tasks), found.flaw) == (["early", "late", "middle"], None)
    windows = [request.url.params for request in jobs.provider.requests[before:]]
    whole, early, second_half, middle, late = windows
    assert early["start_time"] == whole["start_time"]
    assert early["end_time"] == second_half["start_time"] == middle["start_time"]
    assert middle["end_time"] == late["start_time"]
    assert late["end_time"] == second_half["end_time"] == whole["end_time"]


def test_a_window_of_seconds_that_is_still_overfull_is_an_error(
    context: Context, jobs: Jobs, account: Account, clock: VirtualClock
) -> None:
    jobs.provider.on_list(OVERFULL)

    with pytest.raises(TooManyTasksError, match=f"more than {MAX_PAGES}"):
        read(context, account, clock, 0.5)
