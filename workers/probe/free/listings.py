"""Free questions about the task list, and about tasks that never were."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from workers.dashscope.wire import format_time
from workers.probe.lab import Lab, rows_of, said
from workers.probe.questions import Question, named

_TASKS: Final = "/api/v1/tasks"
_NEVER: Final = UUID("00000000-0000-4000-8000-00005ca1ab1e")
"""An id that no task has."""
_MOST: Final = 100

QUESTIONS: Final = (
    Question(
        "list-page", "rows on a page of tasks, of 100 asked for", "Manage tasks, list: no maximum is given", "100",
        lambda rows: {"listing": {"page_size_max": rows}},
    ),
    Question("list-101", "what a page of 101 tasks gets", "Manage tasks, list: no maximum is given",
             "400 InvalidParameter"),
    Question("list-25-hours", "what a window of 25 hours gets", "Manage tasks, list: 24 hours at most, no error named",
             "400 InvalidParameter"),
    Question("list-past-end", "what a page after the last gets", "Manage tasks, list: not documented", "200, 0 rows"),
    Question(
        "unknown-id", "what the id of no task gets", "Manage tasks: UNKNOWN; on workspace hosts 404 is reported",
        "200 UNKNOWN", lambda is_missing: {"unknown_is_404": is_missing},
    ),
    Question("unknown-word", "what an id that is no UUID gets", "Manage tasks: not documented", "200 UNKNOWN"),
    Question("unknown-cancel", "what cancelling the id of no task gets", "Manage tasks, cancel: not documented",
             "400 UnsupportedOperation"),
)  # fmt: skip


def ask(lab: Lab) -> None:
    """Ask them all."""
    _pages(lab)
    _window(lab)
    _unknown(lab)


def _pages(lab: Lab) -> None:
    seen = lab.look(f"{_TASKS}?page_no=1&page_size={_MOST}", is_list=True)
    size = seen.document.get("page_size")
    if seen.status < 300 and isinstance(size, int):
        lab.find("list-page", str(size), size if 0 < size < _MOST else None)
    else:
        lab.find("list-page", said(seen))
    lab.find("list-101", said(lab.look(f"{_TASKS}?page_no=1&page_size={_MOST + 1}", is_list=True)))
    beyond = lab.look(f"{_TASKS}?page_no=9999&page_size=10", is_list=True)
    rows = f", {len(rows_of(beyond.document.get('data')))} rows" if beyond.status < 300 else ""
    lab.find("list-past-end", said(beyond) + rows)


def _window(lab: Lab) -> None:
    with lab.context.sessions() as session:
        now = lab.context.clock.now(session)
    since, until = format_time(now - timedelta(hours=25)), format_time(now)
    lab.find("list-25-hours", said(lab.look(f"{_TASKS}?start_time={since}&end_time={until}", is_list=True)))


def _unknown(lab: Lab) -> None:
    for question_id, task_id in (("unknown-id", str(_NEVER)), ("unknown-word", "reelqueue-probe")):
        seen = lab.look(f"{_TASKS}/{task_id}")
        word = f" {named(seen.output.get('task_status'))}" if seen.status < 300 else ""
        lab.find(question_id, said(seen) + word, seen.status == 404 or None)
    lab.find("unknown-cancel", said(lab.cancel(str(_NEVER))))
