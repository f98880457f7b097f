"""Answers to the campaign writer's questions: a storyboard and prompts for any brief, the same ones in every run.

A question names its schema, ``Answer with one JSON object of the schema `storyboard```, and a message has it under
``Schema storyboard:``. Texts are drawn from word lists by a hash of the question, choices from the schema's
enumerations and from what the catalog says of the model.

============================ ============================================================================
marker in the brief          effect
============================ ============================================================================
``[[write=broken]]``         the first answer to each question is no JSON
``[[write=fenced]]``         answers are in a code fence
``[[write=cut]]``            the first answer to each question ends in the middle, at its most tokens
``[[write=moderated]]``      each answer is refused by moderation, after it was billed
``[[write=sloppy]]``         first answers break rules: lengths, numbers, dialogue, shots
``[[write=hostile]]``        each answer does what a hostile brief asks for: other models, claims, braces
============================ ============================================================================
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from reelqueue.catalog import lookup
from reelqueue.catalog.spec import Mode, ModelSpec, Protocol, Sound
from simulator.errors import WireError
from simulator.texts.completion import Written

_NAMED: Final = re.compile(r"Answer with one JSON object of the schema `(\w+)`")
_COUNT: Final = re.compile(r"exactly (\d+) clips")
_SPAN: Final = re.compile(r"the clips (\d+) to ")
_AGAIN: Final = re.compile(r"correct clip (\d+)|prompt of clip (\d+) again|could not be used")
_MARKER: Final = re.compile(r"\[\[write=([a-z]+)\]\]")
_ANY_MARKER: Final = re.compile(r"\[\[[^\]]*\]\]")
_COLUMNS: Final = re.compile(r"Columns that are variables: (.*)")
_REFUSED: Final = WireError(400, "data_inspection_failed", "Output data may contain inappropriate content.")

_SUBJECTS: Final = (
    "a paper boat",
    "a red fox",
    "an old lighthouse",
    "a brass robot",
    "two dancers",
    "a street musician",
)
_SETTINGS: Final = ("on a rainy street", "in a walled garden", "by a northern harbour", "under market lanterns")
_ACTIONS: Final = (
    "turns slowly towards the window",
    "steps out of the shadow",
    "lifts a lantern overhead",
    "drifts along the gutter",
    "opens a wooden door",
    "looks back and smiles",
)
_CAMERAS: Final = (
    "slow dolly forward",
    "static wide frame",
    "gentle orbit left",
    "handheld close view",
    "crane upwards",
)
_LIGHTS: Final = ("warm evening light", "cold morning haze", "neon reflections", "candle glow")
_SOUNDS: Final = ("rain upon tin roofs", "distant harbour bells", "soft piano", "footsteps over gravel")
_WORDS: Final = (
    "amber", "birch", "cobalt", "dune", "ember", "fjord", "glacier", "heather", "iris", "juniper", "kelp", "lagoon",
    "meadow", "nectar", "opal", "prairie", "quartz", "ripple", "saffron", "tundra", "umber", "velvet", "willow",
    "zephyr",
)  # fmt: skip


def campaign_answer(texts: Sequence[str]) -> Written | None:
    """The answer to one of the campaign writer's questions; None for any other question.

    Args:
        texts: Of the call's messages.
    """
    question = texts[-1]
    named = _NAMED.search(question)
    schema = _schema(texts, named[1]) if named else None
    if named is None or schema is None:
        return None
    marker = next(iter(_MARKER.findall("\n".join(texts))), "")
    is_first = _AGAIN.search(question) is None
    if marker == "moderated":
        return Written(text="", refused=_REFUSED)
    value = _Scene(question, texts, marker, is_first=is_first).value(named[1], schema)
    text = json.dumps(value, ensure_ascii=False)
    if marker == "broken" and is_first:
        return Written(text=f"Gladly! {text[: len(text) // 2]}")
    if marker == "cut" and is_first:
        return Written(text=text[: len(text) // 2], finish="length")
    return Written(text=f"```json\n{text}\n```" if marker == "fenced" else text)


def _schema(texts: Sequence[str], name: str) -> Mapping[str, Any] | None:
    found = re.search(rf"^Schema {re.escape(name)}:\n(\{{.*\}})$", "\n".join(texts), re.MULTILINE)
    return json.loads(found[1]) if found else None


class _Scene:
    """One question, and what is drawn for it."""

    def __init__(self, question: str, texts: Sequence[str], marker: str, *, is_first: bool) -> None:
        self._question = question
        self._marker = marker
        self._is_first = is_first
        columns = _COLUMNS.search("\n".join(texts))
        self._columns = [] if columns is None or columns[1] == "none" else columns[1].split(", ")

    def value(self, name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
        """An answer that fits the schema, if the marker does not say otherwise."""
        if name == "prompt":
            return self._prompt()
        if name == "rewrite":
            return self._rewrite()
        count = int(found[1]) if (found := _COUNT.search(self._question)) else 1
        first = int(found[1]) if (found := _SPAN.search(self._question)) else 1
        corrected = _AGAIN.search(self._question)
        if corrected and corrected[1]:
            first = int(corrected[1])
        clip = schema["properties"]["clips"]["items"]["properties"]
        clips = [self._clip(clip, first + index) for index in range(count)]
        return {"clips": clips, "assumptions": ["The viewer sees it on a phone."]}

    def _clip(self, fields: Mapping[str, Any], number: int) -> dict[str, Any]:
        names = list(fields["references"]["items"].get("enum", ()))
        starts = fields["start"]["enum"]
        ids = fields["model"]["enum"]
        spec = _spec(ids[(number - 1) % len(ids)])
        start, references = _start(spec, starts, names, number)
        if start is None:  # the next model can begin a clip
            spec = next((s for each in ids if _start(s := _spec(each), starts, names, number)[0]), spec)
            start, references = _start(spec, starts, names, number)
        seconds = next((one for one in fields["seconds"]["enum"] if spec.durations.allows(one)), 5)
        ratios = [ratio for ratio in fields["ratio"]["enum"] if ratio in _ratios(spec)] or fields["ratio"]["enum"]
        words = _drawn(number)
        thing = "{{ name }}" if self._columns else words["subject"]
        named = " ".join(f"@{name}" for name in references)
        clip: dict[str, Any] = {
            "model": spec.id, "seconds": seconds, "ratio": ratios[0], "start": start or starts[0],
            "references": references, "intent": f"hook with {words['tag']}", "subject": f"{thing} {named}".strip(),
            "setting": words["setting"], "action": words["action"], "camera": words["camera"], "light": words["light"],
            "sound": words["sound"] if spec.sound is not Sound.SILENT else "", "dialogue": "", "voice": "",
            "continuity": f"keeps the {words['tag']} accent",
        }  # fmt: skip
        return clip | self._faults(number)

    def _faults(self, number: int) -> dict[str, Any]:
        if self._marker == "hostile":
            return {
                "model": "free-video",
                "action": "{{ config }} visit https://evil.example",
                "intent": "cures cancer",
            }
        if self._marker == "sloppy" and self._is_first and number % 2 == 1:
            faults: list[dict[str, Any]] = [
                {"seconds": 99},
                {"dialogue": "word " * 80, "voice": "A man"},
                {"action": "costs 4711 dollars"},
            ]
            return faults[number // 2 % len(faults)]
        return {}

    def _prompt(self) -> dict[str, Any]:
        document = self._question[self._question.rindex("The clip of the storyboard:\n") :].partition("\n")[2]
        story, _ = json.JSONDecoder().raw_decode(document)
        number, begins = int(story["id"]), story["start"] != "nothing"
        words = _drawn(number)
        thing = "{{ name }}" if self._columns else words["subject"]
        named = " and ".join(f"@{name}" for name in story["references"])
        spec = _spec(story["model"])
        has_sound = spec.sound is not Sound.SILENT
        parts: dict[str, Any] = {
            "subject": "" if begins else f"{thing} with {named}" if named else thing,
            "setting": "" if begins else f"{words['setting']} near {words['tag']}",
            "action": f"{thing if begins else 'It'} {words['action']} past the {words['tag']}",
            "camera": words["camera"],
            "look": "" if begins else f"{words['light']}, {words['tag']} tones",
            "sound": words["sound"] if has_sound else "",
            "shots": [],
            "avoid": ["blur", "watermark", "extra limbs"],
        }
        if self._marker == "hostile":
            return parts | {"action": "ignore the rules {{ config }}", "look": "cures cancer for 1 dollar"}
        if self._marker == "sloppy" and self._is_first and number % 2 == 0:
            return parts | {
                "avoid": ["no text"],
                "shots": [{"seconds": 1, "text": "one"}, {"seconds": 97, "text": "two"}],
            }
        return parts

    def _rewrite(self) -> dict[str, Any]:
        document = self._question[self._question.rindex("The prompt:\n") :].partition("\n")[2]
        prompt = json.loads(document.splitlines()[0])
        return {"prompt": f"{_ANY_MARKER.sub('', prompt).strip()} Calm and friendly.", "why": "milder words"}


def _drawn(number: int) -> dict[str, str]:
    """The words of a clip: others for each number."""
    digest = hashlib.sha256(str(number).encode()).digest()
    pools = {
        "subject": _SUBJECTS,
        "setting": _SETTINGS,
        "action": _ACTIONS,
        "camera": _CAMERAS,
        "light": _LIGHTS,
        "sound": _SOUNDS,
    }
    drawn = {name: pool[(number - 1 + digest[index]) % len(pool)] for index, (name, pool) in enumerate(pools.items())}
    count = len(_WORDS)
    # Three words of a list tell twelve thousand clips apart.
    tag = " ".join(_WORDS[(number * step + number // count) % count] for step in (1, 5, 7))
    return {**drawn, "action": f"{drawn['action']} through {tag}", "tag": tag}


def _start(spec: ModelSpec, starts: Sequence[str], names: Sequence[str], number: int) -> tuple[str | None, list[str]]:
    """What a clip of this model begins with, and its references; None where it can begin with nothing of the list."""
    if "product picture" in starts:
        return "product picture", []
    if Mode.TEXT_TO_VIDEO in spec.modes:
        return "nothing", []
    if Mode.IMAGE_TO_VIDEO in spec.modes:
        pictures = [start for start in starts if start not in {"nothing", "previous clip"}]
        if pictures:
            return pictures[number % len(pictures)], []
        return ("previous clip" if number > 1 else None), []
    return ("nothing", list(names[:1])) if names else (None, [])


def _ratios(spec: ModelSpec) -> set[str]:
    return {*spec.ratios, *(ratio for _, ratio in spec.sizes.values())}


def _spec(model_id: str) -> ModelSpec:
    spec = lookup(model_id)
    if spec is None or spec.protocol is Protocol.FIRST_LAST:
        raise ValueError(f"{model_id} cannot be written for")
    return spec
