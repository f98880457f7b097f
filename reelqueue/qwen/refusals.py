"""Validation errors of a text request as one clear sentence: which option, what was seen, what is taken."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError
from pydantic.alias_generators import to_snake

from reelqueue.errors import InvalidRequestError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_OPTIONS: Final = frozenset(
    {
        "enable_thinking", "headers", "max_output_tokens", "messages", "model", "parallel_tool_calls",
        "presence_penalty", "preserve_thinking", "prompt", "reasoning", "response_format", "seed", "stop_sequences",
        "system", "temperature", "thinking_budget", "tool_choice", "tools", "top_k", "top_p",
    }
)  # fmt: skip
_NESTED: Final = frozenset(
    {
        "cache_control", "content", "description", "image", "input", "input_schema", "media_type", "name", "output",
        "role", "schema", "strict", "text", "tool_call_id", "tool_name", "type",
    }
)  # fmt: skip
_OTHER_WORDS: Final = {
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "stop": "stop_sequences",
    "instructions": "system",
}
_UNTAKEN: Final = {
    "frequency_penalty": "the service has no such option; presence_penalty is the one that it has",
    "n": "one request is one answer",
    "stream": "whether an answer is streamed is chosen by the call, not by the request",
}
_CODES: Final = {
    "extra_forbidden": "unknown_option",
    "missing": "missing_option",
    "greater_than": "out_of_range",
    "greater_than_equal": "out_of_range",
    "less_than": "out_of_range",
    "less_than_equal": "out_of_range",
    "literal_error": "out_of_range",
    "union_tag_invalid": "out_of_range",
    "union_tag_not_found": "missing_option",
    "out_of_range": "out_of_range",
    "bad_schema": "bad_schema",
    "missing_option": "missing_option",
    "conflicting_options": "conflicting_options",
}
_WORDING: Final = (("Input should", "must"), ("Field required", "must be given"), ("valid tuple", "list"))
_REQUIRED_CHOICE: Final = (
    "tool_choice: required is no value of the service: older models refuse it, and so does every model that thinks; "
    "send auto and check the answer, or name one function as {'type': 'tool', 'tool_name': ...}"
)


def refusal(error: ValidationError, data: Mapping[str, object]) -> InvalidRequestError:
    """The first thing that is wrong, as an error that says what to do."""
    details = _first(error)
    path = _path(details)
    option = to_snake(str(details["loc"][0])) if details["loc"] else None
    if option == "tool_choice" and (data.get("tool_choice") or data.get("toolChoice")) == "required":
        return InvalidRequestError("out_of_range", _REQUIRED_CHOICE, option)
    code = _CODES.get(details["type"], "wrong_type")
    if code == "unknown_option":
        return _unknown(path, str(details["loc"][-1])[:64], option if len(details["loc"]) > 1 else None)
    said = _tag_fault(details) or details["msg"]
    for theirs, ours in _WORDING:
        said = said.replace(theirs, ours)
    seen = f", not {details['input']!r}" if isinstance(details["input"], (int, float)) else ""
    return InvalidRequestError(code, f"{path}: {said}{seen}" if path else said, option)


def _tag_fault(details: ErrorDetails) -> str | None:
    """What is wrong with the word that says what kind of message or part it is; None: something else is wrong."""
    context = details.get("ctx", {})
    word = str(context.get("discriminator", "")).strip("'")
    if details["type"] == "union_tag_not_found":
        return f"{word} must be given"
    if details["type"] != "union_tag_invalid":
        return None
    seen = str(context["tag"])[:64]
    hint = "; a picture is {'type': 'image', 'image': URL}" if seen == "image_url" else ""
    return f"{word} must be {context['expected_tags']}, not {seen!r}{hint}"


def _first(error: ValidationError) -> ErrorDetails:
    """The error to report: a misspelt key first, then the most deeply nested one."""
    errors = error.errors(include_url=False)
    unknown = next((details for details in errors if details["type"] == "extra_forbidden"), None)
    return unknown or max(errors, key=lambda details: len(details["loc"]))


def _path(details: ErrorDetails) -> str:
    """The path of an error as the request's author would write it: pydantic also names branches of unions."""
    path = ""
    for position, part in enumerate(details["loc"]):
        is_last = position == len(details["loc"]) - 1
        if isinstance(part, int):
            path += f"[{part}]"
        elif position and isinstance(details["loc"][position - 1], int) and not is_last:
            continue  # the tag of a message or part
        elif to_snake(part) in _OPTIONS | _NESTED or (is_last and details["type"] == "extra_forbidden"):
            path += f".{to_snake(part)}" if path else to_snake(part)
    return path


def _unknown(path: str, told: str, inside: str | None) -> InvalidRequestError:
    name = to_snake(told)
    if inside:
        return InvalidRequestError("unknown_option", f"{path}: {told} is no key there", inside)
    if name in _UNTAKEN:
        return InvalidRequestError("unknown_option", f"{told}: {_UNTAKEN[name]}", name)
    near = _OTHER_WORDS.get(name) or next(iter(get_close_matches(name, sorted(_OPTIONS), n=1, cutoff=0.7)), None)
    hint = f"did you mean {near}?" if near else f"it takes {', '.join(sorted(_OPTIONS))}"
    return InvalidRequestError("unknown_option", f"{told}: a text request does not take it; {hint}", name)
