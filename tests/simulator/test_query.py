"""Queries: what the answer holds in each state."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.simulator.conftest import Wire


def test_a_pending_task_has_its_submit_time_only(wire: Wire) -> None:
    document = wire.query(wire.submit())

    assert set(document) == {"request_id", "output"}
    assert set(document["output"]) == {"task_id", "task_status", "submit_time"}


def test_a_running_task_has_its_scheduled_time_too(wire: Wire) -> None:
    task_id = wire.submit()
    wire.bench.after(1)

    assert set(wire.query(task_id)["output"]) == {"task_id", "task_status", "submit_time", "scheduled_time"}


def test_times_are_beijing_times_without_a_zone(wire: Wire) -> None:
    moment = datetime.fromtimestamp(wire.bench.clock.now_ms() / 1000, UTC) + timedelta(hours=8)

    text = wire.query(wire.submit())["output"]["submit_time"]

    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", text)
    assert text.startswith(f"{moment:%Y-%m-%d %H:%M:%S}")


def test_a_succeeded_task_has_url_prompt_and_usage(wire: Wire) -> None:
    document = wire.query(wire.succeeded("a cat [[run=60]]"))

    assert document["output"]["task_status"] == "SUCCEEDED"
    assert document["output"]["orig_prompt"] == "a cat [[run=60]]"
    assert document["output"]["video_url"].startswith("http://simulator.test/result/")
    assert "actual_prompt" not in document["output"]
    assert document["usage"]["duration"] == 5


def test_early_models_show_the_rewritten_prompt_unless_switched_off(wire: Wire) -> None:
    rewritten = wire.query(wire.succeeded(model="wan2.5-t2v-preview"))
    literal = wire.query(wire.succeeded(model="wan2.5-t2v-preview", parameters={"prompt_extend": False}))

    assert rewritten["output"]["actual_prompt"].startswith("a cat")
    assert "actual_prompt" not in literal["output"]


@pytest.mark.parametrize(
    ("marker", "code"),
    [
        ("[[blocked-input]]", "DataInspectionFailed"),
        ("[[blocked-output]]", "DataInspectionFailed"),
        ("[[ip]]", "IPInfringementSuspect"),
        ("[[internal]]", "InternalError"),
        ("[[fail=InvalidURL.Timeout]]", "InvalidURL.Timeout"),
        ("[[bare-fail]]", None),
    ],
)
def test_markers_in_the_prompt_choose_the_end(wire: Wire, marker: str, code: str | None) -> None:
    document = wire.query(wire.succeeded(f"a cat {marker} [[run=1]]"))

    assert document["output"]["task_status"] == "FAILED"
    assert document["output"].get("code") == code
    assert "usage" not in document


def test_a_marker_keeps_a_task_pending(wire: Wire) -> None:
    task_id = wire.submit("a cat [[queue=30]] [[run=1]]")
    wire.bench.after(29)

    assert wire.query(task_id)["output"]["task_status"] == "PENDING"
    assert wire.client.post(f"/api/v1/tasks/{task_id}/cancel").status_code == 200
    assert wire.query(task_id)["output"]["task_status"] == "CANCELED"


def test_an_unknown_task_is_a_status_and_no_error(wire: Wire) -> None:
    answer = wire.client.get("/api/v1/tasks/no-such-task")

    assert answer.status_code == 200
    assert answer.json()["output"] == {"task_id": "no-such-task", "task_status": "UNKNOWN"}


def test_an_id_with_slashes_is_an_unknown_task(wire: Wire) -> None:
    answer = wire.client.get("/api/v1/tasks/..%2F..%2Fetc%2Fpasswd")

    assert answer.json()["output"]["task_status"] == "UNKNOWN"


def test_an_unknown_task_may_be_an_error_by_configuration(wire: Wire) -> None:
    wire.bench.provider.configure({"unknown_is_404": True})

    assert wire.client.get("/api/v1/tasks/no-such-task").status_code == 404


def test_another_key_is_another_account(wire: Wire) -> None:
    task_id = wire.submit()

    answer = wire.client.get(f"/api/v1/tasks/{task_id}", headers={"Authorization": "Bearer sk-other"})

    assert answer.json()["output"]["task_status"] == "UNKNOWN"


def test_cancelling_what_is_not_pending_is_refused(wire: Wire) -> None:
    answer = wire.client.post(f"/api/v1/tasks/{wire.succeeded()}/cancel")

    assert (answer.status_code, answer.json()["code"]) == (400, "UnsupportedOperation")


def test_a_short_lived_key_opens_the_same_account_until_it_expires(wire: Wire) -> None:
    token = wire.client.post("/api/v1/tokens?expire_in_seconds=30").json()["token"]
    task_id, headers = wire.submit(), {"Authorization": f"Bearer {token}"}

    assert wire.client.get(f"/api/v1/tasks/{task_id}", headers=headers).json()["output"]["task_status"] == "PENDING"
    wire.bench.after(31)
    assert wire.client.get(f"/api/v1/tasks/{task_id}", headers=headers).status_code == 401


def test_quotas_show_rate_and_concurrency_of_a_model(wire: Wire) -> None:
    (quota,) = wire.client.get("/api/v1/quotas?model=wan2.6-t2v").json()["output"]["quotas"]

    assert quota["model_limit"]["request_limit"] == 5
    assert quota["model_limit"]["async_user_concurrency_limit"] == 5
