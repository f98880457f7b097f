"""Files and batches: states by the clock, result files, refusals, half the price."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from simulator.store.database import open_database

if TYPE_CHECKING:
    from pathlib import Path

    from tests.simulator.conftest import Wire

API = "/compatible-mode/v1"
ENDPOINT = "/v1/chat/completions"
VALIDATED_SECONDS = 11
WORKED_SECONDS = 600
WRITTEN_SECONDS = 10


def row(custom_id: str, words: str = "Hi", **body: Any) -> dict[str, Any]:
    """A line of a file of requests."""
    asked = {"model": "qwen-plus", "messages": [{"role": "user", "content": words}], **body}
    return {"custom_id": custom_id, "method": "POST", "url": ENDPOINT, "body": asked}


def upload(wire: Wire, *rows: object) -> str:
    """Keep a file of requests; its id."""
    content = "".join(f"{each if isinstance(each, str) else json.dumps(each)}\n" for each in rows)
    files = {"file": ("asked.jsonl", content.encode())}
    answer = wire.client.post(f"{API}/files", data={"purpose": "batch"}, files=files)
    assert answer.status_code == 200, answer.text
    found: str = answer.json()["id"]
    return found


def create(wire: Wire, *rows: object, name: str = "ours", **rest: Any) -> dict[str, Any]:
    """Make a batch of some lines."""
    asked = {"input_file_id": upload(wire, *rows), "endpoint": ENDPOINT, "completion_window": "24h"}
    answer = wire.client.post(f"{API}/batches", json=asked | {"metadata": {"ds_name": name}} | rest)
    assert answer.status_code == 200, answer.text
    batch: dict[str, Any] = answer.json()
    return batch


def see(wire: Wire, batch: dict[str, Any], after: float = 0) -> dict[str, Any]:
    """A batch as it stands *after* so many seconds."""
    wire.bench.after(after)
    found: dict[str, Any] = wire.client.get(f"{API}/batches/{batch['id']}").json()
    return found


def lines(wire: Wire, file_id: str | None) -> dict[str, dict[str, Any]]:
    """The lines of a result file by their custom ids."""
    content = wire.client.get(f"{API}/files/{file_id}/content").text
    return {line["custom_id"]: line for line in map(json.loads, content.splitlines())}


def charges(wire: Wire) -> list[dict[str, Any]]:
    """What was billed."""
    found: list[dict[str, Any]] = wire.client.get("/__sim__/texts").json()["entries"]
    return found


def test_a_batch_goes_through_its_states_and_costs_half(wire: Wire) -> None:
    batch = create(wire, row("a", "Hi there"), row("b", "[[blocked-input]]"))
    assert (batch["status"], batch["metadata"], batch["errors"]) == ("validating", {"ds_name": "ours"}, None)

    assert see(wire, batch, VALIDATED_SECONDS)["status"] == "in_progress"
    half = see(wire, batch, WORKED_SECONDS / 2)
    assert half["request_counts"] == {"total": 2, "completed": 1, "failed": 0}
    assert see(wire, batch, WORKED_SECONDS / 2)["status"] == "finalizing"
    done = see(wire, batch, WRITTEN_SECONDS)

    assert (done["status"], done["request_counts"]) == ("completed", {"total": 2, "completed": 1, "failed": 1})
    assert done["created_at"] <= done["in_progress_at"] <= done["finalizing_at"] <= done["completed_at"]
    answered = lines(wire, done["output_file_id"])["a"]
    assert answered["response"]["body"]["choices"][0]["message"]["content"] == "You said: Hi there"
    refused = lines(wire, done["error_file_id"])["b"]
    assert (refused["response"]["status_code"], refused["error"]["code"]) == (400, "data_inspection_failed")
    (charge,) = charges(wire)
    assert (charge["batch_id"], charge["custom_id"]) == (batch["id"], "a")
    assert Decimal(charge["amount"]) == (4 * Decimal("0.40") + 5 * Decimal("1.20")) / 1_000_000 / 2


def test_nothing_is_billed_for_what_moderation_refuses_in_a_batch(wire: Wire) -> None:
    batch = create(wire, row("a", "[[blocked-output]] Hi"))

    done = see(wire, batch, VALIDATED_SECONDS + WORKED_SECONDS + WRITTEN_SECONDS)

    assert done["output_file_id"] is None
    assert set(lines(wire, done["error_file_id"])) == {"a"}
    assert charges(wire) == []


def test_a_batch_that_outlasts_its_window_expires_with_what_was_done(wire: Wire) -> None:
    wire.bench.provider.configure({"texts": {"batch_run_seconds": 48 * 3600}})
    batch = create(wire, row("a"), row("b"), row("c"), row("d"))

    done = see(wire, batch, 24 * 3600)

    assert done["status"] == "expired"
    assert done["expired_at"] == done["expires_at"]
    assert set(lines(wire, done["output_file_id"])) == {"a"}
    assert {line["error"]["code"] for line in lines(wire, done["error_file_id"]).values()} == {"batch_expired"}
    assert len(charges(wire)) == 1


def test_the_window_of_all_batches_can_be_shortened(wire: Wire) -> None:
    wire.bench.provider.configure({"texts": {"batch_window_seconds": 300, "batch_run_seconds": 580}})
    batch = create(wire, row("a"), row("b"))

    done = see(wire, batch, 300)

    assert (done["status"], done["completion_window"]) == ("expired", "24h")
    assert done["expires_at"] - done["created_at"] == 300
    assert set(lines(wire, done["output_file_id"])) == {"a"}


def test_the_control_plane_names_all_batches_in_their_order(wire: Wire) -> None:
    for _ in range(2):
        create(wire, row("a"))

    assert wire.client.get("/__sim__/batches").json() == {"names": ["ours", "ours"]}


def test_a_cancelled_batch_is_billed_for_what_was_done(wire: Wire) -> None:
    batch = create(wire, row("a"), row("b"))
    see(wire, batch, VALIDATED_SECONDS + WORKED_SECONDS / 2)

    cancelling = wire.client.post(f"{API}/batches/{batch['id']}/cancel").json()
    done = see(wire, batch, WORKED_SECONDS)

    assert (cancelling["status"], done["status"]) == ("cancelling", "cancelled")
    assert set(lines(wire, done["output_file_id"])) == {"a"}
    assert lines(wire, done["error_file_id"])["b"]["error"]["code"] == "batch_cancelled"
    assert [charge["custom_id"] for charge in charges(wire)] == ["a"]
    assert wire.client.post(f"{API}/batches/{batch['id']}/cancel").status_code == 400


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        (["not json"], "invalid_json_line"),
        ([row("a"), row("a")], "duplicate_custom_id"),
        ([row("a"), row("b", model="qwen-flash")], "mismatched_model"),
        ([row("a"), row("b", enable_thinking=True)], "mismatched_thinking"),
        ([row("a", model="qwen3.7-plus")], "model_not_found"),
        ([row("a") | {"method": "GET"}], "invalid_method"),
        ([row("a") | {"url": "/v1/embeddings"}], "mismatched_endpoint"),
        ([""], "empty_file"),
        (['{"custom_id": 1}'] * 50_001, "too_many_tasks"),
    ],
)
def test_a_file_that_cannot_be_worked_on_fails_its_batch(wire: Wire, rows: list[object], code: str) -> None:
    batch = create(wire, *rows)

    done = see(wire, batch, VALIDATED_SECONDS)

    assert done["status"] == "failed"
    assert done["errors"]["data"][0]["code"] == code
    assert see(wire, batch, WORKED_SECONDS)["request_counts"]["total"] == 0
    assert charges(wire) == []


def test_the_test_model_is_free_and_has_an_endpoint_of_its_own(wire: Wire) -> None:
    test_endpoint = "/v1/chat/ds-test"
    batch = create(wire, row("a", model="batch-test-model") | {"url": test_endpoint}, endpoint=test_endpoint)

    done = see(wire, batch, VALIDATED_SECONDS + WORKED_SECONDS + WRITTEN_SECONDS)

    answer = lines(wire, done["output_file_id"])["a"]["response"]["body"]
    assert answer["choices"][0]["message"]["content"] == "This is a test result."
    assert charges(wire) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"endpoint": "/v1/embeddings"},
        {"completion_window": "23h"},
        {"completion_window": "15d"},
        {"metadata": {"ds_name": "x" * 101}},
        {"metadata": {"ds_description": "x" * 201}},
        {"input_file_id": "file-batch-none"},
    ],
)
def test_a_batch_that_is_asked_for_wrongly_is_refused(wire: Wire, wrong: dict[str, Any]) -> None:
    asked = {"input_file_id": upload(wire, row("a")), "endpoint": ENDPOINT, "completion_window": "14d"}

    answer = wire.client.post(f"{API}/batches", json=asked | wrong)

    assert answer.status_code in {400, 404}
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert wire.client.get(f"{API}/batches").json()["data"] == []


def test_batches_are_listed_in_pages_and_found_by_a_part_of_their_name(wire: Wire) -> None:
    made = [create(wire, row("a"), name=f"reelqueue-{number}")["id"] for number in range(3)]

    first = wire.client.get(f"{API}/batches", params={"limit": 2}).json()
    second = wire.client.get(f"{API}/batches", params={"limit": 2, "after": first["last_id"]}).json()
    named = wire.client.get(f"{API}/batches", params={"ds_name": "queue-1"}).json()

    assert [batch["id"] for batch in first["data"] + second["data"]] == made[::-1]
    assert (first["has_more"], second["has_more"]) == (True, False)
    assert [batch["id"] for batch in named["data"]] == [made[1]]


def test_a_batch_whose_answer_was_lost_is_found_by_its_name(wire: Wire) -> None:
    file_id = upload(wire, row("a"))
    wire.fault("batch-create", "error", phase="after", status=500)
    asked = {"input_file_id": file_id, "endpoint": ENDPOINT, "completion_window": "24h"}

    lost = wire.client.post(f"{API}/batches", json=asked | {"metadata": {"ds_name": "ours"}})

    assert (lost.status_code, lost.json()["error"]["code"]) == (500, "InternalError")
    (found,) = wire.client.get(f"{API}/batches", params={"ds_name": "ours"}).json()["data"]
    assert found["input_file_id"] == file_id


def test_batches_and_files_are_those_of_one_account(wire: Wire) -> None:
    batch = create(wire, row("a"))
    other = {"Authorization": "Bearer sk-other"}

    assert wire.client.get(f"{API}/batches/{batch['id']}", headers=other).status_code == 404
    assert wire.client.get(f"{API}/files/{batch['input_file_id']}/content", headers=other).status_code == 404
    assert wire.client.get(f"{API}/batches", headers=other).json()["data"] == []
    assert wire.client.get(f"{API}/files", headers=other).json()["data"] == []


def test_a_batch_is_shown_for_thirty_days(wire: Wire) -> None:
    batch = create(wire, row("a"))

    wire.bench.after(30 * 86_400)

    assert wire.client.get(f"{API}/batches/{batch['id']}").status_code == 404
    assert wire.client.get(f"{API}/batches").json()["data"] == []


def test_files_are_kept_listed_and_forgotten(wire: Wire) -> None:
    first, second = upload(wire, row("a")), upload(wire, row("b"))

    listed = wire.client.get(f"{API}/files", params={"limit": 1}).json()
    deleted = wire.client.request("DELETE", f"{API}/files/{second}").json()

    assert ([file["id"] for file in listed["data"]], listed["has_more"]) == ([second], True)
    assert deleted == {"object": "file", "deleted": True, "id": second}
    assert wire.client.get(f"{API}/files/{second}").status_code == 404
    assert wire.client.get(f"{API}/files/{first}").json()["filename"] == "asked.jsonl"


def test_batches_are_listed_so_often_in_a_minute(wire: Wire) -> None:
    wire.bench.provider.configure({"limits": {"is_throttling": True}})

    answers = [wire.client.get(f"{API}/batches") for _ in range(101)]

    assert [answer.status_code for answer in answers] == [200] * 100 + [429]
    assert answers[-1].json()["error"]["code"] == "limit_requests"
    wire.bench.after(60)
    assert wire.client.get(f"{API}/batches").status_code == 200


def test_a_state_folder_without_batches_is_upgraded(tmp_path: Path) -> None:
    older = open_database(tmp_path)
    older.executescript(
        "DROP TABLE files; DROP TABLE batches; DROP TABLE batch_lines;"
        " ALTER TABLE text_ledger DROP COLUMN batch_id; ALTER TABLE text_ledger DROP COLUMN custom_id;"
        " PRAGMA user_version = 2;"
    )
    older.close()

    again = open_database(tmp_path)

    assert again.execute("SELECT count(batch_id) FROM text_ledger").fetchone()[0] == 0
    assert again.execute("SELECT count(*) FROM batches").fetchone()[0] == 0
    again.close()
