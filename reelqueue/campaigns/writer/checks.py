"""Find every rule that a storyboard or its prompts break, by clip; what passes is what a stranger's file must pass."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from reelqueue.campaigns.writer.compose import PromptParts, WrittenClip, begins_with_picture, follows, write_clip
from reelqueue.campaigns.writer.inputs import Brand, Brief, Medium
from reelqueue.campaigns.writer.offer import ModelOffer, Offer
from reelqueue.campaigns.writer.products import Products
from reelqueue.campaigns.writer.rules import FIELD_CHARACTERS_MAX, SHOTS_MAX, SIMILAR, Breach
from reelqueue.campaigns.writer.speech import is_written_in, speech_seconds
from reelqueue.campaigns.writer.storyboard import NOTHING, PREVIOUS, PRODUCT_PICTURE, WORDS, StoryClip
from reelqueue.catalog.spec import PromptRule
from reelqueue.errors import InvalidRequestError
from reelqueue.pricing import estimate
from reelqueue.requests.parse import parse_request

Breaches = dict[str, list[Breach]]
"""By the id of the clip; clips without one are left out."""

_VARIABLE: Final = re.compile(r"\{\{ *([A-Za-z_][A-Za-z0-9_]*) *\}\}")
_BRACE: Final = re.compile(r"[{}]")
_NUMBER: Final = re.compile(r"[0-9]+(?:[.,:][0-9]+)*")
_NAMED: Final = re.compile(r"@(\w*)")
_LINK: Final = re.compile(r"(?i)\b[a-z][a-z0-9+.-]*://|\bwww\.|</?[a-z]|```|\[\[")
_LABEL: Final = re.compile(r"(?i)\bcharacter ?[0-9]|\b(?:image|video) [0-9]")
_QUOTE: Final = re.compile('["\u201c\u201d\u201e\u00ab\u00bb\u300c\u300d]')
_NEGATED: Final = re.compile(r"(?i)\b(?:no|not|never|without|don't|kein\w*|ohne)\b")
_NO_SOUND: Final = re.compile(r"(?i)\bno (?:music|sound|dialogue|voice)")
_WORD: Final = re.compile(r"[^\W\d_]{4,}|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_CHINESE: Final = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_PICTURE: Final = "https://media.example/picture.png"
_ANYTHING: Final = "https://media.example/anything"
"""In place of files that have no URL yet, for the price."""
_CELL_CHARACTERS_MIN: Final = 4
"""Of a cell that a text may not repeat; shorter ones are words of any text."""
_SCENE_SHARE: Final = 0.6
"""Share of the storyboard's setting that a prompt behind a picture may not repeat."""


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What texts are held against."""

    offer: Offer
    media: Mapping[str, Medium]
    banned: tuple[str, ...]
    numbers: frozenset[str]
    """That the brief and the brand file name."""
    products: Products | None
    cells: frozenset[str]
    """Of the table, in small letters."""
    language: str | None


def make_sources(offer: Offer, brief: Brief, brand: Brand, products: Products | None, language: str | None) -> Sources:
    """What texts are held against."""
    cells = {cell.casefold() for row in products.rows for cell in row.values()} if products else set[str]()
    # Each row's own references have one name for all rows.
    shown = (Medium("product", ""),) if products and products.has_references else brief.media
    return Sources(
        offer=offer,
        media={medium.name: medium for medium in shown},
        banned=tuple(phrase.casefold() for phrase in brand.banned if phrase),
        numbers=frozenset(_NUMBER.findall(f"{brief.text}\n{brand.text}")),
        products=products,
        cells=frozenset(cell for cell in cells if len(cell) >= _CELL_CHARACTERS_MIN),
        language=language,
    )


def check_storyboard(clips: Sequence[StoryClip], sources: Sources) -> Breaches:
    """The rules that clips of a storyboard break."""
    found: Breaches = {}
    for index, clip in enumerate(clips):
        own = [
            *_check_facts(clip, clips[index - 1] if index else None, sources),
            *_check_speech(clip, sources),
            *_check_words({name: getattr(clip, name) for name in WORDS}, sources),
            *_check_names(clip, {name: getattr(clip, name) for name in WORDS if name != "dialogue"}, needs_all=False),
        ]
        if any(not getattr(clip, name) for name in ("intent", "subject", "action", "camera")):
            own.append(Breach("needed", "intent, subject, action or camera is empty"))
        if own:
            found[clip.id] = own
    _add_similar(found, [(clip.id, f"{clip.subject} {clip.setting} {clip.action} {clip.camera}") for clip in clips])
    _add_sums(found, clips, sources)
    return found


def check_prompts(written: Sequence[WrittenClip], sources: Sources) -> Breaches:
    """The rules that prompts break."""
    found: Breaches = {}
    for clip in written:
        model = sources.offer.model(clip.story.model)
        if model is None:
            raise ValueError(f"{clip.story.model} is not offered")  # the storyboard was not checked
        texts = clip.parts.texts
        own = [
            *_check_words(texts, sources),
            *_check_names(clip.story, texts, needs_all=not begins_with_picture(clip.story)),
            *_check_family(clip, model),
            *_check_shots(clip, model),
            *_check_typed(clip),
            *_check_length(clip, model.spec.prompt, sources),
        ]
        if own:
            found[clip.story.id] = own
    _add_similar(found, [(clip.story.id, clip.prompt) for clip in written])
    return found


def cost_of(clip: StoryClip, model: ModelOffer, sources: Sources) -> Decimal | None:
    """The most that a clip costs by the list prices, input that is billed included; None where it is not known."""
    parts = PromptParts(subject="", setting="", action="", camera="", look="", sound="x", shots=(), avoid=())
    options = dict(write_clip(clip, parts, model, sources.media, name="").options)
    if begins_with_picture(clip):
        options["image"] = _PICTURE
    if clip.references:
        media = [sources.media[name] for name in clip.references]
        # What a table refers to is not known here, and may be a video.
        options["reference_urls"] = [_PICTURE if medium.path else medium.source or _ANYTHING for medium in media]
    try:
        cost = estimate(parse_request({**options, "prompt": "x"}), sources.offer.region)
    except InvalidRequestError:
        return None  # another rule says why
    return cost.max_amount if cost else None


def _check_facts(clip: StoryClip, before: StoryClip | None, sources: Sources) -> Iterator[Breach]:
    model = sources.offer.model(clip.model)
    if model is None:
        known = ", ".join(model.id for model in sources.offer.models)
        yield Breach("model", f"model {clip.model[:60]!r} is none of {known}")
        return
    if clip.seconds not in model.seconds:
        yield Breach("seconds", f"{model.id} renders {', '.join(map(str, model.seconds))} seconds, not {clip.seconds}")
    if model.ratios and not begins_with_picture(clip) and clip.ratio not in model.ratios:
        yield Breach("ratio", f"{model.id} renders {', '.join(model.ratios)}, not {clip.ratio[:20]!r}")
    others = [*_check_start(clip, before, model, sources), *_check_references(clip, model, sources)]
    yield from others
    share = sources.offer.share
    if share is not None and not others and clip.seconds in model.seconds:
        cost = cost_of(clip, model, sources)
        if cost is not None and cost > share:
            yield Breach("budget", f"the clip costs {cost} of its share of {share:.2f} {sources.offer.currency}")


def _check_start(clip: StoryClip, before: StoryClip | None, model: ModelOffer, sources: Sources) -> Iterator[Breach]:
    products = sources.products
    pictures = [medium.name for medium in sources.media.values() if not medium.is_video]
    if products is not None:
        allowed = [PRODUCT_PICTURE] if products.has_image else [NOTHING]
    else:
        allowed = [NOTHING, *pictures, *([PREVIOUS] if before is not None else [])]
    if clip.start not in allowed:
        yield Breach("start", f"start {clip.start[:40]!r} is none of {', '.join(allowed)}")
        return
    if clip.start == NOTHING and not (model.takes_text or clip.references):
        yield Breach("start", f"{model.id} cannot begin with nothing")
    if clip.start != NOTHING and not model.takes_first_frame:
        yield Breach("start", f"{model.id} cannot begin with a picture")
    if follows(clip) and before is not None:
        earlier = sources.offer.model(before.model)
        if earlier is not None and earlier.tier != model.tier:
            yield Breach("chain", f"{model.id} renders {model.tier}, and the clip before it {earlier.tier}")


def _check_references(clip: StoryClip, model: ModelOffer, sources: Sources) -> Iterator[Breach]:
    unknown = [name for name in clip.references if name not in sources.media]
    if unknown or len(set(clip.references)) < len(clip.references):
        known = ", ".join(sources.media) or "there are none"
        yield Breach("references", f"references {', '.join(clip.references)[:80]} are not names of the list ({known})")
    elif len(clip.references) > model.references_max:
        yield Breach("references", f"{model.id} shows {model.references_max} references, not {len(clip.references)}")
    elif odd := [name for name in clip.references if not model.can_refer_to(sources.media[name])]:
        yield Breach("references", f"{model.id} cannot refer to {odd[0]}: it takes a URL only, or no such kind")
    if sources.products is not None and sources.products.has_references and not clip.references:
        yield Breach("references", "the table has references, so references is product")
    if clip.references and clip.start != NOTHING:
        yield Breach("references", "a clip has references or a first frame, not both")


def _check_speech(clip: StoryClip, sources: Sources) -> Iterator[Breach]:
    model = sources.offer.model(clip.model)
    if not clip.dialogue:
        return
    if model is not None and not model.has_sound:
        yield Breach("dialogue", f"{model.id} has no sound")
    seconds = max(speech_seconds(text) for text in _filled(clip.dialogue, sources))
    if seconds > clip.seconds:
        yield Breach("dialogue", f"the dialogue takes {seconds:.1f} seconds, and the clip has {clip.seconds}")
    if _QUOTE.search(clip.dialogue):
        yield Breach("dialogue", "the dialogue has quotation marks")
    if sources.language and not is_written_in(_VARIABLE.sub("", clip.dialogue), sources.language):
        yield Breach("language", f"the dialogue is not in {sources.language}")


def _check_words(texts: Mapping[str, str], sources: Sources) -> Iterator[Breach]:
    columns = sources.products.columns if sources.products else ()
    for name, text in texts.items():
        if len(text) > FIELD_CHARACTERS_MAX:
            yield Breach("length", f"{name} has {len(text)} characters")
        odd = [found for found in _VARIABLE.findall(text) if found not in columns]
        bare = _VARIABLE.sub(" ", text)
        if odd or _BRACE.search(bare):
            seen = odd[0] if odd else "a brace"
            yield Breach("variables", f"{name} uses {seen}; there are {', '.join(columns) or 'no variables'}")
        typed = next((cell for cell in sources.cells if cell in bare.casefold()), None)
        if typed is not None:
            yield Breach("variables", f"{name} types {typed[:40]!r}, which is a cell of the table")
        if new := [number for number in _NUMBER.findall(bare) if number not in sources.numbers]:
            yield Breach("numbers", f"{name} says {new[0]}, which stands in no source")
        if phrase := next((phrase for phrase in sources.banned if phrase in text.casefold()), None):
            yield Breach("banned", f"{name} says {phrase[:60]!r}")
        if found := _LINK.search(text):
            yield Breach("links", f"{name} has {found[0]!r}")


def _check_names(clip: StoryClip, texts: Mapping[str, str], *, needs_all: bool) -> Iterator[Breach]:
    """Every reference is named, and none that is not the clip's."""
    named = {name for text in texts.values() for name in _NAMED.findall(text)}
    if extra := sorted(named - set(clip.references)):
        yield Breach("references", f"@{extra[0][:40]} is no reference of the clip")
    if needs_all and (missing := [name for name in clip.references if name not in named]):
        yield Breach("references", f"@{missing[0]} is a reference of the clip and in none of the texts")


