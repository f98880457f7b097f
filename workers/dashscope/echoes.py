"""Whether the prompt that a task tells is one that was sent."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

# A provider may echo a prompt that it has cut to the model's limit; the shortest documented one is 800.
_CUT_CHARACTERS: Final = 500


def is_echo(prompt: str, echoed: str | None) -> bool:
    """Whether a task's echo is our prompt, also where the provider has tidied or cut it.

    A false no would buy the same video again, a false yes gives a job the video of nearly the same prompt.
    """
    return echoed is not None and bool(Echoes([echoed]).of(prompt))


class Echoes:
    """What tasks echo, to look up many prompts in: each text is normalised once."""

    def __init__(self, echoes: Iterable[str]) -> None:
        """Normalise the echoes."""
        self._alike: defaultdict[str, set[str]] = defaultdict(set)
        for echo in echoes:
            self._alike[_tidy(echo)].add(echo)
        self._cut = tuple(back for back in self._alike if len(back) >= _CUT_CHARACTERS)

    def of(self, prompt: str) -> frozenset[str]:
        """Those that are a prompt's, by the meaning of :func:`is_echo`."""
        sent = _tidy(prompt)
        whole = frozenset(self._alike.get(sent, ()))
        if not sent.startswith(self._cut):  # which is one call, and the answer for nearly every prompt
            return whole
        return whole.union(*(self._alike[back] for back in self._cut if sent.startswith(back)))


def _tidy(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).split())
