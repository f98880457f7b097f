"""GET /v1/texts/{job_id}/events: an answer while it comes, and the record whatever Redis does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from uuid import UUID

import httpx
import pytest
import redis
from sqlalchemy import update
from sqlalchemy.orm import Session

from api import event_streams, live_answers
from api.settings import ApiSettings
from embedded.servers.valkey import ValkeyServer
from models.operations.texts.live_answers import LiveWriter, connect, key_of
from models.text_job import TextJob
from reelqueue.states import TextState
from tests.api.conftest import problem, serving
from tests.api.routes.test_job_stream import events
from tests.support.stored_texts import store_text


@pytest.fixture(autouse=True)
def quick_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_streams, "TICK_SECONDS", 0.01)
    monkeypatch.setattr(live_answers, "TICK_SECONDS", 0.01)


@pytest.fixture
def broker(valkey_server: ValkeyServer) -> Iterator[redis.Redis]:
    with connect(valkey_server.broker_url) as connection:
        yield connection


@pytest.fixture
def running(rows: Session) -> UUID:
    """A job that is being answered."""
    job_id = store_text(rows, TextState.RUNNING, is_streamed=True)
    rows.commit()
    return job_id


def path_of(job_id: UUID) -> str:
    return f"/v1/texts/{job_id}/events"


def write(broker: redis.Redis, job_id: UUID, *texts: str) -> None:
    writer = LiveWriter(broker, job_id)
    for text in texts:
        writer.write("text", text)
        writer.flush()


def end(rows: Session, job_id: UUID) -> None:
    answer = {"text": "Swan.", "finish_reason": "stop"}
    rows.execute(update(TextJob).where(TextJob.id == job_id).values(state=TextState.SUCCEEDED, **answer))
    rows.commit()


def test_pieces_come_as_they_are_written_and_the_record_after_them(
    api: httpx.Client, rows: Session, broker: redis.Redis, running: UUID
) -> None:
    with api.stream("GET", path_of(running)) as answer:
        stream = events(answer)
        seen = [next(stream)]
        for piece in ("Sw", "an."):
            write(broker, running, piece)
            seen.append(next(stream))
        end(rows, running)
        *rest, last, closing = stream

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert (seen[0]["event"], seen[0]["data"]["state"]) == ("job", "running")
    assert [(event["event"], event["data"]["text"]) for event in seen[1:]] == [("text", "Sw"), ("text", "an.")]
    assert rest == []
    assert (last["event"], last["data"]["answer"]["text"], closing["event"]) == ("job", "Swan.", "end")
    assert last["data"] == api.get(f"/v1/texts/{running}").json()


def test_a_client_that_comes_back_goes_on_behind_the_last_piece(
    api: httpx.Client, rows: Session, broker: redis.Redis, running: UUID
) -> None:
    write(broker, running, "Sw", "a")
    with api.stream("GET", path_of(running)) as answer:
        stream = events(answer)
        last_seen = next(event for event in stream if event["event"] == "text")

    write(broker, running, "n.")
    end(rows, running)
    with api.stream("GET", path_of(running), headers={"Last-Event-ID": last_seen["id"]}) as answer:
        rest = list(events(answer))

    assert [event["data"]["text"] for event in rest if event["event"] == "text"] == ["a", "n."]
    assert rest[-1]["event"] == "end"


def test_a_client_that_has_the_last_event_is_told_to_stay_away(api: httpx.Client, rows: Session, running: UUID) -> None:
    end(rows, running)
    with api.stream("GET", path_of(running)) as answer:
        last = next(events(answer))["id"]

    assert api.get(path_of(running), headers={"Last-Event-ID": last}).status_code == 204


@pytest.mark.parametrize("seen", ["0-0", "nonsense", "99999999999999-0"])
def test_a_flushed_stream_costs_the_pieces_and_not_the_record(
    api: httpx.Client, rows: Session, broker: redis.Redis, running: UUID, seen: str
) -> None:
    write(broker, running, "Swan.")
    broker.delete(key_of(running))
    end(rows, running)

    with api.stream("GET", path_of(running), headers={"Last-Event-ID": seen}) as answer:
        found = list(events(answer))

    assert [event["event"] for event in found] == ["job", "end"]
    assert found[0]["data"]["answer"]["text"] == "Swan."


def test_the_record_comes_without_a_broker(settings: ApiSettings, rows: Session, running: UUID) -> None:
    elsewhere = settings.model_copy(update={"broker_url": "redis://127.0.0.1:9/0"})
    with serving(elsewhere.model_validate(elsewhere.model_dump())) as api, api.stream("GET", path_of(running)) as told:
        stream = events(told)
        first = next(stream)
        end(rows, running)
        rest = [event["event"] for event in stream]

    assert (first["event"], rest) == ("job", ["job", "end"])


def test_a_job_that_is_not_there_has_no_events(api: httpx.Client, running: UUID) -> None:
    answer = api.get(path_of(UUID(int=running.int + 1)))

    assert (answer.status_code, problem(answer)["code"]) == (404, "job_not_found")


def test_listeners_share_a_reader_and_its_connection(
    api: httpx.Client, rows: Session, broker: redis.Redis, running: UUID
) -> None:
    write(broker, running, "Sw")
    with ExitStack() as stack:
        streams = [events(stack.enter_context(api.stream("GET", path_of(running)))) for _ in range(6)]
        for stream in streams:
            assert next(event for event in stream if event["event"] == "text")["data"]["text"] == "Sw"
        waiting = [client for client in broker.client_list() if client["cmd"] == "xread" and "b" in client["flags"]]
        write(broker, running, "an.")
        end(rows, running)
        rest = [[event["data"]["text"] for event in stream if event["event"] == "text"] for stream in streams]

    assert rest == [["an."]] * 6
    assert len(waiting) <= 1
