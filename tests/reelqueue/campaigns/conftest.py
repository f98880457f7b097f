from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from reelqueue.campaigns import CampaignFileError, Clip, Problem, ProblemLog, open_campaign
from reelqueue.campaigns.rows.row import Record


@dataclass
class Reading:
    """What came of a file."""

    clips: list[Clip] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    bad: list[Record] = field(default_factory=list)
    log: ProblemLog = field(default_factory=ProblemLog)

    def problem(self, problem: Problem) -> None:
        self.problems.append(problem)

    def begin(self, source: object) -> None:
        """Nothing depends on it."""

    def bad_record(self, source: object, record: Record, problems: object) -> None:  # noqa: ARG002 - as every sink
        self.bad.append(record)

    @property
    def codes(self) -> list[str]:
        return [problem.code for problem in self.problems]


Read = Callable[..., Reading]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write a file and read its clips; problems that end the reading are problems like others."""

    def read_file(name: str, content: str | bytes, **options: object) -> Reading:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        reading = Reading()
        reading.log.sink = reading
        try:
            with open_campaign(path, **options) as campaign:  # type: ignore[arg-type]
                reading.clips.extend(campaign.clips(reading.log))
        except CampaignFileError as error:
            for problem in error.problems:
                reading.log.add_file_problem(problem)
        return reading

    return read_file
