"""Campaigns over HTTP: made and changed, handed clips, stopped, approved and rendered again."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from api.settings import ApiSettings
from models import Campaign, RenderJob
from models.api_key import ApiKey
from models.operations.jobs.current_clip import IS_CURRENT
from models.tenant import ensure_tenant
from reelqueue.campaigns import ProblemLog, open_campaign
from reelqueue.states import FailureClass, RenderState
from tests.api.conftest import problem, serving
from tests.support.campaigns import clips, do, make, read, submit_clips


def fail(rows: Session, custom_id: str, **values: Any) -> None:
    """Let a clip have ended."""
    facts = {"state": RenderState.FAILED, "failure_class": FailureClass.INPUT, "failure_code": "InvalidParameter"}
    rows.execute(update(RenderJob).where(RenderJob.custom_id == custom_id).values(facts | values))
    rows.commit()


def test_a_campaign_is_made_and_changed(api: httpx.Client) -> None:
    made = make(api, budget="120.50 USD", priority=3, max_in_flight=4)

    changed = make(api, priority=5)

    assert made["options"]["budget"] == {"amount": "120.5", "currency": "USD"}
    assert (made["phase"], made["clip_count"]) == ("empty", 0)
    assert changed["options"]["priority"] == 5
    assert {"budget", "max_in_flight"}.isdisjoint(changed["options"])


def test_making_is_201_and_changing_200(api: httpx.Client) -> None:
    answers = [api.put("/v1/campaigns/autumn", json={}).status_code for _ in range(2)]

    assert answers == [201, 200]


@pytest.mark.parametrize(
    ("body", "field"),
    [({"budget": "a lot"}, "budget"), ({"name": "winter"}, "name"), ({"pace": 3}, "pace"), ({"canary": 0}, "canary")],
)
def test_a_wrong_option_is_named(api: httpx.Client, body: dict[str, object], field: str) -> None:
    answer = api.put("/v1/campaigns/autumn", json=body)

    assert (answer.status_code, problem(answer)["field"]) == (422, field)


def test_a_budget_below_what_is_spent_is_refused(api: httpx.Client, rows: Session) -> None:
    make(api, budget="10 USD")
    rows.execute(update(Campaign).values(spent_amount=0))
    rows.commit()

    assert api.put("/v1/campaigns/autumn", json={"budget": "5 USD"}).status_code == 200


def test_a_batch_is_stored_once(api: httpx.Client) -> None:
    make(api)

    first, second = submit_clips(api, *clips(3)), submit_clips(api, *clips(4))

    assert {name: first.json()[name] for name in ("new", "present", "bad")} == {"new": 3, "present": 0, "bad": 0}
    assert {name: second.json()[name] for name in ("new", "present", "bad")} == {"new": 1, "present": 3, "bad": 0}
    assert read(api)["counts"] == {"queued": 4}


def test_a_batch_with_a_bad_line_stores_nothing(api: httpx.Client) -> None:
    make(api)

    answer = submit_clips(api, *clips(2), {"custom_id": "x", "model": "wan2.6-t2v"}, "{", clips(1)[0]).json()

    assert (answer["new"], answer["bad"]) == (0, 3)
    assert sorted((one["line"], one["custom_id"], one["code"]) for one in answer["problems"]) == [
        (3, "x", "missing_option"),
        (4, None, "malformed_json"),
        (5, "0", "duplicate_id"),
    ]
    assert read(api)["counts"] == {}


def test_bad_lines_are_skipped_where_that_is_asked_for(api: httpx.Client) -> None:
    make(api)

    answer = submit_clips(api, *clips(2), {"custom_id": "x", "model": "wan2.6-t2v"}, skip_bad=True).json()

    assert (answer["new"], answer["bad"]) == (2, 1)


def test_contents_tell_what_is_there(api: httpx.Client) -> None:
    make(api)
    submit_clips(api, *clips(2))

    lines = [json.loads(line) for line in api.get("/v1/campaigns/autumn/contents").text.splitlines()]

    assert {line["custom_id"] for line in lines} == {"0", "1"}
    assert all(len(line["content_sha256"]) == 64 for line in lines)


def test_clips_need_a_campaign(api: httpx.Client) -> None:
    answer = submit_clips(api, *clips(1))

    assert (answer.status_code, problem(answer)["code"]) == (404, "campaign_not_found")


def test_a_campaign_is_paused_and_resumed(api: httpx.Client) -> None:
    make(api)
    submit_clips(api, *clips(1))

    paused, resumed = do(api, "pause"), do(api, "resume")

    assert (paused["phase"], paused["reason"]) == ("paused", "paused by its owner")
    assert (resumed["phase"], resumed["reason"]) == ("running", None)


def test_cancelling_ends_what_waits(api: httpx.Client, rows: Session) -> None:
    make(api)
    submit_clips(api, *clips(3))

    cancelled = do(api, "cancel")

    assert (cancelled["phase"], cancelled["counts"]) == ("cancelled", {"cancelled": 3})
    (failure,) = cancelled["failures"]
    assert (failure["code"], failure["count"]) == ("campaign_cancelled", 3)
    refused = submit_clips(api, *clips(1))
    assert (refused.status_code, problem(refused)["code"]) == (409, "campaign_cancelled")


def test_a_dry_run_tells_rows_and_cost_and_stores_nothing(api: httpx.Client, rows: Session) -> None:
    make(api)
    submit_clips(api, *clips(2))
    fail(rows, "0")

    told = do(api, "retry", dry_run=True)

    assert (told["count"], told["custom_ids"], told["currency"]) == (1, ["0"], "USD")
    assert float(told["max_amount"]) > 0
    assert read(api)["counts"] == {"queued": 1, "failed": 1}


def test_failed_clips_are_rendered_again_in_a_job_of_their_own(api: httpx.Client, rows: Session) -> None:
    make(api)
    submit_clips(api, *clips(2, seed=9, metadata={"scene": 1}))
    fail(rows, "0")

    do(api, "retry")

    assert read(api)["counts"] == {"queued": 2}
    again = rows.scalars(select(RenderJob).where(RenderJob.custom_id == "0", *IS_CURRENT)).one()
    assert (again.prompt, again.seed, again.job_metadata, again.failure_code) == ("clip 0", 9, {"scene": 1}, None)


def test_retries_are_chosen_by_class(api: httpx.Client, rows: Session) -> None:
    make(api)
    submit_clips(api, *clips(2))
    fail(rows, "0")
    fail(rows, "1", failure_class=FailureClass.PROVIDER)

    assert do(api, "retry", classes=["provider"], dry_run=True)["custom_ids"] == ["1"]


def test_what_may_still_be_collected_is_never_bought_twice(api: httpx.Client, rows: Session) -> None:
    make(api)
    submit_clips(api, *clips(1))
    fail(rows, "0", state=RenderState.TIMED_OUT)

    assert do(api, "retry")["count"] == 0
    assert api.post("/v1/campaigns/autumn/retry", json={"states": ["timed_out"]}).status_code == 422


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "/contents"),
        ("GET", "/results.csv"),
        ("GET", "/failures.jsonl"),
        ("GET", "/events"),
        ("POST", "/pause"),
        ("POST", "/resume"),
        ("POST", "/approve"),
        ("POST", "/cancel"),
        ("POST", "/retry"),
    ],
)
def test_another_tenants_campaign_is_not_there(
    settings: ApiSettings, api: httpx.Client, rows: Session, method: str, path: str
) -> None:
    make(api)
    digest = hashlib.sha256(b"rq_bob").hexdigest()
    rows.add(ApiKey(name="bob", tenant_id=ensure_tenant(rows, "bob"), sha256=digest))
    rows.commit()

    with serving(settings, require_key=True) as locked:
        locked.headers["Authorization"] = "Bearer rq_bob"
        answer = locked.request(method, f"/v1/campaigns/autumn{path}")
        listed = locked.get("/v1/campaigns").json()["items"]

    assert (answer.status_code, problem(answer)["code"], listed) == (404, "campaign_not_found", [])


def test_results_tell_every_clip_and_no_cell_is_a_formula(api: httpx.Client) -> None:
    make(api)
    submit_clips(api, {**clips(1)[0], "prompt": "=1+1"})

    sheet = api.get("/v1/campaigns/autumn/results.csv")
    (line,) = api.get("/v1/campaigns/autumn/results.jsonl").text.splitlines()

    (row,) = csv.DictReader(io.StringIO(sheet.content.decode("utf-8-sig")))
    assert (row["custom_id"], row["state"], row["prompt"], row["file"]) == ("0", "queued", "'=1+1", "autumn/0.mp4")
    assert json.loads(line)["prompt"] == "=1+1"
    assert sheet.headers["content-type"] == "text/csv; charset=utf-8"


def test_failed_rows_are_a_campaign_file(api: httpx.Client, rows: Session, tmp_path: Path) -> None:
    make(api)
    submit_clips(api, *clips(2, seed=4, metadata={"scene": 1}))
    fail(rows, "1", failure_message="the prompt is too long")
    file = tmp_path / "autumn.csv"

    file.write_bytes(api.get("/v1/campaigns/autumn/failures.csv").content)

    log = ProblemLog()
    with open_campaign(file) as opened:
        (repaired,) = opened.clips(log)
    assert (repaired.custom_id, repaired.request.seed, repaired.request.metadata) == ("1", 4, {"scene": 1})
    assert "InvalidParameter: the prompt is too long" in file.read_text()


def test_events_come_until_the_campaign_has_ended(api: httpx.Client) -> None:
    make(api)
    submit_clips(api, *clips(1))

    with api.stream("GET", "/v1/campaigns/autumn/events") as stream:
        lines = stream.iter_lines()
        seen = [json.loads(next(line for line in lines if line.startswith("data: "))[6:])["phase"]]
        do(api, "cancel")
        rest = [line for line in lines if line.startswith("event: ")]

    assert (seen, rest[-1]) == (["running"], "event: end")


def events_of(api: httpx.Client, **headers: str) -> list[str]:
    with api.stream("GET", "/v1/campaigns/autumn/events", headers=headers) as stream:
        return [line for line in stream.iter_lines() if line]


def test_a_listener_that_comes_back_is_told_what_it_has_missed(api: httpx.Client) -> None:
    make(api)
    submit_clips(api, *clips(1))
    with api.stream("GET", "/v1/campaigns/autumn/events") as stream:
        told = next(line for line in stream.iter_lines() if line.startswith("id: ")).removeprefix("id: ")
    do(api, "cancel")

    missed = events_of(api, **{"Last-Event-ID": told})

    last = next(line for line in missed if line.startswith("id: ")).removeprefix("id: ")
    assert missed.count("event: campaign") == 1
    assert missed[-2:] == ["event: end", "data: {}"]
    assert api.get("/v1/campaigns/autumn/events", headers={"Last-Event-ID": last}).status_code == 204


def test_a_listener_that_has_missed_nothing_is_told_nothing_twice(api: httpx.Client) -> None:
    make(api)
    submit_clips(api, *clips(1))
    with api.stream("GET", "/v1/campaigns/autumn/events") as stream:
        told = next(line for line in stream.iter_lines() if line.startswith("id: ")).removeprefix("id: ")

    with api.stream("GET", "/v1/campaigns/autumn/events", headers={"Last-Event-ID": told}) as again:
        lines = again.iter_lines()
        first = next(lines)
        do(api, "pause")
        phase = json.loads(next(line for line in lines if line.startswith("data: "))[6:])["phase"]

    assert (first, phase) == ("retry: 2000", "paused")
