"""Conditions that choose clips of a campaign: ``model=wan2.6-t2v``, ``var.style=noir``, ``row=17..40``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from reelqueue.errors import InvalidRequestError

TEXT_FIELDS: Final = ("custom_id", "mode", "model", "ratio", "resolution")
"""Of a clip, compared as text."""
VARIABLE_PREFIX: Final = "var."
"""Before the name of a variable that is kept with a clip."""
ROW_FIELD: Final = "row"
CONDITIONS_MAX: Final = 20
CONDITION_CHARACTERS_MAX: Final = 500

_ROWS: Final = re.compile(r"([0-9]{1,9})(?:\.\.([0-9]{1,9}))?")
_ALLOWED: Final = f"one of {', '.join(TEXT_FIELDS)}, {ROW_FIELD}, or {VARIABLE_PREFIX}NAME"


@dataclass(frozen=True, slots=True)
class Rows:
    """Clips of some rows of their file."""

    first: int
    """Line on which a row begins, as an editor counts; included."""
    last: int
    """Included, too."""


@dataclass(frozen=True, slots=True)
class Text:
    """Clips whose text value matches a pattern."""

    name: str
    """One of `TEXT_FIELDS`, or the name of a variable."""
    is_variable: bool
    pattern: str
    """In which ``*`` stands for any characters, and everything else for itself."""


Condition = Rows | Text


def read_condition(text: str) -> Condition:
    """The condition that is written as ``NAME=VALUE``.

    Raises:
        InvalidRequestError: There is no such name, or the value is none of it.
    """
    name, sign, value = text.partition("=")
    if not sign or not value or len(text) > CONDITION_CHARACTERS_MAX or "\0" in text:
        raise _refused(text, "must be written as NAME=VALUE")
    if name == ROW_FIELD:
        return _rows(text, value)
    if name in TEXT_FIELDS:
        return Text(name, is_variable=False, pattern=value)
    variable = name.removeprefix(VARIABLE_PREFIX)
    if variable in ("", name):
        raise _refused(text, f"before the = must be {_ALLOWED}")
    return Text(variable, is_variable=True, pattern=value)


def _rows(text: str, value: str) -> Rows:
    found = _ROWS.fullmatch(value)
    if found is None:
        raise _refused(text, "must be a line of the file or a range such as row=17..40")
    rows = Rows(int(found[1]), int(found[2] or found[1]))
    if rows.first > rows.last:
        raise _refused(text, "its end is before its beginning")
    return rows


def _refused(text: str, why: str) -> InvalidRequestError:
    return InvalidRequestError("bad_condition", f"where: {text[:80]!r}: {why}", "where")
