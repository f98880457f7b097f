"""POST /v1/jobs/batch: many jobs stored as one, or none of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from redis import Redis
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.settings import ApiSettings
from embedded.servers.valkey import ValkeyServer
from models.job_event import JobEvent
from models.job_reference import JobReference
from models.render_job import RenderJob
from reelqueue.media.data_uri import data_uri
from tests.api.conftest import problem, request, serving
from tests.api.test_enqueue import jpeg

PATH = "/v1/jobs/batch"


def many(*jobs: dict[str, Any], keys: list[str | None] | None = None) -> dict[str, Any]:
    """The body with some requests, each with a key where there are some."""
    chosen = keys or [None] * len(jobs)
    return {"jobs": [{"request": job, "idempotency_key": key} for job, key in zip(jobs, chosen, strict=True)]}


def stored_count(rows: Session) -> int:
    """How many jobs there are."""
    return rows.scalar(select(func.count()).select_from(RenderJob)) or 0


def test_a_batch_is_stored_and_answered_in_its_order(api: httpx.Client, rows: Session) -> None:
    prompts = [f"boat {number}" for number in range(1000)]

    answer = api.post(PATH, json=many(*(request(prompt=prompt) for prompt in prompts)))

    jobs = answer.json()["items"]
    stored = rows.scalars(select(RenderJob.prompt).order_by(RenderJob.created_at, RenderJob.id)).all()
    assert answer.status_code == 201
    assert [job["prompt"] for job in jobs] == prompts
    assert list(stored) == prompts


@pytest.mark.parametrize(
    "given",
    [
        {"duration": 5, "resolution": "720P", "customId": "shot-1", "metadata": {"scene": [4, None]}, "priority": 7},
        {"negative_prompt": "rain", "seed": 2**31 - 1, "start_by": "2099-01-01T00:00:00Z", "poll_interval_ms": 9000},
        {"model": "wan2.6-i2v", "image": "https://media.example/cup.png", "raw": {"x": 1.5}},
        {"model": "wan2.6-i2v", "image": data_uri(jpeg())},
        {"model": "wan2.6-r2v", "reference_urls": ["https://media.example/a.mp4", "https://media.example/b.png"]},
        {"prompt": 'a "quoted" back\\slash, é and 🦊'},
    ],
)
def test_a_job_of_a_batch_is_the_job_that_it_is_by_itself(
    api: httpx.Client, rows: Session, given: dict[str, Any]
) -> None:
    alone = api.post("/v1/jobs", json=request(**given))

    (job,) = api.post(PATH, json=many(request(**given))).json()["items"]

    assert alone.status_code == 201
    own = {"id", "created_at"}
    assert {k: v for k, v in job.items() if k not in own} == {k: v for k, v in alone.json().items() if k not in own}
    assert columns(rows, job["id"]) == columns(rows, alone.json()["id"])


def columns(rows: Session, job_id: str) -> tuple[dict[str, Any], list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """All that is stored of a job, but what tells jobs apart."""
    job = rows.get_one(RenderJob, job_id)
    stored = {
        c.key: getattr(job, c.key) for c in RenderJob.__mapper__.column_attrs if c.key not in {"id", "created_at"}
    }
    references = select(JobReference).where(JobReference.job_id == job_id).order_by(JobReference.position)
    events = rows.scalars(select(JobEvent).where(JobEvent.job_id == job_id)).all()
    return (
        stored,
        [(r.position, r.role, r.media_type, r.url, r.voice_url, r.path) for r in rows.scalars(references)],
        [(e.kind, e.from_state, e.to_state, sorted(e.detail)) for e in events],
    )


def test_one_wrong_job_refuses_all_and_every_wrong_one_is_named(api: httpx.Client, rows: Session) -> None:
    jobs = [request(), request(duration=99), request(), {"model": "wan2.6-t2v", "prompt": "x", "image": "file:///etc"}]

    answer = api.post(PATH, json=many(*jobs))

    refusal = problem(answer)
    alone = [problem(api.post("/v1/jobs", json=jobs[index])) for index in (1, 3)]
    assert answer.status_code == 422
    assert (refusal["code"], refusal["field"]) == (alone[0]["code"], "jobs.1.request.duration")
    assert [(e["index"], e["code"], e["detail"], e["field"]) for e in refusal["errors"]] == [
        (index, one["code"], one["detail"], one["field"]) for index, one in zip((1, 3), alone, strict=True)
    ]
    assert stored_count(rows) == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"jobs": []}, "jobs"),
        ({}, "jobs"),
        ({"jobs": [{"request": {}}] * 1001}, "jobs"),
        ({"jobs": [{"request": "x"}]}, "jobs.0.request"),
        ({"jobs": [{"request": {}, "key": "k"}]}, "jobs.0.key"),
        ({"jobs": [{"request": {}, "idempotency_key": "two words"}]}, "jobs.0.idempotency_key"),
        ({"jobs": [{"request": {"model": "x\0"}}]}, "jobs.0.request.model"),
    ],
)
def test_what_is_no_batch_is_refused(api: httpx.Client, rows: Session, body: dict[str, Any], field: str) -> None:
    answer = api.post(PATH, json=body)

    assert answer.status_code == 422
    assert problem(answer)["field"] == field
    assert stored_count(rows) == 0


def test_a_key_of_the_whole_batch_is_refused(api: httpx.Client, rows: Session) -> None:
    answer = api.post(PATH, json=many(request()), headers={"Idempotency-Key": "order-7"})

    assert answer.status_code == 422
    assert problem(answer)["field"] == "idempotency-key"
    assert stored_count(rows) == 0


def test_a_batch_that_is_sent_again_is_the_same_jobs(api: httpx.Client, rows: Session) -> None:
    body = many(request(), request(seed=1), keys=["a", "b"])
    first = api.post(PATH, json=body)

    again = api.post(PATH, json=body)

    assert (first.status_code, again.status_code) == (201, 200)
    assert ids(again) == ids(first)
    assert stored_count(rows) == 2


def test_keys_are_those_of_single_jobs_and_new_ones_are_stored_beside_them(api: httpx.Client, rows: Session) -> None:
    alone = api.post("/v1/jobs", json=request(), headers={"Idempotency-Key": "a"}).json()["id"]

    answer = api.post(PATH, json=many(request(), request(), request(), keys=["b", "a", "b"]))

    new, known, twice = ids(answer)
    assert answer.status_code == 201
    assert (known, twice) == (alone, new)
    assert stored_count(rows) == 2


@pytest.mark.parametrize("is_earlier", [True, False], ids=["earlier call", "same batch"])
def test_a_key_of_another_request_is_a_conflict_that_names_the_job(
    api: httpx.Client, rows: Session, *, is_earlier: bool
) -> None:
    if is_earlier:
        api.post("/v1/jobs", json=request(seed=1), headers={"Idempotency-Key": "a"}).raise_for_status()
    before = stored_count(rows)
    jobs = [request(seed=2), request(seed=3)]

    answer = api.post(PATH, json=many(*jobs, keys=["b", "a"] if is_earlier else ["a", "a"]))

    refusal = problem(answer)
    assert answer.status_code == 409
    assert (refusal["code"], refusal["field"]) == ("idempotency_key_reused", "jobs.1.idempotency_key")
    assert refusal["errors"][0]["index"] == 1
    assert stored_count(rows) == before


def test_batches_that_share_keys_race_to_one_job_each(api: httpx.Client, rows: Session) -> None:
    keys: list[str | None] = [f"key-{number}" for number in range(60)]
    bodies = [many(*[request()] * 60, keys=keys), many(*[request()] * 60, keys=keys[::-1])]

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda number: api.post(PATH, json=bodies[number % 2]), range(8)))

    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert {frozenset(ids(answer)) for answer in answers} == {frozenset(ids(answers[0]))}
    assert stored_count(rows) == 60


def test_a_batch_that_would_fill_the_queue_is_refused_whole(settings: ApiSettings, rows: Session) -> None:
    small = settings.model_copy(update={"api_queued_jobs_per_tenant": 3})
    with serving(small) as api:
        api.post("/v1/jobs", json=request()).raise_for_status()
        refused = api.post(PATH, json=many(*[request()] * 3))
        taken = api.post(PATH, json=many(*[request()] * 2))

    assert (refused.status_code, problem(refused)["code"]) == (429, "queue_full")
    assert taken.status_code == 201
    assert stored_count(rows) == 3


def test_a_replay_needs_no_room_in_the_queue(settings: ApiSettings, rows: Session) -> None:
    small = settings.model_copy(update={"api_queued_jobs_per_tenant": 2})
    body = many(request(), request(), keys=["a", "b"])
    with serving(small) as api:
        statuses = [api.post(PATH, json=body).status_code for _ in range(2)]

    assert statuses == [201, 200]


def test_jobs_of_a_batch_belong_to_their_key(
    locked: httpx.Client, alice: dict[str, str], bob: dict[str, str], rows: Session
) -> None:
    body = many(request(), keys=["a"])

    (mine,) = ids(locked.post(PATH, json=body, headers=alice))
    (theirs,) = ids(locked.post(PATH, json=body, headers=bob))

    assert mine != theirs
    assert locked.get(f"/v1/jobs/{mine}", headers=bob).status_code == 404


def test_one_hint_follows_a_batch(settings: ApiSettings, rows: Session, broker: ValkeyServer) -> None:
    with serving(settings) as api:
        api.post(PATH, json=many(*[request()] * 50)).raise_for_status()

    with Redis.from_url(broker.client_url) as redis:
        assert redis.llen("control") == 1


def ids(answer: httpx.Response) -> list[str]:
    """The ids of a batch's jobs."""
    return [job["id"] for job in answer.raise_for_status().json()["items"]]
