"""What an open call to a language model may cost is held from its campaign's budget."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy.orm import Session

from models import Campaign
from models.campaign import ensure_campaign
from models.operations.admission.usage import Usage
from models.operations.money.budget import Budget, BudgetBelowCommitmentsError, reserved_amount, set_budget
from models.operations.money.caps import Caps
from models.tenant import ensure_tenant
from reelqueue.states import OPEN_TEXT_ATTEMPT, TextAttemptState, TextState
from tests.support.stored_jobs import NOW
from tests.support.stored_texts import store_text, store_text_attempt

FIVE = Decimal(5)


@pytest.mark.parametrize("state", list(TextAttemptState), ids=lambda state: state.value)
def test_exactly_the_open_calls_hold_money(session: Session, state: TextAttemptState) -> None:
    campaign_id = ensure_campaign(session, ensure_tenant(session))
    job_id = store_text(session, TextState.RUNNING, campaign_id=campaign_id)
    store_text_attempt(session, job_id, state, reserved_amount=FIVE, currency="USD")

    held = FIVE if state in OPEN_TEXT_ATTEMPT else Decimal(0)

    assert reserved_amount(session, campaign_id, "USD") == held
    assert reserved_amount(session, campaign_id, "CNY") == 0
    campaign = session.get_one(Campaign, campaign_id)
    usage = Usage.read(session, {campaign_id: campaign}, Caps.look(session, NOW))
    assert usage.reserved.get((campaign_id, "USD"), Decimal(0)) == held


def test_a_budget_covers_what_is_being_asked(session: Session) -> None:
    campaign_id = ensure_campaign(session, ensure_tenant(session))
    job_id = store_text(session, TextState.RUNNING, campaign_id=campaign_id)
    store_text_attempt(session, job_id, reserved_amount=FIVE, currency="USD")

    with pytest.raises(BudgetBelowCommitmentsError):
        set_budget(session, campaign_id, Budget(Decimal(4), "USD"))

    set_budget(session, campaign_id, Budget(FIVE, "USD"))
    assert Usage.read(session, {}, Caps.look(session, NOW)).left(session.get_one(Campaign, campaign_id)) == 0
