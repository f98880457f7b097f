"""What the clients send, and what they make of refusals."""

from __future__ import annotations

import json
import pickle
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from reelqueue import (
    ApiError,
    AuthenticationError,
    Client,
    ConfigurationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    ReelqueueError,
    TextToVideo,
    UnavailableError,
)
from tests.reelqueue.client.conftest import JOB_ID, Handler, World, job, problem


def test_a_submit_sends_the_request_and_a_key_of_its_own(world: World) -> None:
    sent: list[httpx.Request] = []
    client = world.client(answering(sent, httpx.Response(201, json=job())))

    handles = [world.run(client.submit(model="wan2.6-t2v", prompt="a boat", negativePrompt="rain")) for _ in range(2)]

    body = json.loads(sent[0].content)
    keys = {request.headers["idempotency-key"] for request in sent}
    assert (body["model"], body["mode"], body["negative_prompt"]) == ("wan2.6-t2v", "text-to-video", "rain")
    assert handles[0].id == JOB_ID
    assert len(keys) == 2


def test_objects_mappings_and_keywords_send_the_same(world: World) -> None:
    sent: list[httpx.Request] = []
    client = world.client(answering(sent, httpx.Response(201, json=job())))

    world.run(client.submit(TextToVideo(model="wan2.6-t2v", prompt="a boat", seed=7)))
    world.run(client.submit({"model": "wan2.6-t2v", "prompt": "a boat"}, seed=7))
    world.run(client.submit(model="wan2.6-t2v", prompt="a boat", seed=7))

    assert len({request.content for request in sent}) == 1


def test_a_local_picture_travels_as_a_data_uri(world: World, tmp_path: Path) -> None:
    picture = tmp_path / "boat.jpg"
    Image.new("RGB", (400, 400)).save(picture)
    sent: list[httpx.Request] = []
    client = world.client(answering(sent, httpx.Response(201, json=job())))

    world.run(client.submit(model="wan2.6-i2v", prompt="it sails", image=str(picture)))

    assert json.loads(sent[0].content)["image"].startswith("data:image/jpeg;base64,")


BOAT = {"model": "wan2.6-t2v", "prompt": "a boat"}


def test_many_requests_go_in_one_call_with_a_key_each(world: World) -> None:
    sent: list[httpx.Request] = []
    client = world.client(answering(sent, httpx.Response(201, json={"items": [job(), job()]})))

    handles = world.run(client.submit_many([BOAT, TextToVideo(model="wan2.6-t2v", prompt="a fox")]))

    (call,) = sent
    jobs = json.loads(call.content)["jobs"]
    assert (call.method, call.url.path) == ("POST", "/v1/jobs/batch")
    assert [one["request"]["prompt"] for one in jobs] == ["a boat", "a fox"]
    assert len({one["idempotency_key"] for one in jobs}) == 2
    assert [handle.id for handle in handles] == [JOB_ID, JOB_ID]


def test_no_requests_are_no_call(world: World) -> None:
    sent: list[httpx.Request] = []
    client = world.client(answering(sent, httpx.Response(500)))

    assert world.run(client.submit_many([])) == []
    assert sent == []


@pytest.mark.parametrize(
    ("requests", "keys", "field"),
    [
        ([BOAT, {**BOAT, "duration": 99}], None, "jobs.1.request.duration"),
        ([BOAT, BOAT], ["a", "two words"], "jobs.1.idempotency_key"),
        ([BOAT, BOAT], ["a"], "idempotency_keys"),
        ([BOAT] * 1001, None, "requests"),
    ],
)
def test_many_requests_with_a_wrong_one_are_not_sent(
    world: World, requests: list[dict[str, Any]], keys: list[str] | None, field: str
) -> None:
    sent: list[httpx.Request] = []
    client = world.client(answering(sent, httpx.Response(500)))

    with pytest.raises(InvalidRequestError) as caught:
        world.run(client.submit_many(requests, idempotency_keys=keys))

    assert caught.value.field == field
    assert sent == []


@pytest.mark.parametrize(
    "options",
    [
        {"model": "wan2.6-t2v", "prompt": "a boat", "duration": 99},
        {"model": "wan2.6-t2v", "prompt": "a boat", "metadata": {"at": float("nan")}},
        {"model": "wan2.6-t2v", "prompt": "half a pair \ud800"},
        {"model": "wan2.6-i2v", "prompt": "it sails", "image": "/no/such/file.png"},
    ],
)
def test_a_wrong_request_is_refused_before_it_is_sent(world: World, options: dict[str, Any]) -> None:
    sent: list[httpx.Request] = []
    client = world.client(answering(sent, httpx.Response(201, json=job())))

    with pytest.raises(InvalidRequestError):
        world.run(client.submit(**options))

    assert sent == []


def test_jobs_are_asked_for_by_campaign_and_metadata(world: World) -> None:
    sent: list[httpx.Request] = []
    client = world.client(answering(sent, httpx.Response(200, json={"items": [], "next_cursor": None})))

    assert list(world.run(client.jobs(campaign="autumn", metadata={"order": 7, "town": "Köln"}))) == []

    asked = sent[0].url.params
    assert asked["campaign"] == "autumn"
    assert json.loads(asked["metadata"]) == {"order": 7, "town": "Köln"}


