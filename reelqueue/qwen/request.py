"""One request to a language model, and everything about it that can be said without knowing the model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from reelqueue.qwen.json_schema import JsonSchema
from reelqueue.qwen.messages import MODEL_CONFIG, Message, SystemMessage, UserMessage
from reelqueue.qwen.refusals import refusal

_MODEL_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}")
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SEED_MAX: Final = 2**31 - 1

Reasoning: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "xhigh"]
Number: TypeAlias = StrictInt | StrictFloat


def _model_id(text: str) -> str:
    if not _MODEL_ID.fullmatch(text):
        raise PydanticCustomError("out_of_range", "must be the id of a model, such as qwen-plus")
    return text


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise PydanticCustomError("out_of_range", "must be 1 to 64 letters, digits, _ or -")
    return text


def _tool_name(text: str) -> str:
    if text == "search":
        raise PydanticCustomError("out_of_range", "must not be search, which the service keeps for itself")
    return _name(text)


ToolName: TypeAlias = Annotated[StrictStr, AfterValidator(_tool_name)]


class Tool(BaseModel):
    """A function that the model may call."""

    model_config = MODEL_CONFIG

    name: ToolName
    """1 to 64 of letters, digits, ``_`` and ``-``; not ``search``."""
    description: StrictStr | None = None
    """What it does and when to call it; counts as input."""
    input_schema: JsonSchema
    """JSON schema of its arguments."""
    strict: StrictBool | None = None
    """Whether arguments must keep to the schema, where the model can."""


class ToolChoice(BaseModel):
    """The function that must be called."""

    model_config = MODEL_CONFIG

    type: Literal["tool"] = "tool"
    tool_name: StrictStr
    """The function."""


class ResponseFormat(BaseModel):
    """What the answer must be: text, any JSON object, or JSON of a schema."""

    model_config = MODEL_CONFIG

    type: Literal["text", "json_object", "json_schema"]
    """The kind."""
    json_schema: JsonSchema | None = Field(default=None, validation_alias=AliasChoices("schema", "json_schema"))
    """Given as ``schema``."""
    name: Annotated[StrictStr, AfterValidator(_name)] | None = None
    """Of the schema: 1 to 64 of letters, digits, ``_`` and ``-``."""
    description: StrictStr | None = None
    """Of the schema, for the model."""
    strict: StrictBool | None = None
    """Where the model has a schema mode: whether it must keep to the schema; false unless given."""

    @model_validator(mode="before")
    @classmethod
    def _without_the_wire_s_envelope(cls, given: object) -> object:
        """Take the wire's own shape, in which name and schema are inside ``json_schema``, which no schema has."""
        envelope = given.get("json_schema") if isinstance(given, Mapping) else None
        if not isinstance(given, Mapping) or not isinstance(envelope, Mapping) or "schema" not in envelope:
            return given
        return {name: value for name, value in given.items() if name != "json_schema"} | dict(envelope)

    @model_validator(mode="after")
    def _has_its_schema(self) -> Self:
        if (self.type == "json_schema") != (self.json_schema is not None):
            raise PydanticCustomError("bad_schema", "schema belongs to the type json_schema, and to no other")
        return self

    @property
    def is_json(self) -> bool:
        """Whether the answer is JSON."""
        return self.type != "text"


class TextRequest(BaseModel):
    """One question to a language model; what is None is left to the service.

    What a model takes is checked when the request is built (`reelqueue.qwen.build_text`).
    """

    model_config = MODEL_CONFIG

    model: Annotated[StrictStr, AfterValidator(_model_id)]
    """Any model id; unknown ones are sent as they are."""
    system: StrictStr | None = None
    """What holds for the whole conversation."""
    prompt: StrictStr | None = None
    """A single question, in place of `messages`."""
    messages: tuple[Message, ...] | None = None
    """The conversation, oldest first."""
    max_output_tokens: Annotated[StrictInt, Field(ge=1)] | None = None
    """Of the answer; thoughts are not counted."""
    temperature: Annotated[Number, Field(ge=0, lt=2)] | None = None
    """How freely it chooses: 0 to less than 2."""
    top_p: Annotated[Number, Field(gt=0, le=1)] | None = None
    """The share of likely tokens that it chooses from: more than 0, at most 1."""
    top_k: Annotated[StrictInt, Field(ge=0)] | None = None
    """How many tokens it chooses from; more than 100 turns it off."""
    presence_penalty: Annotated[Number, Field(ge=-2, le=2)] | None = None
    """How much it avoids what it has said: -2 to 2."""
    stop_sequences: tuple[StrictStr, ...] | None = None
    """Texts at which it stops."""
    seed: Annotated[StrictInt, Field(ge=0, le=_SEED_MAX)] | None = None
    """The same seed makes similar answers."""
    response_format: ResponseFormat | None = None
    """What the answer must be; text unless given."""
    tools: tuple[Tool, ...] | None = None
    """Functions that it may call."""
    tool_choice: Literal["auto", "none"] | ToolChoice | None = None
    """``auto`` unless given."""
    parallel_tool_calls: StrictBool | None = None
    """Whether one answer may hold several calls; the service says no unless given."""
    enable_thinking: StrictBool | None = None
    """Whether the model thinks first; thoughts are billed as output."""
    thinking_budget: Annotated[StrictInt, Field(ge=1)] | None = None
    """Most tokens of thought."""
    preserve_thinking: StrictBool | None = None
    """Whether earlier thoughts are sent back; so by itself for the models that want them."""
    reasoning: Reasoning | None = None
    """How much to think, in words: sets `enable_thinking` and `thinking_budget` unless one of them is given."""
    headers: Mapping[str, str] | None = None
    """Added to the call; never in place of the key."""

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if (self.prompt is None) == (self.messages is None):
            raise PydanticCustomError("missing_option", "give either prompt or messages")
        if self.messages is not None and not self.messages:
            raise PydanticCustomError("missing_option", "messages must not be empty")
        names = [tool.name for tool in self.tools or ()]
        if len(set(names)) < len(names):
            raise PydanticCustomError("conflicting_options", "two tools have one name")
        return self

    @property
    def conversation(self) -> tuple[Message, ...]:
        """Every message, `system` and `prompt` among them."""
        head = () if self.system is None else (SystemMessage(content=self.system),)
        if self.prompt is not None:
            return (*head, UserMessage(content=self.prompt))
        return (*head, *(self.messages or ()))

    def with_messages(self, *messages: Message) -> TextRequest:
        """The same request with *messages* at the end of its conversation."""
        return self.model_copy(update={"system": None, "prompt": None, "messages": (*self.conversation, *messages)})


def parse_text_request(data: Mapping[str, object]) -> TextRequest:
    """Read a request from a flat object.

    Args:
        data: Options of `TextRequest` in snake_case or camelCase; None leaves one out.

    Raises:
        InvalidRequestError: It names an option that does not exist, or a value that no model takes.
    """
    options = {name: value for name, value in data.items() if value is not None}
    try:
        return TextRequest.model_validate(options)
    except ValidationError as error:
        raise refusal(error, options) from error
