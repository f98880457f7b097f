"""Answers, whole and streamed, over both clients."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelqueue.qwen import QwenClient, TextDelta, ToolCall
from tests.reelqueue.qwen.conftest import HELLO, STREAM, USAGE, World, chunk, events, streamed, whole

ASK = {"model": "qwen-plus", "prompt": "Hi"}


def test_a_whole_answer_has_its_text_usage_and_cost(world: World) -> None:
    answer = world.run(world.client(whole()).ask(ASK))

    assert (answer.text, answer.finish_reason, answer.request_id) == ("Hello", "stop", "r-1")
    assert answer.usage.total_tokens == 1100
    assert (answer.cost.amount, answer.cost.currency) == (Decimal("0.00052"), "USD")
    assert not answer.cost.is_estimate
    assert "stream" not in world.bodies[0]


def test_a_streamed_answer_comes_in_pieces_and_is_the_same(world: World) -> None:
    client = world.client(streamed(*HELLO))
    reply = world.run(client.stream(ASK))

    pieces = world.run(reply.events())
    answer = world.run(reply.answer())

    assert pieces == [TextDelta("reasoning", "Hm"), TextDelta("text", "Hel"), TextDelta("text", "lo")]
    assert (answer.text, answer.reasoning, answer.finish_reason) == ("Hello", "Hm", "stop")
    assert answer.cost.amount == (1000 * Decimal("0.40") + 100 * Decimal("4.00")) / 1_000_000
    assert world.bodies[0]["stream_options"] == {"include_usage": True}


def test_thoughts_are_streamed_without_being_told(world: World) -> None:
    answer = world.run(world.client(streamed(*HELLO)).ask({**ASK, "enable_thinking": True}))

    assert answer.reasoning == "Hm"
    assert world.bodies[0]["stream"] is True


def test_building_sending_and_reading_are_steps_of_their_own(world: World) -> None:
    client = world.client(whole())

    built = client.build(ASK)
    assert world.requests == []
    reply = world.run(client.send(built))
    assert [request.content for request in world.requests] == [built.content]

    assert world.run(reply.answer()).text == "Hello"
    assert reply.request_id == "r-1"


def test_the_key_goes_with_each_call_and_no_header_replaces_it(world: World) -> None:
    client = world.client(whole(), headers={"authorization": "Bearer other", "X-One": "1"})

    world.run(client.ask({**ASK, "headers": {"x-one": "2", "AUTHORIZATION": "x"}}))

    headers = world.requests[0].headers
    assert (headers["authorization"], headers["x-one"], headers["accept-encoding"]) == (
        "Bearer sk-test",
        "2",
        "identity",
    )


def call(index: int, call_id: str | None, name: str | None, arguments: str | None) -> dict[str, Any]:
    """A delta of a tool call."""
    function = {"name": name, "arguments": arguments}
    return chunk(
        {"content": None, "tool_calls": [{"index": index, "id": call_id, "type": "function", "function": function}]}
    )


@pytest.mark.parametrize(
    "deltas",
    [
        [call(0, "a", "f", '{"x"'), call(0, "", "", ": 1}"), call(1, "b", "g", ""), call(1, "", None, "{}")],
        [call(0, "a", "f", None), call(0, "a", "f", '{"x": 1}'), call(1, "b", "g", "{}")],  # the id again
        [call(0, "a", "f", '{"x": 1}'), call(0, "b", "g", "{}")],  # one index for two calls
        [call(0, "a", "f", '{"x"'), call(1, "b", "g", "{"), call(0, None, None, ": 1}"), call(1, None, "", "}")],
        [call(0, "", "f", '{"x": '), call(0, "a", "", "1}"), call(1, "b", "g", "{}")],  # the id comes late
    ],
)
def test_tool_calls_are_put_together_by_index_and_id(deltas: list[dict[str, Any]]) -> None:
    world_client = QwenClient({"api_key": "k", "transport": httpx.MockTransport(lambda _: reply)})
    reply = streamed(*deltas, chunk({}, "tool_calls"), chunk(usage=USAGE), "[DONE]")

    answer = world_client.ask(ASK, stream=True)

    assert answer.finish_reason == "tool_calls"
    assert [(each.id, each.name, json.loads(each.arguments)) for each in answer.tool_calls] == [
        ("a", "f", {"x": 1}),
        ("b", "g", {}),
    ]


def test_whole_tool_calls_need_no_index(world: World) -> None:
    calls = [{"id": each, "type": "function", "function": {"name": "f", "arguments": "{}"}} for each in "ab"]

    answer = world.run(world.client(whole(None, "tool_calls", tool_calls=calls)).ask(ASK))

    assert answer.tool_calls == (ToolCall("a", "f", "{}"), ToolCall("b", "f", "{}"))


@pytest.mark.parametrize(
    "content",
    [
        events(*HELLO).replace(b"data: ", b"data:"),
        events(*HELLO).replace(b"\n", b"\r\n"),
        b": a comment\n\nretry: 5\n\nid: 1\n" + events(*HELLO),
        events(*HELLO) + b"data: nonsense after the end\n\n",
    ],
    ids=["no blank", "CRLF", "comments", "more after the end"],
)
def test_events_are_read_however_they_are_written(world: World, content: bytes) -> None:
    assert world.run(world.client(streamed(content=content)).ask(ASK, stream=True)).text == "Hello"


@given(st.lists(st.integers(1, 60), min_size=1, max_size=40))
def test_events_may_be_cut_anywhere(sizes: list[int]) -> None:
    content = events(chunk({"content": "Grüße, 世界"}), *HELLO)
    pieces, at = [], 0
    for size in sizes:
        pieces.append(content[at : at + size])
        at += size
    pieces.append(content[at:])
    reply = httpx.Response(200, content=iter(pieces), headers={"content-type": f"{STREAM}; charset=utf-8"})
    client = QwenClient({"api_key": "k", "transport": httpx.MockTransport(lambda _: reply)})

    assert client.ask(ASK, stream=True).text == "Grüße, 世界Hello"


def test_an_answer_without_usage_costs_the_most_it_may_as_an_estimate(world: World) -> None:
    client = world.client(streamed(*HELLO[:5], "[DONE]"), include_usage=False)

    answer = world.run(client.ask(ASK, stream=True))

    assert answer.usage is None
    assert answer.cost.is_estimate
    assert answer.cost == client.build(ASK, stream=True).max_cost


def test_odd_usage_loses_no_answer(world: World) -> None:
    odd = chunk(usage={"prompt_tokens": "20", "completion_tokens": 5})

    answer = world.run(world.client(streamed(*HELLO[:5], odd, "[DONE]")).ask(ASK, stream=True))

    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (20, 5)


def test_an_answer_goes_on_as_a_message(world: World) -> None:
    reply = streamed(HELLO[1], call(0, "a", "f", "{nonsense"), chunk({}, "tool_calls"), "[DONE]")

    message = world.run(world.client(reply).ask(ASK, stream=True)).as_message()

    assert [part.type for part in message.content] == ["reasoning", "tool-call"]
    assert message.content[1].input == "{nonsense"
