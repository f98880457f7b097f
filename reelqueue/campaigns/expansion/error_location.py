"""Locate the cause of a refused request: a cell of the row, the matrix, a template or the defaults."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from reelqueue.campaigns.manifest.compiled_manifest import CompiledManifest
from reelqueue.campaigns.manifest.matrix import Combination
from reelqueue.campaigns.problem import Problem, Severity, remedy_for, shortened
from reelqueue.campaigns.rows.row import Place, Record, RecordSource
from reelqueue.errors import InvalidRequestError

_UNDEFINED: Final = re.compile(r": '(\w+)' is undefined")
"""In the words of Jinja2."""


@dataclass(frozen=True, slots=True)
class ErrorLocator:
    """Finds the place that caused an error of one row."""

    compiled: CompiledManifest
    source: RecordSource
    record: Record

    def problem(
        self,
        refusal: InvalidRequestError,
        combination: Combination,
        *,
        custom_id: str | None = None,
        severity: Severity = Severity.ERROR,
    ) -> Problem:
        """*refusal* with the place that caused it."""
        place = self._undefined(refusal) or self.source.locate(self.record, refusal.field)
        shared = None if place else self._shared(refusal.field, combination)
        place = place or shared or self._row(refusal)
        return Problem(
            file=place.file,
            line=place.line,
            column=place.column,
            letter=place.letter,
            code=refusal.code,
            message=refusal.message,
            seen=place.seen,
            remedy=remedy_for(refusal.code),
            custom_id=None if shared else custom_id,
            severity=severity,
            is_shared=shared is not None,
        )

    def _undefined(self, refusal: InvalidRequestError) -> Place | None:
        """The empty cell whose value a template misses."""
        found = _UNDEFINED.search(refusal.message) if refusal.code == "bad_template" else None
        return self.source.locate(self.record, f"vars.{found[1]}") if found else None

    def _shared(self, name: str | None, combination: Combination) -> Place | None:
        compiled = self.compiled
        if name is None or name in compiled.templates:
            return None  # what a template writes differs from row to row
        for part, values in (("matrix", combination.options), ("defaults", compiled.defaults)):
            if name in values:
                column = f"{part}.{name}"
                return Place(compiled.file, compiled.line_of(column), column, seen=shortened(values[name]))
        return None

    def _row(self, refusal: InvalidRequestError) -> Place:
        name = refusal.field
        column = f"template.{name}" if name in self.compiled.templates else name
        line = self.record.line
        if line is None and column is not None:
            line = self.compiled.line_of(column)
        return Place(self.source.file, line, column)
