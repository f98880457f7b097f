"""One problem of a campaign file: its place, its message and its remedy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from reelqueue.campaigns.limits import SEEN_CHARACTERS_MAX
from reelqueue.errors import ReelqueueError

_TAIL: Final = re.compile(r"(, not | \(line ).*$", re.DOTALL)
"""Where a message quotes what only one row has."""
_OWN: Final = re.compile(r"'[^']*'|(?<=cannot read ).*(?=: )|(?<=the row of line )[0-9]+")
"""What else a message may quote of it."""


class Severity(StrEnum):
    """What a problem does to its row."""

    ERROR = "error"
    """The row cannot be rendered."""
    WARNING = "warning"
    """It can be used; the user should read the warning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong in one place."""

    file: str
    line: int | None = None
    """Physical line as an editor counts, also behind cells that span lines; None where the format has none."""
    column: str | None = None
    """The heading, the key, or the path within a manifest such as ``matrix.style``."""
    letter: str | None = None
    """The column as a spreadsheet names it."""
    code: str
    """Stable word, as of `InvalidRequestError`."""
    message: str
    """What is wrong and what is allowed."""
    seen: str | None = None
    """The value, shortened."""
    remedy: str
    """What to do."""
    custom_id: str | None = None
    """The clip, where the problem is one clip's."""
    severity: Severity = Severity.ERROR
    is_shared: bool = False
    """Whether it stands in what rows have in common: then it is told once, and no row needs repair."""

    @property
    def place(self) -> str:
        """Where to look: file, line, column."""
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        letter = f" (column {self.letter})" if self.letter else ""
        return f"{where}{letter}"

    @property
    def kind(self) -> tuple[str, ...]:
        """Equal for problems that one remedy cures."""
        return (self.severity, self.file, self.column or "", self.code, _OWN.sub("", _TAIL.sub("", self.message)))


class CampaignFileError(ReelqueueError):
    """A campaign file cannot be read, or not on from here."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(*problems)
        self.problems = problems

    def __str__(self) -> str:
        return "; ".join(f"{problem.place}: {problem.message}. {problem.remedy}" for problem in self.problems)


def shortened(value: object) -> str:
    """*value* as a problem quotes it: on one line, cut in the middle of nothing but itself."""
    text = value if isinstance(value, str) else repr(value)
    text = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text[:200])
    return text if len(text) <= SEEN_CHARACTERS_MAX else f"{text[: SEEN_CHARACTERS_MAX - 1]}\N{HORIZONTAL ELLIPSIS}"


def column_letter(index: int) -> str:
    """The name that a spreadsheet gives the column at *index*, from 0: A to Z, AA, AB, ..."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


REMEDIES: Final = {
    "bad_chain": "Name a valid row above it, or empty the cell.",
    "bad_csv": "Correct the quotes in a text editor, or save the file again from the spreadsheet.",
    "bad_encoding": "Save the file as CSV UTF-8, or say its encoding: --encoding cp1252.",
    "bad_json": "Write it as JSON, with double quotes.",
    "bad_media": "Change the media, or choose another model.",
    "bad_manifest": "Correct it and check the file again.",
    "bad_matrix": "Correct the matrix.",
    "bad_name": "Rename it.",
    "bad_template": "Correct the template, or give the row what it uses.",
    "bad_text": "Delete the character.",
    "bad_url": "Give an http, https or oss URL.",
    "conflicting_options": "Keep one of them.",
    "cut_picture": "Give the picture's path or its URL; a cell of a spreadsheet holds 32,767 characters.",
    "duplicate_content": "Delete one of them; for several takes of one clip give variants or different seeds.",
    "duplicate_id": "Give each row an id of its own.",
    "duplicate_output": "Change one of the ids, or the pattern of the names.",
    "empty_file": "Export the picture again.",
    "file_too_large": "Make the picture smaller, or give its URL.",
    "formula_error": "Repair the formula in the spreadsheet and save the file again.",
    "local_path_refused": "Put the picture beside the campaign file, or give its URL.",
    "merged_cells": "Unmerge them, and fill each of them in.",
    "hidden_cells": "Show them, or delete them if they are not to be rendered.",
    "missing_option": "Fill it in, or set it in the manifest's defaults.",
    "option_in_raw": "Put it into the column of its own, and take it out of raw.",
    "out_of_range": "Change it to an allowed value.",
    "too_long": "Shorten it.",
    "too_many": "Give fewer.",
    "too_many_cells": "Put the cell into double quotes, or give its column a heading.",
    "too_short": "Fill it in.",
    "unknown_column": "Rename it, or begin its name with # if it is a note.",
    "unknown_media_type": "Export the picture as PNG or JPEG.",
    "unknown_option": "Empty it for this row, or choose a model that takes it.",
    "unreadable_file": "Put the file where its path says, or correct the path.",
    "wrong_mode": "Change the mode or the model.",
    "wrong_type": "Change it to the type that is named.",
}
"""What to do about a problem of each code, where nothing closer is known."""


def remedy_for(code: str) -> str:
    """What to do about a problem of this code."""
    return REMEDIES.get(code, "Correct it and check the file again.")