def _check_family(clip: WrittenClip, model: ModelOffer) -> Iterator[Breach]:
    parts, story = clip.parts, clip.story
    if not parts.action and not parts.shots:
        yield Breach("words", "action is empty, and there are no shots")
    if begins_with_picture(story):
        scene = set(_WORD.findall(story.setting.casefold()))
        said = set(_WORD.findall(f"{parts.action} {parts.camera}".casefold()))
        if parts.subject or parts.setting or parts.look:
            yield Breach("picture", "subject, setting or look is not empty")
        elif len(scene) > 2 and len(scene & said) >= _SCENE_SHARE * len(scene):
            yield Breach("picture", "action describes the setting that the picture shows")
    elif not (parts.subject and parts.camera):
        yield Breach("words", "subject or camera is empty")
    if parts.sound and not model.has_sound:
        yield Breach("words", f"{model.id} has no sound")


def _check_shots(clip: WrittenClip, model: ModelOffer) -> Iterator[Breach]:
    shots = clip.parts.shots
    if not shots:
        return
    if not model.takes_shots:
        yield Breach("shots", f"{model.id} takes one shot")
    elif not 2 <= len(shots) <= SHOTS_MAX or any(shot.seconds < 1 or not shot.text for shot in shots):
        yield Breach("shots", f"{len(shots)} shots, or one of them is empty")
    elif sum(shot.seconds for shot in shots) != clip.story.seconds:
        total = sum(shot.seconds for shot in shots)
        yield Breach("shots", f"the shots have {total} seconds, and the clip {clip.story.seconds}")


