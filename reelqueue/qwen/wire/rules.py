"""What the service is known to refuse, refused before anything is sent; and what a caller should know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

from reelqueue.catalog.text_models import TextModel, Thinking, text_model
from reelqueue.errors import InvalidRequestError
from reelqueue.qwen.messages import (
    AssistantMessage,
    ImagePart,
    Message,
    SystemMessage,
    TextPart,
    ToolCallPart,
    ToolMessage,
    UserMessage,
)
from reelqueue.qwen.request import TextRequest, ToolChoice
from reelqueue.qwen.wire.body import thinking_options

CACHE_MARKERS_MAX: Final = 4
"""Of more, the service looks at the last ones only."""


def check(request: TextRequest, *, thinking: Literal["off", "model"], stream: bool) -> tuple[str, ...]:
    """Warnings about a request that can be sent.

    Args:
        request: Of any model; of an unknown one less can be checked.
        thinking: See `QwenSettings.thinking`.
        stream: Whether its answer is to be streamed.

    Raises:
        InvalidRequestError: The service would refuse it; the message says what the model takes.
    """
    model = text_model(request.model)
    options = thinking_options(request, thinking=thinking)
    enabled = options["enable_thinking"]
    thinks = _thinks(model, None if enabled is None else bool(enabled))
    _check_lengths(request, model, options["thinking_budget"])
    _check_thinking(request, model, enabled=enabled, thinks=thinks, stream=stream)
    _check_tools(request, thinks=thinks)
    _check_conversation(request.conversation)
    return tuple(_warnings(request, model, enabled=enabled, thinks=thinks))


def may_think(request: TextRequest, *, thinking: Literal["off", "model"]) -> bool:
    """Whether the answer to *request* may begin with thoughts: then it should be streamed."""
    enabled = thinking_options(request, thinking=thinking)["enable_thinking"]
    return _thinks(text_model(request.model), None if enabled is None else bool(enabled)) is not False


def _thinks(model: TextModel, enabled: bool | None) -> bool | None:  # noqa: FBT001 - three values
    """Whether the model will think; None where nothing is known about it."""
    if model.thinking in {Thinking.NEVER, Thinking.ALWAYS}:
        return model.thinking is Thinking.ALWAYS
    if enabled is not None:
        return enabled
    return None if model.thinking is Thinking.UNKNOWN else model.thinking is Thinking.ON


def _refuse(code: str, option: str, words: str) -> InvalidRequestError:
    return InvalidRequestError(code, f"{option}: {words}", option)


def _check_lengths(request: TextRequest, model: TextModel, budget: int | None) -> None:
    limits = (
        ("max_output_tokens", request.max_output_tokens, model.output_tokens_max),
        ("thinking_budget", budget, model.thinking_tokens_max),
    )
    for option, asked, most in limits:
        if asked is not None and most is not None and asked > most:
            raise _refuse("out_of_range", option, f"{model.id} takes at most {most}, not {asked}")


def _check_thinking(
    request: TextRequest, model: TextModel, *, enabled: object, thinks: bool | None, stream: bool
) -> None:
    if model.thinking is Thinking.NEVER and (enabled or request.thinking_budget):
        option = "enable_thinking" if enabled else "thinking_budget"
        raise _refuse("not_taken", option, f"{model.id} cannot think; leave it out, or take a model that can")
    if model.thinking is Thinking.ALWAYS and enabled is False:
        raise _refuse("not_taken", "enable_thinking", f"{model.id} always thinks; leave it out, or say true")
    if model.thinks_in_streams_only and thinks and not stream:
        raise _refuse("not_taken", "enable_thinking", f"{model.id} thinks in streams only; stream it, or say false")
    form = request.response_format
    if form is not None and form.is_json and (enabled or model.thinking is Thinking.ALWAYS):
        raise _refuse(
            "conflicting_options", "response_format", f"{model.id} does not answer with JSON while it thinks; "
            "set enable_thinking to false, or ask a model that can",
        )  # fmt: skip


def _check_tools(request: TextRequest, *, thinks: bool | None) -> None:
    choice = request.tool_choice
    if not isinstance(choice, ToolChoice) or not request.tools:
        return
    names = [tool.name for tool in request.tools]
    if choice.tool_name not in names:
        words = f"no tool is called {choice.tool_name[:64]!r}; there are {', '.join(names)}"
        raise _refuse("out_of_range", "tool_choice", words)
    if thinks:
        raise _refuse(
            "conflicting_options", "tool_choice", f"{request.model} takes auto and none while it thinks, no function; "
            "set enable_thinking to false, or send auto and check the answer",
        )  # fmt: skip


def _check_conversation(conversation: tuple[Message, ...]) -> None:
    if not any(not isinstance(message, SystemMessage) for message in conversation):
        raise _refuse("missing_option", "messages", "must hold more than system messages")
    if not isinstance(conversation[-1], (UserMessage, ToolMessage)):
        raise _refuse("bad_messages", "messages", f"must end with user or tool, not {conversation[-1].role}")
    waiting: set[str] = set()
    for at, message in enumerate(conversation):
        waiting = _after(message, waiting, f"messages[{at}]")
    if waiting:
        raise _refuse("bad_messages", "messages", f"no result for the tool call {min(waiting)[:64]!r}")
    if (markers := sum(map(_marker_count, conversation))) > CACHE_MARKERS_MAX:
        words = f"has {markers} cache markers, and only the last {CACHE_MARKERS_MAX} would count"
        raise _refuse("too_many_markers", "messages", words)


def _after(message: Message, waiting: set[str], where: str) -> set[str]:
    """The calls that wait for their result after *message*."""
    if isinstance(message, ToolMessage):
        for part in message.content:
            if part.tool_call_id not in waiting:
                words = f"{where}: no assistant message before it has the tool call {part.tool_call_id[:64]!r}"
                raise InvalidRequestError("bad_messages", words, "messages")
        return waiting - {part.tool_call_id for part in message.content}
    if waiting:
        words = f"{where}: the tool call {min(waiting)[:64]!r} before it has no result"
        raise InvalidRequestError("bad_messages", words, "messages")
    if isinstance(message, UserMessage) and _is_empty(message):
        raise InvalidRequestError("bad_messages", f"{where}: has no content", "messages")
    if not isinstance(message, AssistantMessage) or isinstance(message.content, str):
        return set()
    if any(isinstance(part, TextPart) and part.cache_control for part in message.content):
        words = f"{where}: a part of an answer takes no cache marker; put it on the message"
        raise InvalidRequestError("bad_messages", words, "messages")
    return {part.tool_call_id for part in message.content if isinstance(part, ToolCallPart)}


def _is_empty(message: UserMessage) -> bool:
    parts = () if isinstance(message.content, str) else message.content
    has_text = isinstance(message.content, str) or any(isinstance(part, TextPart) and part.text for part in parts)
    return not has_text and not any(isinstance(part, ImagePart) for part in parts)


def _marker_count(message: Message) -> int:
    """How many cache markers of *message* are sent."""
    if isinstance(message.content, str) or isinstance(message, AssistantMessage):
        return int(message.cache_control is not None)
    own = sum(1 for part in message.content if part.cache_control)
    last_is_free = bool(message.content) and message.content[-1].cache_control is None
    return own + int(message.cache_control is not None and last_is_free)


def _warnings(request: TextRequest, model: TextModel, *, enabled: object, thinks: bool | None) -> Iterator[str]:
    if enabled is None and thinks and model.thinking is Thinking.ON:
        yield f"{model.id} thinks unless enable_thinking is false, and thoughts are billed as output"
    if enabled is False and model.thinking is Thinking.NEVER:
        yield f"{model.id} cannot think; it may refuse enable_thinking even when it is false"
    if request.thinking_budget is not None and thinks is False:
        yield "thinking_budget has no effect without thinking"
    if model.is_text_only and any(map(_has_picture, request.conversation)):
        yield f"{model.id} is not known to see pictures"
    if request.tool_choice is not None and not request.tools:
        yield "tool_choice is not sent, as there are no tools"
    yield from _format_warnings(request, model)


def _format_warnings(request: TextRequest, model: TextModel) -> Iterator[str]:
    form = request.response_format
    if form is None or not form.is_json:
        return
    if form.json_schema is not None and not model.has_schema_mode:
        yield f"{model.id} takes no JSON schema: it is told the schema in the system text, and may miss it"
    if form.json_schema is not None and model.has_schema_mode and not _says_json(request.conversation):
        yield "no message has the word JSON, which the service may ask for"
    if request.max_output_tokens is not None:
        yield "max_output_tokens may cut the JSON in the middle"


def _says_json(conversation: tuple[Message, ...]) -> bool:
    return any("json" in text.lower() for message in conversation for text in texts_of(message))


def texts_of(message: Message) -> list[str]:
    """Every text of a message."""
    if isinstance(message.content, str):
        return [message.content]
    return [part.text for part in message.content if isinstance(part, TextPart)]


def _has_picture(message: Message) -> bool:
    return isinstance(message, UserMessage) and any(isinstance(part, ImagePart) for part in message.content)
