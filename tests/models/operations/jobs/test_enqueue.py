"""Storing a request: once per key, whole, and not at all if it cannot be sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from models import JobReference, RenderJob
from models.operations.jobs.enqueue import IdempotencyConflictError, enqueue_render_job
from models.operations.jobs.request_rows import request_sha256, to_request
from models.session import make_engine
from models.tenant import ensure_tenant
from reelqueue.errors import InvalidRequestError
from reelqueue.requests.base import RenderRequest
from reelqueue.requests.parse import parse_request
from reelqueue.states import RenderState
from tests.support.stored_jobs import NOW, events_of, read_job

TEXT = {"model": "wan2.6-t2v", "prompt": "a paper boat"}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PICTURE = f"data:image/png;base64,{PIXEL}"

REQUESTS = [
    TEXT,
    # Every option that text-to-video has.
    TEXT
    | {
        "negative_prompt": "rain",
        "audio_url": "https://media.example/song.mp3",
        "resolution": "1280x720",
        "duration": 7,
        "seed": 2_147_483_647,
        "prompt_extend": True,
        "shot_type": "multi",
        "watermark": False,
        "custom_id": "shot-017",
        "priority": -5,
        "metadata": {"scene": [1, {"take": None}], "名": "é"},
        "on_timeout": "cancel",
        "start_by": "2026-12-24T18:00:00+01:00",
        "poll_interval_ms": 1000,
        "poll_timeout_ms": 3000,
        "raw": {"brand_new": 1},
        "headers": {"X-DashScope-DataInspection": "a"},
    },
    TEXT | {"negative_prompt": "", "watermark": False, "seed": 0},  # empty, false and zero are sent
    {"model": "wan2.7-t2v", "prompt": "a boat", "resolution": "720P", "ratio": "9:16"},
    {"model": "wan2.6-i2v", "image": "https://media.example/first.png", "prompt": "it moves", "audio": True},
    {"model": "wan2.6-i2v-flash", "image": "oss://bucket/first.png", "audio": False},
    {"model": "wan2.2-kf2v-flash", "image": "https://x.example/a.png", "last_frame": "https://x.example/b.png"},
    {
        "model": "wan2.6-r2v",
        "prompt": "character1 meets character2",
        "reference_urls": ["https://x.example/2.mp4", "https://x.example/1.png", "https://x.example/3.png"],
    },
    {
        "model": "wan2.7-r2v",
        "prompt": "two friends",
        "media": [
            {
                "type": "reference_image",
                "url": "https://x.example/1.png",
                "reference_voice": "https://x.example/1.mp3",
            },
            {"type": "reference_video", "url": "https://x.example/2.mp4"},
        ],
    },
    {
        "model": "wan2.7-videoedit",
        "prompt": "make it night",
        "media": [{"type": "video", "url": "https://x.example/day.mp4"}],
    },
    {"model": "wan3.0-video", "mode": "image-to-video", "prompt": "go", "image": "https://x.example/a.png"},
    {"model": "some-new-t2v", "prompt": "a model that no table knows", "duration": 9},
]


def store(session: Session, options: dict[str, Any], **values: Any) -> RenderJob:
    enqueued = enqueue_render_job(session, parse_request(options), now=NOW, **values)
    return read_job(session, enqueued.job_id)


def stored_request(session: Session, job: RenderJob) -> RenderRequest:
    references = select(JobReference).where(JobReference.job_id == job.id).order_by(JobReference.position)
    return to_request(job, session.scalars(references))


@pytest.mark.parametrize("options", REQUESTS, ids=lambda options: options["model"])
def test_a_stored_request_comes_back_equal(session: Session, options: dict[str, Any]) -> None:
    assert stored_request(session, store(session, options)) == parse_request(options)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    prompt=st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=800).filter(str.strip),
    seed=st.integers(0, 2_147_483_647),
    start_by=st.none() | st.datetimes(datetime(2026, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    metadata=st.none() | st.dictionaries(st.text("ab\\\"'%é\n", max_size=4), st.integers() | st.text("a%\\{é")),
    references=st.lists(
        st.sampled_from(["https://x.example/1.png", "https://x.example/2.mp4"]), min_size=1, max_size=3
    ),
)
def test_any_text_and_any_order_come_back_equal(session: Session, references: list[str], **options: object) -> None:
    given_options = {"model": "wan2.6-r2v", "reference_urls": references, **options}

    job = store(session, given_options)

    assert stored_request(session, job) == parse_request(given_options)


def test_an_embedded_picture_comes_back_equal(session: Session) -> None:
    options = {"model": "some-new-i2v", "image": PICTURE}

    assert stored_request(session, store(session, options)).options()["image"] == PICTURE


def test_a_new_job_waits_and_has_its_event(session: Session) -> None:
    job = store(session, TEXT)

    assert (job.state, job.created_at, job.epoch) == (RenderState.QUEUED, NOW, 0)
    assert [(event.kind, event.to_state) for event in events_of(session, job.id)] == [("state", RenderState.QUEUED)]


def test_what_the_catalog_warns_about_is_kept(session: Session) -> None:
    assert store(session, {"model": "some-new-t2v", "prompt": "x"}).warnings


def test_without_a_key_each_call_is_a_job(session: Session) -> None:
    assert store(session, TEXT).id != store(session, TEXT).id


def test_the_same_key_and_request_are_the_same_job(session: Session) -> None:
    first = enqueue_render_job(session, parse_request(TEXT), now=NOW, idempotency_key="k")
    again = enqueue_render_job(session, parse_request({**TEXT, "mode": "text-to-video"}), now=NOW, idempotency_key="k")

    assert (first.is_new, again.is_new) == (True, False)
    assert first.job_id == again.job_id
    assert len(events_of(session, first.job_id)) == 1


def test_the_same_key_with_another_request_is_refused(session: Session) -> None:
    job = store(session, TEXT, idempotency_key="k")

    with pytest.raises(IdempotencyConflictError, match=str(job.id)) as caught:
        store(session, TEXT | {"seed": 1}, idempotency_key="k")

    assert (caught.value.idempotency_key, caught.value.job_id) == ("k", job.id)


def test_two_producers_may_use_the_same_key(session: Session) -> None:
    mine = store(session, TEXT, idempotency_key="k")
    other = store(session, TEXT | {"seed": 1}, idempotency_key="k", tenant_id=ensure_tenant(session, "theirs"))

    assert mine.id != other.id


def test_spelling_does_not_matter_to_the_digest() -> None:
    snake = parse_request(TEXT | {"negative_prompt": "rain", "start_by": "2026-12-24T18:00:00+01:00"})
    camel = parse_request({"startBy": "2026-12-24T17:00:00Z", "negativePrompt": "rain", **TEXT})

    assert request_sha256(snake, snake.options()) == request_sha256(camel, camel.options())


def test_a_request_that_the_model_refuses_leaves_no_row(session: Session) -> None:
    before = session.scalar(select(func.count()).select_from(RenderJob))

    with pytest.raises(InvalidRequestError):
        store(session, TEXT | {"duration": 99})

    assert session.scalar(select(func.count()).select_from(RenderJob)) == before


@pytest.fixture
def own_engine(database_url: str) -> Iterator[Engine]:
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("requests", [(TEXT, TEXT), (TEXT, TEXT | {"seed": 1})], ids=["same", "other"])
def test_two_at_once_with_one_key_are_one_job(own_engine: Engine, requests: tuple[dict[str, Any], ...]) -> None:
    outcomes: list[object] = []
    together = threading.Barrier(2)

    def produce(options: dict[str, Any]) -> None:
        with Session(own_engine) as session, session.begin():
            together.wait()
            try:
                outcomes.append(
                    enqueue_render_job(session, parse_request(options), now=NOW, idempotency_key="k").is_new
                )
            except IdempotencyConflictError:
                outcomes.append("conflict")

    threads = [threading.Thread(target=produce, args=(options,)) for options in requests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(map(str, outcomes)) == (["False", "True"] if requests[0] == requests[1] else ["True", "conflict"])
    with Session(own_engine) as session:
        assert session.scalar(select(func.count()).select_from(RenderJob)) == 1
