"""``chaos``: cases of the catalogue by chance, on a real stack under load, until there were enough."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

from embedded.chaos.harness import Harness
from embedded.chaos.report import Report
from embedded.chaos.rounds import Rounds
from embedded.errors import ChaosTimeoutError
from embedded.stack.state_folder import StateFolder

# Renders of 0.8 to 1.3 s: the provider's slots are the limit here too, not this machine.
_TIME_SCALE: Final = 75.0
_PATIENCE_SECONDS: Final = 120.0
_TABLE_COLUMNS: Final = 130


@dataclass(frozen=True, kw_only=True)
class ChaosOptions:
    """What the command line decides."""

    folder: Path
    """Made anew; it stays, with its logs, after a bad end."""
    seed: int
    """Which cases come in which order; when workers are hit is the machine's choice."""
    minutes: float
    """End after the case that is played then."""
    crashes: int | None
    """End after the case in which so many processes were killed in all; None: go by the time alone."""
    hosts: int
    """Worker hosts."""


def run_chaos(options: ChaosOptions) -> bool:
    """Inject faults into a stack and check every clip and the bill afterwards; True if all is right."""
    console = Console(stderr=True)
    state = StateFolder(options.folder).lock()
    state.clear()
    world = Harness(
        state.root, hosts=options.hosts, seed=options.seed, time_scale=_TIME_SCALE, patience_seconds=_PATIENCE_SECONDS
    )
    report = Report()
    try:
        with console.status("starting"):
            world.start()
        try:
            _play(world, options, report, console)
        finally:
            world.stop()
    finally:
        if report.is_good:
            state.clear()
        state.unlock()
    out = Console(width=max(Console().width, _TABLE_COLUMNS))
    out.print(report.table())
    out.print(*filter(None, [report.problem, *report.result.all_findings]), sep="\n", soft_wrap=True, markup=False)
    out.print(str(report), soft_wrap=True, highlight=False)
    return report.is_good


def _play(world: Harness, options: ChaosOptions, report: Report, console: Console) -> None:
    rounds = Rounds(world)
    began = time.monotonic()
    try:
        console.print(f"seed {options.seed}, {options.hosts} hosts, state in {options.folder}", soft_wrap=True)
        console.print(f"baseline: {rounds.measure():.1f} clips a second")
        while not _is_over(options, report, time.monotonic() - began):
            case = rounds.choose()
            played = rounds.play(case)
            report.rounds.append(played)
            report.result = world.books.look()
            console.print(
                f"{time.monotonic() - began:5.0f} s  {report.crash_count:5,} crashes  "
                f"healed {played.healed_seconds:4.1f} s  90 % {played.regained_seconds:4.1f} s  {case}",
                highlight=False,
                soft_wrap=True,
            )
            if not report.result.is_good:
                report.problem = f"stopped after {case}: {report.result}"
                return
        report.result = rounds.finish()
    except ChaosTimeoutError as error:
        report.problem = str(error)
    finally:
        report.seconds = time.monotonic() - began
        report.chapters = {order.key: order.chapter for order in world.books.orders.values()}
        report.text_chapters = {order.key: order.chapter for order in world.books.texts.orders.values()}


def _is_over(options: ChaosOptions, report: Report, seconds: float) -> bool:
    has_enough = options.crashes is not None and report.crash_count >= options.crashes
    return has_enough or seconds > options.minutes * 60
