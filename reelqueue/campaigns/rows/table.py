"""A sheet of cells, whatever kind of file holds it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from reelqueue.campaigns.problem import Problem
from reelqueue.errors import InvalidRequestError

Cells = list[str]


@dataclass(slots=True)
class Table:
    """A heading, and the rows below it, which are read once."""

    heading: Cells
    heading_line: int
    rows: Iterator[tuple[int, Cells | InvalidRequestError]]
    """Each with the line on which it begins; an error for one that cannot be read."""
    delimiter: str = ","
    """Between the cells of the file, and of files that are to look like it."""
    has_byte_order_mark: bool | None = None
    """Whether a CSV file is written as Excel wants it; None: it is no CSV file."""
    is_escaped_copy: bool = False
    """Whether its cells were kept from being formulas by an apostrophe, as those of our own copies in CSV are."""
    has_lines_in_cells: bool = False
    """Whether a line break in a cell is one of the file's lines, too."""
    problems: list[Problem] = field(default_factory=list)
    """What is wrong with the sheet as a whole, or to be known of it."""
