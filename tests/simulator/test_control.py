"""The control plane."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.simulator.conftest import Wire


def test_health_counts_tasks_by_status(wire: Wire) -> None:
    wire.succeeded()
    wire.submit()

    health = wire.client.get("/__sim__/health").json()

    assert health["status"] == "ok"
    assert health["tasks"] == {"PENDING": 1, "SUCCEEDED": 1}


def test_a_configuration_changes_only_where_it_is_told(wire: Wire) -> None:
    before = wire.client.get("/__sim__/config").json()

    after = wire.client.post("/__sim__/config", json={"limits": {"slots": 2}}).json()

    assert after["limits"] == before["limits"] | {"slots": 2}
    assert after | {"limits": None} == before | {"limits": None}


@pytest.mark.parametrize(
    "patch",
    [
        {"tme_scale": 2},
        {"limits": {"slot": 1}},
        {"time_scale": "fast"},
        {"time_scale": 0},
        {"clips": {"width": 63}},
        [1],
    ],
)
def test_a_configuration_that_is_not_understood_changes_nothing(wire: Wire, patch: object) -> None:
    before = wire.client.get("/__sim__/config").json()

    answer = wire.client.post("/__sim__/config", json=patch)

    assert answer.status_code == 422
    assert wire.client.get("/__sim__/config").json() == before


def test_an_unknown_fault_is_refused_with_the_kinds_that_exist(wire: Wire) -> None:
    answer = wire.client.post("/__sim__/faults", json={"operation": "submit", "kind": "explode"})

    assert answer.status_code == 422
    assert "duplicate-task-id" in answer.json()["error"]


def test_faults_are_listed_with_their_use_and_forgotten(wire: Wire) -> None:
    wire.fault("submit", "error", count=2)
    wire.post({"model": "wan2.6-t2v", "input": {"prompt": "a"}})

    (fault,) = wire.client.get("/__sim__/faults").json()["faults"]
    wire.client.request("DELETE", "/__sim__/faults")

    assert (fault["taken"], fault["is_spent"]) == (1, False)
    assert wire.client.get("/__sim__/faults").json()["faults"] == []


def test_the_ledger_ties_a_charge_to_submit_and_prompt(wire: Wire) -> None:
    answer = wire.post({"model": "wan2.6-t2v", "input": {"prompt": "a [[run=1]]"}, "parameters": {"duration": 2}})
    wire.bench.after(60)

    ledger = wire.client.get("/__sim__/ledger").json()

    assert (ledger["count"], ledger["totals"]) == (1, {"USD": "0.3"})
    (entry,) = ledger["entries"]
    assert entry["request_id"] == answer.json()["request_id"]
    assert entry["prompt_sha256"] == hashlib.sha256(b"a [[run=1]]").hexdigest()


def test_the_log_has_each_call_without_key_and_body(wire: Wire) -> None:
    wire.fault("query", "error")
    task_id = wire.submit("a secret cat")
    wire.query(task_id)

    log = wire.client.get("/__sim__/log").json()

    assert log["counts"] == {"submit": 1, "query": 1}
    submit, query = log["requests"]
    assert (submit["task_id"], submit["status"], submit["fault"]) == (task_id, 200, "")
    assert (query["task_id"], query["status"], query["fault"]) == (task_id, 500, "error")
    assert "secret" not in str(log)
    assert "sk-test" not in str(log)


def test_the_log_can_be_narrowed(wire: Wire) -> None:
    task_id = wire.submit()
    for _ in range(3):
        wire.query(task_id)

    log = wire.client.get("/__sim__/log?operation=query&limit=2").json()

    assert [one["operation"] for one in log["requests"]] == ["query", "query"]


def test_time_can_be_moved(wire: Wire) -> None:
    task_id = wire.submit("a [[run=60]]")

    wire.client.post("/__sim__/advance", json={"seconds": 61})

    assert wire.query(task_id)["output"]["task_status"] == "SUCCEEDED"


def test_lanes_show_slots_and_queues(wire: Wire) -> None:
    for _ in range(7):
        wire.submit()
    wire.bench.after(1)

    (lane,) = wire.client.get("/__sim__/lanes").json()["lanes"]

    assert (lane["slots"], lane["running"], lane["waiting"]) == (5, 5, 2)


def test_a_reset_forgets_everything_but_the_configuration(wire: Wire) -> None:
    wire.fault("query", "error", count=None)
    task_id = wire.succeeded()
    wire.client.post("/__sim__/config", json={"time_scale": 5})

    wire.client.post("/__sim__/reset")

    assert wire.query(task_id)["output"]["task_status"] == "UNKNOWN"
    assert wire.client.get("/__sim__/ledger").json()["count"] == 0
    assert wire.client.get("/__sim__/config").json()["time_scale"] == 5


def test_a_reset_moves_the_clock_back(wire: Wire) -> None:
    began_ms = wire.client.get("/__sim__/health").json()["now_ms"]
    wire.client.post("/__sim__/advance", json={"seconds": 86_400})

    wire.client.post("/__sim__/reset")

    assert wire.client.get("/__sim__/health").json()["now_ms"] == began_ms
