"""Python functions as tools: the schema from the signature, the arguments validated, the result as JSON."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ConfigDict, TypeAdapter
from pydantic.errors import PydanticUserError
from pydantic_core import to_jsonable_python

from reelqueue.errors import InvalidRequestError
from reelqueue.qwen.request import Tool

_CONFIG: Final = ConfigDict(extra="forbid")
_UNNAMED: Final = frozenset(
    {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
)


@dataclass(frozen=True, slots=True)
class FunctionTool:
    """A function, with the name, description and parameters that the model gets of it."""

    tool: Tool
    function: Callable[..., Any]
    arguments: TypeAdapter[Any]

    def read(self, text: str) -> dict[str, Any]:
        """The arguments that the model wrote, as the function takes them.

        Raises:
            pydantic.ValidationError: They are no JSON, or miss the schema.
        """
        found = self.arguments.validate_json(text.strip() or "{}")
        return {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}


def check_blocking(functions: Sequence[Callable[..., Any]]) -> None:
    """Refuse functions that must be awaited.

    Raises:
        InvalidRequestError: One is asynchronous.
    """
    for function in functions:
        if inspect.iscoroutinefunction(function):
            raise _unusable(function.__name__, "it is asynchronous; AsyncQwenClient awaits it")


def function_tools(functions: Sequence[Callable[..., Any]]) -> dict[str, FunctionTool]:
    """The functions as tools, by name.

    Raises:
        InvalidRequestError: One cannot be called by name and JSON, or two have one name.
    """
    tools = {tool.tool.name: tool for tool in map(_function_tool, functions)}
    if len(tools) < len(functions):
        raise InvalidRequestError("conflicting_options", "functions: two have one name", "functions")
    return tools


def as_json(value: object) -> Any:  # noqa: ANN401 - JSON
    """What a function gave, as JSON has it; a text stays one.

    Raises:
        ValueError: It cannot be JSON.
    """
    return to_jsonable_python(value)


def _function_tool(function: Callable[..., Any]) -> FunctionTool:
    name = getattr(function, "__name__", type(function).__name__)
    try:
        hints = typing.get_type_hints(function, include_extras=True)
        fields = [_field(name, parameter, hints) for parameter in inspect.signature(function).parameters.values()]
        namespace = {"__pydantic_config__": _CONFIG}
        arguments: TypeAdapter[Any] = TypeAdapter(
            dataclasses.make_dataclass(name, fields, kw_only=True, namespace=namespace)
        )
        schema = arguments.json_schema()
    except (NameError, TypeError, PydanticUserError) as error:
        raise _unusable(name, str(error)) from error
    schema.pop("title", None)
    schema.setdefault("properties", {})
    try:
        tool = Tool(name=name, description=inspect.getdoc(function), input_schema=schema)
    except ValueError as error:
        raise _unusable(name, "its name must be 1 to 64 letters, digits, _ or -, and not search") from error
    return FunctionTool(tool, function, arguments)


def _field(name: str, parameter: inspect.Parameter, hints: dict[str, Any]) -> tuple[str, Any, Any]:
    if parameter.kind in _UNNAMED:
        raise _unusable(name, f"{parameter} cannot be given by name")
    if parameter.name not in hints:
        raise _unusable(name, f"{parameter.name} has no type")
    default = parameter.default
    if default is inspect.Parameter.empty:
        return parameter.name, hints[parameter.name], dataclasses.field()
    if type(default).__hash__ is None:  # dataclasses take no list or dict for a default
        return parameter.name, hints[parameter.name], dataclasses.field(default_factory=lambda: default)
    return parameter.name, hints[parameter.name], dataclasses.field(default=default)


def _unusable(name: str, why: str) -> InvalidRequestError:
    return InvalidRequestError("bad_function", f"functions: {name} cannot be a tool: {why}", "functions")
