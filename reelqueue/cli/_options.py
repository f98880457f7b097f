"""The options of a request as options of a command, each written once."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal, TypeVar

import typer

from reelqueue.errors import InvalidRequestError
from reelqueue.requests.option_table import REQUEST_OPTIONS, Form, RequestOption

F = TypeVar("F", bound=Callable[..., None])


def json_object(name: str, text: str | None) -> dict[str, object] | None:
    """The JSON object that an option of the command line spells; None where it is not given.

    Raises:
        InvalidRequestError: it is not one.
    """
    if text is None:
        return None
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InvalidRequestError("not_json", f"--{name}: {text[:80]!r} is not JSON: {error}", name) from error
    if not isinstance(value, dict):
        raise InvalidRequestError("not_json", f"--{name}: {text[:80]!r} is no JSON object; write {{...}}", name)
    return value


def _media(items: list[str] | None) -> object:
    if not items:
        return None
    pairs = [item.partition("=") for item in items]
    return [{"type": role, "url": url} for role, _, url in pairs]


def _headers(items: list[str] | None) -> object:
    if not items:
        return None
    pairs = [item.partition(":") for item in items]
    return {name.strip(): value.strip() for name, _, value in pairs}


def _annotation(option: RequestOption) -> Any:  # noqa: ANN401 - an annotation
    kind = Literal[option.choices] if option.choices else _KINDS[option.form]
    names = [option.flag] if option.flag else []
    return Annotated[kind | None, typer.Option(*names, help=option.help, rich_help_panel="Request")]


_KINDS: Final[Mapping[Form, Any]] = {
    Form.TEXT: str,
    Form.WORD: str,
    Form.INTEGER: int,
    Form.SWITCH: bool,
    Form.TIME: str,
    Form.URL: str,
    Form.URLS: list[str],
    Form.MEDIA: list[str],
    Form.OBJECT: str,
    Form.HEADERS: list[str],
}

_READERS: Final[Mapping[Form, Callable[[Any, str], object]]] = {
    Form.OBJECT: lambda text, name: json_object(name, text),
    Form.MEDIA: lambda items, _: _media(items),
    Form.HEADERS: lambda items, _: _headers(items),
}

_OPTIONS: Final = [option for option in REQUEST_OPTIONS if option.name not in {"model", "prompt"}]
"""Those that a command has not as parameters of its own."""
_FORMS: Final = {option.name: option.form for option in REQUEST_OPTIONS}


def with_request_options(command: F) -> F:
    """Give *command* the options of a request in place of its ``**options``."""
    own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.kind is not p.VAR_KEYWORD]
    added = [
        inspect.Parameter(option.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_annotation(option))
        for option in _OPTIONS
    ]
    command.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]
    return command


def read_options(options: Mapping[str, object]) -> dict[str, object]:
    """The flat request object that the command's options spell.

    Raises:
        InvalidRequestError: an option is not the JSON that it should be.
    """
    read = {name: _read(name, value) for name, value in options.items()}
    return {name: value for name, value in read.items() if value is not None and value != []}


def _read(name: str, value: object) -> object:
    reader = _READERS.get(_FORMS[name])
    return reader(value, name) if reader else value
