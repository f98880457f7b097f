"""Event streams: one reader for all listeners, no connection while they wait, and an end with the key."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest
from sqlalchemy import Engine, exc, func, select, text, update
from sqlalchemy.orm import Session, sessionmaker

from api import event_streams
from api.event_streams import EventStreams, Listener, Read, Snapshot, Subscriber
from api.problem_details import ProblemError
from api.settings import ApiSettings
from models.api_key import ApiKey
from tests.api.conftest import problem, request, serving

EVENTS = "/v1/campaigns/autumn/events"
SOMEBODY = Subscriber(None, None)


@pytest.fixture(autouse=True)
def quick_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_streams, "TICK_SECONDS", 0.01)


@pytest.fixture
def sessions(engine_of_api: Engine) -> sessionmaker[Session]:
    return sessionmaker(engine_of_api)


def streams(sessions: sessionmaker[Session], *, tenant_max: int = 10, process_max: int = 10) -> EventStreams:
    return EventStreams(sessions, tenant_max=tenant_max, process_max=process_max)


def counting(ends_at: int) -> Read:
    """Reads 1, 2, 3 … and ends."""
    numbers = iter(range(1, ends_at + 1))

    def read(session: Session) -> Snapshot:
        number = next(numbers)
        return Snapshot(str(number), "count", str(number), is_last=number == ends_at)

    return read


async def told(listener: Listener, last_event_id: str | None = None) -> str:
    return b"".join([part async for part in listener.events(last_event_id)]).decode()


def test_all_listeners_of_a_subject_share_one_reader(sessions: sessionmaker[Session]) -> None:
    async def run() -> list[str]:
        one, read = streams(sessions), counting(ends_at=5)  # a second reader would find nothing to read at 6
        async with one.listen(SOMEBODY, "it", read) as first, one.listen(SOMEBODY, "it", read) as second:
            return list(await asyncio.gather(told(first), told(second)))

    for stream in asyncio.run(run()):
        assert stream.endswith("event: count\ndata: 5\nid: 5\n\nevent: end\ndata: {}\n\n")


def test_who_comes_after_the_end_gets_a_reader_of_its_own(sessions: sessionmaker[Session]) -> None:
    async def run() -> str:
        one = streams(sessions)
        async with one.listen(SOMEBODY, "it", counting(ends_at=1)) as first:
            await told(first)
            async with one.listen(SOMEBODY, "it", counting(ends_at=2)) as second:
                return await told(second)

    assert "data: 2" in asyncio.run(run())


def test_a_subject_that_cannot_be_read_refuses_its_listeners(sessions: sessionmaker[Session]) -> None:
    def read(session: Session) -> Snapshot:
        session.execute(text("SELECT 1 / 0"))
        raise AssertionError

    async def run() -> None:
        async with streams(sessions).listen(SOMEBODY, "it", read):
            pass

    with pytest.raises(exc.DataError):
        asyncio.run(run())


def test_streams_outlive_a_database_that_is_away(sessions: sessionmaker[Session]) -> None:
    number = iter(range(4))

    def read(session: Session) -> Snapshot:
        if (turn := next(number)) in {1, 2}:
            raise exc.OperationalError("SELECT", None, ConnectionError())
        return Snapshot(str(turn), "count", str(turn), is_last=turn == 3)

    async def run() -> str:
        async with streams(sessions).listen(SOMEBODY, "it", read) as listener:
            return await told(listener)

    assert "data: 3" in asyncio.run(run())


@pytest.mark.parametrize(("tenant_max", "process_max"), [(1, 10), (10, 1)])
def test_one_listener_too_many_is_refused(sessions: sessionmaker[Session], tenant_max: int, process_max: int) -> None:
    async def run() -> None:
        one = streams(sessions, tenant_max=tenant_max, process_max=process_max)
        async with one.listen(SOMEBODY, "it", counting(ends_at=1)):
            pass
        async with one.listen(SOMEBODY, "it", counting(ends_at=1)), one.listen(SOMEBODY, "it", counting(ends_at=1)):
            pass

    with pytest.raises(ProblemError, match="too_many_listeners") as caught:
        asyncio.run(run())
    assert caught.value.headers == {"Retry-After": "2"}


def begin(api: httpx.Client, headers: dict[str, str]) -> None:
    """A campaign that goes on."""
    api.put("/v1/campaigns/autumn", json={}, headers=headers).raise_for_status()
    clip = json.dumps({"custom_id": "a", **request()})
    ndjson = headers | {"Content-Type": "application/x-ndjson"}
    api.post("/v1/campaigns/autumn/clips", content=clip, headers=ndjson).raise_for_status()


@contextmanager
def listening(api: httpx.Client, count: int, headers: dict[str, str]) -> Iterator[list[httpx.Response]]:
    """Streams that are open at once, and of which nothing is read."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    with ExitStack() as stack:
        client = stack.enter_context(httpx.Client(base_url=api.base_url, trust_env=False, limits=limits, timeout=60))
        yield [stack.enter_context(client.stream("GET", EVENTS, headers=headers)) for _ in range(count)]


def test_two_hundred_listeners_hold_no_connection_and_stop_no_one(
    locked: httpx.Client, rows: Session, alice: dict[str, str], bob: dict[str, str]
) -> None:
    """The API of these tests has 4 connections, and 4 more for a moment."""
    begin(locked, alice)

    with listening(locked, 200, alice) as answers:
        others = [
            locked.get("/readyz"),
            locked.get("/v1/jobs", headers=bob),
            locked.post("/v1/jobs", json=request(), headers=bob),
            locked.get("/v1/campaigns/autumn", headers=alice),
        ]
        backends = (
            select(func.count())
            .select_from(text("pg_stat_activity"))
            .where(text("application_name = 'reelqueue-api' AND datname = current_database()"))
        )
        held = rows.scalars(backends).one()

    assert {answer.status_code for answer in answers} == {200}
    assert [answer.status_code for answer in others] == [200, 200, 201, 200]
    assert held <= 8 + 8, "the pools of the two APIs that may be open"


def test_a_tenant_with_its_most_listeners_is_asked_to_come_back(
    settings: ApiSettings, rows: Session, alice: dict[str, str], bob: dict[str, str]
) -> None:
    with serving(settings.model_copy(update={"api_listeners_per_tenant": 2}), require_key=True) as api:
        for headers in (alice, bob):
            begin(api, headers)
        with listening(api, 2, alice):
            refused = api.get(EVENTS, headers=alice)
            with listening(api, 1, bob) as (answer,):
                pass

    assert (refused.status_code, problem(refused)["code"]) == (503, "too_many_listeners")
    assert refused.headers["retry-after"] == "2"
    assert answer.status_code == 200


def test_a_stream_ends_when_its_key_is_revoked(
    locked: httpx.Client, rows: Session, alice: dict[str, str], bob: dict[str, str]
) -> None:
    for headers in (alice, bob):
        begin(locked, headers)
    with listening(locked, 1, alice) as (hers,), listening(locked, 1, bob) as (his,):
        rows.execute(update(ApiKey).where(ApiKey.name == "alice").values(revoked_at=func.now()))
        rows.commit()

        rest = hers.read().decode()
        next(his.iter_lines())  # still open

    assert "event: end" not in rest
    assert rest.endswith("event: unauthorized\ndata: {}\n\n")
    assert locked.get(EVENTS, headers=alice).status_code == 401
