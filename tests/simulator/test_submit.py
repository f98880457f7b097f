"""Submitting: what is refused at once, in which order, and what is not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.simulator.conftest import Wire

PATH = "/api/v1/services/aigc/video-generation/video-synthesis"
GOOD = {"model": "wan2.6-t2v", "input": {"prompt": "a cat"}}


def test_a_submit_answers_with_a_pending_task(wire: Wire) -> None:
    answer = wire.post(GOOD)

    assert answer.status_code == 200
    assert answer.json()["output"]["task_status"] == "PENDING"
    assert answer.headers["x-request-id"] == answer.json()["request_id"]
    assert answer.headers["x-dashscope-call-gateway"] == "true"
    assert answer.headers["server"] == "istio-envoy"


@pytest.mark.parametrize("path", [f"{PATH}/", "/api/v1/tasks/", "/api/v1/tasks/none/", "/api/v1/tasks/none/cancel/"])
def test_a_trailing_slash_is_no_redirect(wire: Wire, path: str) -> None:
    method = "POST" if path.endswith(("synthesis/", "cancel/")) else "GET"

    assert wire.client.request(method, path, json=GOOD).status_code in {200, 400, 403}


# Each row is wrong in its own way and in all later ways, so that the order of the checks shows.
@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        ({"Authorization": ""}, b"{", 401, "InvalidApiKey"),
        ({}, b"{", 400, "BadRequest.IllegalInput"),
        ({}, b"[1]", 400, "BadRequest.IllegalInput"),
        ({}, {}, 400, "BadRequest.EmptyModel"),
        ({}, {"model": "no-such-model"}, 403, "AccessDenied"),
        ({"X-DashScope-Async": "enable"}, {"model": "no-such-model"}, 400, "InvalidParameter"),
        ({"X-DashScope-Async": "enable"}, {"model": "wan2.2-kf2v-flash"}, 400, "InvalidParameter"),
        ({"X-DashScope-Async": "enable"}, {"model": "wan2.6-t2v"}, 400, "BadRequest.EmptyInput"),
        ({"X-DashScope-Async": "enable"}, GOOD, 400, "Arrearage"),
    ],
)
def test_checks_come_in_the_services_order(
    wire: Wire, headers: dict[str, str], body: object, status: int, code: str
) -> None:
    wire.bench.provider.configure({"is_in_arrears": True})
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    answer = wire.client.post(PATH, content=content, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert set(answer.json()) == {"code", "message", "request_id"}
    assert wire.bench.provider.store.tasks.count_by_status() == {}


def test_the_last_frame_models_have_a_path_of_their_own(wire: Wire) -> None:
    body = {"model": "wan2.2-kf2v-flash", "input": {"first_frame_url": "http://x.test/a.png"}}
    path = PATH.replace("video-generation", "image2video")

    assert wire.client.post(path, json=body, headers={"X-DashScope-Async": "enable"}).status_code == 200


def test_a_wrong_parameter_is_accepted_and_fails_inside_the_task(wire: Wire) -> None:
    task_id = wire.submit(parameters={"size": "1*1"})
    wire.bench.after(10)

    output = wire.query(task_id)["output"]

    assert (output["task_status"], output["code"]) == ("FAILED", "InvalidParameter")
    assert output["message"].startswith("size must be in 1280*720,")


def test_a_body_over_16_mib_is_refused(wire: Wire) -> None:
    answer = wire.post({"model": "wan2.6-t2v", "input": {"prompt": "x" * 17 * 1024 * 1024}})

    assert answer.status_code == 413


def test_throttling_may_say_when_to_come_back(wire: Wire) -> None:
    limits = {"is_throttling": True, "submits_per_second": 1, "retry_after_seconds": 3}
    wire.bench.provider.configure({"limits": limits})
    wire.submit()

    answer = wire.post(GOOD)

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")


def test_a_revoked_key_is_refused(wire: Wire) -> None:
    wire.bench.provider.configure({"revoked_accounts": ["*"]})

    answer = wire.post(GOOD)

    assert (answer.status_code, answer.json()["message"]) == (401, "Invalid API-key provided.")


def test_answers_are_compressed_for_those_who_take_it(wire: Wire) -> None:
    task_id = wire.succeeded()

    packed = wire.client.get(f"/api/v1/tasks/{task_id}", headers={"Accept-Encoding": "gzip"})
    plain = wire.client.get(f"/api/v1/tasks/{task_id}", headers={"Accept-Encoding": "identity"})

    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.json()["output"] == plain.json()["output"]


def test_unknown_paths_answer_in_the_services_way(wire: Wire) -> None:
    answer = wire.client.get("/api/v1/nothing")

    assert (answer.status_code, answer.json()["code"]) == (404, "NotFound")
