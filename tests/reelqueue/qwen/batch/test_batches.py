"""Batches through the client at the real simulator: found by name, matched by id, half the price, nothing twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from pydantic import SecretStr

from reelqueue import InvalidRequestError
from reelqueue.qwen import (
    QwenBatches,
    TextBatch,
    TextNotSentError,
    TextRefusedError,
    TextRequest,
    TextServerError,
    TextUnreadableError,
)
from reelqueue.qwen.batch.questions import LINE_BYTES_MAX
from reelqueue.qwen.batch.results import read_results
from reelqueue.qwen.errors import TextNoAnswerError
from reelqueue.qwen.settings import QwenSettings

if TYPE_CHECKING:
    from tests.conftest import Simulator

DAY_SECONDS = 86_400


def question(words: str = "Hi there", **more: Any) -> dict[str, Any]:
    """A request in a batch."""
    return {"model": "qwen-plus", "prompt": words, **more}


@pytest.fixture
def batches(simulator: Simulator) -> Iterator[QwenBatches]:
    """A client of the simulator."""
    with QwenBatches({"base_url": f"{simulator.base_url}/compatible-mode/v1", "api_key": "sk-test"}) as client:
        yield client


def ended(simulator: Simulator, batches: QwenBatches, batch: TextBatch) -> TextBatch:
    """The batch a day later."""
    simulator.control.post("advance", json={"seconds": DAY_SECONDS}).raise_for_status()
    return batches.get(batch.id)


def fault(simulator: Simulator, operation: str, kind: str, **rest: Any) -> None:
    """Something goes wrong with the next call."""
    simulator.control.post("faults", json={"operation": operation, "kind": kind, **rest}).raise_for_status()


def test_questions_are_answered_by_their_ids_at_half_the_price(simulator: Simulator, batches: QwenBatches) -> None:
    asked = batches.build({"a": question(), "b": question("[[blocked-input]]"), "c": question("[[blocked-output]]")})

    made = batches.create(batches.upload(asked), name="night-1")
    done = ended(simulator, batches, made)
    results = batches.results(done, asked)

    assert (made.is_over, done.is_over, done.status) == (False, True, "completed")
    assert (done.total, done.completed, done.failed) == (3, 1, 2)
    answer = results["a"].answer
    assert answer is not None
    assert answer.text == "You said: Hi there"
    assert answer.cost is not None
    bill = simulator.control.get("texts").json()
    assert [entry["custom_id"] for entry in bill["entries"]] == ["a"]
    assert answer.cost.amount == Decimal(bill["totals"]["USD"])
    assert all(isinstance(results[name].error, TextRefusedError) for name in "bc")
    assert results["b"].error is not None
    assert results["b"].error.failure == "moderation"


def test_the_most_it_may_cost_is_half_and_covers_what_it_cost(simulator: Simulator, batches: QwenBatches) -> None:
    asked = batches.build({"a": question(max_output_tokens=50)})
    whole = asked[0].built.max_cost
    assert whole is not None

    done = ended(simulator, batches, batches.create(batches.upload(asked), name="night-1"))

    answer = batches.results(done, asked)["a"].answer
    assert answer is not None
    assert answer.cost is not None
    assert answer.cost.amount <= whole.amount


def test_a_line_thinks_where_a_whole_answer_may_not(simulator: Simulator, batches: QwenBatches) -> None:
    asked = batches.build({"a": question(model="qwen3-max", enable_thinking=True)})

    done = ended(simulator, batches, batches.create(batches.upload(asked), name="night-1"))

    answer = batches.results(done, asked)["a"].answer
    assert answer is not None
    assert answer.reasoning


@pytest.mark.parametrize("kind", ["error", "drop", "truncated", "empty"])
def test_a_batch_whose_answer_was_lost_is_found_by_its_name(
    simulator: Simulator, batches: QwenBatches, kind: str
) -> None:
    file_id = batches.upload(batches.build({"a": question()}))
    batches.create(file_id, name="night-1-of-another")  # its name contains the other
    fault(simulator, "batch-create", kind, phase="after")

    with pytest.raises((TextServerError, TextNoAnswerError, TextUnreadableError)):
        batches.create(file_id, name="night-1")

    (found,) = batches.find("night-1")
    assert (found.name, found.input_file_id) == ("night-1", file_id)
    assert simulator.control.get("log", params={"operation": "batch-create"}).json()["counts"]["batch-create"] == 2


def test_a_batch_is_found_behind_a_page_of_others(simulator: Simulator, batches: QwenBatches) -> None:
    file_id = batches.upload(batches.build({"a": question()}))
    first = batches.create(file_id, name="night-1")
    for number in range(100):
        batches.create(file_id, name=f"night-1{number:03d}")

    assert [batch.id for batch in batches.find("night-1")] == [first.id]


def test_an_answer_of_any_length_is_not_read_to_its_end(simulator: Simulator, batches: QwenBatches) -> None:
    fault(simulator, "batch-get", "huge", size_bytes=100_000_000)

    with pytest.raises(TextUnreadableError, match="more than"):
        batches.get("batch_1")


def test_no_error_quotes_the_key(simulator: Simulator) -> None:
    key = "sk-0123456789abcdef"
    fault(simulator, "batch-get", "error", status=401, code="InvalidApiKey", message=f"wrong key {key}")
    settings = {"base_url": f"{simulator.base_url}/compatible-mode/v1", "api_key": key}

    with QwenBatches(settings) as batches, pytest.raises(TextRefusedError) as caught:
        batches.get("batch_1")

    assert key not in str(caught.value)
    assert caught.value.failure == "account"


def test_a_refusal_makes_no_batch_and_a_dead_service_takes_nothing(batches: QwenBatches) -> None:
    with pytest.raises(TextRefusedError):
        batches.create("file-batch-none", name="night-1")
    nowhere = QwenBatches({"base_url": "http://127.0.0.1:9/compatible-mode/v1", "api_key": "sk-test"})
    with nowhere, pytest.raises(TextNotSentError):
        nowhere.create("file-batch-none", name="night-1")

    assert batches.find("night-1") == []


def test_lines_that_expired_were_not_billed(simulator: Simulator, batches: QwenBatches) -> None:
    simulator.control.post("config", json={"texts": {"batch_run_seconds": 2 * DAY_SECONDS}}).raise_for_status()
    asked = batches.build({name: question() for name in "abcd"})

    done = ended(simulator, batches, batches.create(batches.upload(asked), name="night-1"))
    results = batches.results(done, asked)

    assert done.status == "expired"
    answered = [name for name in "abcd" if results[name].answer is not None]
    assert answered == ["a"]
    errors = [results[name].error for name in "bcd"]
    assert [(type(error), error.code) for error in errors if error] == [(TextRefusedError, "batch_expired")] * 3
    assert simulator.control.get("texts").json()["count"] == 1


def test_a_cancelled_batch_and_a_deleted_file_are_over(simulator: Simulator, batches: QwenBatches) -> None:
    file_id = batches.upload(batches.build({"a": question()}))
    made = batches.create(file_id, name="night-1")

    assert batches.cancel(made.id).status == "cancelling"
    assert ended(simulator, batches, made).status == "cancelled"
    batches.delete_file(file_id)
    with pytest.raises(TextRefusedError):
        batches.delete_file(file_id)


def test_what_is_no_line_of_the_batch_is_left_out(simulator: Simulator, batches: QwenBatches) -> None:
    asked = batches.build({"a": question(), "b": question()})
    done = ended(simulator, batches, batches.create(batches.upload(asked), name="night-1"))
    fault(simulator, "file-content", "truncated")

    results = batches.results(done, asked[:1])

    assert set(results) <= {"a"}


@pytest.mark.parametrize(
    ("requests", "words"),
    [
        ({}, "1 to 50000 lines"),
        ({"": question()}, "custom id"),
        ({"a": question(), "b": question(model="qwen-flash")}, "one model and one thinking mode"),
        ({"a": question(enable_thinking=True), "b": question()}, "one model and one thinking mode"),
        ({"a": question(headers={"X-DashScope-DataInspection": "x"})}, "no headers"),
        ({"a": question(temperature=2)}, "temperature"),
    ],
)
def test_what_cannot_be_a_batch_is_refused_before_it_is_sent(
    batches: QwenBatches, requests: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidRequestError, match=words):
        batches.build(requests)


def test_a_line_that_is_too_long_is_refused_before_it_is_sent(batches: QwenBatches) -> None:
    with pytest.raises(InvalidRequestError, match="is the most"):
        batches.build({"a": TextRequest(model="qwen-plus", prompt="x" * LINE_BYTES_MAX)})


def test_a_line_is_what_the_service_reads(batches: QwenBatches) -> None:
    (asked,) = batches.build({"a": question("Größe?")})

    line = json.loads(asked.line())

    assert (line["custom_id"], line["method"], line["url"]) == ("a", "POST", "/v1/chat/completions")
    assert "stream" not in line["body"]
    assert line["body"]["messages"][0]["content"][0]["text"] == "Größe?"


@pytest.mark.parametrize(
    "page",
    [
        {},  # an answer that says nothing is no empty list
        {"object": "list", "data": None, "has_more": False},
        {"object": "list", "data": []},  # whether it goes on is not said
        {"object": "list", "data": [], "has_more": True},  # it goes on, and does not
        {"object": "list", "data": [None], "has_more": False},
        {"object": "list", "data": [{"id": "batch_1", "status": "completed"}], "has_more": True},  # for ever the same
    ],
)
def test_a_list_that_is_not_whole_shows_no_absence(page: dict[str, Any]) -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=page)

    settings = {
        "base_url": "http://127.0.0.1:1/compatible-mode/v1",
        "api_key": "sk-test",
        "transport": httpx.MockTransport(answer),
    }
    with QwenBatches(settings) as client, pytest.raises(TextUnreadableError):
        client.find("night-1")


@pytest.mark.parametrize("half", [rb"\ud83d", b"\xed\xa0\xbd"])  # escaped, and as bytes
def test_an_answer_that_ends_in_half_a_character_is_read(batches: QwenBatches, half: bytes) -> None:
    """A limit of tokens may cut one in two; the other lines of the file must not be lost for it."""
    asked = batches.build({"a": question(), "b": question()})
    usage = b'{"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}'
    rows = [
        b'{"custom_id": "%s", "response": {"status_code": 200, "request_id": "r", "body": {"id": "1", "model":'
        b' "qwen-plus", "choices": [{"index": 0, "finish_reason": "length", "message": {"role": "assistant",'
        b' "content": "Boats%s"}}], "usage": %s}}, "error": null}\n' % (custom_id, end, usage)
        for custom_id, end in ((b"a", half), (b"b", b""))
    ]

    results = read_results(b"".join(rows), asked, QwenSettings(api_key=SecretStr("sk-test")))

    texts = [answer.text for one in results.values() if (answer := one.answer) is not None]
    assert [text[:5] for text in texts] == ["Boats", "Boats"]


@pytest.mark.parametrize(
    ("counts", "file_id", "is_unread"),
    [
        ({"total": 0, "completed": 0}, None, True),
        ({"total": 2}, None, False),
        ({}, None, False),
        ({"total": 0}, "f", False),
    ],
)
def test_only_a_count_of_no_lines_says_that_a_batch_was_not_read(
    counts: dict[str, int], file_id: str | None, *, is_unread: bool
) -> None:
    made = {"id": "batch_1", "status": "cancelled", "request_counts": counts, "output_file_id": file_id}
    settings = {
        "base_url": "http://127.0.0.1:1/compatible-mode/v1",
        "api_key": "sk-test",
        "transport": httpx.MockTransport(lambda _request: httpx.Response(200, json=made)),
    }

    with QwenBatches(settings) as client:
        assert client.get("batch_1").is_unread is is_unread
