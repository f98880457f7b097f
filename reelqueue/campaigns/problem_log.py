"""Count and group the problems of a campaign file in bounded memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from reelqueue.campaigns.problem import Problem, Severity
from reelqueue.campaigns.rows.row import Record, RecordSource

_GROUPS_MAX: Final = 1_000
_LINES_MAX: Final = 5
"""Of a group, as many lines are kept to be told."""


@dataclass(slots=True)
class Group:
    """Problems that one remedy cures."""

    first: Problem
    count: int = 0
    lines: list[int] = field(default_factory=list)
    """The first few."""

    def add(self, problem: Problem) -> None:
        """Count one."""
        self.count += 1
        if problem.line is not None and len(self.lines) < _LINES_MAX and problem.line not in self.lines:
            self.lines.append(problem.line)


class ProblemSink(Protocol):
    """Who gets each problem and each bad row as they are found."""

    def begin(self, source: RecordSource) -> None:
        """Learn what is read, before anything is found in it."""

    def problem(self, problem: Problem) -> None:
        """Take one problem."""

    def bad_record(self, source: RecordSource, record: Record, problems: Sequence[Problem]) -> None:
        """Take one row that cannot be rendered, with what is wrong in it."""


@dataclass(slots=True)
class ProblemLog:
    """Counts and groups; the problems themselves go to the sink."""

    sink: ProblemSink | None = None
    row_count: int = 0
    """Rows read."""
    bad_row_count: int = 0
    """Rows of which at least one clip cannot be rendered."""
    file_error_count: int = 0
    """Errors of the file itself, such as of its heading: without their repair no row can be trusted."""
    error_count: int = 0
    warning_count: int = 0
    unlisted_count: int = 0
    """Problems that are not told, as there are too many different ones."""
    _groups: dict[tuple[str, ...], Group] = field(default_factory=dict)
    _shared: set[Problem] = field(default_factory=set)

    @property
    def groups(self) -> list[Group]:
        """Errors before warnings, the most frequent first."""
        return sorted(self._groups.values(), key=lambda group: (group.first.severity is Severity.WARNING, -group.count))

    def add_file_problem(self, problem: Problem) -> None:
        """Take a problem of no single row."""
        self.file_error_count += problem.severity is Severity.ERROR
        self._add(problem)

    def add_row(
        self, source: RecordSource, record: Record, problems: Sequence[Problem], *, unlisted_count: int = 0
    ) -> None:
        """Take a row that has been read, with what is wrong in it."""
        self.row_count += 1
        self.unlisted_count += unlisted_count
        if not problems:
            return
        for problem in problems:
            self._add(problem)
        errors = [problem for problem in problems if problem.severity is Severity.ERROR]
        own = [problem for problem in errors if not problem.is_shared]
        self.bad_row_count += bool(errors)
        if own and self.sink is not None:
            self.sink.bad_record(source, record, own)

    def _add(self, problem: Problem) -> None:
        if problem.is_shared:
            if problem in self._shared:
                return
            if len(self._shared) < _GROUPS_MAX:
                self._shared.add(problem)
        if problem.severity is Severity.ERROR:
            self.error_count += 1
        else:
            self.warning_count += 1
        group = self._groups.get(problem.kind)
        if group is None and len(self._groups) < _GROUPS_MAX:
            group = self._groups[problem.kind] = Group(problem)
        if group is None:
            self.unlisted_count += 1
        else:
            group.add(problem)
        if self.sink is not None:
            self.sink.problem(problem)
