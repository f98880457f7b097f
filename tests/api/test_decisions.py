"""Deciding about clips: kept, rejected, taken back, rendered again."""

from __future__ import annotations

import csv
import io
import json
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.settings import ApiSettings
from models import ClipDecision, JobEvent, RenderJob
from reelqueue.schemas.campaigns import Decision
from reelqueue.states import RenderState
from tests.api.conftest import problem
from tests.api.gallery.reel import Stock
from tests.support.campaigns import do, make, read, submit_clips
from tests.support.reels import end, moderate, shoot

PATH = "/v1/campaigns/autumn/decisions"


def decide(api: httpx.Client, decision: str, *job_ids: UUID, **options: Any) -> dict[str, Any]:
    """What the API answers to a decision."""
    answer = post(api, decision, *job_ids, **options)
    assert answer.status_code == 200, answer.text
    decided: dict[str, Any] = answer.json()
    return decided


def post(api: httpx.Client, decision: str, *job_ids: UUID, **options: Any) -> httpx.Response:
    """A decision, handed in."""
    return api.post(PATH, json={"decision": decision, "job_ids": [str(job_id) for job_id in job_ids], **options})


def test_a_decision_is_kept_once(api: httpx.Client, rows: Session, clips: list[UUID]) -> None:
    answers = [decide(api, "approve", *clips[:2])["changed_count"] for _ in range(2)]

    assert answers == [2, 0]
    assert set(rows.scalars(select(ClipDecision.job_id))) == set(clips[:2])
    assert len(rows.scalars(select(JobEvent).where(JobEvent.kind == "approved")).all()) == 2


def test_the_same_decision_again_keeps_who_was_first(
    locked: httpx.Client, rows: Session, settings: ApiSettings, stock: Stock, alice: dict[str, str]
) -> None:
    locked.headers.update(alice)
    clips = shoot(locked, rows, settings, stock)
    decide(locked, "reject", clips[0])
    first = rows.scalars(select(ClipDecision)).one()

    decide(locked, "reject", clips[0])

    rows.refresh(first)
    assert (first.decision, first.key_name) == (Decision.REJECT, "alice")


def test_another_decision_takes_the_place_of_the_first(api: httpx.Client, rows: Session, clips: list[UUID]) -> None:
    decide(api, "approve", clips[0])
    decide(api, "reject", clips[0])

    assert rows.scalars(select(ClipDecision.decision)).all() == [Decision.REJECT]


def test_a_decision_is_taken_back(api: httpx.Client, rows: Session, clips: list[UUID]) -> None:
    decide(api, "approve", *clips)

    assert decide(api, "undecide", clips[0])["changed_count"] == 1
    assert len(rows.scalars(select(ClipDecision)).all()) == 2


def test_results_have_the_decisions(api: httpx.Client, clips: list[UUID]) -> None:
    decide(api, "approve", clips[0])

    table = list(csv.DictReader(io.StringIO(api.get("/v1/campaigns/autumn/results.csv").text)))
    lines = [json.loads(line) for line in api.get("/v1/campaigns/autumn/results.jsonl").text.splitlines()]

    assert [row["decision"] for row in table] == ["approve", "", ""]
    assert [line["decision"] for line in lines] == ["approve", None, None]
    assert lines[0]["decided_at"]


def test_a_clip_that_nobody_can_have_seen_is_not_decided_about(
    api: httpx.Client, rows: Session, clips: list[UUID]
) -> None:
    moderate(rows, clips[1])

    answer = post(api, "approve", *clips)

    assert (answer.status_code, problem(answer)["code"]) == (409, "no_file")
    assert rows.scalars(select(ClipDecision)).all() == []


def test_a_clip_of_another_campaign_is_not_found(api: httpx.Client, rows: Session, clips: list[UUID]) -> None:
    make(api, "winter")

    answer = api.post("/v1/campaigns/winter/decisions", json={"decision": "approve", "job_ids": [str(clips[0])]})

    assert (answer.status_code, problem(answer)["code"]) == (404, "job_not_found")


