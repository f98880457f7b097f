"""Requests in our own spelling: what is taken, what is refused before anything is sent, what is warned of."""

from __future__ import annotations

import functools
import json
import re
from typing import Any, Literal

import pytest

from reelqueue import InvalidRequestError
from reelqueue.errors import ConfigurationError
from reelqueue.qwen import QwenClient, QwenSettings, TextRequest, build_text, parse_text_request
from reelqueue.qwen.settings import read_settings

TOOL = {"name": "weather", "input_schema": {"type": "object", "properties": {}}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
IMAGE = {"type": "image", "image": "https://a.example/b.png"}


def request(**options: Any) -> TextRequest:
    """A request of qwen-plus unless another model is named."""
    return parse_text_request({"model": "qwen-plus", "prompt": "Hi", **options})


def body(*, stream: bool | None = None, thinking: Literal["off", "model"] = "off", **options: Any) -> dict[str, Any]:
    """The body of such a request."""
    built = build_text(request(**options), QwenSettings(thinking=thinking), stream=stream)
    assert json.loads(built.content) == built.body
    return dict(built.body)


def test_both_spellings_are_one_request() -> None:
    snake = request(max_output_tokens=9, top_p=0.5, stop_sequences=["a"], enable_thinking=True, thinking_budget=50)
    camel = request(maxOutputTokens=9, topP=0.5, stopSequences=["a"], enableThinking=True, thinkingBudget=50)

    assert snake == camel


def test_what_is_none_is_left_out() -> None:
    assert body(temperature=None, tools=None, seed=None, stop_sequences=[]) == body()


@pytest.mark.parametrize(
    ("model", "told", "sent"),
    [
        ("qwen-plus", None, False),
        ("qwen3.8-max", None, False),  # it thinks unless told not to
        ("qwen-plus", True, True),
        ("qwen-max", None, None),
        ("qwq-plus", None, None),
        ("any-other-id", None, None),
    ],
)
def test_models_that_may_think_are_told_whether_to(*, model: str, told: bool | None, sent: bool | None) -> None:
    assert body(model=model, enable_thinking=told).get("enable_thinking") is sent


def test_a_budget_means_thinking() -> None:
    assert body(thinking_budget=100)["enable_thinking"] is True


@pytest.mark.parametrize(
    ("model", "options", "is_stream"),
    [
        ("qwen-plus", {}, False),
        ("qwen-plus", {"enable_thinking": True}, True),
        ("qwq-plus", {}, True),
        ("qwen-max", {}, False),
        ("any-other-id", {}, True),
    ],
)
def test_an_answer_is_streamed_where_thoughts_may_come(*, model: str, options: dict[str, Any], is_stream: bool) -> None:
    assert build_text(request(model=model, **options)).is_stream is is_stream


def test_json_mode_has_its_word_in_a_message() -> None:
    sent = body(response_format={"type": "json_object"})

    assert sent["response_format"] == {"type": "json_object"}
    assert sent["messages"][0] == {"role": "system", "content": "You MUST answer with JSON."}


@pytest.mark.parametrize("model", ["qwen-plus", "qwen3-max", "qwen3.6-plus", "qwen3.70-plus"])
def test_a_model_without_a_schema_mode_reads_the_schema(model: str) -> None:
    sent = body(model=model, system="Be brief.", response_format={"type": "json_schema", "schema": SCHEMA})

    assert sent["response_format"] == {"type": "json_object"}
    assert sent["messages"][0]["content"].startswith('Be brief.\n\nJSON schema:\n{"type":"object"')


@pytest.mark.parametrize("model", ["qwen3.7-plus", "qwen3.7-max-2026-06-08", "qwen3.8-flash"])
def test_a_model_with_a_schema_mode_is_given_the_schema(model: str) -> None:
    sent = body(model=model, response_format={"type": "json_schema", "schema": SCHEMA, "strict": True})

    assert sent["response_format"]["json_schema"] == {"schema": SCHEMA, "name": "response", "strict": True}
    assert sent["enable_thinking"] is False


@pytest.mark.parametrize(
    ("code", "field", "options"),
    [
        ("unknown_option", "temprature", {"temprature": 1}),
        ("unknown_option", "max_tokens", {"max_tokens": 5}),
        ("unknown_option", "messages", {"prompt": None, "messages": [{"role": "user", "content": "a", "name": "b"}]}),
        ("missing_option", None, {"prompt": None}),
        ("missing_option", None, {"messages": [{"role": "user", "content": "a"}]}),
        ("out_of_range", "model", {"model": "a b"}),
        ("out_of_range", "temperature", {"temperature": 2}),
        ("out_of_range", "temperature", {"temperature": -0.1}),
        ("out_of_range", "top_p", {"top_p": 0}),
        ("out_of_range", "top_k", {"top_k": -1}),
        ("out_of_range", "presence_penalty", {"presence_penalty": 2.1}),
        ("out_of_range", "seed", {"seed": 2**31}),
        ("out_of_range", "max_output_tokens", {"max_output_tokens": 0}),
        ("out_of_range", "max_output_tokens", {"max_output_tokens": 32_769}),
        ("out_of_range", "thinking_budget", {"thinking_budget": 81_921}),
        ("wrong_type", "seed", {"seed": True}),
        ("wrong_type", "temperature", {"temperature": "1"}),
        ("out_of_range", "tool_choice", {"tools": [TOOL], "tool_choice": "required"}),
        ("out_of_range", "tool_choice", {"tools": [TOOL], "tool_choice": {"type": "tool", "tool_name": "other"}}),
        (
            "conflicting_options",
            "tool_choice",
            {"tools": [TOOL], "tool_choice": {"type": "tool", "tool_name": "weather"}, "enable_thinking": True},
        ),
        ("conflicting_options", None, {"tools": [TOOL, TOOL]}),
        ("bad_schema", "tools", {"tools": [{"name": "f", "input_schema": {"type": "thing"}}]}),
        ("bad_schema", "response_format", {"response_format": {"type": "json_schema"}}),
        ("bad_schema", "response_format", {"response_format": {"type": "json_schema", "schema": {"properties": []}}}),
        ("conflicting_options", "response_format", {"response_format": {"type": "json_object"}, "reasoning": "low"}),
        ("conflicting_options", "response_format", {"response_format": {"type": "json_object"}, "model": "qwq-plus"}),
        ("not_taken", "enable_thinking", {"model": "qwq-plus", "enable_thinking": False}),
        ("not_taken", "enable_thinking", {"model": "qwen3-max-2025-09-23", "enable_thinking": True}),
        ("not_taken", "thinking_budget", {"model": "qwen3-coder-plus", "thinking_budget": 5}),
        ("bad_messages", "messages", {"prompt": None, "messages": [{"role": "assistant", "content": "a"}]}),
        ("bad_messages", "messages", {"prompt": None, "messages": [{"role": "user", "content": []}]}),
        ("missing_option", "messages", {"prompt": None, "messages": [{"role": "system", "content": "a"}]}),
        (
            "bad_url",
            "messages",
            {"prompt": None, "messages": [{"role": "user", "content": [IMAGE | {"image": "a.png"}]}]},
        ),
        ("bad_text", None, {"prompt": "\ud800"}),
        ("bad_header", "headers", {"headers": {"X-A": "a\nb"}}),
        ("bad_header", "headers", {"headers": {"Content-Length": "1"}}),
    ],
)  # fmt: skip
def test_what_the_service_would_refuse_is_refused_by_name(
    code: str, field: str | None, options: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        build_text(request(**options))

    assert (refused.value.code, refused.value.field) == (code, field)


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"name": "town", "strict": True}, "says nothing of the answer"),
        ({"properties": {"a": {"type": "text"}}}, "properties.a.type must be array, boolean"),
        ({"properties": {"a": "string"}}, "properties.a must be a schema"),
        ({"type": "array", "items": ["a"]}, "items[0] must be a schema"),
        ({"anyOf": {"type": "string"}}, "anyOf must be a list of schemas"),
        ({"$defs": {"a": {"required": "b"}}}, "$defs.a.required must be a list of names"),
        ({"enum": "red"}, "enum must be a list of values"),
        (functools.reduce(lambda inner, _: {"items": inner}, range(60), {}), "nested more than 50 deep"),
    ],
)
def test_what_is_no_schema_is_refused_with_its_place(schema: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRequestError, match=re.escape(said)):
        request(response_format={"type": "json_schema", "schema": schema})


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": ["string", "null"], "description": "a name"},
        {"$ref": "#/$defs/a", "$defs": {"a": {"type": "object", "additionalProperties": False, "required": ["b"]}}},
        {"oneOf": [{"const": 1}, True], "items": [{"type": "null"}], "x-origin": "a program"},
    ],
)
def test_schemas_are_taken_as_they_are(schema: dict[str, Any]) -> None:
    form = request(response_format={"type": "json_schema", "schema": schema}).response_format

    assert form is not None
    assert form.json_schema == schema


