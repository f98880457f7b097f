"""What the provider says of an account's limits is followed: fewer slots at once, more when it says so twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from models import Account, Slot
from models.operations.scheduling.account_limits import (
    UNSTATED_FOR,
    LaneLimits,
    ReadLimit,
    assumed_slots,
    lane_limits,
)
from reelqueue.states import RenderState
from tests.conftest import Simulator
from tests.support.jobs import MODEL, Jobs
from tests.support.rows import Rows
from tests.support.scripted_provider import ScriptedProvider
from workers.audit.invariants import audit
from workers.dashscope.quotas import Quota, parse_quotas, smallest
from workers.dashscope.wire import UnreadableError
from workers.dispatch.dispatcher import dispatch
from workers.dispatch.read_limits import read_limits

NOW = datetime(2026, 11, 30, tzinfo=UTC)
SLOTS = assumed_slots(MODEL)


def page(*rows: dict[str, Any], total: int | None = None) -> dict[str, Any]:
    return {"success": True, "output": {"total": len(rows) if total is None else total, "quotas": list(rows)}}


def quota(slots: object, *, model: str = MODEL, workspace: object = None, **more: Any) -> dict[str, Any]:
    """A row, as the provider writes it."""
    level = {"request_limit": 5, "request_limit_period": 1, "async_user_concurrency_limit": slots, **more}
    return {"model": model, "model_limit": level, "workspace_limit": workspace}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (quota(5), Quota(MODEL, 5, 5.0)),
        (quota("5", request_limit=30, request_limit_period=60), Quota(MODEL, 5, 0.5)),
        (quota(None, request_limit=None), Quota(MODEL, None, None)),
        (quota(0, request_limit=0), Quota(MODEL, 0, 0.0)),
        (quota(5, workspace={"async_user_concurrency_limit": 3}), Quota(MODEL, 3, 5.0)),
        (quota(-1, request_limit=True), Quota(MODEL, None, None)),
        (quota(10**9, request_limit="many"), Quota(MODEL, None, None)),
        ({"model": MODEL, "model_limit": None}, Quota(MODEL, None, None)),
    ],
)
def test_a_row_is_read_leniently(row: dict[str, Any], expected: Quota) -> None:
    assert parse_quotas(page(row)).quotas == [expected]


def test_of_two_rows_of_a_model_the_smaller_numbers_count() -> None:
    found = parse_quotas(page(quota(7), quota(3, request_limit=9), {"no": "model"}))

    assert smallest(found.quotas) == {MODEL: Quota(MODEL, 3, 5.0)}


@pytest.mark.parametrize("document", [{}, {"output": []}, {"output": {"quotas": None}}, page() | {"success": False}])
def test_what_is_no_list_is_not_read(document: dict[str, Any]) -> None:
    with pytest.raises(UnreadableError):
        parse_quotas(document)


def followed(*slots: int | None) -> ReadLimit:
    limit = ReadLimit()
    for number, count in enumerate(slots):
        limit = limit.follow(count, 5.0, assumed=SLOTS, now=NOW + timedelta(minutes=number))
    return limit


@pytest.mark.parametrize(
    ("readings", "slots"),
    [
        ([SLOTS - 2], SLOTS - 2),
        ([SLOTS + 5], None),
        ([SLOTS + 5, SLOTS + 5], SLOTS + 5),
        ([SLOTS + 5, SLOTS + 9], None),
        ([SLOTS + 5, SLOTS, SLOTS + 5], SLOTS),
        ([SLOTS - 2, SLOTS], SLOTS - 2),
        ([SLOTS - 2, SLOTS, SLOTS], SLOTS),
        ([0], 0),
        ([None], None),
        ([SLOTS - 2, None], SLOTS - 2),
        ([SLOTS - 2, None, SLOTS - 3], SLOTS - 3),
        ([SLOTS - 2, SLOTS, None, SLOTS], SLOTS - 2),
    ],
)
def test_fewer_slots_count_at_once_and_more_when_they_are_read_twice(readings: list[int | None], slots: int) -> None:
    assert followed(*readings).slots == slots


def test_slots_that_are_stated_no_more_count_for_a_day() -> None:
    limit = followed(SLOTS - 2, None)
    since = limit.unstated_since
    assert since is not None

    def later(by: timedelta) -> ReadLimit:
        return limit.follow(None, 5.0, assumed=SLOTS - 2, now=since + by)

    assert later(UNSTATED_FOR - timedelta(minutes=1)).slots == SLOTS - 2
    assert later(UNSTATED_FOR) == ReadLimit(None, 5.0, lowered_at=since + UNSTATED_FOR)
    assert limit.follow(SLOTS - 2, 5.0, assumed=SLOTS, now=since).unstated_since is None
    assert later(-timedelta(days=3)).unstated_since == since - timedelta(days=3)  # the clock was set back


def test_it_is_stored_whole() -> None:
    limit = followed(SLOTS - 2, SLOTS)

    account = Account(slot_limits={}, read_limits={MODEL: limit.stored()})

    assert ReadLimit.of(account, MODEL) == limit
    assert (limit.lowered_at, limit.higher_slots) == (NOW, SLOTS)


@pytest.mark.parametrize(
    ("own", "read", "slots"),
    [({}, {}, SLOTS), ({MODEL: 12}, {}, 12), ({}, {"slots": 20}, 20), ({MODEL: 12}, {"slots": 20}, 12),
     ({MODEL: 12}, {"slots": 3}, 3), ({}, {"submits_per_second": 0.0}, 0)],
)  # fmt: skip
def test_the_smaller_of_the_operators_and_the_providers_number_binds(
    own: dict[str, int], read: dict[str, Any], slots: int
) -> None:
    assert lane_limits(Account(slot_limits=own, read_limits={MODEL: read}), MODEL).slots == slots


def say(provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch, *answers: httpx.Response) -> list[httpx.Request]:
    """Have the provider answer about limits so in turn, the last of them for ever."""
    asked, left, real = list[httpx.Request](), list(answers), provider.handle_async_request

    async def handle(request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith(("/quotas", "/models/limits")):
            return await real(request)
        asked.append(request)
        given = left.pop(0) if len(left) > 1 else left[0]
        return httpx.Response(given.status_code, content=given.content, headers=given.headers)

    monkeypatch.setattr(provider, "handle_async_request", handle)
    return asked


def told(*rows: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, json=page(*rows))


def test_lowered_slots_are_kept_at_the_next_dispatch_and_nothing_is_cancelled(
    jobs: Jobs, rows: Rows, monkeypatch: pytest.MonkeyPatch, provider: ScriptedProvider
) -> None:
    for _ in range(SLOTS + 6):
        jobs.queued()
    first = dispatch(jobs.context)
    say(provider, monkeypatch, told(quota(1)))

    assert str(read_limits(jobs.context)) == f"read=1 failed=0 changed=default/{MODEL}"

    jobs.clock.advance(1)
    assert dispatch(jobs.context) == []
    assert {rows.state(one.job_id) for one in first} == {RenderState.ADMITTED}
    with rows.sessions.begin() as session:
        assert [finding.check.name for finding in audit(session) if finding.is_broken] == []
        newest = session.scalars(select(Slot).order_by(Slot.leased_at.desc()).limit(1)).one()
        newest.leased_at += timedelta(seconds=2)  # as if it was leased afterwards
        session.flush()
        assert [finding.check.name for finding in audit(session) if finding.is_broken] == ["slots_within_limits"]
        session.rollback()


def test_a_lane_that_may_take_nothing_admits_nothing(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, provider: ScriptedProvider
) -> None:
    jobs.queued()
    say(provider, monkeypatch, told(quota(0)))
    read_limits(jobs.context)

    assert dispatch(jobs.context) == []


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (httpx.Response(401, json={"code": "InvalidApiKey", "message": "no"}), "InvalidApiKey"),
        (httpx.Response(429, json={"code": "Throttling", "message": "slow down"}), "Throttling"),
        (httpx.Response(500), "500"),
        (httpx.Response(200, json={"success": False}), "no list of quotas"),
        (httpx.Response(200, html="<html>"), "does not speak DashScope"),
    ],
)
def test_a_reading_that_fails_changes_nothing_and_pauses_nobody(
    jobs: Jobs,
    rows: Rows,
    monkeypatch: pytest.MonkeyPatch,
    provider: ScriptedProvider,
    answer: httpx.Response,
    says: str,
) -> None:
    jobs.queued()
    say(provider, monkeypatch, told(quota(2)), answer)
    read_limits(jobs.context)
    jobs.clock.advance(60)

    assert str(read_limits(jobs.context)) == "read=0 failed=1"

    account = rows.account()
    assert lane_limits(account, MODEL).slots == 2
    assert account.paused_at is None
    assert says in str(account.limits_problem)


def test_a_list_that_changes_while_it_is_read_is_not_believed(
    jobs: Jobs, rows: Rows, monkeypatch: pytest.MonkeyPatch, provider: ScriptedProvider
) -> None:
    jobs.queued()
    full = httpx.Response(200, json=page(quota(1), total=150))
    say(provider, monkeypatch, full, httpx.Response(200, json=page(quota(1), total=149)))

    assert str(read_limits(jobs.context)) == "read=0 failed=1"
    assert lane_limits(rows.account(), MODEL).slots == SLOTS


def test_a_host_without_the_list_is_asked_by_both_names_and_left_alone_for_a_day(
    jobs: Jobs, rows: Rows, monkeypatch: pytest.MonkeyPatch, provider: ScriptedProvider
) -> None:
    jobs.queued()
    asked = say(provider, monkeypatch, httpx.Response(404, json={"code": "NotFound", "message": "Not found!"}))
    read_limits(jobs.context)
    assert [request.url.path for request in asked] == ["/api/v1/quotas", "/api/v1/models/limits"]

    jobs.clock.advance(3600)
    read_limits(jobs.context)
    assert len(asked) == 2

    jobs.clock.advance(86_400)
    read_limits(jobs.context)
    assert len(asked) == 4


def test_a_page_of_a_proxy_is_not_taken_for_a_host_without_the_list(
    jobs: Jobs, rows: Rows, monkeypatch: pytest.MonkeyPatch, provider: ScriptedProvider
) -> None:
    jobs.queued()
    asked = say(provider, monkeypatch, httpx.Response(407), httpx.Response(407), told(quota(2)))
    read_limits(jobs.context)
    assert (len(asked), lane_limits(rows.account(), MODEL).slots) == (2, SLOTS)

    jobs.clock.advance(60)
    read_limits(jobs.context)

    assert lane_limits(rows.account(), MODEL).slots == 2


def test_an_idle_account_is_asked_less_often(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, provider: ScriptedProvider
) -> None:
    asked = say(provider, monkeypatch, told(quota(SLOTS)))
    for _ in range(15):
        read_limits(jobs.context)
        jobs.clock.advance(60)
    assert len(asked) == 1

    jobs.queued()
    for _ in range(3):
        read_limits(jobs.context)
        jobs.clock.advance(60)
    assert len(asked) == 4


def test_a_clock_that_was_set_back_delays_no_reading(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, provider: ScriptedProvider
) -> None:
    asked = say(provider, monkeypatch, told(quota(SLOTS)))
    jobs.queued()
    read_limits(jobs.context)

    jobs.clock.time -= timedelta(hours=1)
    read_limits(jobs.context)

    assert len(asked) == 2


def test_a_model_that_is_listed_no_more_keeps_its_numbers(
    jobs: Jobs, rows: Rows, monkeypatch: pytest.MonkeyPatch, provider: ScriptedProvider
) -> None:
    jobs.queued()
    say(provider, monkeypatch, told(quota(2)), told(quota(5, model="wan2.7-t2v")))
    read_limits(jobs.context)
    jobs.clock.advance(60)
    read_limits(jobs.context)

    assert lane_limits(rows.account(), MODEL).slots == 2


def test_the_simulators_own_list_is_read_over_the_wire(jobs: Jobs, rows: Rows, simulator: Simulator) -> None:
    simulator.control.post("config", json={"limits": {"slots": 2}}).raise_for_status()
    rows.change(Account, Account.name == "default", base_url=simulator.base_url)
    transport = jobs.context.settings.provider.model_copy(update={"http_transport": None})
    context = replace(jobs.context, settings=replace(jobs.context.settings, provider=transport))
    jobs.queued()

    assert read_limits(context).read_count == 1

    assert lane_limits(rows.account(), MODEL) == LaneLimits(2, 5.0)
    assert lane_limits(rows.account(), "wan2.7-t2v").slots == 2
