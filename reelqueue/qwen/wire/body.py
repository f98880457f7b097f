"""The JSON body of a request; its cost is a function of it and of the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

from reelqueue.catalog.text_models import TextModel, text_model
from reelqueue.qwen.messages import Message, SystemMessage
from reelqueue.qwen.request import Reasoning, ResponseFormat, TextRequest, Tool, ToolChoice
from reelqueue.qwen.wire.json_text import json_text
from reelqueue.qwen.wire.messages import Section, wire_messages

THINKING_TOKENS: Final[dict[Reasoning, int]] = {
    "minimal": 1024,
    "low": 1638,
    "medium": 4915,
    "high": 9830,
    "xhigh": 14746,
}
"""Budgets of the words of `TextRequest.reasoning`, as other clients have them."""


def body_of(request: TextRequest, *, thinking: Literal["off", "model"] = "off") -> Section:
    """The body of *request*, but for whether it is streamed.

    Args:
        request: One that passed `reelqueue.qwen.wire.rules.check`.
        thinking: See `QwenSettings.thinking`.

    Raises:
        InvalidRequestError: A picture cannot be sent.
    """
    model = text_model(request.model)
    keeps = request.preserve_thinking
    if keeps is None and model.preserves_thinking:
        keeps = True
    options: Section = {
        "model": request.model,
        "max_tokens": request.max_output_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k,
        "presence_penalty": request.presence_penalty,
        "stop": list(request.stop_sequences or ()) or None,
        "seed": request.seed,
        "response_format": _response_format(request.response_format, model),
        **thinking_options(request, thinking=thinking),
        "preserve_thinking": keeps,
        "messages": wire_messages(with_json_instruction(request, model), keeps_thoughts=bool(keeps)),
        **_tools(request),
    }
    return {name: value for name, value in options.items() if value is not None}


def thinking_options(request: TextRequest, *, thinking: Literal["off", "model"]) -> dict[str, bool | int | None]:
    """``enable_thinking`` and ``thinking_budget`` as they are sent; None is left out."""
    enabled, budget = request.enable_thinking, request.thinking_budget
    if enabled is None and budget is None and request.reasoning is not None:
        enabled, budget = request.reasoning != "none", THINKING_TOKENS.get(request.reasoning)
    if enabled is None and thinking == "off" and text_model(request.model).thinking.is_optional:
        enabled = budget is not None
    return {"enable_thinking": enabled, "thinking_budget": budget}


def with_json_instruction(request: TextRequest, model: TextModel) -> Sequence[Message]:
    """The conversation, with a word on JSON where the model is not given the schema otherwise.

    The service refuses JSON-object mode unless a message has the word "json".
    """
    form, conversation = request.response_format, request.conversation
    if form is None or not form.is_json or _has_schema(form, model):
        return conversation
    head = conversation[0]
    system = head if isinstance(head, SystemMessage) else SystemMessage(content="")
    lines = [system.content, ""] if system.content else []
    if form.json_schema is None:
        lines.append("You MUST answer with JSON.")
    else:
        rule = "You MUST answer with a JSON object that matches the JSON schema above."
        lines += ["JSON schema:", json_text(form.json_schema), rule]
    rest = conversation[1:] if head is system else conversation
    return (system.model_copy(update={"content": "\n".join(lines)}), *rest)


def _has_schema(form: ResponseFormat, model: TextModel) -> bool:
    return form.json_schema is not None and model.has_schema_mode


def _response_format(form: ResponseFormat | None, model: TextModel) -> Section | None:
    if form is None or not form.is_json:
        return None
    if not _has_schema(form, model):
        return {"type": "json_object"}
    described: dict[str, Any] = {
        "schema": form.json_schema,
        "name": form.name or "response",
        "description": form.description,
        "strict": form.strict,
    }
    return {
        "type": "json_schema",
        "json_schema": {name: value for name, value in described.items() if value is not None},
    }


def _tools(request: TextRequest) -> Section:
    if not request.tools:
        return {}
    choice = request.tool_choice or "auto"
    return {
        "tools": [_tool(tool) for tool in request.tools],
        "tool_choice": _named(choice) if isinstance(choice, ToolChoice) else choice,
        "parallel_tool_calls": request.parallel_tool_calls,
    }


def _named(choice: ToolChoice) -> Section:
    return {"type": "function", "function": {"name": choice.tool_name}}


def _tool(tool: Tool) -> Section:
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.input_schema,
        "strict": tool.strict,
    }
    return {"type": "function", "function": {name: value for name, value in function.items() if value is not None}}
