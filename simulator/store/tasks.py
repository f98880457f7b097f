"""Rows of tasks."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, dataclass, replace

from simulator.tasks import ClipSpec, Outcome, Task, TaskStatus


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks of one account to list; times are epoch milliseconds of the submit."""

    account: str
    start_ms: int
    end_ms: int
    model: str | None = None
    status: str | None = None
    task_id: str | None = None


class TaskTable:
    """Tasks by id, by account, and those that are not over."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def insert(self, task: Task) -> Task:
        """Store a new task; returns it with its sequence number."""
        columns = (task.task_id, task.request_id, task.account, task.model, _dump(task.body))
        times = (task.submitted_ms, task.ready_ms, task.scheduled_ms, task.ends_ms)
        cursor = self._database.execute(
            "INSERT INTO tasks (task_id, request_id, account, model, body, outcome, status,"
            " submitted_ms, ready_ms, scheduled_ms, ends_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*columns, _dump(asdict(task.outcome)), task.status, *times),
        )
        return replace(task, sequence=cursor.lastrowid or 0)

    def get(self, task_id: str) -> Task | None:
        """The task, of any owner."""
        row = self._database.execute("SELECT * FROM tasks WHERE task_id = ?", (task_id,)).fetchone()
        return None if row is None else _task(row)

    def mark(self, task_id: str, status: TaskStatus, *, scheduled_ms: int | None = None, ends_ms: int) -> None:
        """Move a task on; a scheduling time once set stays."""
        self._database.execute(
            "UPDATE tasks SET status = ?, scheduled_ms = COALESCE(?, scheduled_ms), ends_ms = ? WHERE task_id = ?",
            (status, scheduled_ms, ends_ms, task_id),
        )

    def unfinished(self) -> list[Task]:
        """Waiting and running tasks, oldest first."""
        rows = self._database.execute("SELECT * FROM tasks WHERE status IN ('PENDING', 'RUNNING') ORDER BY sequence")
        return [_task(row) for row in rows]

    def finished_since(self, ends_ms: int, sequence: int) -> list[Task]:
        """Tasks that ended after a moment, or at it with a higher sequence, in that order."""
        rows = self._database.execute(
            "SELECT * FROM tasks WHERE (ends_ms, sequence) > (?, ?)"
            " AND status IN ('SUCCEEDED', 'FAILED', 'CANCELED') ORDER BY ends_ms, sequence",
            (ends_ms, sequence),
        )
        return [_task(row) for row in rows]

    def count(self, which: TaskFilter) -> int:
        """How many tasks a filter selects."""
        where, values = _where(which)
        (total,) = self._database.execute(f"SELECT count(*) FROM tasks WHERE {where}", values).fetchone()  # noqa: S608 - fixed text
        return int(total)

    def page(self, which: TaskFilter, *, offset: int, limit: int) -> list[Task]:
        """One page of tasks, newest first."""
        where, values = _where(which)
        rows = self._database.execute(
            f"SELECT * FROM tasks WHERE {where} ORDER BY submitted_ms DESC, sequence DESC LIMIT ? OFFSET ?",  # noqa: S608 - fixed text
            (*values, limit, offset),
        )
        return [_task(row) for row in rows]

    def count_by_status(self) -> dict[str, int]:
        """How many tasks of all accounts are in each status."""
        return dict(self._database.execute("SELECT status, count(*) FROM tasks GROUP BY status").fetchall())


def _where(which: TaskFilter) -> tuple[str, tuple[object, ...]]:
    conditions = ["account = ?", "submitted_ms >= ?", "submitted_ms <= ?"]
    values: list[object] = [which.account, which.start_ms, which.end_ms]
    for column, value in (("model", which.model), ("status", which.status), ("task_id", which.task_id)):
        if value:
            conditions.append(f"{column} = ?")
            values.append(value)
    return " AND ".join(conditions), tuple(values)


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _task(row: sqlite3.Row) -> Task:
    columns = dict(row)
    outcome = json.loads(columns.pop("outcome"))
    clip = outcome.pop("clip")
    columns["outcome"] = Outcome(**outcome, clip=None if clip is None else ClipSpec(**clip))
    columns["body"] = json.loads(columns["body"])
    columns["status"] = TaskStatus(columns["status"])
    return Task(**columns)