def test_the_wire_s_own_shape_of_a_schema_is_the_same_request() -> None:
    envelope = {"name": "town", "schema": SCHEMA, "strict": True}

    as_sent = request(response_format={"type": "json_schema", "json_schema": envelope})

    assert as_sent == request(response_format={"type": "json_schema", **envelope})


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}]},
            "messages[0].content[0]: type must be 'text', 'image', not 'image_url'; a picture is",
        ),
        ({"role": "user", "content": [{"text": "a"}]}, "messages[0].content[0]: type must be given"),
        ({"role": "bot", "content": "a"}, "messages[0]: role must be 'system', 'user', 'assistant', 'tool', not 'bot'"),
    ],
)
def test_a_part_of_an_unknown_kind_is_refused_with_the_kinds_that_there_are(message: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRequestError, match=re.escape(said)):
        request(prompt=None, messages=[message])


def test_five_cache_markers_are_refused_and_four_are_sent() -> None:
    marked = {"role": "system", "content": "a", "cache_control": "ephemeral"}
    last = {"role": "user", "content": "b"}

    sent = body(prompt=None, messages=[marked] * 4 + [last])

    assert [type(message["content"]) for message in sent["messages"]] == [list] * 5
    with pytest.raises(InvalidRequestError, match="5 cache markers"):
        body(prompt=None, messages=[marked] * 5 + [last])


