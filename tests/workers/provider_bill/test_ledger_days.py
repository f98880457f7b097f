"""What the ledger says that the provider must bill."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from models import EntryKind, ProviderTask
from models.operations.money.ledger import post_charges, write_off_of
from models.operations.money.slot_reservations import release_slot
from tests.support.jobs import Jobs
from workers.provider_bill.differences import BEIJING
from workers.provider_bill.ledger_days import read_ledger_days


@pytest.mark.parametrize("is_taken_back", [False, True])
def test_only_a_write_off_that_stands_explains_what_is_billed(jobs: Jobs, *, is_taken_back: bool) -> None:
    job_id, began_at = jobs.rendering(), jobs.clock.now()
    with jobs.context.sessions.begin() as session:
        slot = release_slot(session, job_id, now=began_at)
        assert slot is not None
        written_off = write_off_of(slot)
        post_charges(session, [written_off], now=began_at)
        if is_taken_back:
            task = session.scalars(select(ProviderTask)).one()
            bill = replace(written_off, kind=EntryKind.SETTLE, provider_task_id=task.id)
            post_charges(session, [bill], now=began_at + timedelta(days=5))

        days = read_ledger_days(
            session,
            [slot.account_id],
            "USD",
            began_at.astimezone(BEIJING).date(),
            (began_at + timedelta(days=6)).astimezone(BEIJING).date(),
        )

    stands = Decimal(0) if is_taken_back else written_off.amount
    assert [day.written_off for day in days.values() if day.written_off] == ([stands] if stands else [])
