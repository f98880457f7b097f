"""Commands `models` and `preview`, which need no server."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Annotated, BinaryIO

import typer
from rich.table import Column

from reelqueue.catalog import Tier
from reelqueue.catalog.price_list import PriceSource
from reelqueue.cli._jobs import AsJson
from reelqueue.cli._output import print_json_array, print_line, print_table, shown, talk
from reelqueue.cli._render import video_base_url
from reelqueue.preview import preview_lines
from reelqueue.pricing import region_of
from reelqueue.schemas.catalog import ModelCard, ModelPrice, catalog_cards


def models(*, as_json: AsJson = False) -> None:
    """List the models of the catalog; needs no server."""
    cards = catalog_cards().items
    if as_json:
        print_json_array(cards)
    else:
        region = region_of(video_base_url())
        titles = ("model", "from", "resolutions", "seconds", "sound", "slots", "submits/s", "a second of video")
        rows = ((*_row(card), _price(card, region)) for card in cards)
        spare = ("submits/s", "slots", "sound", "resolutions", "from", "seconds")
        print_table((Column(title, no_wrap=True) for title in titles), rows, spare=spare)
        talk(
            f"list prices of {region} as this release knows them; a server knows newer ones, and a model without "
            "one is billed all the same"
        )


def preview(
    file: Annotated[str, typer.Argument(help="Requests, one JSON object a line; - for standard input.")],
) -> None:
    """Print what the provider would get for each request of a file; sends nothing.

    A line with ``messages`` asks a language model. Ends with exit code 1 if any line has an error.
    """
    has_error = False
    with _open(file) as stream:
        # Bytes that are no UTF-8 become characters that no request may hold: the line's error, not the file's.
        lines = (line.decode(errors="surrogateescape") for line in stream)
        for result in preview_lines(lines, base_url=video_base_url(), local_files=True):
            has_error = has_error or "error" in result
            print_line(json.dumps(result))
    if has_error:
        raise typer.Exit(1)


@contextmanager
def _open(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield sys.stdin.buffer
        return
    with open(file, "rb") as stream:  # noqa: PTH123 - as typed by the user, also in messages
        yield stream


def _row(card: ModelCard) -> tuple[str, ...]:
    return (
        card.id,
        ", ".join(mode.removesuffix("-to-video") for mode in card.modes),
        " ".join(card.tiers),
        _lengths(card.durations_seconds),
        card.sound,
        shown(card.slots),
        shown(card.submits_per_second),
    )


def _price(card: ModelCard, region: str) -> str:
    return "; ".join(_amount(price) for price in card.prices if price.region == region) or "-"


def _amount(price: ModelPrice) -> str:
    silent = f", silent {_amounts(price.silent_per_second)}" if price.silent_per_second else ""
    estimate = " (estimate)" if price.source is PriceSource.ESTIMATE else ""
    return f"{_amounts(price.per_second)}{silent} {price.currency}{estimate}"


def _amounts(by_tier: Mapping[Tier, Decimal]) -> str:
    return " ".join(f"{tier} {amount}" for tier, amount in by_tier.items())


def _lengths(seconds: list[int]) -> str:
    is_span = len(seconds) > 2 and seconds[-1] - seconds[0] == len(seconds) - 1
    return f"{seconds[0]} to {seconds[-1]}" if is_span else ", ".join(map(str, seconds)) or "-"
