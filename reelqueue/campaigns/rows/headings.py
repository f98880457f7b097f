"""Map a heading or a key of a row to an option, a template variable, metadata or a note."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import cached_property
from typing import Final

from pydantic.alias_generators import to_snake

from reelqueue.errors import InvalidRequestError
from reelqueue.requests.option_table import EVERY_OPTION, OTHER_WORDS

ROW_OPTIONS: Final = frozenset({"after", "first_frame", "variants"})
"""What a row may say that is the campaign's business and not the request's."""

OPTIONS: Final = EVERY_OPTION | ROW_OPTIONS

_NAME_CHARACTERS_MAX: Final = 200
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_SPACES: Final = re.compile(r"[\s\-]+")
_ELEMENT: Final = re.compile(r"(reference_urls|referenceUrls)[._\[ ]?([0-9]{1,2})\]?")


class Kind(StrEnum):
    """Where the values of a column go."""

    OPTION = "option"
    VARIABLE = "variable"
    METADATA = "metadata"
    ELEMENT = "element"
    """One of the URLs of ``reference_urls``."""
    NOTE = "note"
    """Nowhere: the column is for people."""


KEPT: Final = frozenset({Kind.VARIABLE, Kind.METADATA})
"""Kinds of column that are stored with each clip, and shown with it."""


@dataclass(frozen=True, slots=True)
class Target:
    """What one heading stands for."""

    kind: Kind
    name: str
    """Of the option, variable or metadata key."""


@dataclass(frozen=True)
class Headings:
    """Tells what headings mean, for a file whose templates use certain variables."""

    variables: frozenset[str] = frozenset()
    """Names that the templates use; where there are any, other names that resemble nothing are variables, too."""

    def target(self, heading: str) -> Target:
        """What *heading* stands for.

        Raises:
            InvalidRequestError: It is no option and no variable; names the nearest.
        """
        told = heading.strip()
        if not told or told.startswith("#"):
            return Target(Kind.NOTE, told)
        prefix, _, rest = told.partition(".")
        if rest and prefix in {"vars", "metadata"}:
            return self._dotted(prefix, rest)
        if element := _ELEMENT.fullmatch(told):
            return Target(Kind.ELEMENT, element[2])
        name = option_name(told)
        if name in OPTIONS:
            return Target(Kind.OPTION, name)
        near = self.nearest(name)
        if told in self.variables or (self.variables and near is None and _NAME.fullmatch(told)):
            return Target(Kind.VARIABLE, told)
        hint = f"; did you mean {near}?" if near else ""
        why = f"{told[:64]}: no option has this name, and no template uses it{hint}"
        raise InvalidRequestError("unknown_column", why, told[:64])

    @cached_property
    def _known(self) -> list[str]:
        return sorted(OPTIONS | self.variables)

    def _dotted(self, prefix: str, name: str) -> Target:
        if prefix == "metadata":
            return Target(Kind.METADATA, name)
        if not name.isidentifier() or len(name) > _NAME_CHARACTERS_MAX:
            why = f"{name[:64]}: a variable has a name of letters, digits and _, {_NAME_CHARACTERS_MAX} at most"
            raise InvalidRequestError("bad_name", why, f"vars.{name[:64]}")
        return Target(Kind.VARIABLE, name)

    def nearest(self, name: str) -> str | None:
        """The option or variable that a misspelt name may have meant."""
        return OTHER_WORDS.get(name) or nearest(name, self._known)


def option_name(heading: str) -> str:
    """*heading* as options are spelt: ``Negative Prompt`` and ``negativePrompt`` are ``negative_prompt``."""
    told = _SPACES.sub("_", heading.strip())
    return told.lower() if told.isupper() or "_" in told else to_snake(told).lower()


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that a misspelt one may have meant: letters in another order come before letters left out."""
    near = get_close_matches(name[:64], list(known), n=3, cutoff=0.7)
    return next((word for word in near if sorted(word) == sorted(name)), next(iter(near), None))
