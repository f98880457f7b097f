"""Who writes the answers: by default one that repeats the question, and does what its markers say.

======================= ==================================================================
marker                  effect
======================= ==================================================================
``[[call=NAME]]``       calls that tool with arguments of its schema; repeat for several
``[[bad-arguments]]``   the arguments of its calls are no JSON
``[[say=WORD]]``        the answer is WORD
``[[long=400]]``        the answer has 400 tokens
``[[broken-json]]``     JSON is cut in its middle, until the conversation goes on
``[[fenced]]``          JSON in a code fence
``[[blocked-input]]``   the question is refused by moderation; nothing is billed
``[[blocked-output]]``  the answer is refused by moderation, after it was billed
======================= ==================================================================

Markers count in the last message of the user.
Questions of the campaign writer have answers of their own: `simulator.texts.campaign_writer`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, Protocol

from simulator.errors import WireError
from simulator.texts.campaign_writer import campaign_answer
from simulator.texts.completion import Written, WrittenCall
from simulator.texts.sample import sample
from simulator.texts.tokens import CHARACTERS_PER_TOKEN

_MARKER: Final = re.compile(r"\[\[([a-z-]+)(?:=([^\]\s]{1,100}))?\]\]")
_SCHEMA: Final = re.compile(r"JSON schema:\n(\{.*\})\n", re.DOTALL)
OUTPUT_REFUSED: Final = WireError(400, "data_inspection_failed", "Output data may contain inappropriate content.")


class Writer(Protocol):
    """Answers requests that passed every check."""

    def write(self, body: Mapping[str, Any], *, thinks: bool) -> Written:
        """The answer to *body*; its length is cut afterwards."""


class EchoWriter:
    """Repeats the question."""

    def write(self, body: Mapping[str, Any], *, thinks: bool) -> Written:
        """The answer that the markers ask for."""
        question = last_question(body)
        written = campaign_answer([text_of(message) for message in body["messages"]])
        if written is not None:
            return written
        markers = [(found[1], found[2] or "") for found in _MARKER.finditer(question)]
        names = {name for name, _ in markers}
        words = _MARKER.sub("", question).strip()
        thoughts = f"The question has {len(words)} characters, so the answer is short." if thinks else ""
        refused = OUTPUT_REFUSED if "blocked-output" in names else None
        calls = _calls(body, [value for name, value in markers if name == "call"], names)
        if calls:
            return Written(reasoning=thoughts, calls=calls, finish="tool_calls", refused=refused)
        return Written(text=_text(body, dict(markers), words), reasoning=thoughts, refused=refused)


def last_question(body: Mapping[str, Any]) -> str:
    """The text of the last message of the user."""
    questions = [message for message in body.get("messages", ()) if message.get("role") == "user"]
    return text_of(questions[-1]) if questions else ""


def format_of(body: Mapping[str, Any]) -> str:
    """What the answer must be: ``text``, ``json_object`` or ``json_schema``."""
    form = body.get("response_format")
    return str(form.get("type", "text")) if isinstance(form, Mapping) else "text"


def text_of(message: Mapping[str, Any]) -> str:
    """The texts of a message."""
    content = message.get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
    return content if isinstance(content, str) else ""


def _calls(body: Mapping[str, Any], marked: list[str], names: set[str]) -> tuple[WrittenCall, ...]:
    choice, tools = body.get("tool_choice"), body.get("tools") or ()
    if choice == "none" or body["messages"][-1].get("role") == "tool":
        return ()
    wanted = [choice["function"]["name"]] if isinstance(choice, Mapping) else marked
    schemas = {tool["function"]["name"]: tool["function"].get("parameters") for tool in tools}
    broken = "bad-arguments" in names
    return tuple(
        WrittenCall(name, '{"cut": ' if broken else json.dumps(sample(schemas[name])))
        for name in wanted
        if name in schemas
    )


def _text(body: Mapping[str, Any], markers: Mapping[str, str], words: str) -> str:
    if "long" in markers:
        return "word" * (int(markers["long"]) * CHARACTERS_PER_TOKEN // len("word"))
    if format_of(body) != "text":
        return _json(body, markers, words)
    if "say" in markers:
        return markers["say"]
    last = body["messages"][-1]
    return f"The tool said: {text_of(last)}" if last.get("role") == "tool" else f"You said: {words}"


def _json(body: Mapping[str, Any], markers: Mapping[str, str], words: str) -> str:
    schema = (body["response_format"].get("json_schema") or {}).get("schema")
    told = _SCHEMA.search(text_of(body["messages"][0]))
    if schema is None and told:
        schema = json.loads(told[1])
    text = json.dumps(sample(schema) if schema is not None else {"answer": words}, ensure_ascii=False)
    if "broken-json" in markers:
        return text[: len(text) // 2]
    return f"```json\n{text}\n```" if "fenced" in markers else text
