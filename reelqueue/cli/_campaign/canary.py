"""Canary options and output of the commands: a few clips are rendered first, and a person approves the rest."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Annotated

import typer

from reelqueue.campaigns.options import CampaignOptions
from reelqueue.campaigns.report.summary import counted
from reelqueue.errors import InvalidRequestError
from reelqueue.schemas.campaigns import Campaign, Phase

CanaryCount = Annotated[
    int | None, typer.Option(min=1, help="Render this many, then wait until a person approves the rest.")
]


def with_canary(campaign: Campaign | None, options: CampaignOptions | None, count: int) -> CampaignOptions:
    """How a campaign is run so that it stops after its first clips, whatever its file says.

    Args:
        campaign: As the server has it; None: it is new.
        options: As the file has them; None: as they are on the server.
        count: Clips that are rendered first.

    Raises:
        InvalidRequestError: all of it is approved already.
    """
    if campaign is not None and campaign.approved_at is not None:
        since = f"{campaign.approved_at:%Y-%m-%d %H:%M} UTC"
        name = campaign.name
        why = f"--canary: campaign {name!r} was approved on {since}, and renders all; apply the file under another name"
        raise InvalidRequestError("approved", why, "canary")
    if options is None:
        options = CampaignOptions.model_validate(campaign.options if campaign else {})
    return options.model_copy(update={"canary": count})


def next_steps(campaign: Campaign) -> Iterator[tuple[str, str]]:
    """What a person does about a campaign whose canary has ended, or whose budget has, and the command for it.

    Args:
        campaign: As it is now.
    """
    if campaign.phase is Phase.AWAITING_APPROVAL:
        yield from _steps(campaign.name)
    if campaign.shortfall is not None:
        yield "missing", campaign.shortfall.words
        yield "go on", campaign.shortfall.command


def told_of_canary(campaign: Campaign) -> Iterator[str]:
    """What a person is told of the canary of a campaign whose file was just applied; nothing where none is waited for.

    Args:
        campaign: As it is after that.
    """
    count = campaign.options.get("canary")
    if not isinstance(count, int) or campaign.approved_at is not None or campaign.is_over:
        return
    if campaign.phase is Phase.AWAITING_APPROVAL:
        yield f"{campaign.reason}:"
    elif campaign.clip_count > count:
        yield f"{counted(count, 'clip')} first, then a person decides:"
    else:
        return
    for what, command in _steps(campaign.name):
        yield f"  {what}: {command}"


def _steps(name: str) -> Iterator[tuple[str, str]]:
    quoted = shlex.quote(name)
    yield "look", f"reelqueue campaign open {quoted}"
    yield "print", f"reelqueue campaign sheet {quoted} -o sheet.png"
    yield "go on", f"reelqueue campaign approve {quoted}"
