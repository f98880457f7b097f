"""What a job says of its campaign, its cost and its submit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models import Attempt, RenderJob, Slot
from models.campaign import ensure_campaign
from models.tenant import ensure_tenant
from reelqueue.states import TERMINAL, RenderState
from tests.support.stored_jobs import lease_slot, store_job
from tests.support.stored_payments import store_payment


def read(api: httpx.Client, job_id: object) -> dict[str, Any]:
    answer = api.get(f"/v1/jobs/{job_id}")
    assert answer.status_code == 200, answer.text
    job: dict[str, Any] = answer.json()
    return job


def test_a_paid_job_has_cost_what_was_settled(api: httpx.Client, rows: Session) -> None:
    store_payment(rows, seconds=5, settled_seconds=5)
    rows.commit()

    (job,) = api.get("/v1/jobs").json()["items"]

    assert (Decimal(job["cost"]["amount"]), job["cost"]["currency"]) == (Decimal("0.50"), "USD")
    assert len(job["cost"]["amount"]) < 8  # no digits that say nothing


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_a_job_that_ended_without_a_bill_has_cost_nothing(api: httpx.Client, rows: Session, state: RenderState) -> None:
    job_id = store_job(rows, state)
    rows.commit()

    assert read(api, job_id)["cost"] == {"amount": "0", "currency": None}


@pytest.mark.parametrize("state", [RenderState.QUEUED, RenderState.RENDERING, RenderState.NEEDS_REVIEW])
def test_what_may_still_be_billed_has_no_cost_yet(api: httpx.Client, rows: Session, state: RenderState) -> None:
    job_id = store_job(rows, state)
    rows.commit()

    assert read(api, job_id)["cost"] is None


def test_a_job_that_timed_out_has_no_cost_while_its_task_holds_a_slot(api: httpx.Client, rows: Session) -> None:
    job_id = store_job(rows, RenderState.TIMED_OUT)
    lease_slot(rows, job_id)
    rows.commit()
    assert read(api, job_id)["cost"] is None

    rows.delete(rows.scalars(select(Slot)).one())
    rows.commit()

    assert read(api, job_id)["cost"]["amount"] == "0"


def test_a_job_names_its_campaign(api: httpx.Client, rows: Session) -> None:
    alone = store_job(rows)
    owner_id = ensure_tenant(rows)
    grouped = store_job(rows, tenant_id=owner_id, campaign_id=ensure_campaign(rows, owner_id, "autumn"))
    rows.commit()

    assert (read(api, alone)["campaign"], read(api, grouped)["campaign"]) == ("default", "autumn")


def test_a_job_names_the_providers_request_of_its_latest_submit(api: httpx.Client, rows: Session) -> None:
    store_payment(rows)
    rows.execute(update(Attempt).values(request_id="request-1"))
    first = rows.scalars(select(Attempt)).one()
    facts = {"job_id": first.job_id, "account_id": first.account_id, "base_url": first.base_url}
    rows.add(
        Attempt(
            number=2, state=first.state, epoch=2, spec_sha256="0" * 64, send_by=first.send_by,
            request_id="request-2", **facts,
        )
    )  # fmt: skip
    rows.commit()

    job = read(api, rows.scalars(select(RenderJob.id)).one())

    assert (job["provider_request_id"], job["attempt_count"]) == ("request-2", 2)
