"""Compares the prompt that a task reports with the prompts that were sent."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

# A provider may echo a prompt that it has cut to the model's limit; the shortest documented one is 800.
_CUT_CHARACTERS: Final = 500
_CUT_LETTERS: Final = _CUT_CHARACTERS // 2
"""Of a text that was cut there, at least; the rest is spaces and marks."""


def is_echo(prompt: str, echoed: str | None) -> bool:
    """Whether a task's echo is our prompt, also where the provider has tidied or cut it.

    A false no would buy the same video again, a false yes gives a job the video of nearly the same prompt.
    """
    return echoed is not None and bool(Echoes([echoed]).of(prompt))


def contradicts(prompt: str | None, echoed: str | None) -> bool:
    """Whether a reported prompt cannot be the echo of one that was sent, however it was respelt or cut.

    Only letters and digits count, so that a provider which changes quotes, case or spaces contradicts nothing: a false
    yes would stop a clip that is right.
    """
    sent, told = _letters(prompt or ""), _letters(echoed or "")
    return bool(sent and told) and sent != told and not (len(told) >= _CUT_LETTERS and sent.startswith(told))


class Echoes:
    """Prompts that tasks echo, indexed to compare many prompts with: each text is normalised once."""

    def __init__(self, echoes: Iterable[str]) -> None:
        """Normalise the echoes."""
        self._alike: defaultdict[str, set[str]] = defaultdict(set)
        for echo in echoes:
            self._alike[_tidy(echo)].add(echo)
        self._cut = tuple(back for back in self._alike if len(back) >= _CUT_CHARACTERS)

    def of(self, prompt: str) -> frozenset[str]:
        """The echoes of a prompt, as in :func:`is_echo`."""
        sent = _tidy(prompt)
        whole = frozenset(self._alike.get(sent, ()))
        if not sent.startswith(self._cut):  # which is one call, and the answer for nearly every prompt
            return whole
        return whole.union(*(self._alike[back] for back in self._cut if sent.startswith(back)))


def _tidy(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).split())


def _letters(text: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFKC", text).casefold() if letter.isalnum())
