"""A table of products: its columns are variables of the prompts, and its cells are never typed by a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reelqueue.campaigns.open_file import SPREADSHEETS, open_rows
from reelqueue.campaigns.rows.headings import Headings
from reelqueue.errors import InvalidRequestError

PRODUCTS_MAX: Final = 10_000
NEEDED: Final = ("custom_id", "name")
"""Columns that every table has."""
_OPTIONS: Final = frozenset(
    {"custom_id", "image", "reference_urls", "metadata", "priority", "start_by", "poll_interval_ms", "poll_timeout_ms"}
)
"""Options that a table may give; the others are the campaign's to say."""


@dataclass(frozen=True, slots=True)
class Products:
    """Rows of a table that was read to its end."""

    path: Path
    rows: tuple[Mapping[str, str], ...]
    """The variables of each."""
    columns: tuple[str, ...]
    """Variables that every row has, ``name`` first."""
    has_image: bool
    """Whether each row has a picture to begin with."""
    has_references: bool


def read_products(path: Path) -> Products:
    """The table in a CSV file.

    Raises:
        CampaignFileError: It cannot be read.
        InvalidRequestError: A column or cell is missing or wrong.
        OSError: There is no such file, or it may not be read.
    """
    if path.suffix.lower() not in SPREADSHEETS:
        raise InvalidRequestError("wrong_type", f"{path.name}: a table of products is a .csv file", "products")
    rows: list[Mapping[str, str]] = []
    options: list[frozenset[str]] = []
    with open_rows(path, Headings(frozenset({"name"}))) as source:
        has = (source.option_names or frozenset()) | frozenset(source.kept_names)
        if missing := [name for name in NEEDED if name not in has]:
            raise _refused(path, None, f"has no column {' and no column '.join(missing)}")
        if odd := sorted((source.option_names or frozenset()) - _OPTIONS):
            why = f"has a column {odd[0]}, which the campaign decides; rename it, or begin its name with #"
            raise _refused(path, None, why)
        for record in source:
            if record.refusals:
                raise _refused(path, record.line, record.refusals[0].message)
            row = {name: str(value) for name, value in record.variables.items() if str(value).strip()}
            if "name" not in row or not record.options.get("custom_id"):
                raise _refused(path, record.line, f"a product needs {' and '.join(NEEDED)}")
            rows.append(row)
            options.append(frozenset(record.options))
            if len(rows) > PRODUCTS_MAX:
                raise _refused(path, None, f"has more than {PRODUCTS_MAX} products")
    if not rows:
        raise _refused(path, None, "has no product")
    return _products(path, rows, frozenset.intersection(*options), frozenset.union(*options))


def _products(path: Path, rows: list[Mapping[str, str]], in_all: frozenset[str], in_some: frozenset[str]) -> Products:
    for name in ("image", "reference_urls"):
        if name in in_some - in_all:
            raise _refused(path, None, f"has {name} in some rows only; fill it in, or make two tables")
    shared = set(rows[0]).intersection(*rows) - {"name"}
    columns = ("name", *(name for name in rows[0] if name in shared))
    return Products(path, tuple(rows), columns, "image" in in_all, "reference_urls" in in_all)


def _refused(path: Path, line: int | None, why: str) -> InvalidRequestError:
    place = path.name if line is None else f"{path.name}:{line}"
    return InvalidRequestError("missing_option", f"{place}: {why}", "products")
