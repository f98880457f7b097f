"""A YAML file as plain values, with the line of each.

The types are those of YAML 1.2's core schema, not PyYAML's 1.1, which reads ``ratio: 16:9`` as the number 969 and
``country: no`` as false. Nothing but texts, numbers, switches, lists and objects is made, whatever a tag says.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic.alias_generators import to_camel

from reelqueue.campaigns.limits import MANIFEST_DEPTH_MAX, MANIFEST_VALUES_MAX
from reelqueue.errors import ConfigurationError, InvalidRequestError
from reelqueue.requests.option_table import Form, names_of

try:
    import yaml
except ModuleNotFoundError as _error:
    raise ConfigurationError("YAML manifests need PyYAML; run: pip install 'reelqueue[campaigns]'") from _error

Path = tuple[str | int, ...]
"""Keys and positions that lead to a value."""

# The parser in C where libyaml was there when PyYAML was built. Only its events are used: its composer recurses in
# C without a bound, so that a file of brackets would end the process.
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_TOLD_DEPTH_MAX: Final = 2
"""Levels whose lines are kept: a million values of rows have no need of theirs."""

_PLAIN: Final[tuple[tuple[re.Pattern[str], Callable[[str], object]], ...]] = (
    (re.compile(r"(?:null|Null|NULL|~|)\Z"), lambda _: None),
    (re.compile(r"(?:true|True|TRUE)\Z"), lambda _: True),
    (re.compile(r"(?:false|False|FALSE)\Z"), lambda _: False),
    (re.compile(r"[-+]?(?:0|[1-9][0-9]{0,18})\Z", re.ASCII), int),  # 007 is an article number
    (re.compile(r"0o[0-7]{1,20}\Z"), lambda text: int(text, 8)),
    (re.compile(r"0x[0-9a-fA-F]{1,16}\Z"), lambda text: int(text, 16)),
    (re.compile(r"[-+]?(?:0|[1-9][0-9]*)?\.[0-9]+(?:[eE][-+]?[0-9]{1,3})?\Z", re.ASCII), float),
)
_IN_QUOTES: Final = "put the text in quotes"
_REMEDIES: Final = (
    ("mapping values are not allowed", f'; a text with ": " in it is read as a key: {_IN_QUOTES}'),
    ("found character '\\t'", "; indent with blanks, not with tabs"),
    ("cannot start any token", f"; {_IN_QUOTES} if it begins so"),
    ("expected <block end>", f"; a text that begins with a bracket or a quote: {_IN_QUOTES}, all of it"),
    ("did not find expected key", f"; a text that begins with a bracket or a quote: {_IN_QUOTES}, all of it"),
    ("expected alphabetic", f"; {_IN_QUOTES}"),
    ("did not find expected", f"; a bracket or a quote is not closed, or {_IN_QUOTES}"),
    ("could not find expected ':'", f"; a line lacks its colon, or a text continues there: {_IN_QUOTES}"),
    ("found unexpected", "; a quote or a bracket is not closed"),
)
"""What to do about the words of both parsers, in C and in Python; the first that fits."""
_PROMPTS: Final = {spelling for name in names_of(forms=[Form.TEXT]) for spelling in (name, to_camel(name))}
_HASHTAG: Final = re.compile(r"\s+(#[^\s#!].*)")
_ORDINARY_TAGS: Final = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "seq", "map")
)


def read_yaml(text: str) -> tuple[object, Mapping[Path, int]]:
    """The document's value, and the line on which the value at each path of a few steps begins.

    Raises:
        InvalidRequestError: It is no YAML, has a key twice, a tag, or is larger than a manifest may be.
    """
    try:
        reader = _Reader(yaml.parse(text, Loader=_LOADER), text)
        return reader.document(), reader.lines
    except (yaml.YAMLError, UnicodeError) as error:
        raise _refused(_told(error)) from error


@dataclass(frozen=True, slots=True)
class _Anchored:
    value: object
    count: int
    """Values in it, each alias counted as what it stands for."""
    depth: int


class _Reader:
    """Makes values of events."""

    def __init__(self, events: Iterator[Any], text: str) -> None:
        self.lines: dict[Path, int] = {}
        self._events = events
        self._text_lines = text.splitlines()
        self._anchored: dict[str, _Anchored] = {}
        self._count = 0
        self._deepest = 0

    def document(self) -> object:
        value: object = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if self._count:
                    raise _refused("there are several documents; a manifest is one")
                value = self._value(next(self._events), ())
        return value

    def _value(self, event: Any, path: Path) -> object:  # noqa: ANN401 - PyYAML's events are untyped
        line = event.start_mark.line + 1
        if len(path) <= _TOLD_DEPTH_MAX:
            self.lines[path] = line
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path, line)
        self._add(1, len(path), line)
        if event.tag not in {None, "!"} and event.tag not in _ORDINARY_TAGS:
            raise _refused(f"line {line}: the tag {event.tag[:60]} cannot be used; write a plain value, {_IN_QUOTES}")
        before, above = self._count - 1, self._deepest
        self._deepest = len(path)
        value = self._content(event, path)
        if event.anchor is not None:
            self._anchored[event.anchor] = _Anchored(value, self._count - before, self._deepest - len(path))
        self._deepest = max(self._deepest, above)
        return value

    def _content(self, event: Any, path: Path) -> object:  # noqa: ANN401 - PyYAML's events are untyped
        if isinstance(event, yaml.ScalarEvent):
            if not event.style and path and path[-1] in _PROMPTS:
                self._check_comment(event, str(path[-1]))
            return _scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[object] = []
            while not isinstance(inner := next(self._events), yaml.SequenceEndEvent):
                items.append(self._value(inner, (*path, len(items))))
            return items
        return self._mapping(path)

    def _check_comment(self, event: Any, name: str) -> None:  # noqa: ANN401 - PyYAML's events are untyped
        """Refuse a hashtag behind a prompt, which YAML reads as a comment and drops."""
        mark = event.end_mark
        rest = self._text_lines[mark.line][mark.column :] if mark.line < len(self._text_lines) else ""
        if found := _HASHTAG.match(rest):
            why = f"YAML takes {found[1][:40]!r} for a comment, and it would be no part of the {name}; {_IN_QUOTES}"
            raise _refused(f"line {mark.line + 1}: {why}, or write a blank behind the #")

    def _mapping(self, path: Path) -> dict[str, object]:
        read: dict[str, object] = {}
        while not isinstance(key := next(self._events), yaml.MappingEndEvent):
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarEvent):
                raise _refused(f"line {line}: a key must be text")
            name = key.value
            if name == "<<":
                raise _refused(f"line {line}: << cannot be used; write what rows share under defaults")
            if name in read:
                raise _refused(f"line {line}: the key {name[:60]!r} occurs twice")
            read[name] = self._value(next(self._events), (*path, name))
        return read

    def _alias(self, event: Any, path: Path, line: int) -> object:  # noqa: ANN401 - PyYAML's events are untyped
        anchored = self._anchored.get(event.anchor)
        if anchored is None:
            why = f"the alias *{event.anchor} stands for nothing, or for what it stands in"
            raise _refused(f"line {line}: {why}; {_IN_QUOTES} if it is none")
        self._add(anchored.count, len(path) + anchored.depth, line)
        return anchored.value

    def _add(self, count: int, depth: int, line: int) -> None:
        self._count += count
        self._deepest = max(self._deepest, depth)
        if depth > MANIFEST_DEPTH_MAX:
            raise _refused(f"line {line}: it is nested more than {MANIFEST_DEPTH_MAX} deep")
        if self._count > MANIFEST_VALUES_MAX:
            raise _refused(
                f"line {line}: there are more than {MANIFEST_VALUES_MAX} values, "
                "each alias counted as what it stands for"
            )


def _scalar(event: Any) -> object:  # noqa: ANN401 - PyYAML's events are untyped
    text: str = event.value
    if event.style:  # quoted, or a block: text, whatever it looks like
        return text
    for pattern, read in _PLAIN:
        if pattern.match(text):
            value = read(text)
            return text if isinstance(value, float) and not math.isfinite(value) else value
    return text


def _told(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}: " if mark else ""
    what = getattr(error, "problem", None) or str(error).partition("\n")[0]
    remedy = next((remedy for words, remedy in _REMEDIES if words in what), "")
    return f"{where}it is no YAML ({what}){remedy}"


def _refused(why: str) -> InvalidRequestError:
    return InvalidRequestError("bad_manifest", why)
