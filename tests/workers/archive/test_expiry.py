"""Results are gone after a day: the first to go is fetched first, and somebody is told before one is."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from models import ProviderTask, WebhookDelivery
from models.operations.webhooks.endpoints import make_endpoint
from models.storage import StorageRefusedError
from models.tenant import ensure_tenant
from reelqueue.states import RenderState
from tests.support.jobs import Jobs
from tests.support.loopback import LoopbackServer, says, serving
from tests.support.rows import Rows
from tests.support.sample_videos import make_clip
from workers.archive.archive_result import archive_render_job
from workers.archive.fetch_lease import claim_fetch
from workers.archive.retry import retry_store
from workers.audit.invariants import audit
from workers.operator.record.checks import CheckLine, record_checks
from workers.settings import DeliverySettings, Settings
from workers.sweep.sweep import sweep
from workers.webhooks.deliver import deliver_webhooks

KEY = SecretStr("the server's key, of 32 characters or more")
HOUR = 3600


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Provider and receivers are on this machine."""
    provider = settings.provider.model_copy(update={"video_base_url": "http://127.0.0.1:9"})
    delivery = DeliverySettings(webhook_key=KEY, webhook_private_hosts="127.0.0.1")
    return replace(settings, provider=provider, delivery=delivery)


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    """A server of the clip, and a receiver of whatever comes."""
    with serving(says("200 OK", make_clip())) as server:
        yield server


def archiving(jobs: Jobs, rows: Rows, expires_in_hours: float, url: str = "http://127.0.0.1:1") -> UUID:
    """A job whose result waits."""
    job_id = jobs.archiving(url=url)
    expires_at = jobs.clock.at(expires_in_hours * HOUR)
    rows.change(ProviderTask, ProviderTask.job_id == job_id, result_expires_at=expires_at)
    return job_id


def archive_line(jobs: Jobs) -> CheckLine:
    with jobs.context.sessions() as session:
        return next(line for line in record_checks(jobs.context, session) if line.subject == "archive backlog")


def test_the_result_that_expires_first_is_fetched_first(jobs: Jobs, rows: Rows, server: LoopbackServer) -> None:
    hours = [20, 3, 11, 7]
    waiting = {archiving(jobs, rows, each, server.url): each for each in hours}

    fetched = []
    for job_id in waiting:  # messages in the order of their sending
        archive_render_job(jobs.context, job_id)
        fetched += [each for each in waiting if rows.state(each) is RenderState.SUCCEEDED and each not in fetched]

    assert [waiting[job_id] for job_id in fetched] == sorted(hours)


def test_the_message_says_whose_result_was_fetched_instead(jobs: Jobs, rows: Rows, server: LoopbackServer) -> None:
    named, sooner = archiving(jobs, rows, 20, server.url), archiving(jobs, rows, 3, server.url)

    assert f"(job {sooner} expires sooner)" in archive_render_job(jobs.context, named)


def test_of_those_that_expire_together_the_named_one_is_fetched(jobs: Jobs, rows: Rows, server: LoopbackServer) -> None:
    other, named = archiving(jobs, rows, 20, server.url), archiving(jobs, rows, 20, server.url)
    rows.change(ProviderTask, result_expires_at=jobs.clock.at(20 * HOUR))

    archive_render_job(jobs.context, named)

    assert (rows.state(other), rows.state(named)) == (RenderState.ARCHIVING, RenderState.SUCCEEDED)


def test_the_sweep_hints_at_the_first_to_expire_first(jobs: Jobs, rows: Rows) -> None:
    late, soon = archiving(jobs, rows, 20), archiving(jobs, rows, 8)
    jobs.hints.fetches.clear()

    sweep(jobs.context)

    assert jobs.hints.fetches == [soon, late]


def test_workers_at_the_same_time_take_different_results(own_jobs: Jobs) -> None:
    waiting = {own_jobs.archiving() for _ in range(4)}
    named = next(iter(waiting))

    with ThreadPoolExecutor(8) as workers:
        claims = list(workers.map(lambda _: claim_fetch(own_jobs.context, named), range(8)))

    taken = [claim.job_id for claim in claims if claim]
    assert sorted(taken) == sorted(set(taken))
    assert set(taken) <= waiting
    assert taken != []


@pytest.mark.parametrize(("hours", "told"), [(6.1, 0), (5.9, 1), (-1, 1)])
def test_an_alarm_is_raised_hours_before_a_result_is_gone(jobs: Jobs, rows: Rows, hours: float, told: int) -> None:
    job_id = archiving(jobs, rows, hours)

    sweep(jobs.context)

    assert len(rows.events(job_id, "result_expiring")) == told


def test_the_alarm_is_raised_once(jobs: Jobs, rows: Rows) -> None:
    job_id = archiving(jobs, rows, 5)

    assert (sweep(jobs.context).expiring, sweep(jobs.context).expiring) == (1, 0)
    assert [event.detail["hours_left"] for event in rows.events(job_id, "result_expiring")] == [5.0]


def test_receivers_are_told_of_it(jobs: Jobs, rows: Rows, server: LoopbackServer) -> None:
    with jobs.context.sessions.begin() as session:
        endpoint, _ = make_endpoint(session, ensure_tenant(session), f"{server.url}/hook", KEY, now=jobs.clock.now())
        endpoint_id = endpoint.id
    job_id = archiving(jobs, rows, 5)

    sweep(jobs.context)
    deliver_webhooks(jobs.context, endpoint_id)

    with jobs.context.sessions() as session:
        assert session.scalars(select(WebhookDelivery.kind)).all() == ["render_job.result_expiring"]
        assert [finding.check.name for finding in audit(session) if finding.rows] == []
    assert f'"job_id":"{job_id}"'.encode() in server.requests[-1]


def test_the_doctor_says_how_long_there_is(jobs: Jobs, rows: Rows) -> None:
    archiving(jobs, rows, 20)
    archiving(jobs, rows, 5)

    line = archive_line(jobs)

    assert not line.is_healthy
    assert line.seen == "2 results wait, the first is gone in 5.0 h"


def test_the_doctor_says_what_the_archive_said(jobs: Jobs, rows: Rows) -> None:
    job_id = archiving(jobs, rows, 20)
    claim = claim_fetch(jobs.context, job_id)
    assert claim is not None
    retry_store(jobs.context, claim, StorageRefusedError("s3://clips: HTTP 403 AccessDenied"))

    line = archive_line(jobs)

    assert not line.is_healthy
    assert "the archive said last: s3://clips: HTTP 403 AccessDenied" in line.seen


def test_nothing_that_waits_is_well(jobs: Jobs) -> None:
    line = archive_line(jobs)

    assert (line.is_healthy, line.seen) == (True, "no result waits")
