"""Put a prompt together from its parts, as each family of models wants it, with every option that code decides."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

from pydantic import BaseModel, ConfigDict, StrictInt, StrictStr, StringConstraints

from reelqueue.campaigns.writer.inputs import Medium
from reelqueue.campaigns.writer.offer import ModelOffer
from reelqueue.campaigns.writer.storyboard import NOTHING, PREVIOUS, StoryClip
from reelqueue.catalog import Protocol, Sound
from reelqueue.requests.fields import NEGATIVE_PROMPT_CHARACTERS_MAX

_SEED_MAX: Final = 2**31 - 1
_NAMED: Final = re.compile(r"@([a-z][a-z0-9_]*)")
_ENDS: Final = (".", "!", "?", "\u3002", "\uff01", "\uff1f", ":", ";", ",")
_CHINESE: Final = re.compile(r"[\u3400-\u9fff]")

_Words = Annotated[StrictStr, StringConstraints(max_length=4000)]


class Shot(BaseModel):
    """One of several shots of a clip."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    seconds: StrictInt
    text: _Words


class PromptParts(BaseModel):
    """A model's answer to the second pass, for one clip."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    subject: _Words
    setting: _Words
    action: _Words
    camera: _Words
    look: _Words
    """Light, colours and style."""
    sound: _Words
    shots: tuple[Shot, ...]
    avoid: tuple[_Words, ...]

    @property
    def texts(self) -> dict[str, str]:
        """Every text by its place."""
        named = {name: str(getattr(self, name)) for name in ("subject", "setting", "action", "camera", "look", "sound")}
        shots = {f"shots.{number}": shot.text for number, shot in enumerate(self.shots, start=1)}
        return {**named, **shots, "avoid": ", ".join(self.avoid)}


@dataclass(frozen=True, slots=True)
class WrittenClip:
    """A clip of the storyboard with its prompt."""

    story: StoryClip
    parts: PromptParts
    prompt: str
    options: Mapping[str, object]
    """Of its request, without prompt and id."""


def begins_with_picture(clip: StoryClip) -> bool:
    """Whether something is seen before the prompt says anything."""
    return clip.start != NOTHING


def write_clip(
    clip: StoryClip, parts: PromptParts, model: ModelOffer, media: Mapping[str, Medium], *, name: str
) -> WrittenClip:
    """The clip with its prompt and options.

    Args:
        clip: Of a storyboard that keeps its rules.
        parts: Of its prompt.
        model: The clip's.
        media: What the brief shows, by name.
        name: Of the campaign, from which seeds are drawn.
    """
    text = _prompt(clip, parts, model)
    labels = _labels(clip.references, media, model)
    prompt = _NAMED.sub(lambda found: labels.get(found[1], found[0]), text)
    return WrittenClip(clip, parts, prompt, _options(clip, parts, model, media, name))


def _prompt(clip: StoryClip, parts: PromptParts, model: ModelOffer) -> str:
    sound = (parts.sound,) if model.has_sound else ()
    spoken = (_spoken(clip),) if model.has_sound and clip.dialogue else ()
    if begins_with_picture(clip):
        shots = _shots(parts, model)
        seen: Sequence[str] = (*(shots or (parts.action,)), parts.camera or "Fixed camera")
    elif parts.shots:
        seen = (parts.subject, parts.setting, parts.look, parts.camera, *_shots(parts, model))
    else:
        seen = (parts.subject, parts.setting, parts.action, parts.camera, parts.look)
    return _sentences((*seen, *sound, *spoken))


def _shots(parts: PromptParts, model: ModelOffer) -> Sequence[str]:
    """The shots with their times, where the model is told them in words."""
    if _is_multi(parts, model):
        return [shot.text for shot in parts.shots]
    lines, begin = [], 0
    for number, shot in enumerate(parts.shots, start=1):
        cut = "" if number == 1 else "hard cut, "
        lines.append(f"Shot {number} [{begin}-{begin + shot.seconds} s] {cut}{shot.text}")
        begin += shot.seconds
    return lines


def _is_multi(parts: PromptParts, model: ModelOffer) -> bool:
    """Whether several shots are an option of the model, which works only while the service rewrites the prompt."""
    return bool(parts.shots) and "shot_type" in model.spec.extras


def _spoken(clip: StoryClip) -> str:
    voice = clip.voice or "A voice"
    if _CHINESE.search(voice):
        return f"{voice}\u8bf4\uff1a\u201c{clip.dialogue}\u201d"
    return f'{voice} says: "{clip.dialogue}"'


def _sentences(texts: Iterable[str]) -> str:
    """Texts as sentences behind each other."""
    stripped = (text[:1].upper() + text[1:] for text in (" ".join(text.split()) for text in texts))
    ended = (text if text.endswith((*_ENDS, '"', "\u201d")) else f"{text}." for text in stripped if text)
    return " ".join(ended)


def _labels(names: Sequence[str], media: Mapping[str, Medium], model: ModelOffer) -> dict[str, str]:
    """What the service calls each reference: Wan 2.6 numbers them together, later models by kind."""
    if model.spec.protocol is Protocol.LEGACY:
        return {name: f"character{number}" for number, name in enumerate(names, start=1)}
    counts, labels = {"Image": 0, "Video": 0}, {}
    for name in names:
        kind = "Video" if name in media and media[name].is_video else "Image"
        counts[kind] += 1
        labels[name] = f"{kind} {counts[kind]}"
    return labels


def _options(
    clip: StoryClip, parts: PromptParts, model: ModelOffer, media: Mapping[str, Medium], campaign: str
) -> dict[str, object]:
    spec = model.spec
    options: dict[str, object] = {"model": spec.id, "duration": clip.seconds, **_size(clip, model)}
    if "negative_prompt" in spec.options and parts.avoid:
        options["negative_prompt"] = ", ".join(parts.avoid)[:NEGATIVE_PROMPT_CHARACTERS_MAX]
    if _is_multi(parts, model):
        options |= {"shot_type": "multi", "prompt_extend": True}
    elif "prompt_extend" in spec.options:
        # The service would rewrite what was written exactly.
        options["prompt_extend"] = False
    if spec.sound is Sound.SWITCH:
        options["audio"] = bool(parts.sound or clip.dialogue)
    options["seed"] = int(hashlib.sha256(f"{campaign}/{clip.id}".encode()).hexdigest()[:8], 16) & _SEED_MAX
    if clip.start in media:
        options["image"] = media[clip.start].place
    # A table gives its own.
    if references := [media[name].place for name in clip.references if media[name].source]:
        options["reference_urls"] = references
    return options


def _size(clip: StoryClip, model: ModelOffer) -> dict[str, object]:
    if not model.ratios or (begins_with_picture(clip) and not model.spec.sizes):
        return {"resolution": model.tier}
    sizes = {ratio: size for size, (tier, ratio) in model.spec.sizes.items() if tier == model.tier}
    return {"resolution": sizes[clip.ratio]} if sizes else {"resolution": model.tier, "ratio": clip.ratio}


def follows(clip: StoryClip) -> bool:
    """Whether the clip begins with the last frame of the one before it."""
    return clip.start == PREVIOUS
