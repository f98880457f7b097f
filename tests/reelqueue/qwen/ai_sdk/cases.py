"""Calls as the AI SDK spells them, whose requests must be equal to the SDK's."""

from __future__ import annotations

import base64
from typing import Any, Final

KEY: Final = "sk-case"
PNG: Final = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 16).decode()
GIF: Final = base64.b64encode(b"GIF89a" + b"\0" * 16).decode()
MARKED: Final = {"providerOptions": {"alibaba": {"cacheControl": {"type": "ephemeral"}}}}
SCHEMA: Final = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {"städte": {"type": "array", "items": {"type": "string"}}, "n": {"type": "number", "minimum": 1.0}},
    "required": ["städte"],
    "additionalProperties": False,
}
WEATHER: Final = {"$tool": {"description": "Weather of a place.", "inputSchema": SCHEMA}}
STRICT: Final = {"$tool": {"inputSchema": SCHEMA, "strict": True, "result": "sunny"}}
CALLED: Final = [
    {"role": "user", "content": "Weather in Köln?"},
    {
        "role": "assistant",
        "content": [
            {"type": "reasoning", "text": "I should look."},
            {"type": "text", "text": "One moment."},
            {
                "type": "tool-call",
                "toolCallId": "call_1",
                "toolName": "weather",
                "input": {"städte": ["Köln"], "n": 1.0},
            },
        ],
    },
]


def result(output: dict[str, Any], **rest: Any) -> dict[str, Any]:
    """A message with the result of the one call."""
    part = {"type": "tool-result", "toolCallId": "call_1", "toolName": "weather", "output": output}
    return {"role": "tool", "content": [part | rest]}


def case(
    name: str, *, model: str = "qwen-plus", stream: bool = False, settings: dict[str, Any] | None = None, **options: Any
) -> dict[str, Any]:
    """One line of the comparison."""
    return {
        "case": name,
        "model": model,
        "stream": stream,
        "settings": {"apiKey": KEY, **(settings or {})},
        "options": options,
    }


def user(*parts: dict[str, Any], **rest: Any) -> list[dict[str, Any]]:
    """A conversation of one message."""
    return [{"role": "user", "content": list(parts), **rest}]


def text(words: str, **rest: Any) -> dict[str, Any]:
    """A part of text."""
    return {"type": "text", "text": words, **rest}


def thinking(**options: Any) -> dict[str, Any]:
    """Options of the provider."""
    return {"alibaba": options}


EARLIER: Final = [
    {"role": "user", "content": "One?"},
    {"role": "assistant", "content": [{"type": "reasoning", "text": "Hm."}, text("Two.")]},
    {"role": "user", "content": "Three?"},
]

