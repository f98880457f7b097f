"""A statement shows language models apart from videos: by usage, and what lost answers may have cost."""

from __future__ import annotations

from decimal import Decimal

import pytest

from models import OnLostAnswer
from models.operations.money.statement import Scope, make_statement
from models.operations.texts.enqueue import TextJobOptions
from models.tenant import ensure_tenant
from reelqueue.schemas.grouping import Grouping
from tests.support.asked import MODEL, Asked


@pytest.mark.parametrize(
    ("by", "group"), [(Grouping.MODEL, MODEL), (Grouping.CAMPAIGN, "default/default"), (Grouping.ACCOUNT, "default")]
)
def test_texts_are_apart_from_videos(asked: Asked, by: Grouping, group: str) -> None:
    asked.answered(asked.queued())
    asked.answered(asked.queued())
    asked.fault("drop", phase="after")
    lost = asked.answered(asked.queued(options=TextJobOptions(on_lost_answer=OnLostAnswer.HOLD)))

    with asked.context.sessions() as session:
        found = make_statement(session, by, Scope())
        others = make_statement(session, by, Scope(tenant_id=ensure_tenant(session, "other")))

    charges = asked.charges()[:2]
    (line,), (total,) = found.texts, found.text_totals
    assert (line.group, line.calls, line.currency) == (group, 3, "USD")
    assert line.input_tokens == sum(charge["prompt_tokens"] for charge in charges)
    assert line.output_tokens == sum(charge["completion_tokens"] for charge in charges)
    assert line.amount == total.amount == sum(Decimal(charge["amount"]) for charge in charges)
    assert (line.written_off, line.reserved) == (lost.cost_amount, 0)
    assert (found.lines, found.totals, others.texts) == ([], [], [])
