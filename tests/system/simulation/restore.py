"""Backups of the database, the restore of one of them, and the operator who decides what the restore leaves open.

The rows are put back in place. The gates are told by their own rows that this is another database (a restored dump)
or a server that was started again (a base backup): a real restore differs from what they hold in the same way.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import Final
from uuid import UUID

from models import Base
from models.operations.scheduling.submit_gates import ensure_gate, read_openings
from reelqueue.states import OPEN_ATTEMPT
from tests.system.simulation.temper import Temper
from tests.system.simulation.world import World
from workers.recovery.bind import bind_found
from workers.recovery.compare import compare_account, compare_list
from workers.recovery.matching import UnclearTask

_TABLES: Final = tuple(table.name for table in Base.metadata.sorted_tables)
_MOST_BACKUPS: Final = 3
# The provider lists 24 hours.
_OLDEST: Final = timedelta(hours=12)
_TAKES_SECONDS: Final = (2, 5, 60, 600)
# Something may be forgotten; and each account was used, which it is when its gate was opened once.
_MAY_TAKE: Final = """
SELECT EXISTS (SELECT 1 FROM render_jobs WHERE state IN ('queued', 'admitted', 'submitting'))
   AND NOT EXISTS (SELECT 1 FROM accounts a LEFT JOIN submit_gates g ON g.account_id = a.id WHERE g.known_until IS NULL)
"""
_OTHER_DATABASE: Final = "UPDATE submit_gates SET database_id = 'before the restore of ' || database_id"
_SERVER_STARTED: Final = "UPDATE submit_gates SET server_started_at = server_started_at - interval '1 day'"


def restorable(temper: Temper, random: Random) -> Temper:
    """A temper whose database is restored, without what ends the promise then (GUARANTEES.md, the last section).

    A clock that was set between backup and restore was compared in the forgotten time only, and a row of another
    program may be taken for a job's.
    """
    return replace(
        temper,
        restore=random.uniform(0.3, 2),
        jobs=temper.jobs + 2,
        decisions=temper.decisions * 2,  # of which a closed gate takes many
        database=temper.database / 4,
        clocks=0,
        foreign_rows=0,
        has_journal=random.random() < 0.5,
    )


@dataclass(frozen=True)
class Backup:
    """The committed rows of a moment."""

    taken_at: datetime
    rows: dict[str, bytes]
    told: dict[tuple[UUID | None, str], set[str]]
    """What the receiver knew: what it is told later is forgotten here, and told again under another id."""
    has_open_attempts: bool
    task_count: int
    """How many tasks had been made."""


@dataclass
class Backups:
    """Those of one seed."""

    world: World
    temper: Temper
    random: Random
    taken: list[Backup] = field(default_factory=list)

    def weight(self) -> float:
        """How soon a backup is taken: the first as soon as it has something to forget."""
        if not self.temper.restore:
            return 0
        if self.temper.has_late_backups and len(self.world.witness.jobs()) < self.temper.jobs:
            return 0
        row = self.world.bench.connection.execute(_MAY_TAKE).fetchone()
        return self.temper.restore * (0.1 if self.taken else 1) if row and row[0] else 0

    def take(self) -> None:
        """Copy the rows, in one snapshot, beside whatever is under way."""
        connection, rows = self.world.bench.connection, dict[str, bytes]()
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            for table in _TABLES:
                with connection.cursor().copy(f"COPY {table} TO STDOUT".encode()) as copy:
                    rows[table] = b"".join(bytes(part) for part in copy)
            states = [str(row[0]) for row in connection.execute("SELECT state FROM attempts")]
        told = {event: set(ids) for event, ids in self.world.receiver.ids.items()}
        if len(self.taken) == _MOST_BACKUPS:
            self.taken.remove(self.random.choice(self.taken))
        is_open = bool({*states} & {*map(str, OPEN_ATTEMPT)})
        self.taken.append(Backup(self.world.clock.now(), rows, told, is_open, self.world.witness.task_count))

    def restorable(self) -> list[Backup]:
        """Those that forget a task, and are young enough for the provider's list."""
        now, made = self.world.clock.now(), self.world.witness.task_count
        return [one for one in self.taken if one.task_count < made and now - one.taken_at < _OLDEST]

    def draw_is_files(self, backup: Backup) -> bool:
        """Whether the files of a server are put back; a server that was only restarted believes the first list."""
        may_be = not (backup.has_open_attempts or self.temper.provider or self.temper.lag_seconds)
        return may_be and self.random.random() < 0.5

    def put_back(self, backup: Backup, *, is_files: bool) -> None:
        """Set the database back, while nothing runs."""
        connection = self.world.bench.connection
        before = self.world.witness.jobs()
        with connection.transaction():
            connection.execute("SET LOCAL session_replication_role = replica")  # rows come in any order
            connection.execute(f"TRUNCATE {', '.join(_TABLES)}".encode())
            for table, content in backup.rows.items():
                with connection.cursor().copy(f"COPY {table} FROM STDIN".encode()) as copy:
                    copy.write(content)
            connection.execute(_SERVER_STARTED if is_files else _OTHER_DATABASE)
        self.world.receiver.ids = defaultdict(set, {event: set(ids) for event, ids in backup.told.items()})
        self.world.witness.on_restore(before)

    def last_restores(self) -> list[int]:
        """How many decisions there are after each restore that a seed ends with: two in a row, sometimes."""
        count = self.random.choice([1, 2]) if self.temper.restore else 0
        return [self.random.choice([0, 20, 60]) for _ in range(count)]

    def pause(self) -> timedelta:
        """How long it takes until workers run again."""
        return timedelta(seconds=self.random.choice(_TAKES_SECONDS))


def recover(world: World) -> str:
    """What an operator decides with ``python -m workers recover``, who knows by the console which job made a task."""
    context, said = world.context, list[str]()
    with context.sessions() as session:
        openings = read_openings(session, context.clock.now(session))
        accounts = openings.accounts
    for account_id, gate in {**openings.open_gates, **openings.closed_gates}.items():
        account = accounts[account_id]
        for unclear in compare_list(context, account, gate).matching.unclear:
            task_id = unclear.found.task.provider_task_id
            job_id = _maker(world, unclear)
            if job_id is not None and bind_found(context, account, job_id, unclear.found):
                said.append(f"{task_id} is of {job_id}")
                continue
            with context.sessions.begin() as session:
                mine = ensure_gate(session, account_id)
                mine.foreign_task_ids = sorted({*mine.foreign_task_ids, task_id})
            said.append(f"{task_id} is foreign")
        compare_account(context, account)
    context.hints.dispatch()
    return f"recovered: {', '.join(said)}"


def _maker(world: World, unclear: UnclearTask) -> UUID | None:
    """The job that made a task, or one that asks for the very same; None: it is gone with the backup."""
    task_id = unclear.found.task.provider_task_id
    maker = next(job_id for job_id, made in world.witness.tasks_by_job.items() if task_id in made)
    candidates = [one.job_id for one in unclear.candidates]
    if maker in world.witness.gone:
        return None
    return maker if maker in candidates else candidates[0]
