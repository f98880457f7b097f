"""Taking text jobs beside dispatch: campaigns and caps are locked in one order."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import event

from models.campaign import ensure_campaign
from models.operations.money.budget import Budget, set_budget
from models.tenant import ensure_tenant
from reelqueue.states import TextState
from tests.support.asked import Asked
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
