"""Checks of ``input``: the prompt, and which media go together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from reelqueue.catalog import Mode, ModelSpec, Protocol
from reelqueue.catalog.spec import MediaRules
from simulator.references import Reference
from simulator.validation.parameters import refuse


def check_input(source: Mapping[str, Any], spec: ModelSpec, references: list[Reference]) -> None:
    """Check the prompt and the media of a body.

    Raises:
        TaskFailure: The first thing that the model does not take.
    """
    if not spec.is_known:
        return
    _check_prompt(source.get("prompt"), spec, has_media=bool(references))
    if spec.protocol is Protocol.FIRST_LAST:
        _check_first_last(source)
    elif spec.protocol is Protocol.LEGACY:
        _check_legacy(source, spec, references)
    elif spec.media is not None:
        _check_media(source.get("media"), spec, spec.media)


def _check_prompt(prompt: object, spec: ModelSpec, *, has_media: bool) -> None:
    if prompt is not None and not isinstance(prompt, str):
        raise refuse("Input should be a valid string: input.prompt")
    is_required = spec.prompt.required and not (spec.prompt.unless_media and has_media)
    if is_required and not prompt:
        raise refuse("Field required: input.prompt")  # seen


def _check_first_last(source: Mapping[str, Any]) -> None:
    _require(source, "first_frame_url")
    if not source.get("template"):
        _require(source, "last_frame_url")


def _check_legacy(source: Mapping[str, Any], spec: ModelSpec, references: list[Reference]) -> None:
    if Mode.IMAGE_TO_VIDEO in spec.modes and not source.get("template"):
        _require(source, "img_url")
    if Mode.REFERENCE_TO_VIDEO in spec.modes:
        if not source.get("reference_video_urls"):
            _require(source, "reference_urls")
        if spec.media is not None:
            _check_counts(references, spec.media, "input.reference_urls")


def _require(source: Mapping[str, Any], field: str) -> None:
    if not source.get(field):
        raise refuse(f"Field required: input.{field}")  # seen


def _check_media(media: object, spec: ModelSpec, rules: MediaRules) -> None:
    if not media:
        if spec.protocol is Protocol.WAN3:
            return
        raise refuse("Field required: input.media")  # seen
    if not isinstance(media, list):
        raise refuse("Input should be a valid list: input.media")
    references = [_read_item(item, number, rules) for number, item in enumerate(media)]
    _check_roles({reference.role for reference in references}, spec, rules)
    _check_counts(references, rules, "input.media")


def _read_item(item: object, number: int, rules: MediaRules) -> Reference:
    if not isinstance(item, dict):
        raise refuse(f"Input should be a valid dictionary: input.media.{number}")
    for field in ("type", "url"):
        if not isinstance(item.get(field), str) or not item[field]:
            raise refuse(f"Field required: input.media.{number}.{field}")
    if item["type"] not in rules.by_name:
        raise refuse(f"Input should be {' or '.join(map(repr, rules.by_name))}: input.media.{number}.type")
    return Reference(item["type"], item["url"])


def _check_roles(roles: set[str], spec: ModelSpec, rules: MediaRules) -> None:
    for one, other in rules.exclusive:
        if roles & one and roles & other:
            raise _exclusive(roles & one, roles & other)
    if {"first_frame", "first_clip"} <= roles:
        raise _exclusive({"first_frame"}, {"first_clip"})
    if rules.combinations and frozenset(roles) not in rules.combinations:
        raise refuse("the parameters must conform to the specification")  # seen
    if rules.needs and not roles & rules.needs:
        if roles == {"first_frame"} and Mode.REFERENCE_TO_VIDEO in spec.modes:
            raise refuse("Only first frame provided is not allowed")  # seen
        raise refuse(f"Field required: input.media.{min(rules.needs)}")


def _exclusive(one: set[str], other: set[str]) -> Exception:
    names = f"{', '.join(sorted(one))} and {', '.join(sorted(other))}"
    return refuse(f"The two modes are mutually exclusive: {names} cannot be used together")  # seen up to the colon


def _check_counts(references: list[Reference], rules: MediaRules, field: str) -> None:
    counts = Counter(reference.role for reference in references)
    for role, count in counts.items():
        limit = rules.by_name[role].count_max if role in rules.by_name else count
        if count > limit:
            raise refuse(f"At most {limit} {role} items are allowed, got {count}: {field}")
    total = counts["reference_image"] + counts["reference_video"]
    if rules.references_max is not None and total > rules.references_max:
        raise refuse(f"List should have at most {rules.references_max} items, not {total}: {field}")
