"""Language models: what is answered, refused, cached and billed."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from simulator.store.database import open_database
from simulator.store.text_ledger import TextCharge

if TYPE_CHECKING:
    from pathlib import Path

    from tests.simulator.conftest import Wire

CHAT = "/compatible-mode/v1/chat/completions"
MARKER = {"type": "ephemeral"}
ARGUMENTS = {"type": "object", "properties": {"town": {"type": "string"}}}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": ARGUMENTS}}
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3}, "w": {"enum": ["a", "b"]}}}
USER = {"role": "user", "content": "Hi there"}


def ask(wire: Wire, words: str = "Hi there", **rest: Any) -> httpx.Response:
    """Ask one question."""
    body = {"model": "qwen-plus", "messages": [{"role": "user", "content": words}], **rest}
    return wire.client.post(CHAT, json=body)


def chunks(answer: httpx.Response) -> list[dict[str, Any]]:
    """The chunks of a stream."""
    assert answer.headers["content-type"].startswith("text/event-stream")
    return [json.loads(line[6:]) for line in answer.text.split("\n\n") if line.startswith("data: {")]


def charges(wire: Wire) -> list[TextCharge]:
    """The bill."""
    return wire.bench.provider.store.text_ledger.charges()


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal."""
    return answer.status_code, answer.json()["error"]["code"]


def test_a_question_is_answered_and_billed_once(wire: Wire) -> None:
    answer = ask(wire).json()

    assert answer["choices"][0]["message"]["content"] == "You said: Hi there"
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"]["prompt_tokens"] == 4
    assert answer["usage"]["completion_tokens"] == 5
    (charge,) = charges(wire)
    assert charge.amount == f"{(4 * Decimal('0.40') + 5 * Decimal('1.20')) / 1_000_000:f}"
    summary = wire.client.get("/__sim__/texts").json()
    assert (summary["count"], summary["totals"]) == (1, {"USD": charge.amount})


