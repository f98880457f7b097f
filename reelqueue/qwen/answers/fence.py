"""Take the code fence away that some models put around JSON."""

from __future__ import annotations

import re
from typing import Final

_FENCE: Final = re.compile(r"\s*```(?:json)?[ \t]*\n(?P<inside>.*?)\n?[ \t]*```\s*", re.DOTALL | re.IGNORECASE)


def without_fence(text: str) -> str:
    """*text* without the one code fence that some models put around JSON."""
    fenced = _FENCE.fullmatch(text)
    return fenced["inside"] if fenced else text
