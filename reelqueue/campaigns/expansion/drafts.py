"""Draft clips: the options of the manifest, the row and one combination of the matrix merged, not yet checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TypeVar

from reelqueue.campaigns.clip_ids import clip_id, derived_id, slug, variant_seed
from reelqueue.campaigns.clips import LAST_FRAME, Scalar
from reelqueue.campaigns.limits import TOLD_CHARACTERS_MAX, VARIANTS_MAX
from reelqueue.campaigns.manifest.compiled_manifest import CompiledManifest
from reelqueue.campaigns.manifest.matrix import Combination
from reelqueue.campaigns.problem import shortened
from reelqueue.campaigns.rows.cell_values import read_typed
from reelqueue.campaigns.rows.origin import Origin
from reelqueue.campaigns.rows.row import Record
from reelqueue.errors import InvalidRequestError
from reelqueue.requests.fields import whole_number

T = TypeVar("T")


@dataclass(slots=True)
class Draft:
    """A clip before it is checked."""

    custom_id: str
    variant: int
    options: dict[str, object]
    """Of its request."""
    variables: Mapping[str, Scalar]
    """That tell it from others, as people filter by them."""
    after: str | None
    is_continued: bool
    """Whether it begins with the last frame of the clip that it comes after."""
    refusals: Sequence[InvalidRequestError]
    """What is wrong already; it is drafted all the same, to find more."""
    line: int | None
    """Where its row begins in the campaign file, also where it is read from a copy of some rows."""
    has_own_id: bool
    """Whether anything gives it an id; else it is derived from what could be read of its row."""


def draft_clips(compiled: CompiledManifest, record: Record, combination: Combination) -> Iterator[Draft]:
    """Each variant of a row in one combination of the matrix."""
    refusals = [
        InvalidRequestError("conflicting_options", f"{name}: the matrix gives it, too; keep it in one place", name)
        for name in sorted(combination.options.keys() & record.options.keys())
    ]
    options = {**compiled.defaults, **record.options, **combination.options}
    own = {**record.variables, **combination.variables} if combination.variables else record.variables
    if compiled.templates:
        given = record.options.keys() | combination.options.keys()
        refusals += _fill(compiled, options, given, {**compiled.variables, **own})
    _read_texts(options, [*compiled.defaults, *combination.options], refusals)
    told = {name: _told(value) for name, value in own.items()} if own else {}
    row_id = _row_id(compiled, record, combination, options.get("custom_id"))
    count = _taken(options, _variants, refusals) or 1
    if isinstance(own_id := options.get("custom_id", ""), bool) or not isinstance(own_id, (str, int)):
        refusals.append(InvalidRequestError("wrong_type", "custom_id: must be text; put it in quotes", "custom_id"))
    after, is_continued = _taken(options, _chain, refusals) or (None, False)
    origin = record.origin or Origin(record.line, 1)
    for variant in range(1, count + 1):
        drafted = {**options, "custom_id": (custom_id := clip_id(row_id, (), variant))}
        if variant > 1:
            seed = whole_number(options.get("seed"))
            drafted["seed"] = variant_seed(row_id, seed if isinstance(seed, int) else None, variant)
        number = origin.variant if count == 1 else variant
        yield Draft(
            custom_id,
            number,
            drafted,
            told,
            after,
            is_continued,
            refusals,
            origin.line,
            has_own_id="custom_id" in options,
        )


def _told(value: object) -> Scalar:
    """A variable as one short value: an object goes by its ``id`` or ``name``, as in ids."""
    if isinstance(value, Mapping):
        value = value.get("id", value.get("name", slug(value)))
    if isinstance(value, (bool, int, float)):
        return value
    return (value if isinstance(value, str) else slug(value))[:TOLD_CHARACTERS_MAX]


def _fill(
    compiled: CompiledManifest, options: dict[str, object], given: AbstractSet[str], variables: Mapping[str, object]
) -> Iterator[InvalidRequestError]:
    """Put what the templates write into the options; what a row or the matrix says wins."""
    context = {**options, **variables}
    for name, template in compiled.templates.items():
        if name not in given:
            try:
                options[name] = template.render(context)
            except InvalidRequestError as error:
                yield error


def _read_texts(options: dict[str, object], names: Iterable[str], refusals: list[InvalidRequestError]) -> None:
    """Read what defaults and the matrix give as text, as a cell of a row would be."""
    for name in names:
        if isinstance(options[name], str):
            try:
                options[name] = read_typed(options[name], name)
            except InvalidRequestError as error:
                refusals.append(error)


def _row_id(compiled: CompiledManifest, record: Record, combination: Combination, told: object) -> str:
    slugs = combination.slugs
    if told is not None and (not slugs or "custom_id" not in record.options):
        # As a template has written it: only what it leaves out is appended, so that clips of one row differ.
        left_out = compiled.axes_outside_ids if slugs else frozenset()
        return (
            clip_id(str(told), (word for name, word in slugs.items() if name in left_out), 1) if left_out else str(told)
        )
    if told is None and record.original:
        told = derived_id({**record.options, **record.variables})
    return clip_id("" if told is None else str(told), slugs.values(), 1) or slug(compiled.options.name)


def _taken(
    options: dict[str, object], take: Callable[[dict[str, object]], T], refusals: list[InvalidRequestError]
) -> T | None:
    try:
        return take(options)
    except InvalidRequestError as error:
        refusals.append(error)
        return None


def _variants(options: dict[str, object]) -> int:
    told = whole_number(options.pop("variants", 1))
    if isinstance(told, int) and not isinstance(told, bool) and 1 <= told <= VARIANTS_MAX:
        return told
    why = f"variants: must be a whole number from 1 to {VARIANTS_MAX}, not {shortened(told)!r}"
    raise InvalidRequestError("out_of_range", why, "variants")


def _chain(options: dict[str, object]) -> tuple[str | None, bool]:
    """The clip that this one comes after, and whether it begins with that one's last frame."""
    after, first_frame = options.pop("after", None), options.pop("first_frame", None)
    if after is not None and not isinstance(after, str):
        raise InvalidRequestError("wrong_type", "after: must be the id of a row above", "after")
    if first_frame is None:
        return after, False
    if first_frame != LAST_FRAME:
        why = f"first_frame: must be {LAST_FRAME}, with the id of a row above in after; a picture goes into image"
    elif after is None:
        why = "first_frame: needs the id of a row above in after"
    elif "image" in options:
        why = "first_frame: image gives the first frame, too; keep one of them"
    else:
        return after, True
    raise InvalidRequestError("bad_chain", why, "first_frame")