def test_a_stream_says_the_same_in_pieces(wire: Wire) -> None:
    answer = ask(wire, stream=True, stream_options={"include_usage": True}, enable_thinking=True)

    found = chunks(answer)
    deltas = [chunk["choices"][0]["delta"] for chunk in found if chunk["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas) == "You said: Hi there"
    assert "".join(delta.get("reasoning_content") or "" for delta in deltas).startswith("The question has 8")
    assert found[-2]["choices"][0]["finish_reason"] == "stop"
    assert found[-1]["usage"]["completion_tokens_details"]["reasoning_tokens"] > 0
    assert answer.text.endswith("data: [DONE]\n\n")


def test_a_stream_without_the_option_has_no_usage(wire: Wire) -> None:
    assert all(chunk["usage"] is None for chunk in chunks(ask(wire, stream=True)))


def test_tools_are_called_where_a_marker_or_a_choice_says_so(wire: Wire) -> None:
    marked = ask(wire, "[[call=weather]][[call=weather]]", tools=[TOOL])
    named = ask(wire, tools=[TOOL], tool_choice={"type": "function", "function": {"name": "weather"}})

    for answer, count in ((marked, 2), (named, 1)):
        choice = answer.json()["choices"][0]
        assert choice["finish_reason"] == "tool_calls"
        calls = choice["message"]["tool_calls"]
        assert [json.loads(call["function"]["arguments"]) for call in calls] == [{"town": "text"}] * count
        assert len({call["id"] for call in calls}) == count


def test_later_pieces_of_a_call_have_an_empty_id(wire: Wire) -> None:
    found = chunks(ask(wire, "[[call=weather]]", tools=[TOOL], stream=True))

    calls = [call for chunk in found for each in chunk["choices"] for call in each["delta"].get("tool_calls", ())]
    assert [bool(call["id"]) for call in calls] == [True] + [False] * (len(calls) - 1)
    assert len(calls) > 1
    assert "".join(call["function"]["arguments"] for call in calls) == '{"town": "text"}'


def test_json_fits_the_schema_that_was_given_or_told(wire: Wire) -> None:
    given = {"type": "json_schema", "json_schema": {"name": "r", "schema": SCHEMA}}
    system = {"role": "system", "content": f"JSON schema:\n{json.dumps(SCHEMA)}\nAnswer so."}

    for options in (
        {"model": "qwen3.7-plus", "response_format": given, "enable_thinking": False},
        {"messages": [system, USER], "response_format": {"type": "json_object"}},
    ):
        content = ask(wire, **options).json()["choices"][0]["message"]["content"]
        assert json.loads(content) == {"n": 3, "w": "a"}


@pytest.mark.parametrize(
    ("status", "code", "body"),
    [
        (404, "model_not_found", {"model": "no-such-model"}),
        (400, "invalid_parameter_error", {"messages": []}),
        (500, "internal_error", {"messages": [{"role": "assistant", "content": "a"}]}),
        (400, "invalid_parameter_error", {"messages": [{"role": "tool", "tool_call_id": "a", "content": "b"}]}),
        (400, "invalid_parameter_error", {"temperature": 2}),
        (400, "invalid_parameter_error", {"max_tokens": 32_769}),
        (400, "invalid_parameter_error", {"thinking_budget": 0.5}),
        (400, "invalid_parameter_error", {"response_format": {"type": "json_object"}}),
        (400, "invalid_parameter_error", {"model": "qwen-max", "enable_thinking": True}),
        (400, "invalid_parameter_error", {"model": "qwq-plus", "enable_thinking": False}),
        (400, "invalid_parameter_error", {"model": "qwen3-32b"}),
        (400, "invalid_parameter_error", {"tools": [TOOL], "tool_choice": "required"}),
        (400, "invalid_parameter_error", {"tools": []}),
        (400, "data_inspection_failed", {"messages": [{"role": "user", "content": "[[blocked-input]]"}]}),
    ],
)
def test_what_the_service_refuses_is_refused_and_not_billed(
    wire: Wire, status: int, code: str, body: dict[str, Any]
) -> None:
    assert refusal(ask(wire, **body)) == (status, code)
    assert charges(wire) == []


def test_a_wrong_key_is_refused_in_the_models_words(wire: Wire) -> None:
    answer = wire.client.post(CHAT, json={}, headers={"Authorization": ""})

    assert refusal(answer) == (401, "invalid_api_key")


def test_a_refused_answer_is_billed(wire: Wire) -> None:
    whole = ask(wire, "[[blocked-output]]")
    streamed = chunks(ask(wire, "[[blocked-output]]", stream=True))

    assert refusal(whole) == (400, "data_inspection_failed")
    assert streamed[-1]["error"]["code"] == "data_inspection_failed"
    assert streamed[0]["choices"]
    assert len(charges(wire)) == 2


def test_a_marked_prefix_is_written_read_and_forgotten(wire: Wire) -> None:
    system = {"role": "system", "content": [{"type": "text", "text": "a" * 6000, "cache_control": MARKER}]}

    def used() -> tuple[int, int]:
        ask(wire, messages=[system, USER])
        return charges(wire)[-1].cached_tokens, charges(wire)[-1].written_tokens

    assert used() == (0, 1502)
    wire.bench.after(299)
    assert used() == (1502, 0)
    wire.bench.after(299)
    assert used() == (1502, 0)
    wire.bench.after(301)
    assert used() == (0, 1502)
    assert Decimal(charges(wire)[1].amount or 0) < Decimal(charges(wire)[0].amount or 0) / 4


def test_a_reset_forgets_what_is_cached(wire: Wire) -> None:
    system = {"role": "system", "content": [{"type": "text", "text": "a" * 6000, "cache_control": MARKER}]}
    ask(wire, messages=[system, USER])

    wire.client.post("/__sim__/reset").raise_for_status()
    ask(wire, messages=[system, USER])

    assert charges(wire)[-1].cached_tokens == 0


def test_a_short_prefix_is_not_kept(wire: Wire) -> None:
    part = {"type": "text", "text": "a" * 4000, "cache_control": MARKER}
    for _ in range(2):
        ask(wire, messages=[{"role": "user", "content": [part]}])

    assert [(charge.cached_tokens, charge.written_tokens) for charge in charges(wire)] == [(0, 0)] * 2


def test_lengths_and_stops_cut_the_answer(wire: Wire) -> None:
    short = ask(wire, "[[long=50]]", max_tokens=10).json()["choices"][0]
    stopped = ask(wire, "one two", stop=["two"]).json()["choices"][0]

    assert (short["finish_reason"], short["message"]["content"]) == ("length", "word" * 10)
    assert (stopped["finish_reason"], stopped["message"]["content"]) == ("stop", "You said: one ")


@pytest.mark.parametrize(
    ("limits", "code"),
    [({"requests_per_minute": 1}, "limit_requests"), ({"tokens_per_minute": 9}, "insufficient_quota")],
)
def test_a_minute_has_its_limits(wire: Wire, limits: dict[str, int], code: str) -> None:
    wire.bench.provider.configure({"limits": {"is_throttling": True}, "texts": limits})

    assert ask(wire).status_code == 200
    assert refusal(ask(wire)) == (429, code)
    wire.bench.after(60)
    assert ask(wire).status_code == 200
    assert len(charges(wire)) == 2


@pytest.mark.parametrize(("phase", "billed"), [("before", 0), ("after", 1)])
def test_a_call_goes_wrong_before_or_after_it_is_billed(wire: Wire, phase: str, billed: int) -> None:
    wire.fault("chat", "error", phase=phase, status=500)

    assert refusal(ask(wire)) == (500, "InternalError")
    assert len(charges(wire)) == billed
    assert ask(wire).status_code == 200


def test_faults_find_a_question_by_its_words(wire: Wire) -> None:
    wire.fault("chat", "html", match={"prompt_contains": "boat", "model": "qwen-plus"})

    assert ask(wire).status_code == 200
    assert ask(wire, "a boat").headers["content-type"].startswith("text/html")


def test_the_models_are_listed(wire: Wire) -> None:
    wire.bench.provider.configure({"texts": {"extra_models": ["mine"]}})

    listed = [model["id"] for model in wire.client.get("/compatible-mode/v1/models").json()["data"]]

    assert {"qwen-plus", "qwen3.8-max", "mine"} <= set(listed)


def test_a_state_folder_of_before_is_upgraded(tmp_path: Path) -> None:
    older = open_database(tmp_path)
    for table in ("text_ledger", "files", "batches", "batch_lines"):
        older.execute(f"DROP TABLE {table}")
    older.execute("PRAGMA user_version = 1")
    older.close()

    again = open_database(tmp_path)

    assert again.execute("SELECT count(*) FROM text_ledger").fetchone()[0] == 0
    again.close()
