"""A row as it was read: values by option name, not yet checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from reelqueue.campaigns.problem import shortened
from reelqueue.campaigns.rows.headings import Kind, Target
from reelqueue.campaigns.rows.origin import Origin
from reelqueue.errors import InvalidRequestError


@dataclass(slots=True)
class Record:
    """One row of a file."""

    line: int | None
    """The physical line on which it begins."""
    original: Sequence[str] | Mapping[str, object]
    """As it stands in the file."""
    options: dict[str, object] = field(default_factory=dict)
    variables: dict[str, object] = field(default_factory=dict)
    refusals: list[InvalidRequestError] = field(default_factory=list)
    """What is wrong with single values, which are left out of the other fields."""
    origin: Origin | None = None
    """Its place in the campaign file, if this one is a copy of some of its rows."""

    def put(self, target: Target, value: object) -> None:
        """Say what the row says under one heading."""
        match target.kind:
            case Kind.OPTION:
                self.options[target.name] = value
            case Kind.VARIABLE:
                self.variables[target.name] = value
            # Below, a new value each time: the one that is there may belong to the original row.
            case Kind.METADATA if isinstance(notes := self.options.get("metadata", {}), dict):
                self.options["metadata"] = {**notes, target.name: value}
            case Kind.ELEMENT if isinstance(urls := self.options.get("reference_urls", []), list):
                self.options["reference_urls"] = [*urls, value]
            case _:
                pass


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands."""

    file: str
    line: int | None
    column: str | None = None
    letter: str | None = None
    seen: str | None = None
    """The value, shortened."""


class RecordSource(Protocol):
    """A file of rows, read once from its beginning."""

    @property
    def file(self) -> str:
        """Its name, as problems tell it."""

    @property
    def option_names(self) -> frozenset[str] | None:
        """The options that its heading names; None where each row names its own."""

    @property
    def kept_names(self) -> Mapping[str, str]:
        """What is kept with each clip for people: the name of the variable or note under each heading read so far."""

    def __iter__(self) -> Iterator[Record]:
        """Its rows; what is wrong with one stands in it."""

    def locate(self, record: Record, name: str | None) -> Place | None:
        """Where a row says something about an option or variable; None if it does not."""


def quoted(value: object) -> str | None:
    """*value* as `Place.seen`."""
    return None if value is None or value == "" else shortened(value)