CASES: Final = [
    case("prompt", prompt="Hi"),
    case("prompt, streamed", stream=True, prompt="Hi"),
    case("without usage", stream=True, settings={"includeUsage": False}, prompt="Hi"),
    case(
        "base url with a slash", settings={"baseURL": "https://dashscope.aliyuncs.com/compatible-mode/v1/"}, prompt="Hi"
    ),
    case("headers", settings={"headers": {"X-One": "1", "X-Two": "2"}}, prompt="Hi", headers={"x-two": "3"}),
    case("undefined header", prompt="Hi", headers={"x-one": {"$undefined": True}}),
    case("system", system="Be brief.", prompt="Hi"),
    case("marked system", system={"role": "system", "content": "Be brief.", **MARKED}, prompt="Hi"),
    case("system among messages", messages=[{"role": "system", "content": "A"}, {"role": "user", "content": "Hi"}]),
    case(
        "late system",
        messages=[{"role": "user", "content": "Hi"}, {"role": "system", "content": "A"}, *user(text("B"))],
    ),
    case("prompt of messages", prompt=user(text("Hi"))),
    case("empty texts", messages=user(text(""), text("Hi"), text(""))),
    case("options", prompt="Hi", maxOutputTokens=100, temperature=0.5, topP=0.9, topK=20, presencePenalty=-1, seed=7),
    case("stop", prompt="Hi", stopSequences=["END", "\n"]),
    case("zero", prompt="Hi", temperature=0, seed=0, topK=0),
    case("whole floats", prompt="Hi", temperature=1.0, topP=1.0),
    case("undefined options", prompt="Hi", temperature={"$undefined": True}, tools={"$undefined": True}),
    case("thinking", stream=True, prompt="Hi", providerOptions=thinking(enableThinking=True, thinkingBudget=500)),
    case("no thinking", model="qwen3.5-plus", prompt="Hi", providerOptions=thinking(enableThinking=False)),
    case("thinks by default", model="qwen3.5-plus", stream=True, prompt="Hi"),
    case("reasoning none", prompt="Hi", reasoning="none"),
    case("reasoning low", stream=True, prompt="Hi", reasoning="low"),
    case("reasoning xhigh", stream=True, prompt="Hi", reasoning="xhigh"),
    case("reasoning given up", prompt="Hi", reasoning="high", providerOptions=thinking(enableThinking=False)),
    case("reasoning default", prompt="Hi", reasoning="provider-default"),
    case("preserving by itself", model="qwen3.8-max", stream=True, messages=EARLIER),
    case("not preserving", model="qwen3.8-max", messages=EARLIER, providerOptions=thinking(preserveThinking=False)),
    case("preserving when told", messages=EARLIER, providerOptions=thinking(preserveThinking=True)),
    case("earlier thoughts", messages=EARLIER),
    case(
        "image url",
        model="qwen3-vl-plus",
        messages=user(text("What?"), {"type": "image", "image": "https://a.example/b.png"}),
    ),
    case(
        "image URL object",
        model="qwen3-vl-plus",
        messages=user({"type": "image", "image": {"$url": "https://a.example"}}),
    ),
    case(
        "image bytes", model="qwen3-vl-plus", messages=user({"type": "image", "image": {"$bytes": PNG}}, text("What?"))
    ),
    case("image base64", model="qwen3-vl-plus", messages=user({"type": "image", "image": GIF})),
    case(
        "image data URL",
        model="qwen3-vl-plus",
        messages=user({"type": "image", "image": f"data:image/png;base64,{PNG}"}),
    ),
    case(
        "wrong type",
        model="qwen3-vl-plus",
        messages=user({"type": "image", "image": {"$bytes": GIF}, "mediaType": "image/png"}),
    ),
    case(
        "stated type",
        model="qwen3-vl-plus",
        messages=user({"type": "image", "image": {"$bytes": "AAAA"}, "mediaType": "image/png"}),
    ),
    case(
        "image file",
        model="qwen3-vl-plus",
        messages=user({"type": "file", "data": {"$bytes": PNG}, "mediaType": "image/png"}),
    ),
    case(
        "image file url",
        model="qwen3-vl-plus",
        messages=user({"type": "file", "data": {"$url": "https://a.example/b.png"}, "mediaType": "image/*"}),
    ),
    case("tools", prompt="Hi", tools={"weather": WEATHER, "two": STRICT}),
    case("tool choice none", prompt="Hi", tools={"weather": WEATHER}, toolChoice="none"),
    case("named tool", prompt="Hi", tools={"weather": WEATHER}, toolChoice={"type": "tool", "toolName": "weather"}),
    case("no tools", prompt="Hi", tools={}, providerOptions=thinking(parallelToolCalls=True)),
    case("parallel", prompt="Hi", tools={"weather": WEATHER}, providerOptions=thinking(parallelToolCalls=False)),
    case("results", messages=[*CALLED, result({"type": "text", "value": "sunny"})], tools={"weather": WEATHER}),
    case("json results", messages=[*CALLED, result({"type": "json", "value": {"grad": 21.0, "x": [None, "ä"]}})]),
    case("failed results", messages=[*CALLED, result({"type": "error-text", "value": "no"}), *user(text("And?"))]),
    case("denied results", messages=[*CALLED, result({"type": "execution-denied", "reason": "not now"})]),
    case("denied silently", messages=[*CALLED, result({"type": "execution-denied"})]),
    case("content results", messages=[*CALLED, result({"type": "content", "value": [{"type": "text", "text": "ü"}]})]),
    case("marked results", messages=[*CALLED, result({"type": "text", "value": "sunny"}) | MARKED]),
    case("marked result part", messages=[*CALLED, result({"type": "text", "value": "sunny"}, **MARKED)]),
    case("marked message", messages=user(text("One"), text("Two"), **MARKED)),
    case("marked part", messages=user(text("One", **MARKED), text("Two"))),
    case(
        "marked answer",
        messages=[{"role": "user", "content": "A"}, {"role": "assistant", "content": "B", **MARKED}, *user(text("C"))],
    ),
    case(
        "marked part of an answer",
        messages=[*user(text("A")), {"role": "assistant", "content": [text("B", **MARKED)]}, *user(text("C"))],
    ),
    case(
        "marked calls",
        messages=[
            CALLED[0],
            {"role": "assistant", "content": [CALLED[1]["content"][2]], **MARKED},
            result({"type": "text", "value": "x"}),
        ],
    ),
    case(
        "snake marker", messages=user(text("A", providerOptions={"alibaba": {"cache_control": {"type": "ephemeral"}}}))
    ),
    case("object", system="Be brief.", prompt="Hi", output={"$output": {"kind": "object", "schema": SCHEMA}}),
    case(
        "marked object",
        system={"role": "system", "content": "A", **MARKED},
        prompt="Hi",
        output={"$output": {"kind": "object", "schema": SCHEMA}},
    ),
    case(
        "object with a schema mode",
        model="qwen3.7-plus",
        prompt="Hi",
        output={"$output": {"kind": "object", "schema": SCHEMA, "name": "towns", "description": "All."}},
    ),
    case("list", prompt="Hi", output={"$output": {"kind": "array", "schema": SCHEMA}}),
    case(
        "choice",
        model="qwen3.8-flash",
        stream=True,
        prompt="Hi",
        output={"$output": {"kind": "choice", "schema": {"enum": ["a", "b"]}}},
    ),
    case("any json", prompt="Hi", output={"$output": {"kind": "json"}}),
    case("text output", prompt="Hi", output={"$output": {"kind": "text"}}),
    case(
        "url without a path",
        model="qwen3-vl-plus",
        messages=user({"type": "image", "image": "https://a.example?q='x'"}),
    ),
    case(
        "url to be escaped",
        model="qwen3-vl-plus",
        messages=user({"type": "image", "image": "HTTPS://A.example:443/ä |b.png?q=ü#f"}),
    ),
    case(
        "odd image type",
        model="qwen3-vl-plus",
        messages=user({"type": "image", "image": {"$bytes": "AAAA"}, "mediaType": "image/X-Own"}),
    ),
    case(
        "numbers",
        messages=[*CALLED, result({"type": "json", "value": [1e20, 123456789012345680000.0, -0.0, 0.1, 1e21]})],
    ),
    case("unknown model", model="some-model", prompt="Hi"),
]

