"""An adoption takes its locks in everybody's order: campaigns, and poll lanes last."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, select

from models import Account, Campaign
from models.campaign import ensure_campaign
from models.operations.scheduling.poll_wakeups import wake_lane
from models.tenant import ensure_tenant
from reelqueue.states import TaskStatus
from tests.support.blocked import wait_until_blocked
from tests.support.jobs import MODEL, Jobs
from tests.support.lock_order import locked_table
from tests.support.scripted_provider import RESULT_URL, task
from workers.dispatch.dispatcher import dispatch
from workers.orphans.adoption import ORPHANS, Orphan, adopt_orphan


def test_an_orphan_is_adopted_beside_a_batch_that_has_the_campaign_and_wants_the_lane(
    own_jobs: Jobs, own_engine: Engine
) -> None:
    dispatch(own_jobs.context)  # makes the default account
    with own_jobs.context.sessions.begin() as session:
        ensure_campaign(session, ensure_tenant(session), ORPHANS)
        account = session.scalars(select(Account)).one()
    own_jobs.provider.on_query(task("SUCCEEDED", video_url=RESULT_URL))  # no usage: it is asked for
    orphan = Orphan("stray", MODEL, TaskStatus.SUCCEEDED, account.base_url, own_jobs.clock.now())

    with ThreadPoolExecutor(1) as pool, own_jobs.context.sessions.begin() as batch:
        batch.execute(select(Campaign.id).with_for_update(key_share=True))
        adopting = pool.submit(adopt_orphan, own_jobs.context, account, orphan)
        wait_until_blocked(own_engine)
        wake_lane(batch, account.id, own_jobs.clock.now())
        batch.commit()

        assert adopting.result().job_id is not None


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("SELECT campaigns.id \nFROM campaigns \nWHERE true ORDER BY campaigns.id FOR NO KEY UPDATE", "campaigns"),
        ("UPDATE poll_lanes SET seq=1", "poll_lanes"),
        ("INSERT INTO job_events (job_id) VALUES (1)", "job_events"),
        ("SELECT campaigns.id \nFROM campaigns", None),
    ],
)
def test_the_check_of_the_order_reads_what_a_statement_locks(statement: str, table: str | None) -> None:
    assert locked_table(statement) == table
