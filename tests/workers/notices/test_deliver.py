"""People are notified through real Apprise, by services on loopback; nothing secret is ever shown."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from ipaddress import ip_network
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update

from models import NotificationChannel, NotificationDelivery, RenderJob
from models.tenant import ensure_tenant
from reelqueue.states import RenderState
from reelqueue.webhooks import CampaignEvent, DeliveryState
from tests.support.jobs import Jobs
from tests.support.loopback import LoopbackServer, says, says_nothing, serving
from tests.support.rows import Rows
from tests.support.stored_clips import apply, clip, make_campaign
from workers.failpoints import Failpoint
from workers.notices import deliver
from workers.notices.apprise import Message, send_all
from workers.notices.apprise_process import _Guard, _Reasons
from workers.notices.channels import OPERATORS_EVENTS, TENANTS_EVENTS
from workers.notices.deliver import deliver_notifications
from workers.notices.report import report_notices
from workers.settings import DeliverySettings, Settings

PROMPT = "a secret fox"
TOKEN = "T0kenThatOpensTheRoom"
TAKEN = says("200 OK", b"ok")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Receivers on this machine are allowed."""
    return replace(settings, delivery=DeliverySettings(webhook_private_hosts="127.0.0.1"))


@pytest.fixture
def receiver() -> Iterator[LoopbackServer]:
    """A service that takes everything."""
    with serving(TAKEN) as server:
        yield server


def url_at(server: LoopbackServer) -> str:
    """An Apprise URL of a service on loopback, with a token."""
    return f"json://{server.url.removeprefix('http://')}/{TOKEN}"


def add(jobs: Jobs, url: str | None, name: str = "team", *, tenant: str | None = "default", **values: Any) -> UUID:
    """A channel, and its variable in the workers' environment."""
    variables = {} if url is None else {f"{name.upper()}_URL": url}
    object.__setattr__(jobs.context, "environment", {**jobs.context.environment, **variables})
    events = [str(one) for one in (OPERATORS_EVENTS if tenant is None else TENANTS_EVENTS)]
    with jobs.context.sessions.begin() as session:
        channel = NotificationChannel(
            name=name,
            url_env=f"{name.upper()}_URL",
            tenant_id=None if tenant is None else ensure_tenant(session, tenant),
            **{"events": events, "has_prompts": False, "created_at": jobs.clock.now(), **values},
        )
        session.add(channel)
        session.flush()
        return channel.id


def finish(jobs: Jobs, name: str = "autumn") -> None:
    """A campaign has finished, and that is reported."""
    with jobs.context.sessions.begin() as session:
        campaign = make_campaign(session, name)
        apply(session, campaign, clip("fox", prompt=PROMPT, duration=5))
        ended = update(RenderJob).where(RenderJob.campaign_id == campaign.id)
        session.execute(ended.values(state=RenderState.MODERATED, finished_at=jobs.clock.now()))
    report_notices(jobs.context)


def bodies(server: LoopbackServer) -> list[dict[str, Any]]:
    return [json.loads(request.partition(b"\r\n\r\n")[2]) for request in server.requests]


def the_delivery(rows: Rows) -> NotificationDelivery:
    with rows.sessions.begin() as session:
        return session.scalars(select(NotificationDelivery)).one()


def test_people_read_what_happened_and_the_command_that_helps(jobs: Jobs, rows: Rows, receiver: LoopbackServer) -> None:
    add(jobs, url_at(receiver))
    finish(jobs)
    assert jobs.hints.people == 1

    assert deliver_notifications(jobs.context) == "delivered=1 failed=0"

    (body,) = bodies(receiver)
    assert body["title"] == "campaign autumn has finished: reelqueue campaign open autumn"
    assert "1 moderated" in body["message"]
    assert "reelqueue campaign retry autumn" in body["message"]
    assert PROMPT not in str(body)
    assert the_delivery(rows).state is DeliveryState.DELIVERED
    assert deliver_notifications(jobs.context) == "nothing can be sent now: nothing done"


