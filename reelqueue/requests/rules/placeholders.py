"""Detect placeholders that were left in a prompt by templates and spreadsheets."""

from __future__ import annotations

import re
from typing import Final

_SEEN_CHARACTERS_MAX: Final = 40
_EDGES: Final = " \t\r\n\"'`.,:;!?()[]{}<>*_-\N{HORIZONTAL ELLIPSIS}"
_WHOLE: Final = frozenset(
    {
        "asdf", "enter prompt", "enter your prompt", "enter your prompt here", "fixme", "foobar",
        "insert prompt", "insert prompt here", "k.a", "n.a", "n/a", "na", "nan", "nil", "none", "null",
        "placeholder", "platzhalter", "prompt", "prompt here", "prompt text", "tba", "tbc", "tbd", "text here",
        "to be defined", "to be done", "todo", "undefined", "xxx", "your prompt", "your prompt here", "待定", "占位符",
    }
)  # fmt: skip
"""Of a whole text, without the punctuation around it."""
_ANYWHERE: Final = re.compile(
    r"(?i:lorem ipsum)"
    r"|\{\{|\}\}|\{%|%\}|<%|%>|\$\{"  # a template that nothing has filled in
    r"|\{[A-Za-z_][A-Za-z0-9_]{0,40}\}"
    r"|\[object Object\]"
    r"|#(?:NAME\?|REF!|VALUE!|DIV/0!|N/A|NUM!|NULL!|SPILL!|CALC!)"
    r"|\b(?:TODO|FIXME|TBD)\b"
    r"|[\[<](?i:insert|enter|your|add)\b[^\[\]<>]{0,60}[\]>]"
)


def placeholder_in(text: str) -> str | None:
    """What in *text* looks like a placeholder, shortened; None if nothing does."""
    words = text.strip(_EDGES)
    if text.strip() and (not words or " ".join(words.casefold().split()) in _WHOLE):
        return text.strip()[:_SEEN_CHARACTERS_MAX]
    found = _ANYWHERE.search(text)
    return found[0][:_SEEN_CHARACTERS_MAX] if found else None
