"""Command `campaign set`: change campaign options without the file."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from reelqueue.campaigns.options import CampaignOptions, changed_options
from reelqueue.cli._campaign.control import Name
from reelqueue.cli._campaign.options import option_text, read_value
from reelqueue.cli._jobs import AsJson, connect
from reelqueue.cli._output import print_json, print_line, printable
from reelqueue.errors import InvalidRequestError


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
        wanted = {_option(change): read_value(_option(change), change.partition("=")[2]) for change in changes}
        found = client.campaigns.put(changed_options(options, wanted))
    if as_json:
        print_json(found)
    else:
        told = ", ".join(f"{option}: {option_text(found.options.get(option))}" for option in map(_option, changes))
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
