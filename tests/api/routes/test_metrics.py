"""GET /metrics: the record in numbers, for operators."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.settings import ApiSettings
from models import Account, Campaign, RenderJob
from models.operations.money.slot_reservations import Quote, lease_slot
from reelqueue.states import RenderState
from tests.api.conftest import problem, serving
from tests.support.stored_jobs import store_account, store_job

KEY = "operators' key for metrics, 32 characters"
SECRET = "a secret prompt of a customer"
Read = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(answer: httpx.Response) -> Read:
    """Every sample by its name and labels."""
    assert answer.status_code == 200, answer.text
    return {
        (sample.name.removeprefix("reelqueue_"), frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def of(found: Read, name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


@pytest.fixture
def stored(rows: Session) -> Session:
    """A job in each of some states."""
    now = datetime.now(UTC)
    account_id = store_account(rows, "studio")
    for _ in range(3):
        store_job(rows, prompt=SECRET)
    late = {"next_poll_at": now - timedelta(minutes=5), "account_id": account_id}
    job_id = store_job(rows, RenderState.RENDERING, **late)
    price = Quote(Decimal("0.50"), Decimal("0.10"), "USD")
    job = rows.get_one(RenderJob, job_id)
    lease_slot(rows, job, account_id, price, now=now + timedelta(minutes=1), submit_at=now)
    store_job(rows, RenderState.SUCCEEDED)
    store_job(rows, RenderState.ARCHIVING, next_archive_at=now)
    rows.get_one(Account, account_id).paused_at = now
    rows.commit()
    return rows


def test_the_numbers_are_those_of_the_rows(api: httpx.Client, stored: Session) -> None:
    found = read(api.get("/metrics"))

    here = {"account": "studio", "model": "wan2.6-t2v"}
    assert of(found, "jobs", state="queued", model="wan2.6-t2v") == 3
    assert ("jobs", frozenset({("state", "succeeded"), ("model", "wan2.6-t2v")})) not in found
    assert of(found, "overdue_polls") == 1
    assert of(found, "oldest_overdue_poll_seconds") >= 300
    assert (of(found, "slots_leased", **here), of(found, "slots", **here)) == (1, 5)
    assert of(found, "reserved_amount", **here, currency="USD") == 0.5
    assert of(found, "archive_backlog") == 1
    assert of(found, "account_paused", account="studio") == 1
    assert of(found, "admission_delay_seconds", model="wan2.6-t2v") > 0


def test_no_label_is_a_prompt_or_an_id(api: httpx.Client, stored: Session) -> None:
    text = api.get("/metrics").text

    ids = [one for table in (RenderJob, Account, Campaign) for one in stored.scalars(select(table.id))]
    assert SECRET not in text
    assert not [one for one in ids if str(one) in text]


def test_an_empty_record_has_numbers(api: httpx.Client) -> None:
    found = read(api.get("/metrics"))

    assert (of(found, "overdue_polls"), of(found, "archive_backlog")) == (0, 0)


def test_where_keys_are_needed_only_the_operators_key_opens_it(
    settings: ApiSettings, rows: Session, alice: dict[str, str]
) -> None:
    with serving(settings.model_copy(update={"api_metrics_key": SecretStr(KEY)}), require_key=True) as locked:
        answers = [
            locked.get("/metrics"),
            locked.get("/metrics", headers=alice),
            locked.get("/metrics", headers={"Authorization": f"Bearer {KEY[:-1]}"}),
        ]
        opened = locked.get("/metrics", headers={"Authorization": f"Bearer {KEY}"})
        not_a_tenants = locked.get("/v1/jobs", headers={"Authorization": f"Bearer {KEY}"})

    assert [(answer.status_code, problem(answer)["code"]) for answer in answers] == [(401, "unauthorized")] * 3
    assert opened.status_code == 200
    assert not_a_tenants.status_code == 401


def test_without_the_setting_nothing_opens_it(locked: httpx.Client, alice: dict[str, str]) -> None:
    answer = locked.get("/metrics", headers=alice)

    assert answer.status_code == 401
    assert "REELQUEUE_API_METRICS_KEY" in problem(answer)["detail"]


def test_a_proxy_that_passes_callers_on_is_refused(api: httpx.Client) -> None:
    assert api.get("/metrics", headers={"X-Forwarded-For": "203.0.113.7"}).status_code == 403
