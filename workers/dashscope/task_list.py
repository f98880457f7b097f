"""A task list read page by page, and whether it is whole: only a whole one proves that a task is absent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workers.dashscope.wire import ListedTask, ListPage


@dataclass(frozen=True)
class TaskList:
    """The tasks of a window, in the order of the pages; a task may be there twice."""

    tasks: list[ListedTask]
    flaw: str | None = None
    """Why it may miss tasks; None: it is whole."""


def assemble(pages: Sequence[ListPage]) -> TaskList:
    """The list that pages make up.

    Args:
        pages: All that the first one announced, at least one.
    """
    tasks = [task for page in pages for task in page.tasks]
    return TaskList(tasks, _flaw(pages, len({task.provider_task_id for task in tasks})))


def _flaw(pages: Sequence[ListPage], shown: int) -> str | None:
    first = pages[0]
    if first.total is None:
        return "the task list does not say how many tasks it has"
    if len({(page.total, page.page_count, page.page_size) for page in pages}) > 1:
        return "the task list changed while it was read"
    if shown != first.total:
        return f"the task list shows {shown} of {first.total} tasks"
    # An empty list may have one page or none.
    if first.page_size and max(-(-first.total // first.page_size), 1) != max(first.page_count, 1):
        return f"the task list has {first.page_count} pages of {first.page_size} for {first.total} tasks"
    return None
