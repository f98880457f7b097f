"""No prompt, URL or key in anything that Flower shows, or that is written beside it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.system.flower.site import CANARIES, Site, wait_for

pytestmark = pytest.mark.xdist_group("flower")

TASK_NAMES = ("intake.enqueue", "render.submit", "render.poll", "render.archive", "control.dispatch", "control.sweep")


@pytest.mark.parametrize(
    "path",
    [
        "/tasks",
        "/tasks/datatable?draw=1&start=0&length=1000&order[0][column]=0&order[0][dir]=asc&columns[0][data]=name",
        "/api/tasks?limit=1000",
        "/workers?json=1",
        "/worker/every@studio",  # with the messages that it holds, and its settings
        "/api/workers?refresh=1",
        "/broker",
        "/metrics",
    ],
)
def test_no_page_shows_what_a_request_says(site: Site, path: str) -> None:
    shown = site.http.get(path).raise_for_status().text

    assert not [canary for canary in CANARIES if canary in shown]


@pytest.mark.parametrize("name", TASK_NAMES)
def test_no_task_page_shows_what_a_request_says(site: Site, name: str) -> None:
    pages = [site.http.get(f"/task/{task['uuid']}").raise_for_status().text for task in site.tasks(name)]

    assert pages
    assert not [canary for canary in CANARIES if any(canary in page for page in pages)]


@pytest.mark.parametrize("process", ["worker", "flower"])
def test_no_log_holds_what_a_request_says(site: Site, process: str) -> None:
    written = site.children[process].log_path.read_text()

    assert not [canary for canary in CANARIES if canary in written]


def test_a_message_that_nobody_knows_is_logged_by_its_name(site: Site) -> None:
    written = site.children["worker"].log_path.read_text()

    assert "discarded a message: KeyError('intake.enqeue')" in written


def test_a_message_that_waits_in_a_worker_shows_no_arguments(site: Site) -> None:
    held: list[Any] = []

    # On a machine so busy that the broker hands it out again it is there more than once, or on its way for a moment.
    def is_held() -> bool:
        held[:] = (site.producer.control.inspect(timeout=5).scheduled() or {}).get("every@studio", [])
        return bool(held)

    wait_for(is_held, "the worker holds a message")
    assert {entry["request"]["args"] for entry in held} == {"…"}


def test_a_refused_request_fails_with_its_code_alone(site: Site) -> None:
    failures = [task["exception"] for task in site.tasks("intake.enqueue", "FAILURE")]

    assert any("InvalidRequestError('too_long'" in failure for failure in failures)


def test_a_failure_shows_the_lines_of_code_that_it_came_through(site: Site) -> None:
    tracebacks = [task["traceback"] for task in site.tasks("intake.enqueue", "FAILURE")]

    assert any("in take_in" in traceback for traceback in tracebacks)
    assert not any("another exception" in traceback or "direct cause" in traceback for traceback in tracebacks)


def test_a_failure_quotes_no_statement(site: Site) -> None:
    failures = [task["exception"] for task in site.tasks("intake.enqueue", "FAILURE")]

    assert [failure for failure in failures if "idempotency_key" in failure]
    assert not [failure for failure in failures if "INSERT" in failure or "SELECT" in failure]


def test_a_refusal_by_the_provider_shows_its_code_and_not_its_sentence(site: Site) -> None:
    results = [task["result"] for task in site.tasks("render.submit")]

    assert [result for result in results if "rejected: dashscope: InvalidURL (400, request " in result]
