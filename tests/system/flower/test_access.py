"""Who may see Flower, and what they may do: operators, and nothing."""

from __future__ import annotations

import httpx
import pytest

from tests.system.flower.site import PASSWORD, USER, Site

pytestmark = pytest.mark.xdist_group("flower")

PATHS = ("/", "/workers", "/worker/every@studio", "/tasks", "/tasks/datatable", "/broker", "/api/tasks", "/api/workers")
ORDERS = (
    "/api/worker/shutdown/every@studio",
    "/api/worker/pool/grow/every@studio",
    "/api/worker/queue/cancel-consumer/every@studio",
    "/api/task/send-task/render.submit",
    "/api/task/async-apply/render.submit",
    "/api/task/revoke/9f1c",
    "/api/task/rate-limit/render.submit",
)


@pytest.mark.parametrize("path", PATHS)
def test_a_stranger_sees_nothing(site: Site, path: str) -> None:
    assert site.stranger.get(path).status_code == 401


@pytest.mark.parametrize("login", [(USER, ""), (USER, "wrong"), ("somebody", PASSWORD), (USER, PASSWORD.upper())])
def test_a_wrong_login_opens_nothing(site: Site, login: tuple[str, str]) -> None:
    assert site.stranger.get("/tasks", auth=login).status_code == 401


def test_a_health_check_needs_no_login(site: Site) -> None:
    answer = site.stranger.get("/healthcheck")

    assert (answer.status_code, answer.text) == (200, "OK")


def test_metrics_name_workers_and_kinds_of_task_only(site: Site) -> None:
    labels = {label for line in _samples(site.stranger.get("/metrics")) for label in _labels(line)}

    assert {value for name, value in labels if name == "worker"} == {"every@studio"}
    assert {name for name, _ in labels} <= {"worker", "task", "type", "le", "generation", "version", *_PYTHON}


@pytest.mark.parametrize("path", ORDERS)
def test_an_operator_gives_no_orders_through_flower(site: Site, path: str) -> None:
    answer = site.http.post(path, json={"args": []})

    assert (answer.status_code, answer.text) == (403, "Read only mode is enabled")


_PYTHON = ("implementation", "major", "minor", "patchlevel")


def _samples(answer: httpx.Response) -> list[str]:
    return [line for line in answer.raise_for_status().text.splitlines() if not line.startswith("#")]


def _labels(sample: str) -> list[tuple[str, str]]:
    inside = sample.partition("{")[2].partition("}")[0]
    pairs = (pair.partition("=") for pair in inside.split(",") if pair)
    return [(name, value.strip('"')) for name, _, value in pairs]
