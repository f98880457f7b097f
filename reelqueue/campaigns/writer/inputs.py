"""What a campaign is written from: a brief with its pictures, and a brand file with claims that are banned.

All of it is data. It may come from anybody, so it is bounded here and delimited where a model reads it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reelqueue.campaigns.named_file import find_file
from reelqueue.errors import InvalidRequestError
from reelqueue.requests.media_roles import is_picture, is_video

BRIEF_BYTES_MAX: Final = 65_536
"""Of a brief or a brand file: some ten thousand words, which every call would be charged for."""
PICTURES_MAX: Final = 20

_PICTURE: Final = re.compile(r"!\[([^\]\n]*)\]\(([^)\s]+)\)")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
_HEADING: Final = re.compile(r"#{1,6}\s+(.*)")
_ITEM: Final = re.compile(r"\s*[-*+]\s+(.*\S)")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_BANNED: Final = ("banned", "forbidden", "never say", "verboten", "interdit", "禁用", "禁止")
"""What the heading of a brand file's list of banned claims has in it."""


@dataclass(frozen=True, slots=True)
class Medium:
    """A picture or video that the brief shows, under the name by which clips use it."""

    name: str
    source: str
    """A URL, or the path of a file as the brief has it."""
    path: Path | None = None
    """Of a file."""

    @property
    def is_video(self) -> bool:
        """Whether it is a video, by its ending."""
        return is_video(self.source)

    @property
    def place(self) -> str:
        """What a campaign file in the output folder says for it."""
        return self.source if self.path is None else f"media/{self.name}{self.path.suffix.lower()}"


@dataclass(frozen=True, slots=True)
class Brief:
    """What a campaign shall be."""

    text: str
    media: tuple[Medium, ...] = ()


@dataclass(frozen=True, slots=True)
class Brand:
    """How a brand speaks, and what it may not claim."""

    text: str = ""
    banned: tuple[str, ...] = ()
    """Phrases that no text of the campaign may have, in any case."""


def read_brief(path: Path) -> Brief:
    """The brief in a Markdown file; its pictures, ``![fox](fox.png)``, are media that clips can use.

    Raises:
        InvalidRequestError: It is too long, empty, no text, or names a picture that cannot be used.
        OSError: There is no such file, or it may not be read.
    """
    text = _read_text(path, "brief")
    if not text.strip():
        raise InvalidRequestError("missing_option", f"{path.name}: the brief is empty", "brief")
    media: dict[str, Medium] = {}
    for medium in _media(path.parent, text):
        if media.setdefault(medium.name, medium).source != medium.source:
            raise _refused(medium.name, "two pictures of the brief have this name")
    if len(media) > PICTURES_MAX:
        raise InvalidRequestError(
            "too_many", f"the brief has {len(media)} pictures; {PICTURES_MAX} are the most", "brief"
        )
    return Brief(text, tuple(media.values()))


def read_brand(path: Path) -> Brand:
    """The brand file; the list under its heading "Banned claims" are phrases that no text may have.

    Raises:
        InvalidRequestError: It is too long or no text.
        OSError: There is no such file, or it may not be read.
    """
    text = _read_text(path, "brand")
    return Brand(text, tuple(_banned(text)))


def _read_text(path: Path, what: str) -> str:
    if (size := path.stat().st_size) > BRIEF_BYTES_MAX:
        raise InvalidRequestError(
            "too_long", f"{path.name}: has {size:,} bytes; a {what} has at most {BRIEF_BYTES_MAX:,}", what
        )
    try:
        text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise InvalidRequestError("bad_encoding", f"{path.name}: is no text in UTF-8; save it as such", what) from error
    if found := _CONTROL.search(text):
        raise InvalidRequestError("bad_text", f"{path.name}: has the control character {found[0]!r}", what)
    return text


def _media(folder: Path, text: str) -> Iterator[Medium]:
    for name, source in _PICTURE.findall(text):
        if not _NAME.fullmatch(name):
            raise _refused(name, "a picture's name has small letters, digits and _, as in ![red_fox](fox.png)")
        if "://" in source:
            yield _remote(name, source)
        else:
            yield _local(folder, name, source)


def _remote(name: str, source: str) -> Medium:
    if not source.startswith(("https://", "http://", "oss://")):
        raise _refused(name, f"{source[:80]!r} is no http, https or oss URL")
    if not (is_picture(source) or is_video(source)):
        raise _refused(name, f"the ending of {source[:80]!r} is none of a picture or video")
    return Medium(name, source)


def _local(folder: Path, name: str, source: str) -> Medium:
    try:
        found = find_file(folder.resolve(), source)
    except (OSError, ValueError) as error:
        raise _refused(name, f"there is no file {source[:80]!r}") from error
    if not found.is_relative_to(folder.resolve()) or not found.is_file():
        raise _refused(name, f"there is no file {source[:80]!r} beside the brief or below")
    if not is_picture(source):
        raise _refused(name, f"{source[:80]!r} is no picture; give a video by its URL")
    return Medium(name, source, found)


def _banned(text: str) -> Iterator[str]:
    is_listed = False
    for line in text.splitlines():
        if heading := _HEADING.fullmatch(line.strip()):
            is_listed = any(word in heading[1].casefold() for word in _BANNED)
        elif is_listed and (item := _ITEM.fullmatch(line)):
            yield item[1].strip("\"'`\u201c\u201d\u201e\u00ab\u00bb .")


def _refused(name: str, why: str) -> InvalidRequestError:
    return InvalidRequestError("bad_media", f"![{name[:40]}]: {why}", "brief")
