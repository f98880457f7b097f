"""The values of a JSON file in bounded memory: one a line, over several lines, or as elements of an array."""

from __future__ import annotations

import re
from collections.abc import Iterator
from json import JSONDecodeError
from typing import Final

from reelqueue.campaigns.limits import LINE_CHARACTERS_MAX
from reelqueue.campaigns.problem import CampaignFileError, Problem
from reelqueue.campaigns.rows.cell_values import read_json
from reelqueue.campaigns.rows.text_lines import Lines
from reelqueue.errors import InvalidRequestError

Numbered = tuple[int | None, object]
"""A value and the line on which it begins."""

# A text ends on its line, so one that is never closed ends there, too, and costs no second look.
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\Z)|[{}\[\],]')
_OPENING: Final = frozenset("{[")
_CLOSING: Final = frozenset("}]")


def json_values(file: str, lines: Lines) -> Iterator[Numbered]:
    """The values of a JSON or JSON Lines file, each with its line; an `InvalidRequestError` for one that is no JSON.

    The elements of an array are values like those on lines of their own. A value that is never closed ends where a
    line begins that holds a whole object: one cut line does not take the next ones with it.

    Raises:
        CampaignFileError: A value is longer than memory bears.
    """
    stream = _Stream(file)
    for line in lines:
        yield from stream.feed(line, lines.count)
    yield from stream.take()


class _Stream:
    """The value that has begun, and whether it is an element of an array."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._parts: list[str] = []
        self._line = 0
        self._size = 0
        self._depth = 0
        """Brackets that are open in the value."""
        self._is_array = False

    def feed(self, text: str, line: int) -> Iterator[Numbered]:
        """Read one line; gives what ends on it."""
        if self._parts and text.startswith("{") and _is_whole(text):
            yield from self.take()
        if not self._parts and not self._is_array and not text.lstrip().startswith("["):
            self._add(text, line)  # JSON Lines, or the first line of an object
            self._depth = sum((token[0] in _OPENING) - (token[0] in _CLOSING) for token in _TOKEN.finditer(text))
        else:
            yield from self._feed_tokens(text, line)
        if self._parts and self._depth <= 0 and not self._is_array:
            yield from self.take()

    def take(self) -> Iterator[Numbered]:
        """The value that has been read so far."""
        text = "".join(self._parts)
        if text.strip():
            yield self._line, _value(text, self._line)
        self._parts, self._size, self._depth = [], 0, 0

    def _feed_tokens(self, text: str, line: int) -> Iterator[Numbered]:
        begin = 0
        for token in _TOKEN.finditer(text):
            mark = token[0]
            if mark == "[" and self._depth == 0 and not self._is_array and not self._parts:
                self._is_array, begin = True, token.end()
            elif self._is_array and self._depth == 0 and mark in {",", "]"}:
                self._add(text[begin : token.start()], line)
                yield from self.take()
                begin = token.end()
                self._is_array = mark == ","
            else:
                self._depth = max(0, self._depth + (mark in _OPENING) - (mark in _CLOSING))
        self._add(text[begin:], line)

    def _add(self, text: str, line: int) -> None:
        if not self._parts:
            if not text.strip():
                return
            self._line = line
        self._parts.append(text)
        self._size += len(text)
        if self._size > LINE_CHARACTERS_MAX:
            message = f"the value that begins here has more than {LINE_CHARACTERS_MAX} characters; the rest is not read"
            remedy = "Close its bracket, or write each row as an object on a line of its own."
            raise CampaignFileError(
                Problem(file=self._file, line=self._line, code="too_long", message=message, remedy=remedy)
            )


def _is_whole(text: str) -> bool:
    """Whether a line is an object of its own, which may be an element of an array."""
    try:
        return isinstance(read_json(text.rstrip().removesuffix(","), "the row"), dict)
    except InvalidRequestError:
        return False


def _value(text: str, line: int) -> object:
    try:
        return read_json(text, "the row")
    except InvalidRequestError as error:
        cause = error.__cause__
        if not isinstance(cause, JSONDecodeError):
            return InvalidRequestError(error.code, error.message)
        at = f"line {line + cause.lineno - 1}, column {cause.colno}"
        return InvalidRequestError(error.code, f"the row must be JSON: {cause.msg} ({at})")