def test_prompts_are_sent_where_they_were_asked_for(jobs: Jobs, receiver: LoopbackServer) -> None:
    add(jobs, url_at(receiver), has_prompts=True)
    finish(jobs)

    deliver_notifications(jobs.context)

    assert f"fox: {PROMPT}" in bodies(receiver)[0]["message"]


def test_each_channel_gets_its_events_and_its_tenants_only(jobs: Jobs, rows: Rows, receiver: LoopbackServer) -> None:
    mine = add(jobs, url_at(receiver))
    add(jobs, url_at(receiver), "other", tenant="another")
    add(jobs, url_at(receiver), "operators", tenant=None)
    add(jobs, url_at(receiver), "breakers", events=[CampaignEvent.BREAKER_TRIPPED])
    everyone = add(jobs, url_at(receiver), "everyone", tenant=None, events=[CampaignEvent.FINISHED])

    finish(jobs)

    with rows.sessions.begin() as session:
        assert set(session.scalars(select(NotificationDelivery.channel_id))) == {mine, everyone}
    deliver_notifications(jobs.context)
    assert any("campaign autumn of default has finished" in one["title"] for one in bodies(receiver))


def test_a_channel_that_was_added_later_gets_nothing_of_before(jobs: Jobs, receiver: LoopbackServer) -> None:
    with jobs.context.sessions.begin() as session:
        apply(session, make_campaign(session), clip("fox", duration=5))
        session.execute(update(RenderJob).values(state=RenderState.FAILED, finished_at=jobs.clock.now()))
    jobs.clock.advance(1)
    add(jobs, url_at(receiver))

    report_notices(jobs.context)

    assert deliver_notifications(jobs.context) == "nothing can be sent now: nothing done"


def test_what_fails_is_tried_again_with_back_off_and_given_up_after_a_day(jobs: Jobs, rows: Rows) -> None:
    with serving(says("500 Oops", b"")) as server:
        add(jobs, url_at(server))
        finish(jobs)

        assert deliver_notifications(jobs.context) == "delivered=0 failed=1"
        delivery = the_delivery(rows)
        assert (delivery.state, delivery.attempt_count) == (DeliveryState.PENDING, 1)
        assert "500" in (delivery.last_error or "")
        assert TOKEN not in (delivery.last_error or "")
        assert deliver_notifications(jobs.context) == "nothing can be sent now: nothing done"

        jobs.clock.advance(60)
        report_notices(jobs.context)
        assert jobs.hints.people == 2
        assert deliver_notifications(jobs.context) == "delivered=0 failed=1"

        jobs.clock.advance(25 * 3600)
        deliver_notifications(jobs.context)

    assert the_delivery(rows).state is DeliveryState.DEAD


def test_a_service_that_recovers_gets_it(jobs: Jobs, rows: Rows) -> None:
    with serving(says("503 Down", b""), TAKEN) as server:
        add(jobs, url_at(server))
        finish(jobs)
        deliver_notifications(jobs.context)
        jobs.clock.advance(60)

        deliver_notifications(jobs.context)

    assert (the_delivery(rows).state, the_delivery(rows).attempt_count) == (DeliveryState.DELIVERED, 2)


def test_a_service_that_does_not_answer_is_cut_off(settings: Settings) -> None:
    with serving(says_nothing) as server:
        url = SecretStr(f"{url_at(server)}?rto=60")
        sent = send_all(url, [Message("a", "b", "info")], settings, timeout_seconds=5)

    assert sent.errors == ["no answer within 5 s"]


def test_an_unset_variable_is_named_and_waited_for(jobs: Jobs, rows: Rows) -> None:
    add(jobs, None)
    finish(jobs)

    deliver_notifications(jobs.context)

    assert the_delivery(rows).last_error == "TEAM_URL is not set for the workers that serve the queue notify"
    assert the_delivery(rows).state is DeliveryState.PENDING


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("jsons://10.0.0.1/x", "10.0.0.1, which is not on the public internet"),
        ("jsons://localhost/x", "localhost, which is not on the public internet"),
        ("jsons://[::1]/x", "which is not on the public internet"),
        ("mailtos://me:secret@studio.example?smtp=192.168.0.1", "192.168.0.1, which is not on the public internet"),
        ("json://studio.example/x", "it sends without TLS; begin it with jsons://"),
        ("nonsense://studio.example", "Apprise cannot read it"),
        ("", "Apprise cannot read it"),
    ],
)
def test_a_url_inside_the_network_or_without_tls_is_refused(settings: Settings, url: str, said: str) -> None:
    refusal = send_all(SecretStr(url), [], settings, timeout_seconds=30).refusal

    assert refusal is not None
    assert said in refusal
    assert "secret" not in refusal


