"""What endpoints write is dated by one clock, which a test can hold still."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.settings import ApiSettings
from models.job_event import JobEvent
from models.webhook_endpoint import WebhookEndpoint
from tests.api.conftest import serving
from tests.support.virtual_clock import START, VirtualClock


@pytest.fixture
def dated_api(settings: ApiSettings, rows: Session) -> Iterator[httpx.Client]:
    """An API whose clock stands at `START`."""
    with serving(settings, clock=VirtualClock()) as client:
        yield client


def test_a_job_and_its_cancellation_are_dated_by_the_clock(dated_api: httpx.Client, rows: Session) -> None:
    job = dated_api.post("/v1/jobs", json={"model": "wan2.6-t2v", "prompt": "a quiet harbour"}).raise_for_status()
    dated_api.post(f"/v1/jobs/{job.json()['id']}/cancel").raise_for_status()

    assert set(rows.scalars(select(JobEvent.at))) == {START}


def test_a_webhook_is_deleted_at_the_time_of_the_clock(dated_api: httpx.Client, rows: Session) -> None:
    made = dated_api.post("/v1/webhooks", json={"url": "http://receiver/hook"}).raise_for_status()
    dated_api.delete(f"/v1/webhooks/{made.json()['id']}").raise_for_status()

    assert rows.scalars(select(WebhookEndpoint.deleted_at)).all() == [START]
