"""The task list: filters, windows, pages."""

from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import pytest

from simulator.clock import BEIJING

if TYPE_CHECKING:
    from tests.simulator.conftest import Wire


def rows(wire: Wire, query: str = "") -> list[dict[str, Any]]:
    """The rows of a listing."""
    found: list[dict[str, Any]] = wire.client.get(f"/api/v1/tasks?{query}").json()["data"]
    return found


def test_a_row_has_status_times_and_the_submits_request_id(wire: Wire) -> None:
    answer = wire.post({"model": "wan2.6-t2v", "input": {"prompt": "a cat [[run=60]]"}}).json()
    wire.bench.after(120)

    (row,) = rows(wire)

    assert row["task_id"] == answer["output"]["task_id"]
    assert row["request_id"] == answer["request_id"]
    assert (row["status"], row["model_name"]) == ("SUCCEEDED", "wan2.6-t2v")
    assert row["gmt_create"] < row["start_time"] < row["end_time"]
    assert "prompt" not in str(row)


def test_the_newest_task_comes_first_and_pages_follow(wire: Wire) -> None:
    task_ids = []
    for _ in range(5):
        task_ids.append(wire.submit())
        wire.bench.after(0.01)

    page = wire.client.get("/api/v1/tasks?page_no=2&page_size=2").json()

    assert [row["task_id"] for row in page["data"]] == [task_ids[2], task_ids[1]]
    assert (page["total"], page["total_page"], page["page_no"], page["page_size"]) == (5, 3, 2, 2)


def test_filters_narrow_by_model_and_status_and_id(wire: Wire) -> None:
    done = wire.succeeded()
    other = wire.submit(model="wan2.6-t2v-us")

    assert [row["task_id"] for row in rows(wire, "status=SUCCEEDED")] == [done]
    assert [row["task_id"] for row in rows(wire, "model_name=wan2.6-t2v-us")] == [other]
    assert [row["task_id"] for row in rows(wire, f"task_id={done}")] == [done]


def test_a_window_is_given_in_beijing_time(wire: Wire) -> None:
    early = wire.submit()
    wire.bench.after(600)
    wire.submit()
    moment = datetime.fromtimestamp(wire.bench.clock.now_ms() / 1000 - 300, BEIJING)

    assert [row["task_id"] for row in rows(wire, f"end_time={moment:%Y%m%d%H%M%S}")] == [early]


@pytest.mark.parametrize(
    "query",
    ["start_time=20260101000000&end_time=20260102000001", "start_time=yesterday", "page_no=0", "page_size=x"],
)
def test_a_bad_window_or_page_is_refused(wire: Wire, query: str) -> None:
    answer = wire.client.get(f"/api/v1/tasks?{query}")

    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidParameter")


def test_the_list_may_lag(wire: Wire) -> None:
    wire.bench.provider.configure({"listing": {"lag_seconds": 90}})
    task_id = wire.submit()
    wire.bench.after(89)

    assert rows(wire) == []
    wire.bench.after(2)
    assert [row["task_id"] for row in rows(wire)] == [task_id]


def test_the_list_may_show_foreign_tasks(wire: Wire) -> None:
    wire.bench.provider.configure({"listing": {"foreign_rows": 2}})
    task_id = wire.submit()

    found = [row["task_id"] for row in rows(wire)]

    assert found[2:] == [task_id]
    assert wire.query(found[0])["output"]["task_status"] == "UNKNOWN"


@pytest.mark.parametrize("ahead_seconds", [600, -600])
def test_the_services_clock_may_be_wrong(wire: Wire, ahead_seconds: int) -> None:
    task_id = wire.submit()
    right_ms = rows(wire)[0]["gmt_create"]
    wire.bench.provider.configure({"clock_ahead_seconds": ahead_seconds})
    wrong_ms = right_ms + ahead_seconds * 1000

    def window(around_ms: int) -> str:
        moments = [datetime.fromtimestamp(around_ms / 1000 + seconds, BEIJING) for seconds in (-60, 60)]
        return f"start_time={moments[0]:%Y%m%d%H%M%S}&end_time={moments[1]:%Y%m%d%H%M%S}"

    answer = wire.client.get("/api/v1/tasks?" + window(wrong_ms))

    assert [row["gmt_create"] for row in answer.json()["data"]] == [wrong_ms]
    assert rows(wire, window(right_ms)) == []
    assert abs(parsedate_to_datetime(answer.headers["date"]).timestamp() - wrong_ms / 1000) < 60
    submit_time = datetime.fromisoformat(wire.query(task_id)["output"]["submit_time"]).replace(tzinfo=BEIJING)
    assert round(submit_time.timestamp() * 1000) == wrong_ms


def test_the_service_may_cap_the_page_size(wire: Wire) -> None:
    wire.bench.provider.configure({"listing": {"page_size_max": 2}})
    task_ids = {wire.submit() for _ in range(3)}

    pages = [wire.client.get(f"/api/v1/tasks?page_size=100&page_no={number}").json() for number in (1, 2)]

    assert {row["task_id"] for page in pages for row in page["data"]} == task_ids
    assert [(page["total"], page["total_page"], page["page_size"]) for page in pages] == 2 * [(3, 2, 2)]


def test_the_list_may_be_doubled_and_in_any_order(wire: Wire) -> None:
    wire.bench.provider.configure({"listing": {"is_doubled": True, "is_shuffled": True}})
    task_ids = [wire.submit() for _ in range(3)]

    page = wire.client.get("/api/v1/tasks").json()

    assert [row["task_id"] for row in page["data"]] == sorted(task_ids * 2)
    assert page["total"] == 3


def test_a_page_may_be_cut_and_still_count_every_task(wire: Wire) -> None:
    wire.fault("list", "cut-page")
    task_ids = [wire.submit() for _ in range(4)]

    page = wire.client.get("/api/v1/tasks").json()

    assert {row["task_id"] for row in page["data"]} < set(task_ids)
    assert (len(page["data"]), page["total"], page["total_page"]) == (2, 4, 1)


def test_queries_lists_and_cancels_have_a_rate_each(wire: Wire) -> None:
    wire.bench.provider.configure({"limits": {"is_throttling": True, "queries_per_second": 2}})
    calls = [wire.client.get("/api/v1/tasks").status_code for _ in range(3)]

    assert calls == [200, 200, 429]
    assert wire.client.get("/api/v1/tasks/x").status_code == 200
