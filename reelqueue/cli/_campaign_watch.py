"""The command that shows a campaign as it goes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Final

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from reelqueue.campaigns.answers import Campaign, Phase
from reelqueue.cli._campaign_control import Name
from reelqueue.cli._canary import next_steps
from reelqueue.cli._jobs import AsJson, connect
from reelqueue.cli._output import print_line, printable
from reelqueue.client import Client

_OVER: Final = frozenset({Phase.FINISHED, Phase.CANCELLED, Phase.EMPTY})
_FAILURES_SHOWN: Final = 5


def watch(
    name: Name,
    *,
    as_json: AsJson = False,
    every_seconds: Annotated[float, typer.Option("--every", min=0.2, help="Seconds between two looks.")] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Look once.")] = False,
) -> None:
    """Show a campaign as it goes, until it has ended; with --json a line whenever something has changed."""
    with connect() as client:
        looks = _looks(client, name, every_seconds, is_once=once)
        console = Console()
        if as_json:
            for seen in looks:
                print_line(json.dumps(seen.model_dump(mode="json")))
        elif console.is_terminal:
            with Live(console=console, auto_refresh=False) as live:
                for seen in looks:
                    live.update(view(seen), refresh=True)
        else:
            for seen in looks:
                print_line(_line(seen))


COMMANDS: Final = (watch,)


def _looks(client: Client, name: str, every_seconds: float, *, is_once: bool) -> Iterator[Campaign]:
    """The campaign whenever something about it has changed."""
    last: Campaign | None = None
    while True:
        seen = client.campaigns.get(name)
        if seen != last:
            yield seen
        if is_once or (seen.phase in _OVER and seen.finished_count == seen.clip_count):
            return
        last = seen
        time.sleep(every_seconds)


def view(seen: Campaign) -> Group:
    """The campaign for a terminal."""
    title = Text.assemble((printable(seen.name), "bold"), "  ", (seen.phase, "cyan"))
    facts = Table.grid(padding=(0, 2))
    for label, value in _facts(seen):
        facts.add_row(Text(label, style="dim"), Text(printable(value)))
    bar = ProgressBar(total=max(seen.clip_count, 1), completed=seen.finished_count, width=60)
    return Group(title, bar, facts, *(Text(printable(line), style="red") for line in _failures(seen)))


def _facts(seen: Campaign) -> Iterator[tuple[str, str]]:
    yield "clips", f"{seen.finished_count} of {seen.clip_count} ended"
    yield "states", ", ".join(f"{count} {state}" for state, count in sorted(seen.counts.items())) or "none"
    yield "pace", f"{seen.clips_per_minute:g} a minute{_left(seen)}"
    for money in seen.money:
        cap = f" of {money.cap:,.2f}" if money.cap is not None else ""
        yield "money", f"{money.spent:,.2f} spent, {money.reserved:,.2f} reserved{cap} {money.currency}"
    if seen.reason:
        yield "waits", seen.reason
    yield from next_steps(seen)


def _left(seen: Campaign) -> str:
    left = seen.clip_count - seen.finished_count
    if not left or not seen.clips_per_minute:
        return ""
    return f", {timedelta(minutes=round(left / seen.clips_per_minute))} to go at this pace"


def _failures(seen: Campaign) -> Iterator[str]:
    for group in seen.failures[:_FAILURES_SHOWN]:
        why = group.code or group.failure_class or "no code"
        yield f"{group.count} {group.state} ({why}), latest {group.custom_id}: {group.message or 'no message'}"


def _line(seen: Campaign) -> str:
    return printable("; ".join(value for _, value in _facts(seen)))
