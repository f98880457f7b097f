"""Posting webhooks to real receivers: at least once each, under one id, until they answer for it."""

from __future__ import annotations

import json
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update

from models import RenderJob, WebhookDelivery, WebhookEndpoint
from models.operations.jobs.cancel import request_cancel
from models.operations.webhooks.endpoints import derive_secret, make_endpoint
from models.tenant import ensure_tenant
from reelqueue.schemas.jobs import Wire
from reelqueue.states import FailureClass, RenderState, TextState
from reelqueue.webhooks import CampaignEvent, DeliveryState, EventMoney, WebhookEvent, verify
from tests.conftest import free_port
from tests.support.jobs import PROMPT, Jobs
from tests.support.loopback import Behaviour, LoopbackServer, hangs_up, says, says_nothing, serving, trickles
from tests.support.recorded_hints import RecordedHints
from tests.support.rows import Rows
from tests.support.sample_videos import make_clip
from tests.support.stored_clips import apply, clip, make_campaign
from tests.support.virtual_clock import VirtualClock
from workers.archive.archive_result import archive_render_job
from workers.notices.report import report_notices
from workers.runtime.host_clock import HostClock
from workers.settings import DeliverySettings, Settings
from workers.sweep.sweep import sweep
from workers.webhooks.deliver import deliver_webhooks

