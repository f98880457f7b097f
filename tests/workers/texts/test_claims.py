"""Taking text jobs beside dispatch: campaigns and caps are locked in one order."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import event, select, text

from models import Account, Campaign
from models.campaign import ensure_campaign
from models.operations.money.budget import Budget, set_budget
from models.operations.texts.rates import set_rate
from models.tenant import ensure_tenant
from reelqueue.catalog.text_limits import TextLimits
from reelqueue.states import TextState
from tests.support.asked import MODEL, Asked
from workers.texts.claims import Taken, take_text_job


def test_a_transaction_locks_one_campaign_before_the_caps(asked: Asked) -> None:
    with asked.context.sessions.begin() as session:
        tenant_id = ensure_tenant(session)
        poor_id, rich_id = (ensure_campaign(session, tenant_id, name) for name in ("poor", "rich"))
        set_budget(session, poor_id, Budget(Decimal("0.0000001"), "USD"))
    poor, rich = (asked.queued(campaign_id=campaign_id) for campaign_id in (poor_id, rich_id))
    engine, locked = asked.context.sessions.kw["bind"], [list[str]()]

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "FROM campaigns" in statement and "FOR NO KEY UPDATE" in statement:
            locked[-1].append("campaign")
        elif "FROM spending_caps" in statement and "FOR UPDATE" in statement:
            locked[-1].append("caps")

    event.listen(engine, "before_cursor_execute", note)
    event.listen(engine, "commit", lambda _connection: locked.append([]))
    taken = take_text_job(asked.context, poor)

    assert isinstance(taken, Taken)
    assert (taken.claim.job_id, asked.job(poor).state) == (rich, TextState.QUEUED)
    assert [one for one in locked if one] == [["campaign"], ["campaign", "caps"]]


@pytest.mark.parametrize("column", ["paused_at", "cancelled_at"])
def test_a_campaign_that_is_stopped_while_a_claim_waits_for_it_is_not_sent(asked: Asked, column: str) -> None:
    job_id = asked.queued()
    blocked = text("SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))")
    with ThreadPoolExecutor(1) as worker, asked.context.sessions.begin() as session:
        campaign = session.get_one(Campaign, asked.job(job_id).campaign_id)
        setattr(campaign, column, asked.context.clock.now(session))
        session.flush()
        taking = worker.submit(take_text_job, asked.context, job_id)
        give_up_at = time.monotonic() + 30
        while session.execute(blocked).first() is None and not taking.done():
            assert time.monotonic() < give_up_at
        session.commit()
        taken = taking.result()

    assert not isinstance(taken, Taken)
    assert (asked.job(job_id).state, asked.attempts(job_id)) == (TextState.QUEUED, [])


def test_a_lane_goes_at_its_accounts_own_rate(asked: Asked) -> None:
    asked.answered(asked.queued())
    with asked.context.sessions.begin() as session:
        account = session.scalars(select(Account)).one()
        set_rate(account, MODEL, TextLimits(requests_per_minute=1, tokens_per_minute=5_000_000))
    before = asked.lane().free_at
    assert before is not None

    asked.answered(asked.queued())

    after = asked.lane().free_at
    assert after is not None
    assert after - before >= timedelta(seconds=59)
