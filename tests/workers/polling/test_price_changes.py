"""Whatever prices do, nothing is billed above what was reserved for it, and no bill changes afterwards."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import EntryKind, ModelPrice
from models.operations.money.prices import lock_prices, set_price
from reelqueue.catalog.price_list import SINGAPORE, PriceSource
from reelqueue.states import RenderState
from tests.support.jobs import MODEL, Jobs
from tests.support.recorded_hints import SubmitHint
from tests.support.rows import Rows
from tests.support.scripted_provider import RESULT_URL, task
from workers.dispatch.dispatcher import dispatch


def price(jobs: Jobs, amount: str | None) -> None:
    """An operator's price from now on; None: taken back."""
    jobs.clock.advance(1)
    with jobs.context.sessions.begin() as session:
        lock_prices(session)
        set_price(session, ModelPrice(
            source=PriceSource.OPERATOR, region=SINGAPORE, model=MODEL, currency=amount and "USD",
            per_second={"720P": amount} if amount else {}, origin="test", from_at=jobs.context.clock.now(session),
        ))  # fmt: skip
    jobs.clock.advance(1)


def finish(jobs: Jobs) -> None:
    jobs.clock.advance(30)
    jobs.poll(task("SUCCEEDED", video_url=RESULT_URL, usage={"duration": 5, "SR": 720}))


def money(rows: Rows, hint: SubmitHint) -> dict[EntryKind, Decimal | None]:
    """The newest entry of each kind."""
    return {entry.kind: entry.amount for entry in rows.entries(hint.job_id)}


def test_a_running_job_is_settled_by_the_price_of_its_submit(jobs: Jobs, rows: Rows) -> None:
    hint = jobs.admitted()
    jobs.submit(hint)
    price(jobs, "0.50")
    finish(jobs)

    assert money(rows, hint)[EntryKind.SETTLE] == Decimal("0.50")  # 5 s for 0.10


def test_a_job_whose_price_rises_before_its_submit_is_not_sent_for_less(jobs: Jobs, rows: Rows) -> None:
    hint = jobs.admitted()
    price(jobs, "0.50")

    assert "risen" in jobs.submit(hint)

    assert rows.state(hint.job_id) is RenderState.QUEUED
    assert jobs.provider.count("submit") == 0
    dispatch(jobs.context)
    jobs.submit(jobs.hints.submits[-1])
    finish(jobs)
    assert money(rows, hint) == {
        EntryKind.RESERVE: Decimal("2.5"), EntryKind.RELEASE: Decimal("-2.5"), EntryKind.SETTLE: Decimal("2.5")
    }  # fmt: skip


def test_a_price_that_falls_before_the_submit_is_what_is_settled(jobs: Jobs, rows: Rows) -> None:
    hint = jobs.admitted()
    price(jobs, "0.06")
    jobs.submit(hint)
    price(jobs, "0.90")
    finish(jobs)

    assert money(rows, hint)[EntryKind.SETTLE] == Decimal("0.30")


AMOUNTS = st.sampled_from([None, "0.01", "0.05", "0.10", "0.11", "0.5", "3"])


@pytest.mark.usefixtures("context")
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(AMOUNTS, min_size=4, max_size=4))
def test_nothing_is_billed_above_its_reservation_whatever_prices_do(
    jobs: Jobs, rows: Rows, changes: list[str | None]
) -> None:
    queued, admitted, again, running = changes
    price(jobs, queued)
    hint = jobs.admitted()
    price(jobs, admitted)
    jobs.submit(hint)
    if rows.state(hint.job_id) is RenderState.QUEUED:
        dispatch(jobs.context)
        price(jobs, again)
        jobs.submit(jobs.hints.submits[-1])
    price(jobs, running)
    if rows.state(hint.job_id) is RenderState.QUEUED:  # it rose once more: nothing was sent
        dispatch(jobs.context)
        jobs.submit(jobs.hints.submits[-1])
    finish(jobs)

    found = money(rows, hint)
    settled, reserved = found[EntryKind.SETTLE], found[EntryKind.RESERVE]
    assert settled is not None
    assert reserved is not None
    assert Decimal(0) < settled <= reserved
