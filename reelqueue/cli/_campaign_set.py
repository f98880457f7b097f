"""A command that changes how a campaign is run, without its file."""

from __future__ import annotations

import json
import re
from typing import Annotated, Final

import typer
from pydantic import ValidationError

from reelqueue.campaigns.options import CampaignOptions
from reelqueue.cli._campaign_control import Name
from reelqueue.cli._jobs import AsJson, connect
from reelqueue.cli._output import print_json, print_line, printable
from reelqueue.errors import InvalidRequestError

_JSON: Final = re.compile(r"-?[0-9]+|\{.*\}")
"""Values that are no text: numbers, and options of several parts such as the breaker."""
_NO_LIMIT: Final = "none"


def set_(
    name: Name,
    changes: Annotated[
        list[str],
        typer.Argument(metavar="OPTION=VALUE...", help="As in a manifest: priority=5, budget='60 USD', canary=none."),
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Change how a campaign is run from the next dispatch on; what is not named stays as it is."""
    with connect() as client:
        options = client.campaigns.get(name).options
        found = client.campaigns.put(_changed(options, changes))
    if as_json:
        print_json(found)
    else:
        told = ", ".join(f"{option}: {found.options.get(option, _NO_LIMIT)}" for option in map(_option, changes))
        print_line(printable(told))


COMMANDS: Final = (set_,)


def _option(change: str) -> str:
    option, sign, _ = change.partition("=")
    if not sign or option == "name" or option not in CampaignOptions.model_fields:
        known = ", ".join(sorted(CampaignOptions.model_fields.keys() - {"name"}))
        raise InvalidRequestError(
            "unknown_option", f"{change[:80]!r}: write OPTION=VALUE with one of {known}", "options"
        )
    return option


def _changed(options: dict[str, object], changes: list[str]) -> CampaignOptions:
    wanted = options | {_option(change): _value(change.partition("=")[2]) for change in changes}
    try:
        return CampaignOptions.model_validate(wanted)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        option = ".".join(map(str, first["loc"])) or "options"
        raise InvalidRequestError("wrong_type", f"{option}: {first['msg']}", option) from error


def _value(text: str) -> object:
    if text == _NO_LIMIT:
        return None
    if not _JSON.fullmatch(text):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidRequestError("not_json", f"{text[:80]!r} is not JSON: {error}", "options") from error
