"""POST /v1/jobs: stored once, then hinted."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest
from PIL import Image
from pydantic import SecretStr
from redis import Redis
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.settings import ApiSettings
from embedded.servers.valkey import ValkeyServer
from models.job_event import JobEvent
from models.job_reference import JobReference
from models.render_job import RenderJob
from reelqueue.media.data_uri import data_uri
from tests.api.conftest import Enqueue, job_id, problem, request, serving


def test_a_job_is_stored_as_queued_with_its_event(rows: Session, enqueue: Enqueue) -> None:
    job = enqueue(negative_prompt="rain", custom_id="shot-1", metadata={"scene": 4}, priority=7)

    row = rows.get_one(RenderJob, job_id(job))
    event = rows.scalars(select(JobEvent).where(JobEvent.job_id == row.id)).one()
    assert (row.state, row.prompt, row.negative_prompt, row.priority) == ("queued", "a paper boat", "rain", 7)
    assert (event.from_state, event.to_state) == (None, "queued")


def test_the_answer_is_the_job(api: httpx.Client) -> None:
    answer = api.post("/v1/jobs", json=request(duration=5, resolution="720P", customId="shot-1"))

    job = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert (job["state"], job["is_terminal"], job["custom_id"]) == ("queued", False, "shot-1")
    assert job["options"]["duration"] == 5
    assert job["estimated_cost"]["currency"] == "USD"


def test_a_refused_request_names_the_option_and_stores_nothing(api: httpx.Client, rows: Session) -> None:
    answer = api.post("/v1/jobs", json=request(duration=99))

    assert answer.status_code == 422
    assert problem(answer)["field"] == "duration"
    assert rows.scalar(select(func.count()).select_from(RenderJob)) == 0


def test_a_path_on_the_server_is_never_read(api: httpx.Client) -> None:
    answer = api.post("/v1/jobs", json={"model": "wan2.6-i2v", "prompt": "x", "image": "file:///etc/passwd"})

    assert answer.status_code == 422
    assert problem(answer)["field"] == "image"


def test_a_data_uri_is_stored_whole_and_shown_short(api: httpx.Client, rows: Session) -> None:
    picture = data_uri(jpeg())

    job = api.post("/v1/jobs", json={"model": "wan2.6-i2v", "prompt": "x", "image": picture}).json()

    stored = rows.scalars(select(JobReference.url).where(JobReference.job_id == job_id(job))).one()
    assert stored == picture
    assert job["options"]["image"].endswith(f"… ({len(picture)} bytes)")
    assert job["estimated_cost"] is not None


def test_the_same_key_and_request_is_the_same_job(api: httpx.Client) -> None:
    first = api.post("/v1/jobs", json=request(), headers={"Idempotency-Key": "k-1"})

    again = api.post("/v1/jobs", json=request(mode="text-to-video"), headers={"Idempotency-Key": "k-1"})

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["id"] == first.json()["id"]


def test_the_same_key_with_another_request_is_a_conflict(api: httpx.Client) -> None:
    api.post("/v1/jobs", json=request(), headers={"Idempotency-Key": "k-1"}).raise_for_status()

    answer = api.post("/v1/jobs", json=request(seed=1), headers={"Idempotency-Key": "k-1"})

    assert answer.status_code == 409
    assert problem(answer)["code"] == "idempotency_key_reused"


def test_a_race_of_the_same_key_makes_one_job(api: httpx.Client, rows: Session) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(
            threads.map(lambda _: api.post("/v1/jobs", json=request(), headers={"Idempotency-Key": "race"}), range(16))
        )

    assert sorted(answer.status_code for answer in answers) == [200] * 15 + [201]
    assert rows.scalar(select(func.count()).select_from(RenderJob)) == 1


@pytest.mark.parametrize("key", ["", "k" * 256, "with space", "caf\xe9"])
def test_a_key_that_is_no_token_is_refused(api: httpx.Client, key: str) -> None:
    answer = api.post("/v1/jobs", json=request(), headers={"Idempotency-Key": key.encode("latin-1")})

    assert answer.status_code == 422
    assert problem(answer)["field"] == "idempotency-key"


def test_the_hint_follows_and_carries_nothing_of_the_job(
    settings: ApiSettings, rows: Session, broker: ValkeyServer
) -> None:
    with serving(settings) as api:
        job = api.post("/v1/jobs", json=request(prompt="a secret garden")).json()

    # The app was closed, so what was asked for has been sent.
    with Redis.from_url(broker.client_url) as redis:
        (message,) = redis.lrange("control", 0, -1)
    assert b"control.dispatch" in message
    assert b"garden" not in message
    assert job["id"].encode() not in message


@pytest.mark.parametrize("answers", [False, True], ids=["refuses", "is silent"])
def test_a_dead_broker_neither_fails_nor_holds_up_a_request(
    settings: ApiSettings, rows: Session, *, answers: bool
) -> None:
    with silent_port(is_open=answers) as port:
        dead = settings.model_copy(update={"broker_url": SecretStr(f"redis://127.0.0.1:{port}/0")})
        with serving(dead) as api:
            statuses = [api.post("/v1/jobs", json=request()).status_code for _ in range(20)]

    assert statuses == [201] * 20
    assert rows.scalar(select(func.count()).select_from(RenderJob)) == 20


@contextmanager
def silent_port(*, is_open: bool) -> Iterator[int]:
    """A port that takes connections and never answers, or refuses them."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        if not is_open:
            listener.close()
        yield port


def jpeg() -> bytes:
    """A picture that every model reads."""
    file = io.BytesIO()
    Image.new("RGB", (400, 400)).save(file, "JPEG")
    return file.getvalue()
