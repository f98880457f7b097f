"""Runs the parts of a sweep one by one, so that an error in one of them does not stop the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import structlog

log = structlog.get_logger(__name__)

T = TypeVar("T")


class Parts:
    """The parts of one sweep, and those that failed."""

    def __init__(self) -> None:
        self._errors: dict[str, Exception] = {}

    def run(self, name: str, part: Callable[[], T], *, otherwise: T) -> T:
        """Run a part.

        Args:
            name: Of the part, for operators.
            part: What it does; in transactions of its own.
            otherwise: What stands for its result where it fails.
        """
        try:
            return part()
        except Exception as error:  # noqa: BLE001 - whatever it is: the other parts heal other rows
            self._errors[name] = error
            log.error("sweep.part_failed", part=name, error=type(error).__name__, reason=str(error)[:500])  # noqa: TRY400
            return otherwise

    def finish(self) -> None:
        """Fail the sweep if a part of it did.

        Raises:
            Exception: What the first of them raised, with a note that names all of them.
        """
        for error in self._errors.values():
            error.add_note(f"parts of the sweep that failed: {', '.join(self._errors)}; the others were done")
            raise error
