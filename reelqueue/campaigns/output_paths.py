"""Names of finished files from a pattern such as ``{campaign}/{custom_id}_{variant:02}.mp4``.

A pattern may name a few fields and nothing else of Python's formatting, and whatever stands in a field, the name
stays below the folder, can be written on every system, and shows what it is.
"""

from __future__ import annotations

import functools
import hashlib
import re
import string
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

DEFAULT_PATTERN: Final = "{campaign}/{custom_id}.mp4"
PATTERN_CHARACTERS_MAX: Final = 400
COMPONENT_BYTES_MAX: Final = 200
"""Of one folder or file name in UTF-8; file systems take 255, and side files add an ending."""

FIELDS: Final[Mapping[str, str]] = {
    "campaign": "the campaign's name",
    "custom_id": "the clip's id",
    "variant": "its number among the variants of its row, from 1",
    "model": "the model's id",
    "seed": "the seed, or `none`",
}
_NUMBERS: Final = frozenset({"variant", "seed"})
_WIDTH: Final = re.compile(r"0?[1-9]")
_LITERAL: Final = re.compile(r"[\w .,+=@()\[\]~#%/-]*")
_UNSAFE: Final = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_RESERVED: Final = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|\Z)", re.IGNORECASE)
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Controls, marks of direction and joiners, halves of pairs, and what is no character."""


@dataclass(frozen=True, slots=True)
class OutputPattern:
    """A pattern that has been checked; compares by its text."""

    text: str
    parts: tuple[tuple[str, str | None, str], ...]
    """Literal text, the field after it, and that field's width."""

    def name(self, fields: Mapping[str, object]) -> str:
        """The relative path of one clip, with ``/`` between folders.

        Args:
            fields: A value for each of `FIELDS`.
        """
        # A field cannot begin a folder of its own: its value is made safe before it is put in.
        filled = "".join(literal + _filled(field, width, fields) for literal, field, width in self.parts)
        *folders, last = filled.split("/")
        stem = last.removesuffix(".mp4")
        path = [safe_component(folder) for folder in folders]
        return "/".join([*path, f"{safe_component(stem, COMPONENT_BYTES_MAX - 4)}.mp4"])


@functools.lru_cache(maxsize=64)  # asked for once a clip
def read_pattern(text: str) -> OutputPattern:
    """The pattern that *text* spells.

    Raises:
        ValueError: It names an unknown field, leaves the folder, or does not tell clips apart.
    """
    if len(text) > PATTERN_CHARACTERS_MAX:
        raise ValueError(f"must have at most {PATTERN_CHARACTERS_MAX} characters, not {len(text)}")
    parts = []
    for literal, field, width, conversion in string.Formatter().parse(text):
        _check_part(literal, field, width or "", conversion)
        parts.append((literal, field, width or ""))
    if not text.endswith(".mp4"):
        raise ValueError("must end with .mp4, which is what the provider renders")
    if all(field != "custom_id" for _, field, _ in parts):
        raise ValueError("must name {custom_id}, which tells the clips apart")
    if text.startswith("/") or any(step.strip(" .") == "" for step in text.split("/")):
        raise ValueError("must be a path below the output folder: no / at its beginning, no . or .. or empty step")
    return OutputPattern(text, tuple(parts))


def _check_part(literal: str, field: str | None, width: str, conversion: str | None) -> None:
    if not _LITERAL.fullmatch(literal):
        raise ValueError("may hold letters, digits, spaces and . , + = @ ( ) [ ] ~ # % - _ / beside its fields")
    if field is None:
        return
    if field not in FIELDS or conversion:
        named = ", ".join(f"{{{name}}}" for name in FIELDS)
        raise ValueError(f"may name {named}; not {{{field[:40]}}}")
    if width and (field not in _NUMBERS or not _WIDTH.fullmatch(width)):
        raise ValueError(f"takes a width such as {{variant:02}} for numbers only, not {{{field}:{width[:20]}}}")


def _filled(field: str | None, width: str, fields: Mapping[str, object]) -> str:
    if field is None:
        return ""
    value = fields.get(field)
    if isinstance(value, int):
        return f"{value:{width}d}"
    return _readable("none" if value is None else str(value))


def _readable(text: str) -> str:
    """Replace characters that file systems, shells or readers cannot handle."""
    if text.isascii() and not _UNSAFE.search(text):
        return text
    plain = unicodedata.normalize("NFC", _UNSAFE.sub("_", text))
    return "".join("_" if unicodedata.category(character) in _INVISIBLE else character for character in plain)


def safe_component(text: str, bytes_max: int = COMPONENT_BYTES_MAX) -> str:
    """*text* as the name of one file or folder, on any system."""
    name = _readable(text).strip(" ").rstrip(" .") or "_"
    if name.startswith((".", "-")) or _RESERVED.match(name):
        name = f"_{name}"
    if len(name.encode()) > bytes_max:
        # Its end is where long names differ, so what is cut off lives on as a short hash.
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        name = f"{name.encode()[: bytes_max - 9].decode(errors='ignore').rstrip(' .')}~{digest}"
    return name
