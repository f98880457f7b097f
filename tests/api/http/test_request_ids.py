"""Each call has an id, in its answer and in the log."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
import structlog
from structlog.typing import EventDict

from tests.api.conftest import Enqueue, problem, request


@pytest.fixture
def logged() -> Iterator[list[EventDict]]:
    """What is logged meanwhile."""
    lines: list[EventDict] = []

    def note(_logger: object, _method: str, line: EventDict) -> EventDict:
        lines.append(line)
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, note])
    yield lines
    structlog.configure(**before)


def test_a_callers_id_comes_back(api: httpx.Client) -> None:
    answer = api.get("/healthz", headers={"X-Request-Id": "web-1:7f/3"})

    assert answer.headers["x-request-id"] == "web-1:7f/3"


@pytest.mark.parametrize("given", [None, "", "two words", "x" * 129, "a=1\tlevel=error", "é"])
def test_another_id_is_replaced(api: httpx.Client, given: str | None) -> None:
    headers = {} if given is None else {"X-Request-Id": given.encode("latin-1")}

    ids = {api.get("/healthz", headers=headers).headers["x-request-id"] for _ in range(2)}

    assert len(ids) == 2
    assert all(re.fullmatch(r"[0-9a-f]{32}", each) for each in ids)


@pytest.mark.parametrize("path", ["/v1/jobs?limit=0", "/v1/jobs/019ab0c4-2f6e-7c31-9d5e-3f0a4b6c8d10", "/nowhere"])
def test_a_refusal_names_the_call(api: httpx.Client, path: str) -> None:
    refused = problem(api.get(path, headers={"X-Request-Id": "call-7"}))

    assert refused["request_id"] == "call-7"


def test_a_jobs_first_event_names_the_call_that_brought_it(api: httpx.Client) -> None:
    job = api.post("/v1/jobs", json=request(), headers={"X-Request-Id": "call-8"}).json()

    first = api.get(f"/v1/jobs/{job['id']}/events").json()["items"][0]

    assert first["detail"] == {"api_request_id": "call-8"}


def test_the_log_says_which_call_made_which_job(api: httpx.Client, logged: list[EventDict]) -> None:
    job = api.post("/v1/jobs", json=request(), headers={"X-Request-Id": "call-9"}).json()

    (line,) = [line for line in logged if line["event"] == "render_job.enqueued"]
    assert (line["request_id"], line["job_id"]) == ("call-9", job["id"])


def test_calls_at_the_same_time_keep_their_own(api: httpx.Client, enqueue: Enqueue) -> None:
    enqueue()
    with httpx.Client(base_url=api.base_url, trust_env=False) as other:
        for number in range(5):
            first = api.get("/v1/jobs", headers={"X-Request-Id": f"a-{number}"})
            second = problem(other.get("/v1/jobs?limit=0"))
            assert first.headers["x-request-id"] == f"a-{number}"
            assert re.fullmatch(r"[0-9a-f]{32}", second["request_id"])
