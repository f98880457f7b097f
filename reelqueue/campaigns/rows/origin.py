"""Columns that name the original row in copies of bad and of failed rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from reelqueue.campaigns.limits import VARIANTS_MAX

PROBLEM_HEADING: Final = "#problem"
"""The column in which a copy says what is wrong with each row; it marks the file as a copy."""
ROW_HEADING: Final = "#row"
"""The line of the campaign file on which the row begins."""
VARIANT_HEADING: Final = "#variant"
"""The number of a clip among the variants of its row."""
COPY_HEADINGS: Final = (PROBLEM_HEADING, ROW_HEADING, VARIANT_HEADING)


class Origin(NamedTuple):
    """The place of a copied row in its campaign file."""

    line: int | None
    """The line on which it begins; None where the file's format has none."""
    variant: int
    """Number among the variants of its row, from 1."""


def read_origin(row: Mapping[str, object]) -> Origin | None:
    """Where a row comes from by its own columns; None if it belongs to no copy."""
    if PROBLEM_HEADING not in row:
        return None
    variant = _number(row.get(VARIANT_HEADING))
    return Origin(_number(row.get(ROW_HEADING)), variant if variant and variant <= VARIANTS_MAX else 1)


def _number(value: object) -> int | None:
    """A whole number from 1, also as a spreadsheet may have changed it (``17.0``)."""
    text = str(value).strip().removesuffix(".0").removesuffix(",0")
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) <= 9 and int(text) else None