KEY = SecretStr("the server's key, of 32 characters or more")
T = TypeVar("T")
TAKEN = says("204 No Content", b"")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Receivers on this machine are allowed, and so is the provider."""
    delivery = DeliverySettings(
        webhook_key=KEY,
        webhook_private_hosts="127.0.0.1",
        webhook_timeout_seconds=0.5,
    )
    provider = settings.provider.model_copy(update={"video_base_url": "http://127.0.0.1:9"})
    return replace(settings, delivery=delivery, provider=provider)


@pytest.fixture
def receiver() -> Iterator[LoopbackServer]:
    """A receiver that takes everything."""
    with serving(TAKEN) as server:
        yield server


def listen(jobs: Jobs, url: str) -> UUID:
    with jobs.context.sessions.begin() as session:
        return make_endpoint(session, ensure_tenant(session), f"{url}/hook", KEY, now=jobs.clock.now())[0].id


def end(jobs: Jobs, **options: Any) -> UUID:
    """A job that has come to an end."""
    job_id = jobs.queued(**options)
    with jobs.context.sessions.begin() as session:
        request_cancel(session, job_id, now=jobs.clock.now())
    return job_id


def deliveries(rows: Rows) -> list[WebhookDelivery]:
    with rows.sessions.begin() as session:
        return list(session.scalars(select(WebhookDelivery).order_by(WebhookDelivery.id)))


def the_endpoint(rows: Rows) -> WebhookEndpoint:
    with rows.sessions.begin() as session:
        return session.scalars(select(WebhookEndpoint)).one()


def events(server: LoopbackServer, endpoint_id: UUID, clock: VirtualClock) -> list[WebhookEvent]:
    """What the receiver believes of what it was sent."""
    secret = derive_secret(KEY, endpoint_id).get_secret_value()
    read = []
    for request in server.requests:
        head, _, body = request.partition(b"\r\n\r\n")
        headers = dict(line.decode().split(": ", 1) for line in head.split(b"\r\n")[1:])
        read.append(verify(body, headers, secret, now_seconds=clock.now().timestamp()))
    return read


def webhook_id(request: bytes) -> bytes:
    return request.split(b"Webhook-Id: ")[1].split(b"\r\n")[0]


def test_a_receiver_is_told_and_can_believe_it(
    jobs: Jobs, rows: Rows, clock: VirtualClock, receiver: LoopbackServer
) -> None:
    endpoint_id = listen(jobs, receiver.url)
    job_id = end(jobs, custom_id="boat")

    said = deliver_webhooks(jobs.context, endpoint_id)

    (event,), (delivery,) = events(receiver, endpoint_id, clock), deliveries(rows)
    assert (event.id, event.type, event.timestamp) == (str(delivery.id), "render_job.cancelled", clock.now())
    assert (event.data.job_id, event.data.custom_id, event.data.state) == (job_id, "boat", RenderState.CANCELLED)
    assert (delivery.state, delivery.attempt_count, delivery.last_status) == (DeliveryState.DELIVERED, 1, 204)
    assert said == "delivered=1 failed=0"


def test_it_is_told_nothing_that_it_could_ask_for(jobs: Jobs, receiver: LoopbackServer) -> None:
    endpoint_id = listen(jobs, receiver.url)
    end(jobs, metadata={"client": "secret"})

    deliver_webhooks(jobs.context, endpoint_id)

    body = json.loads(receiver.requests[0].partition(b"\r\n\r\n")[2])
    assert set(body) == {"type", "timestamp", "data"}
    assert set(body["data"]) == {"job_id", "text_job_id", "custom_id", "state", "failure", "campaign"}
    assert PROMPT.encode() not in receiver.requests[0]


def test_a_failure_is_told_by_class_and_code(
    jobs: Jobs, rows: Rows, clock: VirtualClock, receiver: LoopbackServer
) -> None:
    endpoint_id = listen(jobs, receiver.url)
    failed = {"failure_class": FailureClass.INPUT, "failure_code": "InvalidURL", "failure_message": "http://signed"}
    rows.change(RenderJob, RenderJob.id == end(jobs), **failed)

    deliver_webhooks(jobs.context, endpoint_id)

    (event,) = events(receiver, endpoint_id, clock)
    assert event.data.failure
    assert (event.data.failure.failure_class, event.data.failure.code) == (FailureClass.INPUT, "InvalidURL")
    assert b"signed" not in receiver.requests[0]


def test_a_campaigns_event_has_its_name_and_numbers_and_no_prompt(
    jobs: Jobs, clock: VirtualClock, receiver: LoopbackServer
) -> None:
    endpoint_id = listen(jobs, receiver.url)
    with jobs.context.sessions.begin() as session:
        campaign = make_campaign(session, budget_amount=Decimal(10), budget_currency="USD")
        apply(session, campaign, clip("0", prompt=PROMPT, duration=5))
        ended = update(RenderJob).values(state=RenderState.MODERATED, finished_at=clock.now())
        session.execute(ended)
    report_notices(jobs.context)

    deliver_webhooks(jobs.context, endpoint_id)

    (event,) = events(receiver, endpoint_id, clock)
    assert (event.type, event.data.job_id, event.data.state) == (CampaignEvent.FINISHED, None, None)
    assert event.data.campaign
    assert (event.data.campaign.id, event.data.campaign.name) == (campaign.id, "autumn")
    assert event.data.campaign.counts == {"moderated": 1}
    assert event.data.campaign.money == [
        EventMoney(currency="USD", spent=Decimal(0), reserved=Decimal(0), budget=Decimal(10))
    ]
    assert PROMPT.encode() not in receiver.requests[0]


class _EarlierData(Wire):
    """`EventData` as clients had it before there were events of campaigns."""

    job_id: UUID | None = None
    custom_id: str | None = None
    text_job_id: UUID | None = None
    state: RenderState | TextState | None = None


def test_a_client_from_before_reads_a_campaigns_event(receiver: LoopbackServer, jobs: Jobs) -> None:
    endpoint_id = listen(jobs, receiver.url)
    with jobs.context.sessions.begin() as session:
        apply(session, make_campaign(session), clip("0", duration=5))
        session.execute(update(RenderJob).values(state=RenderState.FAILED, finished_at=jobs.clock.now()))
    report_notices(jobs.context)
    deliver_webhooks(jobs.context, endpoint_id)

    sent = json.loads(receiver.requests[0].partition(b"\r\n\r\n")[2])

    assert _EarlierData.model_validate(sent["data"]) == _EarlierData()


def test_what_was_delivered_is_not_posted_again(jobs: Jobs, receiver: LoopbackServer) -> None:
    endpoint_id = listen(jobs, receiver.url)
    end(jobs)

    for _ in range(3):  # a message may come any number of times
        deliver_webhooks(jobs.context, endpoint_id)

    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (says("500 Oops", b""), "HTTP 500"),
        (says("404 Not Found", b""), "HTTP 404"),
        (says("302 Found", b"", Location="http://127.0.0.1:1/"), "HTTP 302"),
        (says("302 Found", b"", Location="https://xn--/"), "IDNAError"),
        (hangs_up, "RemoteProtocolError"),
        (says_nothing, "no answer within 0.5 s"),
        (trickles(b"HTTP/1.1 200 OK\r\nX-Pad: ", b"x"), "no answer within 0.5 s"),
        (lambda connection: connection.sendall(b"SSH-2.0-OpenSSH\r\n"), "RemoteProtocolError"),
    ],
)
def test_what_fails_is_tried_again_under_the_same_id(
    jobs: Jobs, rows: Rows, clock: VirtualClock, behaviour: Behaviour, reason: str
) -> None:
    with serving(behaviour, TAKEN) as server:
        endpoint_id = listen(jobs, server.url)
        end(jobs)
        deliver_webhooks(jobs.context, endpoint_id)
        (failed,) = deliveries(rows)
        clock.advance(10)
        deliver_webhooks(jobs.context, endpoint_id)

    (delivered,) = deliveries(rows)
    assert failed.state is DeliveryState.PENDING
    assert reason in (failed.last_error or "")
    assert (delivered.state, delivered.attempt_count) == (DeliveryState.DELIVERED, 2)
    assert len(set(map(webhook_id, server.requests))) == 1


def test_an_endless_answer_is_not_read(jobs: Jobs, rows: Rows) -> None:
    with serving(trickles(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65_536)) as server:
        endpoint_id = listen(jobs, server.url)
        end(jobs)
        deliver_webhooks(jobs.context, endpoint_id)

    assert deliveries(rows)[0].state is DeliveryState.DELIVERED


def test_delays_double_up_to_the_longest(jobs: Jobs, rows: Rows, clock: VirtualClock) -> None:
    endpoint_id = listen(jobs, f"http://127.0.0.1:{free_port()}")
    end(jobs)

    delays = []
    for _ in range(13):
        deliver_webhooks(jobs.context, endpoint_id)
        (delivery,) = deliveries(rows)
        assert delivery.next_attempt_at
        delays.append((delivery.next_attempt_at - clock.now()).total_seconds())
        clock.time = delivery.next_attempt_at
        rows.change(WebhookEndpoint, held_until=None)

    expected = [min(5 * 2**n, 3600) for n in range(13)]
    assert all(0.8 * want <= seen <= want for seen, want in zip(delays, expected, strict=True))


def test_after_a_day_it_is_dead_and_its_job_says_so(jobs: Jobs, rows: Rows, clock: VirtualClock) -> None:
    endpoint_id = listen(jobs, f"http://127.0.0.1:{free_port()}")
    job_id = end(jobs)

    clock.advance(24 * 3600)
    deliver_webhooks(jobs.context, endpoint_id)

    (delivery,) = deliveries(rows)
    (alarm,) = rows.events(job_id, "alarm")
    assert (delivery.state, delivery.next_attempt_at) == (DeliveryState.DEAD, None)
    assert alarm.detail["webhook"] == str(delivery.id)


def test_an_endpoint_that_is_gone_is_disabled(jobs: Jobs, rows: Rows, clock: VirtualClock) -> None:
    with serving(says("410 Gone", b"")) as server:
        endpoint_id = listen(jobs, server.url)
        end(jobs)
        deliver_webhooks(jobs.context, endpoint_id)
        clock.advance(60)
        end(jobs)
        deliver_webhooks(jobs.context, endpoint_id)

    assert the_endpoint(rows).disabled_at
    assert len(server.requests) == 1
    assert len(deliveries(rows)) == 1


def test_a_receiver_that_is_down_is_left_alone_for_a_while(jobs: Jobs, rows: Rows, clock: VirtualClock) -> None:
    with serving(says("503 Busy", b"", Retry_After="30"), TAKEN) as server:
        endpoint_id = listen(jobs, server.url)
        end(jobs)
        deliver_webhooks(jobs.context, endpoint_id)
        end(jobs)
        clock.advance(29)
        deliver_webhooks(jobs.context, endpoint_id)
        early = len(server.requests)
        clock.advance(1)
        deliver_webhooks(jobs.context, endpoint_id)

    assert early == 1
    assert {each.state for each in deliveries(rows)} == {DeliveryState.DELIVERED}
    assert (the_endpoint(rows).failure_count, the_endpoint(rows).held_until) == (0, None)


def test_an_event_that_its_receiver_refuses_holds_up_no_other(jobs: Jobs, rows: Rows) -> None:
    with serving(says("400 Bad Request", b""), TAKEN) as server:
        endpoint_id = listen(jobs, server.url)
        end(jobs)
        deliver_webhooks(jobs.context, endpoint_id)
        end(jobs)
        deliver_webhooks(jobs.context, endpoint_id)

    assert [each.state for each in deliveries(rows)] == [DeliveryState.PENDING, DeliveryState.DELIVERED]


def test_more_than_a_batch_is_posted_in_several(
    jobs: Jobs, rows: Rows, hints: RecordedHints, receiver: LoopbackServer
) -> None:
    endpoint_id = listen(jobs, receiver.url)
    for _ in range(9):
        end(jobs)

    deliver_webhooks(jobs.context, endpoint_id)
    hinted = list(hints.notices)
    deliver_webhooks(jobs.context, endpoint_id)

    assert hinted == [endpoint_id]
    assert {each.state for each in deliveries(rows)} == {DeliveryState.DELIVERED}
    assert hints.notices == [endpoint_id]


def test_two_workers_do_not_post_the_same(
    jobs: Jobs, clock: VirtualClock, rows: Rows, receiver: LoopbackServer
) -> None:
    endpoint_id = listen(jobs, receiver.url)
    end(jobs)

    rows.change(WebhookEndpoint, lease_until=clock.at(5))
    deliver_webhooks(jobs.context, endpoint_id)
    meanwhile = len(receiver.requests)
    clock.advance(5)
    deliver_webhooks(jobs.context, endpoint_id)

    assert (meanwhile, len(receiver.requests)) == (0, 1)


def test_a_worker_that_dies_after_the_answer_is_followed_by_one_that_posts_again(
    jobs: Jobs, rows: Rows, clock: VirtualClock, receiver: LoopbackServer
) -> None:
    class Dies(BaseException):
        """The process is gone."""

    class Mortal(HostClock):
        def run(self, main: Coroutine[Any, Any, T]) -> T:
            super().run(main)
            raise Dies

    endpoint_id = listen(jobs, receiver.url)
    end(jobs)
    with pytest.raises(Dies):
        deliver_webhooks(replace(jobs.context, host=Mortal()), endpoint_id)
    clock.advance(60)
    sweep(jobs.context)
    deliver_webhooks(jobs.context, endpoint_id)

    first, second = map(webhook_id, receiver.requests)
    assert first == second
    assert deliveries(rows)[0].state is DeliveryState.DELIVERED


def test_a_worker_that_was_frozen_changes_nothing_that_another_has_written(
    jobs: Jobs, rows: Rows, clock: VirtualClock
) -> None:
    class Frozen(HostClock):
        def run(self, main: Coroutine[Any, Any, T]) -> T:
            answers = super().run(main)
            clock.advance(60)
            deliver_webhooks(jobs.context, endpoint_id)
            return answers

    with serving(says("500 Oops", b""), TAKEN) as server:
        endpoint_id = listen(jobs, server.url)
        end(jobs)
        deliver_webhooks(replace(jobs.context, host=Frozen()), endpoint_id)

    (delivery,) = deliveries(rows)
    assert (delivery.state, delivery.attempt_count, delivery.last_status) == (DeliveryState.DELIVERED, 1, 204)
    assert (the_endpoint(rows).failure_count, the_endpoint(rows).held_until) == (0, None)


@pytest.mark.parametrize("key", [None, SecretStr("another key, of 32 characters or more")])
def test_nothing_is_posted_that_cannot_be_signed(
    jobs: Jobs, rows: Rows, receiver: LoopbackServer, key: SecretStr | None
) -> None:
    endpoint_id = listen(jobs, receiver.url)
    end(jobs)
    unkeyed = jobs.context.settings.delivery.model_copy(update={"webhook_key": key})
    context = replace(jobs.context, settings=replace(jobs.context.settings, delivery=unkeyed))

    deliver_webhooks(context, endpoint_id)

    assert receiver.requests == []
    assert (deliveries(rows)[0].state, deliveries(rows)[0].attempt_count) == (DeliveryState.PENDING, 0)


@pytest.mark.parametrize("url", ["https://127.0.0.2:1", "http://localhost:1", "https://xn--/", "https://10.0.0.1"])
def test_nothing_is_posted_into_our_network(jobs: Jobs, rows: Rows, url: str) -> None:
    endpoint_id = listen(jobs, url)
    end(jobs)

    deliver_webhooks(jobs.context, endpoint_id)

    assert "is not posted to" in (deliveries(rows)[0].last_error or "")


def test_the_sweep_finds_what_is_due(jobs: Jobs, hints: RecordedHints, receiver: LoopbackServer) -> None:
    endpoint_id = listen(jobs, receiver.url)
    sweep(jobs.context)
    idle = list(hints.notices)
    end(jobs)

    swept = sweep(jobs.context)

    assert (idle, hints.notices, swept.webhooks) == ([], [endpoint_id], 1)


def test_an_archived_job_is_told_at_once(jobs: Jobs, hints: RecordedHints, receiver: LoopbackServer) -> None:
    endpoint_id = listen(jobs, receiver.url)
    with serving(says("200 OK", make_clip())) as results:
        archive_render_job(jobs.context, jobs.archiving(url=results.url))

    assert hints.notices == [endpoint_id]
