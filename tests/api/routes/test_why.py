"""GET /v1/jobs/{job_id}/why: what the caller's job waits for, and nothing of others."""

from __future__ import annotations

import hashlib
from uuid import UUID, uuid4

import httpx
from sqlalchemy.orm import Session

from api.settings import ApiSettings
from models import Account
from models.api_key import ApiKey
from models.tenant import ensure_tenant
from reelqueue.states import RenderState
from tests.api.conftest import problem, serving
from tests.support.stored_jobs import NOW, store_account, store_job


def job_of(rows: Session, tenant: str, state: RenderState = RenderState.QUEUED) -> UUID:
    return store_job(rows, state, tenant_id=ensure_tenant(rows, tenant))


def test_the_owner_of_a_job_reads_the_reason_without_the_account(settings: ApiSettings, rows: Session) -> None:
    account = rows.get_one(Account, store_account(rows, "secret studio"))
    account.paused_at, account.paused_reason = NOW, "Arrearage"
    job_id = job_of(rows, "bob")
    digest = hashlib.sha256(b"rq_bob").hexdigest()
    rows.add(ApiKey(name="bob", tenant_id=ensure_tenant(rows, "bob"), sha256=digest))
    other_id = job_of(rows, "alice")
    rows.commit()

    with serving(settings, require_key=True) as locked:
        locked.headers["Authorization"] = "Bearer rq_bob"
        answer = locked.get(f"/v1/jobs/{job_id}/why")
        refused = locked.get(f"/v1/jobs/{other_id}/why")

    why = answer.json()
    assert (why["cause"], why["is_blocking"], why["remedy"]) == (
        "account_paused", True, "tell an operator of this server",
    )  # fmt: skip
    assert "Arrearage" in why["reason"]
    assert "secret studio" not in answer.text
    assert (refused.status_code, problem(refused)["code"]) == (404, "job_not_found")


def test_a_job_that_is_past_the_queue_is_explained_by_its_step(api: httpx.Client, rows: Session) -> None:
    job_id = job_of(rows, "alice", RenderState.NEEDS_REVIEW)
    rows.commit()

    why = api.get(f"/v1/jobs/{job_id}/why").json()

    assert (why["state"], why["cause"], why["ahead_count"]) == ("needs_review", "needs_review", None)
    assert why["reason"].startswith("an operator decides")


def test_an_unknown_job_is_a_clear_error(api: httpx.Client) -> None:
    answer = api.get(f"/v1/jobs/{uuid4()}/why")

    assert (answer.status_code, problem(answer)["code"]) == (404, "job_not_found")
