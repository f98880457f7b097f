"""A worker that stood still must not send what it had in its hands."""

from __future__ import annotations

import itertools
from dataclasses import replace

import httpx

from reelqueue.states import AttemptState, RenderState
from tests.support.doubts import WatchedProvider
from tests.support.jobs import Jobs
from tests.support.rows import Rows
from workers.runtime.context import Context
from workers.runtime.host_clock import HostClock
from workers.submission.submit import Claim, claim_job, mark_sent, submit_render_job
from workers.sweep.sweep import sweep


def test_a_worker_that_was_frozen_before_sent_does_not_send(jobs: Jobs, context: Context, rows: Rows) -> None:
    claim = _claimed(jobs, context)
    jobs.clock.advance(15)

    assert not mark_sent(context, claim)

    assert rows.attempts(claim.job_id)[0].state is AttemptState.INTENT


def test_what_was_never_sent_goes_back_to_the_queue(jobs: Jobs, context: Context, rows: Rows) -> None:
    claim = _claimed(jobs, context)
    jobs.clock.advance(18)

    assert sweep(context).unsent == 1

    assert rows.attempts(claim.job_id)[0].state is AttemptState.REJECTED
    assert "queued" in rows.path(claim.job_id)[1:]


def test_a_worker_that_was_frozen_after_sent_does_not_send(
    jobs: Jobs, context: Context, rows: Rows, provider: WatchedProvider
) -> None:
    hint = jobs.admitted()

    said = submit_render_job(replace(context, host=FrozenHost()), hint.job_id, hint.epoch)

    assert "was stopped for 300 s" in said
    assert provider.count("submit") == 0
    assert rows.state(hint.job_id) is RenderState.QUEUED
    assert rows.attempts(hint.job_id)[0].state is AttemptState.REJECTED


def test_a_worker_that_took_too_long_over_its_client_does_not_send(
    jobs: Jobs, context: Context, provider: WatchedProvider
) -> None:
    hint, host = jobs.admitted(), SettableHost()
    usual = context.settings.provider.http_transport
    assert usual is not None

    def slow() -> httpx.AsyncBaseTransport:
        host.now_seconds += 16
        return usual()

    provider_settings = context.settings.provider.model_copy(update={"http_transport": slow})
    settings = replace(context.settings, provider=provider_settings)

    said = submit_render_job(replace(context, host=host, settings=settings), hint.job_id, hint.epoch)

    assert "was stopped for 16 s" in said
    assert provider.count("submit") == 0


class SettableHost(HostClock):
    """A host whose time passes when it is told to."""

    now_seconds = 0.0

    def seconds(self) -> float:
        """What it was told."""
        return self.now_seconds


class FrozenHost(HostClock):
    """A host that stands still for five minutes whenever somebody has looked at its clock."""

    def __init__(self) -> None:
        self._seconds = itertools.count(0, 300)

    def seconds(self) -> float:
        """Later and later."""
        return float(next(self._seconds))


def _claimed(jobs: Jobs, context: Context) -> Claim:
    hint = jobs.admitted()
    claim = claim_job(context, hint.job_id, hint.epoch)
    assert claim is not None
    return claim
