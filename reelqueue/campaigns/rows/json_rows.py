"""Rows that are JSON objects: those of a JSON file, and the rows of a manifest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from reelqueue.campaigns.limits import COLUMNS_MAX
from reelqueue.campaigns.problem import shortened
from reelqueue.campaigns.rows.cell_values import check_text, read_typed
from reelqueue.campaigns.rows.headings import KEPT, Headings, Kind, Target
from reelqueue.campaigns.rows.json_stream import Numbered
from reelqueue.campaigns.rows.origin import read_origin
from reelqueue.campaigns.rows.row import Place, Record, quoted
from reelqueue.campaigns.rows.text_lines import undecodable
from reelqueue.errors import InvalidRequestError


class ObjectRows:
    """Objects whose keys are options, variables, or ``vars`` with variables in it."""

    option_names = None
    """Each row names its own."""

    def __init__(self, file: str, rows: Iterable[Numbered], headings: Headings) -> None:
        """Read nothing yet.

        Args:
            file: Its name, as problems tell it.
            rows: The objects; an `InvalidRequestError` stands for one that could not be read.
            headings: What keys mean.
        """
        self.file = file
        self._rows = rows
        self._headings = headings
        self._targets: dict[str, Target | InvalidRequestError] = {}

    @property
    def kept_names(self) -> dict[str, str]:
        """The keys that are kept with each clip for people, as far as rows have been read."""
        known = ((key, target) for key, target in self._targets.items() if isinstance(target, Target))
        return {key: target.name for key, target in known if target.kind in KEPT}

    def __iter__(self) -> Iterator[Record]:
        """Its rows; what is wrong with one stands in it."""
        for line, value in self._rows:
            yield self._record(line, value)

    def locate(self, record: Record, name: str | None) -> Place | None:
        """The key under which a row says something about an option or variable."""
        if name is None or not isinstance(record.original, Mapping):
            return None
        for key in record.original:
            if key == name or self._key(key) == name:
                return Place(self.file, record.line, str(key)[:64], seen=quoted(record.original[key]))
        return None

    def _record(self, line: int | None, value: object) -> Record:
        if isinstance(value, InvalidRequestError):
            return Record(line, {}, refusals=[value])
        if not isinstance(value, dict):
            why = f"the row must be an object with the names of options, not {shortened(value)!r}"
            return Record(line, {}, refusals=[InvalidRequestError("bad_json", why)])
        if len(value) > COLUMNS_MAX:
            why = f"the row has {len(value)} keys; {COLUMNS_MAX} are the most"
            return Record(line, {}, refusals=[InvalidRequestError("too_many", why)])
        record = Record(line, value, origin=read_origin(value))
        for key, item in value.items():
            try:
                self._take(record, str(key), item)
            except InvalidRequestError as error:
                record.refusals.append(error)
        return record

    def _take(self, record: Record, key: str, value: object) -> None:
        if value is None:
            return
        if isinstance(value, str):
            _check(value, key)
        if key == "vars" and isinstance(value, dict):
            for name, inner in value.items():
                self._take(record, f"vars.{name}", inner)
            return
        target = self._target(key)
        if target.kind is Kind.OPTION and target.name in record.options:
            why = f"{target.name}: it is given twice, also as {key}"
            raise InvalidRequestError("conflicting_options", why, target.name)
        typed = read_typed(value, target.name) if target.kind is Kind.OPTION else value
        if typed is not None:
            record.put(target, typed)

    def _target(self, key: str) -> Target:
        if key not in self._targets:
            if len(self._targets) >= COLUMNS_MAX:  # of keys that differ in each row, none is worth keeping
                self._targets.clear()
            self._targets[key] = self._find(key)
        target = self._targets[key]
        if isinstance(target, InvalidRequestError):
            raise InvalidRequestError(*target.args)  # a new one: what is raised again grows by a traceback each time
        return target

    def _find(self, key: str) -> Target | InvalidRequestError:
        try:
            return self._headings.target(key)
        except InvalidRequestError as error:  # kept: looking for the nearest name takes longer than the whole row
            return InvalidRequestError(*error.args)

    def _key(self, key: str) -> str | None:
        target = self._targets.get(str(key))
        if not isinstance(target, Target):
            return None
        return f"vars.{target.name}" if target.kind is Kind.VARIABLE else target.name


def _check(text: str, key: str) -> None:
    check_text(text, key)
    if not text.isascii() and (found := undecodable(text)):
        raise InvalidRequestError("bad_encoding", f"{key}: {found[0]}", key)
