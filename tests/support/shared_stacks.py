"""Stacks that the modules of a folder share, and that end with its last test.

Left running until the session ends, each would sweep, poll and beat beside thousands of other tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Final, Generic, TypeVar

import pytest

T = TypeVar("T")


class SharedStack(Generic[T]):
    """Started by the first test that needs it, and again should another come back after the folder was left."""

    def __init__(self, start: Callable[[], AbstractContextManager[T]]) -> None:
        self._start = start
        self._running = ExitStack()
        self._found: T | None = None

    def get(self) -> T:
        """The running stack."""
        if self._found is None:
            self._found = self._running.enter_context(self._start())
        return self._found

    def stop(self) -> None:
        """Stop it, if it runs."""
        self._found = None
        self._running.close()


_SHARED: Final = pytest.StashKey[dict[Path, SharedStack[object]]]()
"""By the folder whose tests share it."""


@contextmanager
def sharing(
    session: pytest.Session, folder: Path, start: Callable[[], AbstractContextManager[T]]
) -> Iterator[SharedStack[T]]:
    """A stack for the tests of *folder*, which is stopped when they are left or the session ends."""
    shared = SharedStack(start)
    session.stash.setdefault(_SHARED, {})[folder] = shared  # type: ignore[assignment]  # stopped whatever it is
    yield shared
    shared.stop()


def stop_left(session: pytest.Session, next_item: pytest.Item | None) -> None:
    """Stop the stacks of folders that *next_item* is not in."""
    for folder, shared in session.stash.get(_SHARED, {}).items():
        if next_item is None or next_item.path.parent != folder:
            shared.stop()


def keep_together(items: list[pytest.Item]) -> None:
    """Let the tests of a group run folder by folder, in which their order stays as it was drawn."""
    items.sort(key=_group_and_folder)


def _group_and_folder(item: pytest.Item) -> tuple[str, str]:
    group = item.get_closest_marker("xdist_group")
    return ("", "") if group is None else (str(group.args[0]), str(item.path.parent))
