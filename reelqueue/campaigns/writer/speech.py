"""How long a text takes to be spoken, and in which script it is written."""

from __future__ import annotations

import re
from typing import Final

_WORDS_PER_SECOND: Final = 2.5
_CHARACTERS_PER_SECOND: Final = 4.5
"""Of Chinese, Japanese and Korean. Both are rules of thumb of dubbing; no vendor publishes any."""

_EAST_ASIAN: Final = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_WORD: Final = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")

_SCRIPTS: Final = {
    "ar": r"[\u0600-\u06ff]",
    "el": r"[\u0370-\u03ff]",
    "he": r"[\u0590-\u05ff]",
    "hi": r"[\u0900-\u097f]",
    "ja": r"[\u3040-\u30ff\u4e00-\u9fff]",
    "ko": r"[\uac00-\ud7af]",
    "ru": r"[\u0400-\u04ff]",
    "th": r"[\u0e00-\u0e7f]",
    "uk": r"[\u0400-\u04ff]",
    "zh": r"[\u3400-\u4dbf\u4e00-\u9fff]",
}
"""By language; others are written in Latin letters."""
_LATIN: Final = r"[A-Za-z\u00c0-\u024f]"


def speech_seconds(text: str) -> float:
    """How long *text* takes to be spoken."""
    characters = len(_EAST_ASIAN.findall(text))
    words = len(_WORD.findall(_EAST_ASIAN.sub(" ", text)))
    return characters / _CHARACTERS_PER_SECOND + words / _WORDS_PER_SECOND


def is_written_in(text: str, language: str) -> bool:
    """Whether *text* has letters of the script of a language such as ``de`` or ``zh-CN``; true if it has no letters."""
    if not any(character.isalpha() for character in text):
        return True
    script = _SCRIPTS.get(language.partition("-")[0].lower(), _LATIN)
    return re.search(script, text) is not None
