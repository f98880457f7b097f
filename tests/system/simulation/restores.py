"""``python -m tests.system.simulation.restores``: what restores cost where the list does not show everything.

Campaigns are played in which the database is set back at random moments to random backups, by turns with a list that
shows every task, one that shows none, and one that shows those of ten minutes ago. What each campaign has paid twice
is counted from the simulator's bill, beside what a person decided. A restore kills workers in the middle of a POST,
too: an answer that is lost so is looked up by the lists, and bought again where two of them hide its task, with any
database (``hidden twice``, the residual risk of GUARANTEES.md). ``--without-journal`` plays the same.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from tests.system.simulation.__main__ import say
from tests.system.simulation.bench import Bench, open_bench
from tests.system.simulation.database import throw_away_database
from tests.system.simulation.seed import Story, play
from tests.system.simulation.temper import CALM, Temper

NEVER: Final = 1e6
"""Seconds until the list shows a task: more than a campaign takes."""
_LISTS: Final = {"shows every task": 0.0, "shows those of 10 minutes ago": 600.0, "shows none": NEVER}
"""How old a task is when the list first shows it, in seconds."""
_BY_PERSON: Final = re.compile(r"job \S+ is (adopted|resubmitted|written off)|is foreign|is of #")


@dataclass
class Row:
    """What the campaigns of one kind of list came to."""

    counts: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    """Seeds that broke a promise, and which."""

    def add(self, story: Story) -> None:
        """Count a campaign in."""
        self.counts += Counter(
            campaigns=1,
            clips=story.counts["clips"],
            restores=sum(count for name, count in story.counts.items() if name.startswith("restored: ")),
            recovered=story.counts["recovered"],
            person=sum(bool(_BY_PERSON.search(line)) for line in story.trace),
            hidden=story.counts["hidden from two lists"],
            twice=story.counts["paid twice"],
        )
        self.broken += [f"seed {story.seed}: {problem}" for problem in story.problems]


def main() -> int:
    """Play; returns 1 if a clip was paid twice or a promise was broken."""
    options = _parser().parse_args()
    rows = {name: Row() for name in _LISTS}
    began = time.monotonic()
    with throw_away_database() as url, open_bench(url) as bench:
        for name, story in _stories(bench, options.start, clips=options.clips, has_journal=not options.without_journal):
            rows[name].add(story)
            is_late = time.monotonic() - began > options.seconds
            if is_late or sum(row.counts["restores"] for row in rows.values()) >= options.restores:
                break
    _show(rows, time.monotonic() - began)
    return int(any(row.counts["twice"] or row.broken for row in rows.values()))


def _stories(bench: Bench, start: int, *, clips: int, has_journal: bool) -> Iterator[tuple[str, Story]]:
    seed = start
    while True:
        for name, lag_seconds in _LISTS.items():
            yield name, play(bench, seed, temper=restored_campaign(lag_seconds, clips=clips, has_journal=has_journal))
            seed += 1


def restored_campaign(lag_seconds: float, *, clips: int, has_journal: bool) -> Temper:
    """A campaign in which nothing happens but restores, which kill every worker wherever it is.

    Args:
        lag_seconds: How old a task is when the provider's list first shows it.
        clips: How many.
        has_journal: Whether submits are noted outside the database.
    """
    return replace(
        CALM,
        jobs=clips,
        workers=4,
        decisions=120 * clips,
        restore=10,
        has_late_backups=True,
        twins=0.3,
        pictures=0.2,
        lag_seconds=lag_seconds,
        has_journal=has_journal,
    )


def _show(rows: dict[str, Row], seconds: float) -> None:
    columns = ("campaigns", "clips", "restores", "recovered", "person", "hidden", "twice")
    titles = ("campaigns", "clips", "restores", "recovered", "by a person", "hidden twice", "paid twice")
    say(f"{'the list':32}" + "".join(f"{title:>13}" for title in titles) + f"{'broken':>9}")
    for name, row in rows.items():
        say(f"{name:32}" + "".join(f"{row.counts[one]:13}" for one in columns) + f"{len(row.broken):9}")
    for row in rows.values():
        for problem in row.broken[:5]:
            say(f"BROKEN {problem}")
    say(f"{seconds:.0f} s")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.system.simulation.restores", description=__doc__)
    parser.add_argument("--restores", type=int, default=200, help="how many (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=900, help="stop after so long (default: %(default)s)")
    parser.add_argument("--clips", type=int, default=8, help="of each campaign (default: %(default)s)")
    parser.add_argument("--start", type=int, default=0, help="the first seed (default: %(default)s)")
    parser.add_argument("--without-journal", action="store_true", help="compare with the provider's list alone")
    return parser


if __name__ == "__main__":
    sys.exit(main())
