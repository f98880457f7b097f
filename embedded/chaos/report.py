"""Report of a chaos run: the faults that were injected, and the checks after them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from rich.table import Table

from embedded.chaos.reconcile_bill import CheckResult
from embedded.chaos.rounds import Round


@dataclass
class Report:
    """One run."""

    rounds: list[Round] = field(default_factory=list)
    result: CheckResult = field(default_factory=CheckResult)
    chapters: dict[str, str] = field(default_factory=dict)
    """During which case each clip was ordered."""
    text_chapters: dict[str, str] = field(default_factory=dict)
    """During which case each text job was ordered."""
    problem: str = ""
    """What ended the run before its time."""
    seconds: float = 0.0

    @property
    def crash_count(self) -> int:
        """Processes that were killed."""
        return sum(one.crash_count for one in self.rounds)

    @property
    def is_good(self) -> bool:
        """Whether nothing was lost, doubled or left unaccounted, and everything healed."""
        return self.result.is_good and not self.problem

    def table(self) -> Table:
        """A line for each case that was played."""
        table = Table("case", box=None, pad_edge=False)
        for heading in ("played", "injected", "healed s", "90 % again s", "lost", "duplicates"):
            table.add_column(heading, justify="right")
        texts = self.result.texts
        lost = self._count([*self.result.lost, *texts.lost])
        duplicates = self._count([*self.result.duplicates, *texts.sent_too_often])
        for name in sorted({str(one.case) for one in self.rounds} | lost.keys() | duplicates.keys()):
            played = [one for one in self.rounds if str(one.case) == name]
            table.add_row(
                name,
                str(len(played)),
                str(sum(one.crash_count + one.fault_count for one in played)),
                _median_and_most([one.healed_seconds for one in played]),
                _median_and_most([one.regained_seconds for one in played]),
                str(lost[name]),
                str(duplicates[name]),
            )
        return table

    def __str__(self) -> str:
        """The last line."""
        faults = sum(one.fault_count for one in self.rounds)
        result = self.result
        findings = result.all_findings
        return " · ".join(
            [
                "good" if self.is_good else "BAD",
                f"{self.crash_count:,} crashes and {faults:,} other faults in {self.seconds / 60:.1f} min",
                f"{len(self.chapters):,} clips",
                f"lost {len(result.lost)}",
                f"duplicates {len(result.duplicates)}",
                f"unaccounted {float(result.unaccounted_seconds):g} s",
                f"{len(self.text_chapters):,} texts",
                f"lost {len(result.texts.lost)}",
                f"sent too often {len(result.texts.sent_too_often)}",
                f"batches made twice {len(result.texts.made_twice)}",
                f"audit: {len(findings)} findings" if findings else "audit clean",
                f"90 % again after {_median_and_most([one.regained_seconds for one in self.rounds])} s (median / most)",
            ]
        )

    def _count(self, keys: Sequence[str]) -> Counter[str]:
        chapters = self.chapters | self.text_chapters
        return Counter(chapters.get(key, "an unknown order") for key in keys)


def _median_and_most(seconds: Sequence[float]) -> str:
    return f"{median(seconds):.1f} / {max(seconds):.1f}" if seconds else "-"
