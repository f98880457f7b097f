"""Command `campaign watch`: show a campaign's progress until it ends."""

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
from rich.table import Column, Table
from rich.text import Text

from reelqueue.cli._campaign.canary import next_steps
from reelqueue.cli._campaign.control import Name
from reelqueue.cli._jobs import AsJson, connect
from reelqueue.cli._output import print_line, printable, talk
from reelqueue.client import Client
from reelqueue.schemas.campaigns import Campaign, FailureGroup, Phase
from reelqueue.states import TERMINAL, RenderState

_FAILURES_SHOWN: Final = 5
_BAR_COLUMNS_MAX: Final = 60

_WAITING: Final = frozenset({Phase.PAUSED, Phase.AWAITING_APPROVAL, Phase.OUT_OF_BUDGET})
"""For a person."""


def watch(
    name: Name,
    *,
    as_json: AsJson = False,
    every_seconds: Annotated[float, typer.Option("--every", min=0.2, help="Seconds between two looks.")] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Look once.")] = False,
    fail: Annotated[
        bool, typer.Option("--fail", help="End with exit code 1 if a clip has ended without a video.")
    ] = False,
) -> None:
    """Show a campaign as it goes, until it has ended: a view on a terminal, a line a change elsewhere and as JSON."""
    with connect() as client:
        looks = _looks(client, name, every_seconds, is_once=once)
        console = Console()
        if console.is_terminal and not as_json:
            with Live(console=console, auto_refresh=False) as live:
                for last in looks:
                    live.update(view(last, console.width), refresh=True)
        else:
            for last in _changes(looks):
                print_line(json.dumps(last.model_dump(mode="json")) if as_json else _line(last))
    without_video = {state: last.counts[state] for state in WITHOUT_VIDEO if last.counts.get(state)}
    if fail and without_video:
        talk(f"ended without a video: {', '.join(f'{count} {state}' for state, count in without_video.items())}")
        raise typer.Exit(1)


COMMANDS: Final = (watch,)


WITHOUT_VIDEO: Final = tuple(state for state in RenderState if state in TERMINAL and state is not RenderState.SUCCEEDED)
"""How clips end that a person has to look at, cancelled ones included."""


def _looks(client: Client, name: str, every_seconds: float, *, is_once: bool) -> Iterator[Campaign]:
    """The campaign, again and again until it has ended."""
    while True:
        seen = client.campaigns.get(name)
        yield seen
        if is_once or seen.is_over:
            return
        time.sleep(every_seconds)


def _changes(looks: Iterator[Campaign]) -> Iterator[Campaign]:
    """The looks at which something had happened since the one before."""
    told = ""
    for seen in looks:
        if seen.version != told:
            told = seen.version
            yield seen


def view(seen: Campaign, columns: int) -> Group:
    """The campaign for a terminal that is so wide."""
    style = "yellow" if seen.phase in _WAITING else "default"
    title = Text.assemble((printable(seen.name), "bold"), "  ", (seen.phase.replace("_", " "), style))
    bar = Table.grid(padding=(0, 2))
    bar.add_row(_bar(seen, columns), Text(f"{seen.finished_count} of {seen.clip_count}"))
    facts = Table.grid(Column(no_wrap=True), Column(overflow="fold"), padding=(0, 2))
    for label, value in _facts(seen):
        facts.add_row(Text(label, style="dim"), Text(printable(value)))
    return Group(title, bar, facts, *(_failure(group, columns) for group in seen.failures[:_FAILURES_SHOWN]))


def _bar(seen: Campaign, columns: int) -> ProgressBar:
    width = min(_BAR_COLUMNS_MAX, columns // 2)
    return ProgressBar(
        total=max(seen.clip_count, 1), completed=seen.finished_count, width=width,
        complete_style="green", finished_style="green",
    )  # fmt: skip


def _facts(seen: Campaign) -> Iterator[tuple[str, str]]:
    order = list(RenderState)
    states = sorted(seen.counts.items(), key=lambda item: order.index(item[0]))
    yield "clips", ", ".join(f"{count} {state}" for state, count in states) or "none"
    if seen.clips_per_minute and seen.phase is Phase.RUNNING:
        yield "pace", f"{seen.clips_per_minute:g} a minute{_left(seen)}"
    for money in seen.money:
        cap = f" of {money.cap:,.2f}" if money.cap is not None else ""
        yield "money", f"{money.spent:,.2f} spent, {money.reserved:,.2f} reserved{cap} {money.currency}"
    if seen.reason:
        yield "waits", seen.reason
    for hold in seen.holds:
        yield "waits", hold.reason
    yield from next_steps(seen)


def _left(seen: Campaign) -> str:
    left = 0 if seen.is_blocked else seen.clip_count - seen.finished_count
    return f", {timedelta(seconds=round(left / seen.clips_per_minute * 60))} to go at it" if left else ""


def _failure(group: FailureGroup, columns: int) -> Text:
    """One line, however long its message is."""
    text = Text(printable(_cause(group)), style="red")
    text.append(printable(f"  {group.custom_id}: {group.message or 'no message'}"), style="default")
    text.truncate(columns, overflow="ellipsis")
    return text


def _cause(group: FailureGroup) -> str:
    return f"{group.count} {group.state}, {group.code or group.failure_class or 'no code'}"


def _line(seen: Campaign) -> str:
    facts = [f"{seen.finished_count} of {seen.clip_count} ended", *(value for _, value in _facts(seen))]
    return printable("; ".join([seen.phase, *facts, *map(_cause, seen.failures[:_FAILURES_SHOWN])]))
