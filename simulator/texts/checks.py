"""What is refused before an answer is written, in the service's order and words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reelqueue.catalog.text_models import TEXT_MODEL_IDS, Thinking, text_model
from simulator.config import SimulatorConfig
from simulator.errors import WireError
from simulator.texts.writer import format_of, last_question, text_of

_INPUT_BLOCKED: Final = "[[blocked-input]]"
_OTHER_MODELS: Final = frozenset(
    {"qwen-max", "qwen3-coder-plus", "qwen3-coder-flash", "qwen3-vl-plus", "qwen3.6-plus", "qwen3.7-flash", "qwen3-32b"}
)


def invalid(message: str) -> WireError:
    """The refusal of a bad parameter."""
    return WireError(400, "invalid_parameter_error", message)


def known_models(config: SimulatorConfig) -> list[str]:
    """Ids that are answered."""
    return sorted({*TEXT_MODEL_IDS, *_OTHER_MODELS, *config.texts.extra_models})


def check(body: Mapping[str, Any], config: SimulatorConfig) -> bool:
    """Whether the answer begins with thoughts.

    Raises:
        WireError: The service would refuse the body.
    """
    model = body.get("model")
    if model not in known_models(config):
        message = f"The model `{model}` does not exist or you do not have access to it."
        raise WireError(404, "model_not_found", message)
    if config.is_in_arrears:
        raise WireError(400, "Arrearage", "Access denied, please make sure your account is in good standing.")
    _check_messages(body.get("messages"))
    _check_shapes(body)
    _check_ranges(body)
    form = format_of(body)
    if form == "json_object" and not any("json" in text_of(each).lower() for each in body["messages"]):
        raise invalid(
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
        )
    thinks = _thinks(body, form)
    _check_tools(body, thinks=thinks)
    if _INPUT_BLOCKED in last_question(body):
        raise WireError(400, "data_inspection_failed", "Input data may contain inappropriate content.")
    return thinks


def _check_shapes(body: Mapping[str, Any]) -> None:
    tools = body.get("tools") or []
    if not isinstance(tools, list) or not all(_is_tool(tool) for tool in tools):
        raise invalid("Input should be a valid list of functions - 'tools'")
    choice = body.get("tool_choice")
    if isinstance(choice, Mapping) and not _is_tool(choice):
        raise invalid("Input should name a function - 'tool_choice'")


def _is_message(message: object) -> bool:
    content = message.get("content") if isinstance(message, Mapping) else 0
    parts = content if isinstance(content, list) else []
    return isinstance(content, str | list | None) and all(isinstance(part, Mapping) for part in parts)


def _is_tool(tool: object) -> bool:
    function = tool.get("function") if isinstance(tool, Mapping) else None
    return isinstance(function, Mapping) and isinstance(function.get("name"), str)


def _check_messages(messages: object) -> None:
    if not isinstance(messages, list) or not messages or not all(map(_is_message, messages)):
        raise invalid("[] is too short - 'messages'")
    waiting: set[str] = set()
    for message in messages:
        if message.get("role") == "tool":
            if message.get("tool_call_id") not in waiting:
                raise invalid('messages with role "tool" must be a response to a preceding message with "tool_calls".')
            waiting.discard(message["tool_call_id"])
        else:
            waiting = {call.get("id") for call in message.get("tool_calls") or ()}
    if messages[-1].get("role") not in {"user", "tool"}:
        raise WireError(500, "internal_error", "list index out of range")


def _check_ranges(body: Mapping[str, Any]) -> None:
    model = text_model(str(body["model"]))
    most = model.output_tokens_max or 1_000_000
    thoughts = model.thinking_tokens_max or 1_000_000
    rules = (
        ("temperature", lambda value: 0 <= value < 2, "Temperature should be in [0.0, 2.0)"),
        ("top_p", lambda value: 0 < value <= 1, "Range of top_p should be (0.0, 1.0]"),
        ("presence_penalty", lambda value: -2 <= value <= 2, "Presence_penalty should be in [-2.0, 2.0]"),
        ("seed", lambda value: 0 <= value < 2**31, "Range of seed should be [0, 2147483647]"),
        ("max_tokens", lambda value: 1 <= value <= most, f"Range of max_tokens should be [1, {most}]"),
        (
            "thinking_budget",
            lambda value: isinstance(value, int) and 0 < value <= thoughts,
            f"The thinking_budget parameter must be a positive integer and not greater than {thoughts}",
        ),
    )
    for name, fits, words in rules:
        value = body.get(name)
        if value is not None and not (isinstance(value, (int, float)) and fits(value)):
            raise invalid(words)


def _thinks(body: Mapping[str, Any], form: str) -> bool:
    model, told = text_model(str(body["model"])), body.get("enable_thinking")
    if model.thinking is Thinking.NEVER and told is not None:
        raise invalid(f"The model {model.id} does not support enable_thinking.")
    if model.thinking is Thinking.ALWAYS and told is False:
        raise invalid("The value of the enable_thinking parameter is restricted to True.")
    thinks = model.thinking is Thinking.ALWAYS or (model.thinking is Thinking.ON if told is None else bool(told))
    if thinks and form != "text":
        raise invalid("Json mode response is not supported when enable_thinking is true")
    if thinks and model.thinks_in_streams_only and not body.get("stream"):
        raise invalid("parameter.enable_thinking must be set to false for non-streaming calls")
    return thinks


def _check_tools(body: Mapping[str, Any], *, thinks: bool) -> None:
    if body.get("tools") == []:
        raise invalid("[] is too short - 'tools'")
    choice = body.get("tool_choice")
    if thinks and (choice == "required" or isinstance(choice, Mapping)):
        raise invalid("The tool_choice parameter does not support being set to required or object in thinking mode")
    if isinstance(choice, str) and choice not in {"auto", "none"}:
        raise invalid('tool_choice is one of the strings that should be ["none", "auto"]')
