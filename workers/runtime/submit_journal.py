"""The journal of submits: what left for the provider, at a place that does not travel with the database.

A database that went back in time has forgotten submits that were paid for, and the provider's list tells of a day and
may miss rows. So each submit is noted before its POST leaves, by ids alone, and its task when that is known.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from pydantic import TypeAdapter, ValidationError

from models.storage import LineLog, StorageError

log = structlog.get_logger(__name__)

KEPT: Final = timedelta(days=92)
"""How long a submit is remembered: longer than a backup is kept that may still be restored. Not until it is settled,
as a backup from before does not know that."""


@dataclass(frozen=True)
class JournaledSubmit:
    """A submit that may have left for the provider."""

    attempt_id: UUID
    job_id: UUID
    number: int
    account: str
    """By name: an account that was added after a backup has another id when it is added again."""
    base_url: str
    model: str
    spec_sha256: str
    """Of the body."""
    key_fingerprint: str
    clock_offset_seconds: float | None
    """The provider's clock minus the database's; None: it was not known."""
    claimed_at: datetime
    """By the database's clock, as the two deadlines."""
    send_by: datetime
    answer_by: datetime
    """The POST cannot be under way for longer."""
    provider_task_id: str | None = None
    """None: the answer was lost, or was not noted."""


@dataclass(frozen=True)
class Journaled:
    """What a journal holds."""

    submits: dict[UUID, JournaledSubmit]
    """Those that are not known to have made no task, by attempt."""
    damaged_count: int = 0
    """Lines that cannot be read."""


_SUBMIT: Final = TypeAdapter(JournaledSubmit)
_LINE: Final = TypeAdapter(dict[str, Any])


class SubmitJournal:
    """Notes submits, and reads them; without a log it does neither."""

    def __init__(self, lines: LineLog | None = None) -> None:
        self._lines = lines

    @property
    def place(self) -> str | None:
        """Where it is, for people; None: nowhere."""
        return self._lines.place if self._lines else None

    def leaving(self, submit: JournaledSubmit) -> None:
        """Note a submit before it leaves; it survives a crash of the host from here on.

        Raises:
            StorageError: It may not be noted: the submit must not leave.
        """
        if self._lines is not None:
            facts = dataclasses.asdict(submit)
            del facts["provider_task_id"]  # of a line of its own
            self._lines.append(_day(submit.claimed_at), _line("leaving", facts))

    def made(self, attempt_id: UUID, provider_task_id: str, *, at: datetime) -> None:
        """Note the task that a submit has made.

        Args:
            attempt_id: The submit's.
            provider_task_id: The task.
            at: Any moment since it was claimed.
        """
        self._add(attempt_id, at, "made", provider_task_id=provider_task_id)

    def misnamed(self, attempt_id: UUID, *, at: datetime) -> None:
        """Note that the task which was noted is another submit's, and its own unknown."""
        self._add(attempt_id, at, "misnamed")

    def unmade(self, attempt_id: UUID, *, at: datetime) -> None:
        """Note that a submit has made no task."""
        self._add(attempt_id, at, "unmade")

    def adopted(self, submit: JournaledSubmit, provider_task_id: str) -> None:
        """Note a submit that was found by its task, after a restore."""
        try:
            self.leaving(submit)
        except StorageError as error:
            log.warning("journal.not_written", attempt_id=str(submit.attempt_id), kind="leaving", reason=str(error))
        self.made(submit.attempt_id, provider_task_id, at=submit.claimed_at)

    def read(self, since: datetime) -> Journaled:
        """The submits of a day and of later ones.

        Raises:
            StorageError: Some cannot be read.
        """
        reading = _Reading()
        for line in self._lines.read(_day(since)) if self._lines else ():
            reading.take(line)
        return reading.result()

    def task_of(self, attempt_id: UUID, since: datetime) -> str | None:
        """The task that one submit is noted to have made; in less time than :meth:`read`, as the others are left out.

        Args:
            attempt_id: The submit's.
            since: A moment before it was claimed.

        Raises:
            StorageError: Some cannot be read.
        """
        reading = _Reading()
        for line in self._lines.read(_day(since)) if self._lines else ():
            if str(attempt_id) in line:
                reading.take(line)
        submit = reading.result().submits.get(attempt_id)
        return None if submit is None else submit.provider_task_id

    def forget_old(self, now: datetime) -> None:
        """Remove what no backup needs any more by the database's clock and by this host's: one may be ahead.

        Raises:
            StorageError: Some of it is left.
        """
        if self._lines is not None:
            self._lines.remove_before(_day(min(now, datetime.now(UTC)) - KEPT))

    def check(self) -> str:
        """Write, and say what was seen.

        Raises:
            StorageError: It does not work.
        """
        return self._lines.check() if self._lines else "there is none, as REELQUEUE_JOURNAL_URL says"

    def _add(self, attempt_id: UUID, at: datetime, kind: str, **facts: str) -> None:
        """Add to a submit; where that fails, it stays as it was noted, and a restore asks a person about it."""
        if self._lines is None:
            return
        line = _line(kind, {"attempt_id": attempt_id, **facts})
        try:
            # Not flushed: only the first line guards money.
            self._lines.append(_day(at), line, is_durable=False)
        except StorageError as error:
            log.warning("journal.not_written", attempt_id=str(attempt_id), kind=kind, reason=str(error))


class _Reading:
    """Lines of one journal, in any order."""

    def __init__(self) -> None:
        self._submits = dict[UUID, JournaledSubmit]()
        self._tasks = dict[UUID, str]()
        self._misnamed, self._unmade = set[UUID](), set[UUID]()
        self._damaged_count = 0

    def take(self, line: str) -> None:
        """Take one."""
        try:
            facts = _LINE.validate_json(line)
            self._put(facts.pop("kind"), facts)
        except (ValidationError, KeyError, ValueError):
            self._damaged_count += 1

    def _put(self, kind: str, facts: dict[str, Any]) -> None:
        if kind == "leaving":
            submit = _SUBMIT.validate_python(facts)
            self._submits[submit.attempt_id] = submit
            return
        attempt_id = UUID(facts["attempt_id"])
        match kind:
            case "made":
                self._tasks[attempt_id] = str(facts["provider_task_id"])
            case "misnamed":
                self._misnamed.add(attempt_id)
            case "unmade":
                self._unmade.add(attempt_id)
            case _:
                raise ValueError(f"{kind!r} is no kind of line")

    def result(self) -> Journaled:
        """What they say together."""
        tasks = {one: task for one, task in self._tasks.items() if one not in self._misnamed}
        submits = {
            one: dataclasses.replace(submit, provider_task_id=tasks.get(one))
            for one, submit in self._submits.items()
            if one not in self._unmade
        }
        return Journaled(submits, self._damaged_count)


def _line(kind: str, facts: dict[str, Any]) -> str:
    return _LINE.dump_json({"kind": kind, **facts}).decode()


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()
