"""Text jobs over HTTP: stored once, read, listed, cancelled, decided."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest
from redis import Redis
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.settings import ApiSettings
from embedded.servers.valkey import ValkeyServer
from models.text_job import OnLostAnswer, TextJob
from models.webhook_delivery import WebhookDelivery
from reelqueue.states import FailureClass, TextAttemptState, TextState
from tests.api.conftest import problem, serving
from tests.support.stored_jobs import NOW
from tests.support.stored_texts import store_text, store_text_attempt

Ask = Callable[..., dict[str, Any]]
ANSWER = {"text": "Swan.", "finish_reason": "stop", "request_id": "r-1", "answered_model": "qwen-plus"}


def question(**options: object) -> dict[str, object]:
    """A request that can be asked."""
    return {"model": "qwen-plus", "prompt": "Name a paper boat.", **options}


@pytest.fixture
def ask(api: httpx.Client) -> Ask:
    """Stores a text job and gives it as the API answered."""

    def post(**options: object) -> dict[str, Any]:
        answer = api.post("/v1/texts", json=question(**options))
        assert answer.status_code == httpx.codes.CREATED, answer.text
        job: dict[str, Any] = answer.json()
        return job

    return post


def test_the_answer_is_the_job_as_it_is_stored(api: httpx.Client, rows: Session) -> None:
    answer = api.post(
        "/v1/texts",
        json=question(
            enableThinking=False, max_cost="0.05 USD", stream=True, onLostAnswer="hold", customId="a", priority=7,
            metadata={"scene": 4},
        ),
    )  # fmt: skip

    job = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (201, f"/v1/texts/{job['id']}")
    assert (job["state"], job["is_terminal"], job["stream"], job["priority"]) == ("queued", False, True, 7)
    assert job["request"] == question(enable_thinking=False)
    assert job["max_cost"] == {"amount": "0.05", "currency": "USD"}
    assert Decimal(job["estimated_max_cost"]["amount"]) > 0
    assert (job["cost"], job["answer"], job["failure"], job["attempt_count"]) == (None, None, None, 0)
    row = rows.get_one(TextJob, UUID(job["id"]))
    assert (row.on_lost_answer, row.custom_id, row.job_metadata) == ("hold", "a", {"scene": 4})
    assert api.get(f"/v1/texts/{job['id']}").json() == job


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"temperature": 2}, "temperature"),
        ({"max_cost": "5"}, "max_cost"),
        ({"max_cost": "0.000001 USD"}, "max_cost"),
        ({"model": "unpriced", "max_cost": "1 USD"}, "max_cost"),
        ({"on_lost_answer": "never"}, "on_lost_answer"),
        ({"priority": 101}, "priority"),
        ({"headers": {"Authorization": "Bearer x"}}, "headers"),
        ({"model": "qwen-max", "enable_thinking": True}, "enable_thinking"),
        ({"response_format": {"type": "json_object"}, "enable_thinking": True}, None),
        ({"prompt": None}, None),
    ],
)
def test_a_refused_request_names_the_option_and_stores_nothing(
    api: httpx.Client, rows: Session, options: dict[str, object], field: str | None
) -> None:
    answer = api.post("/v1/texts", json=question(**options))

    assert answer.status_code == 422, answer.text
    assert field is None or problem(answer)["field"] == field
    assert rows.scalar(select(func.count()).select_from(TextJob)) == 0


def test_the_same_key_and_request_is_the_same_job(api: httpx.Client) -> None:
    key = {"Idempotency-Key": "k-1"}
    first = api.post("/v1/texts", json=question(maxOutputTokens=20), headers=key)

    again = api.post("/v1/texts", json=question(max_output_tokens=20), headers=key)
    other = api.post("/v1/texts", json=question(max_output_tokens=21), headers=key)

    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 409)
    assert again.json()["id"] == first.json()["id"]
    assert "text job" in problem(other)["detail"]


def test_a_tenants_queue_is_bounded_over_both_kinds_of_jobs(settings: ApiSettings, rows: Session) -> None:
    with serving(settings.model_copy(update={"api_queued_jobs_per_tenant": 2})) as api:
        api.post("/v1/jobs", json={"model": "wan2.6-t2v", "prompt": "a boat"}).raise_for_status()
        api.post("/v1/texts", json=question()).raise_for_status()

        full = api.post("/v1/texts", json=question())

    assert (full.status_code, problem(full)["code"]) == (429, "queue_full")
    assert rows.scalar(select(func.count()).select_from(TextJob)) == 1


def test_a_worker_is_woken_for_each_job_and_told_nothing_of_it(
    settings: ApiSettings, valkey_server: ValkeyServer, rows: Session
) -> None:
    with Redis.from_url(valkey_server.client_url) as broker:
        broker.delete("text")
        with serving(settings) as api:  # its end sends what was asked for
            ids = [api.post("/v1/texts", json=question(prompt="a secret garden")).json()["id"] for _ in range(3)]

        messages = broker.lrange("text", 0, -1)
    assert all(b"text.answer" in message and b"garden" not in message for message in messages)
    assert [any(job_id.encode() in message for message in map(headers_of, messages)) for job_id in ids] == [True] * 3


def headers_of(message: bytes) -> bytes:
    """The headers of a broker message, in which what it is about is shown."""
    return json.dumps(json.loads(message)["headers"]).encode()


def test_an_answered_job_shows_its_answer_usage_and_cost(api: httpx.Client, rows: Session) -> None:
    usage = {"prompt_tokens": 30, "completion_tokens": 5, "cached_tokens": 10, "has_thoughts": False}
    job_id = store_text(
        rows, TextState.SUCCEEDED, **ANSWER, usage=usage, cost_amount=Decimal("0.000018"), cost_currency="USD",
        finished_at=NOW, tool_calls=[{"id": "c", "name": "weather", "arguments": "{"}],
    )  # fmt: skip
    store_text_attempt(rows, job_id, TextAttemptState.ANSWERED)
    rows.commit()

    job = api.get(f"/v1/texts/{job_id}").json()

    assert job["is_terminal"]
    assert job["attempt_count"] == 1
    assert job["cost"] == {"amount": "0.000018", "currency": "USD", "is_estimate": False, "priced_on": None}
    assert job["answer"] == {
        "text": "Swan.", "reasoning": "", "finish_reason": "stop", "model": "qwen-plus", "provider_request_id": "r-1",
        "tool_calls": [{"id": "c", "name": "weather", "arguments": "{"}],
        "usage": {"prompt_tokens": 30, "completion_tokens": 5, "cached_tokens": 10, "written_tokens": 0,
                  "reasoning_tokens": 0},
    }  # fmt: skip


def test_a_part_of_an_answer_is_shown_apart_and_never_as_an_answer(api: httpx.Client, rows: Session) -> None:
    failure = {"failure_class": FailureClass.RESULT, "failure_code": "no_end", "failure_message": "it stopped"}
    job_id = store_text(rows, TextState.FAILED, **failure, finished_at=NOW)
    store_text_attempt(rows, job_id, TextAttemptState.AMBIGUOUS, partial_text="Swa")
    rows.commit()

    job = api.get(f"/v1/texts/{job_id}").json()

    assert (job["answer"], job["partial_text"], job["failure"]["code"]) == (None, "Swa", "no_end")
    assert job["cost"]["amount"] is None  # it may be billed, and no price is known


def test_what_was_never_billed_has_cost_nothing(api: httpx.Client, rows: Session) -> None:
    job_id = store_text(rows, TextState.FAILED, finished_at=NOW)
    store_text_attempt(rows, job_id, TextAttemptState.REFUSED)
    rows.commit()

    assert api.get(f"/v1/texts/{job_id}").json()["cost"]["amount"] == "0"


def test_jobs_are_listed_newest_first_in_pages_and_by_filters(api: httpx.Client, rows: Session) -> None:
    ids = [
        store_text(
            rows, TextState.FAILED if number == 2 else TextState.QUEUED, created_at=NOW + timedelta(seconds=number),
            custom_id=f"c{number % 2}", job_metadata={"n": number}, model="qwen-flash" if number == 3 else "qwen-plus",
        )
        for number in range(4)
    ]  # fmt: skip
    rows.commit()

    def listed(**parameters: str) -> list[UUID]:
        page = api.get("/v1/texts", params=parameters)
        assert page.status_code == 200, page.text
        return [UUID(item["id"]) for item in page.json()["items"]]

    first = api.get("/v1/texts", params={"limit": 3}).json()
    rest = api.get("/v1/texts", params={"limit": 3, "cursor": first["next_cursor"]}).json()

    assert [UUID(item["id"]) for item in first["items"] + rest["items"]] == ids[::-1]
    assert rest["next_cursor"] is None
    assert first["items"][0]["request"] is None
    assert listed(state="failed") == [ids[2]]
    assert listed(custom_id="c1") == [ids[3], ids[1]]
    assert listed(model="qwen-flash") == [ids[3]]
    assert listed(metadata='{"n": 1}') == [ids[1]]
    assert listed(campaign="elsewhere") == []
    assert listed(created_after=(NOW + timedelta(seconds=3)).isoformat()) == [ids[3]]
    assert api.get("/v1/texts", params={"mode": "text-to-video"}).status_code == 422


def test_a_job_of_another_tenant_is_not_there(locked: httpx.Client, alice: dict[str, str], bob: dict[str, str]) -> None:
    job = locked.post("/v1/texts", json=question(), headers=alice).json()

    for method, path in (("GET", ""), ("POST", "/cancel"), ("GET", "/events")):
        refused = locked.request(method, f"/v1/texts/{job['id']}{path}", headers=bob)
        assert (refused.status_code, problem(refused)["code"]) == (404, "job_not_found")
    assert locked.get("/v1/texts", headers=bob).json()["items"] == []
    assert locked.get(f"/v1/texts/{job['id']}", headers=alice).json() == job


def test_a_waiting_job_is_cancelled_and_told_of(
    api: httpx.Client, rows: Session, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = api.post("/v1/webhooks", json={"url": "https://receiver/"})
    assert made.status_code == 201, made.text
    job = ask()

    answers = [api.post(f"/v1/texts/{job['id']}/cancel") for _ in range(2)]

    assert [(answer.status_code, answer.json()["state"]) for answer in answers] == [(200, "cancelled")] * 2
    assert answers[0].json()["cost"]["amount"] == "0"
    told = rows.scalars(select(WebhookDelivery.kind)).all()
    assert told == ["text_job.cancelled"]


def test_a_job_that_is_being_answered_is_given_up_only_where_that_is_said(api: httpx.Client, rows: Session) -> None:
    job_id = store_text(rows, TextState.RUNNING)
    rows.commit()

    refused = api.post(f"/v1/texts/{job_id}/cancel")
    given_up = api.post(f"/v1/texts/{job_id}/cancel", json={"running": "abandon"})

    assert (refused.status_code, problem(refused)["code"]) == (409, "not_cancellable")
    assert (given_up.status_code, given_up.json()["state"]) == (200, "running")
    assert given_up.json()["cancel_requested_at"] is not None


@pytest.mark.parametrize(("decision", "state"), [("ask_again", "queued"), ("give_up", "failed")])
def test_a_person_decides_on_a_held_job_once(api: httpx.Client, rows: Session, decision: str, state: str) -> None:
    failure = {"failure_class": FailureClass.UNKNOWN, "failure_code": "lost", "failure_message": "it was lost"}
    job_id = store_text(rows, TextState.HELD, on_lost_answer=OnLostAnswer.HOLD, **failure)
    store_text_attempt(rows, job_id, TextAttemptState.AMBIGUOUS)
    rows.commit()

    answers = [api.post(f"/v1/texts/{job_id}/decide", json={"decision": decision}) for _ in range(2)]

    assert (answers[0].status_code, answers[0].json()["state"]) == (200, state)
    assert (answers[0].json()["failure"] is None) == (state == "queued")
    asked_again = rows.get_one(TextJob, job_id, populate_existing=True).retry_count
    assert asked_again == (1 if state == "queued" else 0)  # what a person allows, the audit allows
    assert (answers[1].status_code, problem(answers[1])["code"]) == (409, "not_held")


def test_a_decision_is_one_of_two(api: httpx.Client, ask: Ask) -> None:
    answer = api.post(f"/v1/texts/{ask()['id']}/decide", json={"decision": "wait"})

    assert (answer.status_code, problem(answer)["field"]) == (422, "decision")