REFUSED: Final = [
    ("out_of_range", case("too warm", prompt="Hi", temperature=2)),
    (
        "out_of_range",
        case("half a token", prompt="Hi", providerOptions=thinking(enableThinking=True, thinkingBudget=0)),
    ),
    (
        "wrong_type",
        case("half a budget", prompt="Hi", providerOptions=thinking(enableThinking=True, thinkingBudget=0.5)),
    ),
    ("wrong_type", case("half a token", prompt="Hi", maxOutputTokens=1.5)),
    ("wrong_type", case("null", prompt="Hi", providerOptions=thinking(enableThinking=None))),
    ("unknown_option", case("frequency penalty", prompt="Hi", frequencyPenalty=1)),
    ("unknown_option", case("unknown option", prompt="Hi", providerOptions=thinking(enable_thinking=True))),
    ("unknown_option", case("call-level marker", prompt="Hi", **MARKED)),
    ("unknown_option", case("wrong namespace", prompt="Hi", providerOptions={"openai": {}})),
    ("unknown_option", case("unknown setting", settings={"organization": "x"}, prompt="Hi")),
    ("bad_setting", case("no url", settings={"baseURL": "nowhere"}, prompt="Hi")),
    ("out_of_range", case("required", prompt="Hi", tools={"weather": WEATHER}, toolChoice="required")),
    (
        "conflicting_options",
        case(
            "JSON and thoughts",
            prompt="Hi",
            output={"$output": {"kind": "json"}},
            providerOptions=thinking(enableThinking=True),
        ),
    ),
    (
        "not_taken",
        case("no thoughts", model="qwq-plus", stream=True, prompt="Hi", providerOptions=thinking(enableThinking=False)),
    ),
    ("not_taken", case("thoughts", model="qwen-max", prompt="Hi", providerOptions=thinking(enableThinking=True))),
    ("too_many_markers", case("five markers", messages=user(*[text(str(n), **MARKED) for n in range(5)]))),
    ("out_of_range", case("odd marker", messages=user(text("A", providerOptions={"alibaba": {"cacheControl": "x"}})))),
    ("missing_option", case("no messages", messages=[])),
    ("bad_messages", case("answer last", messages=[*user(text("A")), {"role": "assistant", "content": "B"}])),
    ("bad_messages", case("no result", messages=[*CALLED, *user(text("A"))])),
    ("bad_messages", case("no call", messages=[*user(text("A")), result({"type": "text", "value": "x"})])),
    (
        "unsupported_part",
        case("pdf", messages=user({"type": "file", "data": {"$bytes": "JVBERi0="}, "mediaType": "application/pdf"})),
    ),
    ("unknown_media_type", case("no picture", messages=user({"type": "image", "image": {"$bytes": "AAAA"}}))),
    ("bad_marker", case("no base64", messages=user({"type": "image", "image": {"$bytes": "?"}}))),
    ("bad_schema", case("no schema", prompt="Hi", tools={"f": {"$tool": {"inputSchema": {"type": "thing"}}}})),
    ("out_of_range", case("bad tool name", prompt="Hi", tools={"a b": WEATHER})),
    ("out_of_range", case("reserved tool name", prompt="Hi", tools={"search": WEATHER})),
    ("bad_header", case("host", prompt="Hi", headers={"Host": "a.example"})),
]
"""Where we refuse what the SDK sends, drops or refuses as well, and with which code."""