def _check_typed(clip: WrittenClip) -> Iterator[Breach]:
    texts = clip.parts.texts
    for name, text in texts.items():
        if found := _LABEL.search(text):
            yield Breach("labels", f"{name} says {found[0]!r}")
        if _QUOTE.search(text) or (len(clip.story.dialogue) > 12 and clip.story.dialogue in text):
            yield Breach("quotes", f"{name} has quotation marks or the dialogue")
    if found := _NEGATED.search(texts["avoid"]):
        yield Breach("avoid", f"avoid says {found[0]!r}")
    if found := _NO_SOUND.search(texts["sound"]):
        yield Breach("avoid", f"sound says {found[0]!r}")


def _check_length(clip: WrittenClip, rule: PromptRule, sources: Sources) -> Iterator[Breach]:
    longest = max(_weight(text, rule) for text in _filled(clip.prompt, sources))
    if longest > rule.characters_max:
        yield Breach("cap", f"the prompt has {longest} characters, and {clip.story.model} reads {rule.characters_max}")
    if sources.products is not None and "name" not in _VARIABLE.findall(clip.prompt):
        yield Breach("variables", "the prompt has no {{ name }}")


def _weight(text: str, rule: PromptRule) -> int:
    return len(text) + len(_CHINESE.findall(text)) * (rule.chinese_weight - 1)