@pytest.mark.parametrize("name", ["created_after", "created_before"])
def test_a_moment_without_a_time_zone_is_refused_before_it_is_sent(world: World, name: str) -> None:
    sent: list[httpx.Request] = []
    client = world.client(answering(sent, httpx.Response(200, json={"items": [], "next_cursor": None})))
    moment = datetime(2026, 11, 30, 12, 0)  # noqa: DTZ001 - the point

    with pytest.raises(InvalidRequestError, match=f"{name}: 2026-11-30 12:00:00 has no time zone; give datetime"):
        list(world.run(client.jobs(**{name: moment})))

    assert sent == []


@pytest.mark.parametrize("key", ["订单-7", "Bestellung-Größe", "two words", "", "k" * 256])
def test_an_idempotency_key_that_no_header_carries_is_refused_by_name(world: World, key: str) -> None:
    sent: list[httpx.Request] = []
    client = world.client(answering(sent, httpx.Response(201, json=job())))

    with pytest.raises(InvalidRequestError, match="idempotency_key: "):
        world.run(client.submit(model="wan2.6-t2v", prompt="a boat", idempotency_key=key))

    assert sent == []


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AuthenticationError),
        (403, AuthenticationError),
        (404, NotFoundError),
        (409, ConflictError),
        (500, ApiError),
    ],
)
def test_a_refusal_is_an_error_of_its_kind(world: World, status: int, kind: type[ApiError]) -> None:
    client = world.client(answering([], problem(status, "some_code")))

    with pytest.raises(kind, match="because of some_code") as caught:
        world.run(client.get(JOB_ID))

    assert (caught.value.status, caught.value.code) == (status, "some_code")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301


def test_a_422_is_the_error_that_a_check_here_raises(world: World) -> None:
    client = world.client(answering([], problem(422, "out_of_range", field="duration")))

    with pytest.raises(InvalidRequestError) as caught:
        world.run(client.preview(model="wan2.6-t2v", prompt="a boat"))

    assert (caught.value.code, caught.value.field) == ("out_of_range", "duration")


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>welcome</html>", headers={"Content-Type": "text/html"}),
        httpx.Response(200, json={"id": "x"}),
        httpx.Response(200, content=b""),
        httpx.Response(502, text="<html>bad gateway</html>", headers={"Content-Type": "text/html"}),
        httpx.Response(302, headers={"Location": "http://evil.example/"}),
    ],
    ids=["a page", "another object", "nothing", "a proxy's page", "a redirect"],
)
def test_another_server_is_told_from_ours(world: World, answer: httpx.Response) -> None:
    sent: list[httpx.Request] = []
    client = world.client(answering(sent, answer), retry_seconds=0)

    with pytest.raises((ApiError, UnavailableError)):
        world.run(client.get(JOB_ID))

    assert [request.url.host for request in sent] == ["reelqueue.test"]


@pytest.mark.parametrize("url", ["reelqueue.test", "ftp://reelqueue.test", "http://", "", "http://xn--/"])
def test_a_wrong_address_names_the_variable(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("REELQUEUE_API_URL", url or "x")

    with pytest.raises(ConfigurationError, match="REELQUEUE_API_URL"):
        Client()


@pytest.mark.parametrize("key", ["rq_canary\n", "rq_canary two", "rq_canary\u00e9"])
def test_a_key_that_no_header_can_carry_is_not_quoted(key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Client(api_key=key)

    assert "canary" not in str(caught.value)


def test_address_and_key_come_from_the_environment(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELQUEUE_API_URL", "https://reelqueue.test/queue/")
    monkeypatch.setenv("REELQUEUE_API_KEY", "rq_key")
    sent: list[httpx.Request] = []
    client = world.connect(None, transport=httpx.MockTransport(answering(sent, httpx.Response(200, json=job()))))

    world.run(client.get(JOB_ID))

    assert str(sent[0].url) == f"https://reelqueue.test/queue/v1/jobs/{JOB_ID}"
    assert sent[0].headers["authorization"] == "Bearer rq_key"


def test_an_id_that_is_none_is_refused_here(world: World) -> None:
    client = world.client(answering([], httpx.Response(200, json=job())))

    with pytest.raises(InvalidRequestError, match="no job id"):
        world.run(client.get("../../healthz"))


def test_jobs_are_read_a_page_at_a_time(world: World) -> None:
    def pages(request: httpx.Request) -> httpx.Response:
        cursor = request.url.params.get("cursor")
        following = {None: "b", "b": "c", "c": None}[cursor]
        assert request.url.params.get_list("state") == ["queued", "failed"]
        return httpx.Response(200, json={"items": [job(custom_id=cursor or "a")], "next_cursor": following})

    client = world.client(pages)

    jobs = list(world.run(client.jobs(state=["queued", "failed"])))

    assert [each.custom_id for each in jobs] == ["a", "b", "c"]


def test_every_error_has_our_root() -> None:
    assert issubclass(UnavailableError, ReelqueueError)


def answering(sent: list[httpx.Request], answer: httpx.Response) -> Handler:
    """A server that always says the same, and writes down what it was asked."""

    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    return handle
