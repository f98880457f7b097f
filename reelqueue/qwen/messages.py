"""What a conversation consists of: messages and their parts, in snake_case or camelCase."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, StrictStr
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

MODEL_CONFIG: Final = ConfigDict(
    frozen=True,
    extra="forbid",
    alias_generator=to_camel,
    populate_by_name=True,
    use_attribute_docstrings=True,  # what the HTTP API says of each option, too
)
"""Of every type of a text request."""


def _cache_marker(value: object) -> object:
    if value in (None, "ephemeral"):
        return value
    if value == {"type": "ephemeral"}:
        return "ephemeral"
    raise PydanticCustomError("out_of_range", "must be 'ephemeral', the only kind of cache marker that the service has")


CacheControl: TypeAlias = Annotated[Literal["ephemeral"] | None, BeforeValidator(_cache_marker)]
"""``"ephemeral"`` or ``{"type": "ephemeral"}``: keep everything up to here in the cache for 5 minutes."""


class _Part(BaseModel):
    model_config = MODEL_CONFIG


class TextPart(_Part):
    """A piece of text."""

    type: Literal["text"] = "text"
    text: StrictStr
    """What is said."""
    cache_control: CacheControl = None
    """``ephemeral``: keep everything up to here in the cache for 5 minutes."""


class ImagePart(_Part):
    """A picture: an http, https or data URL, or its bytes."""

    type: Literal["image"] = "image"
    image: str | bytes
    """A URL, or bytes."""
    media_type: StrictStr | None = None
    """Such as ``image/png``: of bytes whose first ones do not say it."""
    cache_control: CacheControl = None
    """``ephemeral``: keep everything up to here in the cache for 5 minutes."""


class ReasoningPart(_Part):
    """What the model thought in an earlier answer."""

    type: Literal["reasoning"] = "reasoning"
    text: StrictStr
    """The thoughts."""


class ToolCallPart(_Part):
    """A call that the model made in an earlier answer."""

    type: Literal["tool-call", "tool_call"] = "tool-call"
    tool_call_id: StrictStr
    """As the model gave it."""
    tool_name: StrictStr
    """The function."""
    input: JsonValue
    """The arguments, sent as JSON text."""


class ToolResultPart(_Part):
    """What came of one call: a text, or any JSON value, which is sent as JSON text."""

    type: Literal["tool-result", "tool_result"] = "tool-result"
    tool_call_id: StrictStr
    """Of the call."""
    tool_name: StrictStr | None = None
    """The function; not sent."""
    output: JsonValue
    """What came of it."""
    cache_control: CacheControl = None
    """``ephemeral``: keep everything up to here in the cache for 5 minutes."""


UserPart: TypeAlias = Annotated[TextPart | ImagePart, Field(discriminator="type")]
AssistantPart: TypeAlias = Annotated[TextPart | ReasoningPart | ToolCallPart, Field(discriminator="type")]


class SystemMessage(_Part):
    """What holds for the whole conversation."""

    role: Literal["system"] = "system"
    content: StrictStr
    """What holds."""
    cache_control: CacheControl = None
    """``ephemeral``: keep everything up to here in the cache for 5 minutes."""


class UserMessage(_Part):
    """What the user says."""

    role: Literal["user"] = "user"
    content: StrictStr | tuple[UserPart, ...]
    """A text, or texts and pictures."""
    cache_control: CacheControl = None
    """Of the last part."""


class AssistantMessage(_Part):
    """An earlier answer."""

    role: Literal["assistant"] = "assistant"
    content: StrictStr | tuple[AssistantPart, ...]
    """A text, or texts, thoughts and calls."""
    cache_control: CacheControl = None
    """``ephemeral``: keep everything up to here in the cache for 5 minutes."""


class ToolMessage(_Part):
    """The results of the calls in the answer before it."""

    role: Literal["tool"] = "tool"
    content: tuple[ToolResultPart, ...]
    """A result for each call."""
    cache_control: CacheControl = None
    """Of the last result."""


Message: TypeAlias = Annotated[
    SystemMessage | UserMessage | AssistantMessage | ToolMessage, Field(discriminator="role")
]
"""One message of a conversation."""
