"""The rules that a storyboard and its prompts keep: told to the model, checked by code, and quoted where broken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FIELD_CHARACTERS_MAX: Final = 600
SHOTS_MAX: Final = 6
SIMILAR: Final = 0.85
"""Share of common words from which two clips are the same clip."""

RULES: Final = {
    "shape": "Answer with one JSON object of the named schema and nothing else; every field is there, texts may be "
    "empty, no field is added, and there are exactly as many clips as asked for.",
    "model": "model is one of the models of the list.",
    "seconds": "seconds is a length that the clip's model renders in the list.",
    "ratio": "ratio is one that the clip's model renders in the list; where the list has none, the first frame decides "
    "and anything may stand there.",
    "start": "start is `nothing` for a clip from words or references, the name of a picture for one that begins with "
    "it, `previous clip` for one that begins with the last frame of the clip before it, and `product picture` where "
    "the table has pictures. The clip's model must be able to begin so.",
    "references": "references are names of pictures or videos of the list, at most as many as the clip's model shows, "
    "and none for a model that shows none. Texts name one as @name, each at least once, and no other.",
    "chain": "A clip that begins with the previous clip has the same size as that one.",
    "length": f"A text has at most {FIELD_CHARACTERS_MAX} characters.",
    "needed": "intent, subject, action and camera of a storyboard are never empty.",
    "dialogue": "dialogue is what is spoken, word for word, without quotation marks. It fits into the clip at two and "
    "a half words, or four and a half Chinese, Japanese or Korean characters a second. A model without sound has none. "
    "voice says who speaks and how.",
    "language": "dialogue is in the language that is asked for.",
    "numbers": "A number stands in a text only if it stands in the brief or the brand file. Prices, sizes and claims "
    "of products are variables.",
    "variables": "Cells of the table are written as {{ column }}, with the columns of the list, and never typed. Other "
    "braces are not used. Each prompt of a product has {{ name }}.",
    "banned": "No text has a phrase that the brand file bans.",
    "links": "No text has a URL, a file name or markup.",
    "duplicate": "Clips differ in what they show.",
    "budget": "A clip costs no more than its share of the budget: choose a shorter or cheaper one.",
    "total": "The clips together are no longer than what is asked for.",
    "picture": "A prompt of a clip that begins with a picture or the previous clip says motion, camera and sound only: "
    "the picture says the rest, so subject, setting and look stay empty.",
    "words": "A prompt from words says in whole sentences what can be seen: subject, setting, action, camera and look. "
    "One camera move and one action that ends within the clip.",
    "shots": f"shots is empty, or, where the model takes several, 2 to {SHOTS_MAX} shots whose seconds add up to the "
    "clip's.",
    "labels": "Texts never say character1, Image 1 or Video 1: names with @ become these.",
    "quotes": "Texts of a prompt have no quotation marks and none of the dialogue: it is added word for word.",
    "avoid": "avoid lists nouns of what must not be seen, without no, not, never or without; sound says what is heard, "
    "never `no music`.",
    "cap": "The composed prompt fits into what the model reads.",
    "check": "The campaign file passes its own check.",
}
"""By name; each is one sentence or two that a model and a person can read."""


@dataclass(frozen=True, slots=True)
class Breach:
    """One rule that one clip breaks."""

    rule: str
    """Name of the rule."""
    detail: str
    """What was seen and what would be right."""

    def __str__(self) -> str:
        return f"{self.detail}. Rule `{self.rule}`: {RULES[self.rule]}"