def _filled(text: str, sources: Sources) -> Iterator[str]:
    """*text* for each product, or as it is without a table."""
    if sources.products is None or not _VARIABLE.search(text):
        yield text
        return
    for row in sources.products.rows:
        yield _VARIABLE.sub(lambda found, row=row: row.get(found[1], ""), text)  # type: ignore[misc]


def _add_similar(found: Breaches, texts: Sequence[tuple[str, str]]) -> None:
    """Each clip that has nearly the words of an earlier one."""
    bags = [(clip_id, set(_WORD.findall(text.casefold()))) for clip_id, text in texts]
    for index, (clip_id, bag) in enumerate(bags):
        for earlier_id, earlier in bags[:index]:
            if bag and len(bag & earlier) >= SIMILAR * len(bag | earlier):
                found.setdefault(clip_id, []).append(Breach("duplicate", f"it has nearly the words of {earlier_id}"))
                break


def _add_sums(found: Breaches, clips: Sequence[StoryClip], sources: Sources) -> None:
    """The longest clips, where all together are longer than was asked for. No clip costs more than its share."""
    total, most = sum(clip.seconds for clip in clips), sources.offer.seconds_total
    if most is None or total <= most:
        return
    for clip in clips:
        if clip.seconds * len(clips) > most:
            why = f"all clips have {total} seconds, {most} at most, and this one {clip.seconds}; take fewer"
            found.setdefault(clip.id, []).append(Breach("total", why))
