"""Campaign options (budget, breaker, canary) as command-line options."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, TypeVar

import typer

from reelqueue.errors import InvalidRequestError

F = TypeVar("F", bound=Callable[..., None])

_JSON: Final = re.compile(r"-?[0-9]+|\{.*\}")
"""Values that are no text: numbers, and options of several parts such as the breaker."""
_NO_LIMIT: Final = "none"
_HELP: Final = {
    "name": "Of the campaign; the file's without its ending unless given.",
    "budget": "A hard cap such as '120.50 USD'.",
    "run_at": "Submit nothing before this moment, such as 2026-12-01T09:00+08:00.",
    "start_by": "What has not been submitted by then expires.",
    "max_in_flight": "Most clips at the provider at a time.",
    "priority": "Added to that of each clip.",
    "breaker": "What stops it, such as failures=5 or failed_percent=20,after=50.",
}


def with_campaign_options(command: F) -> F:
    """Give *command* options of a campaign in place of its ``**options``; what they say wins over the file."""
    own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.kind is not p.VAR_KEYWORD]
    added = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[str | None, typer.Option(help=text, rich_help_panel="Campaign")],
        )
        for name, text in _HELP.items()
    ]
    command.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]
    return command


def read_changes(options: Mapping[str, Any]) -> dict[str, object]:
    """The options that were given, as a manifest has them."""
    return {name: read_value(name, text) for name, text in options.items() if text is not None}


def read_value(option: str, text: str) -> object:
    """The value of an option as it is typed; ``none`` sets no limit.

    Raises:
        InvalidRequestError: It begins as JSON and is none.
    """
    if option == "name":
        return text
    if text == _NO_LIMIT:
        return None
    if not _JSON.fullmatch(text):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidRequestError("not_json", f"{option}: {text[:80]!r} is not JSON: {error}", option) from error


def option_text(value: object) -> str:
    """The value of an option as it could be typed."""
    if value is None:
        return _NO_LIMIT
    if not isinstance(value, dict):
        return str(value)
    if "currency" in value:
        return f"{value['amount']} {value['currency']}"
    return ",".join(f"{name}={part}" for name, part in value.items())
