"""The doctor about language models: what waits for a person, and nothing where all is well."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from models import TextLane
from reelqueue.states import TextState
from tests.support.stored_jobs import NOW, store_account
from tests.support.stored_texts import store_text
from workers.operator.text_health import text_troubles


@pytest.mark.parametrize(("minutes", "count"), [(1, 0), (9, 1)])
def test_a_model_that_may_not_be_used_is_named(session: Session, minutes: int, count: int) -> None:
    until = NOW + timedelta(minutes=minutes)
    lane = TextLane(account_id=store_account(session), model="qwen-max", held_until=until, held_reason="403: denied")
    session.add(lane)
    session.flush()

    troubles = list(text_troubles(session, NOW))

    assert len(troubles) == count
    assert all("403: denied" in trouble.seen for trouble in troubles)


def test_held_jobs_are_counted(session: Session) -> None:
    assert list(text_troubles(session, NOW)) == []

    for state in (TextState.HELD, TextState.HELD, TextState.QUEUED):
        store_text(session, state)

    (trouble,) = text_troubles(session, NOW)
    assert trouble.seen.startswith("2 text jobs wait")