def test_a_picture_of_twenty_megabytes_is_refused() -> None:
    picture = {"type": "image", "image": b"\x89PNG" + bytes(20_000_000)}

    with pytest.raises(InvalidRequestError, match="is the most"):
        body(model="qwen3-vl-plus", prompt=None, messages=[{"role": "user", "content": [picture]}])


def test_whole_answers_of_models_that_only_stream_thoughts_are_refused() -> None:
    with pytest.raises(InvalidRequestError, match="streams only"):
        body(model="qwen3-32b", enable_thinking=True, stream=False)


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ("thinks unless", {"model": "qwen3.8-max", "thinking": "model"}),
        ("is not known to see", {"prompt": None, "messages": [{"role": "user", "content": [IMAGE]}]}),
        ("no price", {"model": "any-other-id"}),
        ("no JSON schema", {"response_format": {"type": "json_schema", "schema": SCHEMA}}),
        ("the word JSON", {"model": "qwen3.7-plus", "response_format": {"type": "json_schema", "schema": SCHEMA}}),
        ("may cut", {"response_format": {"type": "json_object"}, "max_output_tokens": 5}),
        ("no tools", {"tool_choice": "auto"}),
        ("Authorization is not sent", {"headers": {"authorization": "Bearer x"}}),
    ],
)
def test_what_a_sender_should_know_is_a_warning(words: str, options: dict[str, Any]) -> None:
    settings = QwenSettings(thinking=options.pop("thinking", "off"))

    built = build_text(request(**options), settings)

    assert any(words in warning for warning in built.warnings), built.warnings


def test_the_key_is_looked_for_in_two_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ALIBABA_API_KEY", raising=False)
    monkeypatch.setenv("DASHSCOPE_API_KEY", "second")
    assert QwenSettings().key() == "second"
    monkeypatch.setenv("ALIBABA_API_KEY", "first")
    assert QwenSettings().key() == "first"
    assert read_settings({"apiKey": "given"}).key() == "given"
    assert "given" not in repr(read_settings({"apiKey": "given"}))


@pytest.mark.parametrize(
    "options",
    [
        {"base_url": "x"},
        {"baseURL": "ftp://a"},
        {"headers": {"a b": "c"}},
        {"transport": 1},
        {"nothing": 1},
        {"limits": {"idle": 0}},
    ],
)
def test_a_wrong_setting_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        read_settings(options)


def test_a_wrong_address_in_the_environment_is_a_setting_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELQUEUE_TEXT_BASE_URL", "nowhere")

    for use in (lambda: build_text(request()), lambda: QwenClient({"api_key": "k"}), lambda: read_settings({})):
        with pytest.raises(ConfigurationError, match="REELQUEUE_TEXT_BASE_URL"):
            use()


@pytest.mark.parametrize("key", ["", "a b", "a\n", "ключ"])
def test_no_call_is_made_without_a_usable_key(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("ALIBABA_API_KEY", key)
    monkeypatch.delenv("DASHSCOPE_API_KEY", raising=False)

    with pytest.raises(ConfigurationError, match="ALIBABA_API_KEY"):
        QwenSettings().key()
