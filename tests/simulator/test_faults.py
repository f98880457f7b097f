"""Scripted faults that change what an answer says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from simulator.http.delivery import ConnectionDroppedError

if TYPE_CHECKING:
    from tests.simulator.conftest import Wire

GOOD = {"model": "wan2.6-t2v", "input": {"prompt": "a cat [[run=1]]"}}


def task_count(wire: Wire) -> int:
    """Tasks that exist."""
    return sum(wire.bench.provider.store.tasks.count_by_status().values())


@pytest.mark.parametrize(("phase", "tasks"), [("before", 0), ("after", 1)])
@pytest.mark.parametrize(
    ("kind", "details", "status"),
    [
        ("error", {"status": 500}, 500),
        ("error", {"status": 429}, 429),
        ("error", {"status": 503}, 503),
        ("gateway-page", {"status": 502}, 502),
        ("html", {}, 200),
        ("flat-error", {"code": "Arrearage"}, 200),
        ("empty", {}, 200),
        ("nested", {}, 200),
        ("redirect", {}, 302),
    ],
)
def test_a_submit_goes_wrong_before_or_after_the_task_exists(
    wire: Wire, kind: str, details: dict[str, Any], status: int, phase: str, tasks: int
) -> None:
    wire.fault("submit", kind, phase=phase, **details)

    answer = wire.post(GOOD)

    assert answer.status_code == status
    assert task_count(wire) == tasks
    assert wire.post(GOOD).status_code == 200


@pytest.mark.parametrize(("phase", "tasks"), [("before", 0), ("after", 1)])
def test_a_connection_drops_before_or_after_the_task_exists(wire: Wire, phase: str, tasks: int) -> None:
    wire.fault("submit", "drop", phase=phase)

    with pytest.raises(ConnectionDroppedError):
        wire.post(GOOD)

    assert task_count(wire) == tasks


@pytest.mark.parametrize("kind", ["truncated", "not-utf8", "nested"])
def test_an_answer_is_no_json(wire: Wire, kind: str) -> None:
    wire.fault("submit", kind)

    answer = wire.post(GOOD)

    with pytest.raises((ValueError, RecursionError)):
        json.loads(answer.content)
    assert task_count(wire) == (0 if kind == "nested" else 1)


def test_an_answer_names_its_fields_twice(wire: Wire) -> None:
    wire.fault("submit", "duplicate-keys", task_id="second", word="RUNNING")

    answer = wire.post(GOOD)

    assert answer.text.count('"output"') == 2
    assert answer.json()["output"] == {"task_id": "second", "task_status": "RUNNING"}


def test_a_submit_answers_without_a_task_id(wire: Wire) -> None:
    wire.fault("submit", "no-task-id")

    assert "task_id" not in wire.post(GOOD).json()["output"]
    assert task_count(wire) == 1


def test_a_submit_answers_with_a_path_as_task_id(wire: Wire) -> None:
    wire.fault("submit", "task-id", task_id="../../etc/passwd")

    assert wire.submit() == "../../etc/passwd"


def test_two_submits_answer_with_the_same_task_id(wire: Wire) -> None:
    first = wire.submit()
    wire.fault("submit", "duplicate-task-id")

    assert wire.submit() == first
    assert task_count(wire) == 2


@pytest.mark.parametrize(
    ("kind", "details", "status"),
    [
        ("status-word", {"word": "SUSPENDED"}, "SUSPENDED"),
        ("going-back", {}, "RUNNING"),
        ("unknown", {}, "UNKNOWN"),
        ("failed", {"code": "InternalError.Algo"}, "FAILED"),
        ("bare-failure", {}, "FAILED"),
    ],
)
def test_a_query_says_another_status_once(wire: Wire, kind: str, details: dict[str, Any], status: str) -> None:
    task_id = wire.succeeded()
    wire.fault("query", kind, **details)

    spoiled = wire.query(task_id)["output"]

    assert (spoiled["task_status"], spoiled.get("code")) == (status, details.get("code"))
    assert wire.query(task_id)["output"]["task_status"] == "SUCCEEDED"


@pytest.mark.parametrize(("kind", "has_usage"), [("no-url", True), ("no-result", False)])
def test_a_success_has_no_url(wire: Wire, kind: str, *, has_usage: bool) -> None:
    task_id = wire.succeeded()
    wire.fault("query", kind)

    said = wire.query(task_id)

    assert (said["output"]["task_status"], said["output"].get("video_url")) == ("SUCCEEDED", None)
    assert ("usage" in said) == has_usage


@pytest.mark.parametrize("kind", ["results-object", "results-list"])
def test_a_success_has_its_url_elsewhere(wire: Wire, kind: str) -> None:
    task_id = wire.succeeded()
    url = wire.query(task_id)["output"]["video_url"]
    wire.fault("query", kind)

    output = wire.query(task_id)["output"]

    results = {"video_url": url} if kind == "results-object" else [{"url": url}]
    assert (output.get("video_url"), output["results"]) == (None, results)


def test_a_success_has_ended_long_ago(wire: Wire) -> None:
    task_id = wire.succeeded()
    wire.fault("query", "ancient-end")

    assert wire.query(task_id)["output"]["end_time"] == "1970-01-01 08:00:00"


def test_a_success_has_a_url_that_has_expired(wire: Wire) -> None:
    task_id = wire.succeeded()
    wire.fault("query", "expired-url")

    answer = wire.client.get(wire.query(task_id)["output"]["video_url"])

    assert answer.status_code == 403
    assert "Request has expired" in answer.text


def test_a_success_has_another_url(wire: Wire) -> None:
    task_id = wire.succeeded()
    wire.fault("query", "other-url", location="http://169.254.169.254/")

    assert wire.query(task_id)["output"]["video_url"] == "http://169.254.169.254/"


@pytest.mark.parametrize(
    ("kind", "usage"), [("no-usage", None), ("text-numbers", "5"), ("float-numbers", 5.0), ("padded", 5)]
)
def test_usage_varies(wire: Wire, kind: str, usage: object) -> None:
    task_id = wire.succeeded()
    wire.fault("query", kind)

    seen = wire.query(task_id).get("usage", {}).get("duration")

    assert (seen, type(seen)) == (usage, type(usage))


def test_a_pending_answer_is_padded(wire: Wire) -> None:
    task_id = wire.submit()
    wire.fault("query", "padded")

    document = wire.query(task_id)

    assert document["output"]["video_url"] == ""
    assert document["usage"]["video_duration"] == 0


@pytest.mark.parametrize(
    ("kind", "kept"),
    [("missing-row", [1, 0]), ("shifted-rows", [1, 0]), ("repeated-rows", [2, 1, 0, 2, 1, 0]), ("no-rows", [])],
)
def test_a_list_lacks_or_repeats_rows(wire: Wire, kind: str, kept: list[int]) -> None:
    task_ids = [wire.submit() for _ in range(3)]
    wire.fault("list", kind)

    rows = wire.client.get("/api/v1/tasks").json()["data"]

    assert [task_ids.index(row["task_id"]) for row in rows] == kept


def result_of(wire: Wire) -> httpx.Response:
    """The download of a succeeded task."""
    return wire.client.get(wire.query(wire.succeeded())["output"]["video_url"])


@pytest.mark.parametrize(
    ("kind", "details", "status", "start"),
    [
        ("html", {}, 200, b"<!DOCTYPE html>"),
        ("error", {"status": 403}, 403, b"{"),
        ("redirect", {"location": "http://127.0.0.1:1/"}, 302, b""),
        ("empty", {}, 200, b""),
        ("not-media", {}, 200, b"\x00\x00\x00\x00"),
    ],
)
def test_a_download_is_no_video(wire: Wire, kind: str, details: dict[str, Any], status: int, start: bytes) -> None:
    wire.fault("result", kind, **details)

    answer = result_of(wire)

    assert answer.status_code == status
    assert answer.content.startswith(start)


def test_a_download_is_short_but_says_so(wire: Wire) -> None:
    whole = result_of(wire).content
    wire.fault("result", "short-file")

    assert result_of(wire).content == whole[: len(whole) // 2]


def test_a_download_is_compressed_unasked(wire: Wire) -> None:
    whole = result_of(wire).content
    wire.fault("result", "gzip-file")

    answer = result_of(wire)

    assert answer.headers["content-encoding"] == "gzip"
    assert answer.content == whole


def test_a_download_changes(wire: Wire) -> None:
    whole = result_of(wire).content
    wire.fault("result", "changed-file")

    changed = result_of(wire).content

    assert changed != whole
    assert changed[4:8] == b"ftyp"


def test_a_fault_meets_only_what_it_matches(wire: Wire) -> None:
    wire.fault("submit", "error", match={"prompt_contains": "dog", "model": "wan2.6-t2v"})

    assert wire.post(GOOD).status_code == 200
    assert wire.post({"model": "wan2.6-t2v", "input": {"prompt": "a dog"}}).status_code == 500


def test_a_fault_can_wait_and_repeat(wire: Wire) -> None:
    wire.fault("query", "error", skip=1, count=2)
    task_id = wire.submit()

    statuses = [wire.client.get(f"/api/v1/tasks/{task_id}").status_code for _ in range(4)]

    assert statuses == [200, 500, 500, 200]


def test_a_storm_ends_by_the_clock(wire: Wire) -> None:
    wire.fault("query", "error", status=429, count=None, for_seconds=120)
    task_id = wire.submit()

    assert [wire.client.get(f"/api/v1/tasks/{task_id}").status_code for _ in range(30)] == [429] * 30
    wire.bench.after(120)
    assert wire.query(task_id)["output"]["task_status"] == "SUCCEEDED"


def test_the_bill_is_the_same_under_a_fault(wire: Wire) -> None:
    wire.fault("submit", "error", phase="after")
    wire.post(GOOD)
    wire.bench.after(60)

    assert wire.client.get("/__sim__/ledger").json()["count"] == 1