def test_another_tenant_decides_nothing(
    locked: httpx.Client, rows: Session, settings: ApiSettings, stock: Stock,
    alice: dict[str, str], bob: dict[str, str],
) -> None:  # fmt: skip
    locked.headers.update(alice)
    clips = shoot(locked, rows, settings, stock)
    locked.headers.update(bob)

    assert post(locked, "approve", clips[0]).status_code == 404
    assert locked.put("/v1/campaigns/autumn", json={}).status_code == 201  # his own, of the same name
    assert post(locked, "approve", clips[0]).status_code == 404


def test_a_retry_tells_its_price_and_buys_nothing_yet(api: httpx.Client, rows: Session, clips: list[UUID]) -> None:
    moderate(rows, clips[0])

    cost = decide(api, "retry", clips[0], dry_run=True)["cost"]

    assert (cost["count"], cost["is_dry_run"], cost["currency"]) == (1, True, "USD")
    assert float(cost["max_amount"]) > 0
    assert read(api)["clip_count"] == 3
    assert "queued" not in read(api)["counts"]


def test_a_retry_that_is_told_twice_is_bought_once(api: httpx.Client, rows: Session, clips: list[UUID]) -> None:
    moderate(rows, clips[0])

    bought = [decide(api, "retry", clips[0])["changed_count"] for _ in range(2)]

    assert bought == [1, 0]
    assert read(api)["counts"] == {"succeeded": 2, "queued": 1}


def test_a_clip_that_is_there_can_be_rendered_again_and_is_kept(
    api: httpx.Client, rows: Session, clips: list[UUID]
) -> None:
    decide(api, "retry", clips[0])

    assert read(api)["counts"] == {"succeeded": 2, "queued": 1}
    assert api.get(f"/v1/jobs/{clips[0]}/asset").status_code == 200


@pytest.mark.parametrize("state", [RenderState.TIMED_OUT, RenderState.RENDERING])
def test_what_may_still_come_is_not_bought_twice(
    api: httpx.Client, rows: Session, clips: list[UUID], state: RenderState
) -> None:
    end(rows, clips[0], state)

    assert decide(api, "retry", clips[0])["cost"]["count"] == 0
    assert rows.scalars(select(RenderJob.superseded_at).where(RenderJob.id == clips[0])).one() is None


def test_a_cancelled_campaign_buys_nothing(api: httpx.Client, clips: list[UUID]) -> None:
    do(api, "cancel")

    answer = post(api, "retry", clips[0])

    assert (answer.status_code, problem(answer)["code"]) == (409, "campaign_cancelled")


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://localhost:9"},
    ],
)
def test_a_page_of_another_origin_decides_nothing(
    api: httpx.Client, clips: list[UUID], headers: dict[str, str]
) -> None:
    answer = api.post(PATH, json={"decision": "approve", "job_ids": [str(clips[0])]}, headers=headers)

    assert (answer.status_code, problem(answer)["code"]) == (403, "other_origin")


def test_a_form_decides_nothing(api: httpx.Client, clips: list[UUID]) -> None:
    answer = api.post(PATH, content=b'{"decision": "approve"}', headers={"Content-Type": "text/plain"})

    assert answer.status_code == 415


@pytest.mark.parametrize("body", [{}, {"decision": "keep", "job_ids": []}, {"decision": "approve", "job_ids": []}])
def test_a_decision_that_says_too_little_is_refused(api: httpx.Client, body: dict[str, object]) -> None:
    make(api)

    assert api.post(PATH, json=body).status_code == 422


def test_a_clip_that_waits_has_nothing_to_approve(api: httpx.Client, rows: Session) -> None:
    make(api)
    submit_clips(api, {"custom_id": "a", "model": "wan2.6-t2v", "prompt": "a fox"})

    assert post(api, "approve", rows.scalars(select(RenderJob.id)).one()).status_code == 409


@pytest.fixture
def clips(api: httpx.Client, rows: Session, settings: ApiSettings, stock: Stock) -> list[UUID]:
    """The jobs of a campaign whose three clips have been rendered."""
    return shoot(api, rows, settings, stock)
