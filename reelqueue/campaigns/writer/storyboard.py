"""A storyboard: what each clip shows and says, in words that a person reads and corrects before prompts are made."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, StringConstraints, ValidationError

from reelqueue.errors import InvalidRequestError

NOTHING: Final = "nothing"
PREVIOUS: Final = "previous clip"
PRODUCT_PICTURE: Final = "product picture"
"""What a clip begins with; any other word is the name of a picture of the brief."""

WORDS: Final = (
    "intent",
    "subject",
    "setting",
    "action",
    "camera",
    "light",
    "sound",
    "dialogue",
    "voice",
    "continuity",
)
"""Fields that a model writes in words."""
FACTS: Final = ("model", "seconds", "ratio", "start", "references")
"""Fields that it chooses from lists."""

_HEADING: Final = re.compile(r"##\s+(\S+)\s*")
_LINE: Final = re.compile(r"-\s+([a-z]+):\s*(.*)")

_Words = Annotated[StrictStr, StringConstraints(max_length=4000)]


class ClipAnswer(BaseModel):
    """One clip as a model writes it; everything in it is checked."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    model: StrictStr
    seconds: StrictInt
    ratio: StrictStr
    start: StrictStr
    """What it begins with: `NOTHING`, `PREVIOUS`, `PRODUCT_PICTURE`, or the name of a picture."""
    references: tuple[StrictStr, ...]
    """Names of what shall appear, in the order in which the service gets them."""
    intent: _Words
    subject: _Words
    setting: _Words
    action: _Words
    camera: _Words
    light: _Words
    sound: _Words
    dialogue: _Words
    """What is spoken, word for word; empty: nothing."""
    voice: _Words
    """Who speaks it, and how."""
    continuity: _Words
    """What ties it to its neighbours."""


class StoryAnswer(BaseModel):
    """A model's answer to the first pass."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    clips: tuple[ClipAnswer, ...]
    assumptions: tuple[_Words, ...] = ()
    """What the brief leaves open and the storyboard decides."""


class StoryClip(ClipAnswer):
    """One clip of the storyboard."""

    id: StrictStr
    """Given by code, and stable: ``01``, ``02``, ..."""


class Storyboard(BaseModel):
    """The clips in their order."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    clips: tuple[StoryClip, ...] = Field(min_length=1)
    assumptions: tuple[str, ...] = ()


def story_clip(number: int, answer: ClipAnswer) -> StoryClip:
    """The clip with this number, from 1; its words on one line each."""
    facts = answer.model_dump()
    words = {name: " ".join(str(facts[name]).split()) for name in (*WORDS, "model", "ratio", "start")}
    return StoryClip(id=f"{number:02}", **{**facts, **words})


def storyboard_text(name: str, board: Storyboard) -> str:
    """The storyboard as Markdown, which `read_storyboard` reads."""
    lines = [
        f"# Storyboard of {name}",
        "",
        "Correct what stands behind the colons, or delete whole clips; then run",
        f"`reelqueue campaign write --continue -o {name}`.",
        "",
    ]
    for clip in board.clips:
        lines += [f"## {clip.id}", ""]
        lines += [f"- {field}: {_shown(getattr(clip, field))}".rstrip() for field in (*FACTS, *WORDS)]
        lines.append("")
    if board.assumptions:
        lines += ["# Assumptions", "", *(f"* {' '.join(assumed.split())}" for assumed in board.assumptions), ""]
    return "\n".join(lines)


def read_storyboard(text: str, file: str = "storyboard.md") -> Storyboard:
    """The storyboard in a Markdown file, as a person has left it.

    Raises:
        InvalidRequestError: A line or a clip cannot be read; it is named.
    """
    clips = [_clip(file, clip_id, line, fields) for clip_id, line, fields in _sections(file, text)]
    if not clips:
        raise _refused(file, 1, "has no clip: a clip begins with a heading such as ## 01")
    ids = [clip.id for clip in clips]
    if twice := next((clip_id for clip_id in ids if ids.count(clip_id) > 1), None):
        raise _refused(file, 1, f"has two clips {twice}")
    assumed = re.findall(r"^\* (.+)$", text.partition("# Assumptions")[2], re.MULTILINE)
    return Storyboard(clips=tuple(clips), assumptions=tuple(assumed))


def _shown(value: object) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _sections(file: str, text: str) -> Iterator[tuple[str, int, dict[str, str]]]:
    clip_id, begun, fields = "", 0, dict[str, str]()
    for number, line in enumerate(text.splitlines(), start=1):
        if heading := _HEADING.fullmatch(line):
            if clip_id:
                yield clip_id, begun, fields
            clip_id, begun, fields = heading[1], number, {}
        elif line.startswith("# "):
            if clip_id:
                yield clip_id, begun, fields
            clip_id = ""
        elif clip_id and line.strip():
            found = _LINE.fullmatch(line.strip())
            if found is None or found[1] not in {*FACTS, *WORDS}:
                raise _refused(file, number, f"is no line such as `- action: it turns`: {line.strip()[:60]!r}")
            fields[found[1]] = found[2].strip()
    if clip_id:
        yield clip_id, begun, fields


def _clip(file: str, clip_id: str, line: int, fields: dict[str, str]) -> StoryClip:
    if missing := [name for name in (*FACTS, *WORDS) if name not in fields]:
        raise _refused(file, line, f"clip {clip_id} has no line for {', '.join(missing)}")
    references = tuple(filter(None, (name.strip() for name in fields["references"].split(","))))
    seconds = int(fields["seconds"]) if fields["seconds"].isascii() and fields["seconds"].isdigit() else -1
    try:
        return StoryClip.model_validate({**fields, "id": clip_id, "references": references, "seconds": seconds})
    except ValidationError as error:
        raise _refused(file, line, f"clip {clip_id}: {error.errors()[0]['msg']}") from error


def _refused(file: str, line: int, why: str) -> InvalidRequestError:
    return InvalidRequestError("bad_storyboard", f"{file}:{line}: {why}", "storyboard")
