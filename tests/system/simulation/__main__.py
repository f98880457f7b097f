"""``python -m tests.system.simulation``: play seeds until one breaks a promise, or all of them."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext

from tests.system.simulation.bench import Bench, open_bench
from tests.system.simulation.database import throw_away_database
from tests.system.simulation.sabotage import SABOTAGES
from tests.system.simulation.seed import Story, play

_PROGRESS_SECONDS = 10.0


def main() -> int:
    """Play; returns the number of seeds that broke a promise, at most 99."""
    options = _parser().parse_args()
    sabotage = SABOTAGES[options.sabotage]() if options.sabotage else nullcontext()
    with throw_away_database() as url, open_bench(url) as bench, sabotage:
        began = time.monotonic()
        counts, broken = Counter[str](), []
        for story in _stories(bench, options):
            counts += story.counts
            if options.trace or story.problems:
                say(story)
            if story.problems:
                broken.append(story.seed)
                if len(broken) >= options.failures:
                    break
        _sum_up(counts, broken, time.monotonic() - began)
    return min(len(broken), 99)


def say(line: object) -> None:
    """Tell the person at the terminal."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.system.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many (default: %(default)s)")
    parser.add_argument("--start", type=int, default=0, help="the first one (default: %(default)s)")
    parser.add_argument("--failures", type=int, default=1, help="stop after so many (default: %(default)s)")
    parser.add_argument("--sabotage", choices=sorted(SABOTAGES), help="break the protocol first, to see it noticed")
    parser.add_argument("--restores", action="store_true", help="set the database back to backups, in every seed")
    parser.add_argument("--scans", action="store_true", help="compare lists for orphans while jobs wait for a person")
    parser.add_argument("--trace", action="store_true", help="show the decisions of every seed")
    return parser


def _stories(bench: Bench, options: argparse.Namespace) -> Iterator[Story]:
    start, count = options.start, options.seeds
    began = shown = time.monotonic()
    for seed in range(start, start + count):
        yield play(bench, seed, restores=options.restores, scans=options.scans)
        if time.monotonic() - shown > _PROGRESS_SECONDS:
            shown = time.monotonic()
            done = seed - start + 1
            say(f"{done} of {count} seeds, {done / (shown - began):.1f} a second")


def _sum_up(counts: Counter[str], broken: list[int], seconds: float) -> None:
    for name, count in sorted(counts.items()):
        say(f"{count:8} {name}")
    say(f"{len(broken)} seeds broke a promise {broken or ''} ({seconds:.0f} s)")


if __name__ == "__main__":
    sys.exit(main())