@pytest.mark.parametrize(
    "url",
    [
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general",
        "feishu://abcdefghijklmnopqrstuvwxyz0123456789",
        "dingtalk://abcdefghijklmnopqrst@12345678901",
        "wecombot://693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa",
        "workflows://prod-01.westus.logic.azure.com:443/3e4ee56d8c1f4f4b8a1f0f3c0a1c2d3e/sigsigsigsigsig",
        "mailtos://me:secret@gmail.com",
    ],
)
def test_the_services_that_people_use_are_known(settings: Settings, url: str) -> None:
    assert send_all(SecretStr(url), [], settings, timeout_seconds=30).refusal is None


@pytest.mark.parametrize(
    ("host", "address", "is_reached"),
    [
        ("studio.example", "93.184.216.34", True),
        ("studio.example", "10.0.0.1", False),
        ("mail.internal", "10.0.0.1", True),
        ("vpn.example", "198.18.0.7", True),
        ("198.18.0.7", "198.18.0.7", False),
    ],
)
def test_a_name_that_leads_inside_is_not_connected_to(
    monkeypatch: pytest.MonkeyPatch, host: str, address: str, *, is_reached: bool
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", (address, 443))])
    guard = _Guard({"mail.internal"}, [ip_network("198.18.0.0/15")])
    message = f"{host} has an address that is not of the public internet"

    with nullcontext() if is_reached else pytest.raises(OSError, match=message):
        assert socket.getaddrinfo(host, 443)[0][4][0] == address

    assert guard.take() == (None if is_reached else message)


def test_no_part_of_a_url_is_in_a_reason() -> None:
    reasons = _Reasons(f"slack://bot@T1JJ3T3L2/A1BRTD4JD/{TOKEN}?to=%23general")

    assert reasons.hide(f"Failed to post to\nhttps://hooks/T1JJ3T3L2/{TOKEN}: 404") == (
        "Failed to post to https://hooks/…/…: 404"
    )


class KilledError(BaseException):
    """The process is gone."""


@pytest.mark.parametrize(("name", "sent"), [(Failpoint.TELLING, 1), (Failpoint.TOLD, 2)])
def test_a_worker_that_is_killed_while_it_sends_loses_nothing(
    jobs: Jobs, rows: Rows, receiver: LoopbackServer, monkeypatch: pytest.MonkeyPatch, name: Failpoint, sent: int
) -> None:
    add(jobs, url_at(receiver))
    finish(jobs)

    def killed(passed: Failpoint) -> None:
        if passed is name:
            raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(deliver, "failpoint", killed)
        with pytest.raises(KilledError):
            deliver_notifications(jobs.context)
    assert deliver_notifications(jobs.context) == "nothing can be sent now: nothing done"
    jobs.clock.advance(61)
    deliver_notifications(jobs.context)

    assert (the_delivery(rows).state, len(receiver.requests)) == (DeliveryState.DELIVERED, sent)


def test_only_one_channel_is_sent_to_at_a_time(
    jobs: Jobs, receiver: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(jobs, url_at(receiver))
    add(jobs, url_at(receiver), "second")
    finish(jobs)
    said: list[str] = []

    def another_worker(passed: Failpoint) -> None:
        if passed is Failpoint.TELLING and not said:
            said.append("")
            said[0] = deliver_notifications(jobs.context)

    monkeypatch.setattr(deliver, "failpoint", another_worker)
    assert deliver_notifications(jobs.context) == "delivered=2 failed=0"

    assert said == ["nothing can be sent now: nothing done"]
