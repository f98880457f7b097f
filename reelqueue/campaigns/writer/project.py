"""The folder in which a campaign is written: what it is written from, how far it is, and its two steps."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from reelqueue.campaigns.plan.check_file import Checked
from reelqueue.campaigns.writer.calls import ATTEMPTS_MAX, Asked, CountedCalls, TextCalls, full_price
from reelqueue.campaigns.writer.checks import Breaches, Sources, check_storyboard, make_sources
from reelqueue.campaigns.writer.compose import WrittenClip
from reelqueue.campaigns.writer.files import (
    NOTES,
    PRODUCTS,
    STORYBOARD,
    breaches_of,
    checked_files,
    notes_text,
    put_text,
    write_files,
)
from reelqueue.campaigns.writer.inputs import Brand, Brief, Medium, read_brand, read_brief
from reelqueue.campaigns.writer.instructions import Instructions
from reelqueue.campaigns.writer.offer import Wish, make_offer
from reelqueue.campaigns.writer.passes import CLIPS_A_CALL, PassReport, WriterError, write_prompts, write_storyboard
from reelqueue.campaigns.writer.products import Products, read_products
from reelqueue.campaigns.writer.storyboard import (
    WORDS,
    Storyboard,
    StoryClip,
    read_storyboard,
    storyboard_text,
)
from reelqueue.errors import InvalidRequestError
from reelqueue.qwen import TextCost

STATE: Final = "storyboard.json"
"""What the second step needs beside the storyboard."""
_BRIEF: Final = "brief.md"
_BRAND: Final = "brand.md"
_FIRST_STEP: Final = "Storyboard"
_SECOND_STEP: Final = "Prompts"


class _SavedMedium(BaseModel):
    name: str
    source: str
    is_file: bool


class _Saved(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: str
    model: str
    region: str
    wish: Wish
    media: tuple[_SavedMedium, ...]
    report: PassReport
    """Of the first step."""
    asked: list[Asked]
    """Its calls."""
    storyboard_sha256: str
    """Of the page as it was written: another one was corrected by a person."""


@dataclass(slots=True)
class Project:
    """Everything that a campaign is written from."""

    folder: Path
    name: str
    model: str
    """The language model."""
    region: str
    """Whose prices of videos count."""
    wish: Wish
    brief: Brief
    brand: Brand
    products: Products | None
    sources: Sources
    instructions: Instructions
    report: PassReport = field(default_factory=PassReport)
    """Of the first step."""
    asked: list[Asked] = field(default_factory=list)
    """Its calls."""

    @property
    def files(self) -> dict[str, Any]:
        """What the campaign's files are made with."""
        return {
            "media": self.brief.media,
            "products": self.products,
            "name": self.name,
            "budget": self.wish.budget,
        }


@dataclass(frozen=True, slots=True)
class TextBound:
    """The most that the calls of a step may be and cost."""

    calls: int
    cost: TextCost | None
    """None where no price is known."""


@dataclass(frozen=True, slots=True)
class Result:
    """A written campaign."""

    manifest: Path
    checked: Checked
    report: PassReport
    written: tuple[WrittenClip, ...]


def new_project(
    folder: Path,
    brief: Path,
    *,
    wish: Wish,
    model: str,
    region: str,
    brand: Path | None = None,
    products: Path | None = None,
) -> Project:
    """Read the inputs and copy them into the folder; everything that can be refused is refused here.

    Raises:
        InvalidRequestError: An input or a wish cannot be used.
        CampaignFileError: The table cannot be read.
        OSError: A file is not there, or the folder cannot be made.
    """
    found_brief, found_brand = read_brief(brief), read_brand(brand) if brand else Brand()
    table = read_products(products) if products else None
    name = folder.absolute().name
    project = _project(folder, name, model, region, wish, found_brief, found_brand, table)
    _make_folder(folder)
    for source, target in ((brief, _BRIEF), (brand, _BRAND), (products, PRODUCTS)):
        if source is not None and source.resolve() != (folder / target).resolve():
            shutil.copyfile(source, folder / target)
    for medium in found_brief.media:
        if medium.path is not None:
            (folder / "media").mkdir(exist_ok=True)
            shutil.copyfile(medium.path, folder / medium.place)
    return project


def open_project(folder: Path) -> Project:
    """The project in a folder, for its second step.

    Raises:
        InvalidRequestError: There is none, or its files cannot be used any more.
        OSError: A file may not be read.
    """
    path = folder / STATE
    if not path.is_file():
        why = f"{folder}: there is no {STATE}; begin with: reelqueue campaign write brief.md -o {folder}"
        raise InvalidRequestError("missing_option", why, "output")
    try:
        saved = _Saved.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise InvalidRequestError(
            "bad_json", f"{path}: it was changed: {error.errors()[0]['msg']}", "output"
        ) from error
    text = (folder / _BRIEF).read_text(encoding="utf-8-sig").replace("\r\n", "\n")
    media = tuple(_medium(folder, medium) for medium in saved.media)
    brand = read_brand(folder / _BRAND) if (folder / _BRAND).exists() else Brand()
    table = read_products(folder / PRODUCTS) if (folder / PRODUCTS).exists() else None
    project = _project(folder, saved.name, saved.model, saved.region, saved.wish, Brief(text, media), brand, table)
    project.report, project.asked = saved.report, saved.asked
    return project


def storyboard_bound(project: Project, calls: TextCalls) -> TextBound:
    """The most that the first step may cost."""
    total = project.sources.offer.clip_count
    spans = -(-total // CLIPS_A_CALL)
    most = calls.most(project.instructions.storyboard(1, min(total, CLIPS_A_CALL), total, ["x" * 600] * CLIPS_A_CALL))
    corrected = calls.most(project.instructions.correct_clip(_longest(project), []))
    return bound_of((spans * ATTEMPTS_MAX, most), (total * (ATTEMPTS_MAX - 1), corrected))


def prompts_bound(project: Project, calls: TextCalls, clip_count: int) -> TextBound:
    """The most that the second step may cost."""
    model = project.sources.offer.models[0]
    request = project.instructions.correct_prompt(_longest(project), model, "x" * 6000, [])
    return bound_of((clip_count * ATTEMPTS_MAX, calls.most(request)))


def run_storyboard(project: Project, calls: CountedCalls) -> Storyboard:
    """Write the storyboard into the folder.

    Raises:
        WriterError: No clip of it keeps the rules.
        TextCallError: A call gave no answer.
    """
    report = PassReport()
    board = write_storyboard(project.instructions, project.sources, calls, report)
    project.report, project.asked = report, list(calls.asked)
    text = storyboard_text(project.name, board)
    _save(project, text)
    put_text(project.folder / STORYBOARD, text)
    _write_notes(project, board, project.asked, {_FIRST_STEP: report}, None)
    return board


def read_board(project: Project) -> Storyboard:
    """The storyboard in the folder, as a person has left it.

    Raises:
        InvalidRequestError: It cannot be read, or breaks rules.
        OSError: There is none.
    """
    board = read_storyboard((project.folder / STORYBOARD).read_text(encoding="utf-8"))
    broken = check_storyboard(board.clips, project.sources)
    if broken:
        told = "; ".join(f"{clip_id}: {breach}" for clip_id, breaches in broken.items() for breach in breaches)
        raise InvalidRequestError("bad_storyboard", f"{STORYBOARD}: {told[:2000]}", "storyboard")
    return board


def run_prompts(project: Project, board: Storyboard, calls: CountedCalls) -> Result:
    """Write the prompts, and with them the campaign file, into the folder.

    Raises:
        WriterError: No prompt keeps the rules.
        TextCallError: A call gave no answer.
    """
    report, before = PassReport(), len(calls.asked)

    def check_files(written: Sequence[WrittenClip]) -> Breaches:
        if not written:
            return {}
        checked = checked_files(written, region=project.region, **project.files)
        return breaches_of(checked, written)

    written = write_prompts(
        board,
        project.instructions,
        project.sources,
        calls,
        report,
        name=project.name,
        check_files=check_files,
    )
    checked = checked_files(written, region=project.region, **project.files)
    if still := breaches_of(checked, written):
        raise WriterError(f"the campaign file does not pass its check: {next(iter(still.values()))[0]}")
    if over := checked.plan.budget_warning(project.wish.budget):
        raise WriterError(f"the campaign file is not written: {over}")
    manifest = write_files(project.folder, written, **project.files)
    asked = [*project.asked, *calls.asked[before:]]
    _write_notes(project, board, asked, {_FIRST_STEP: project.report, _SECOND_STEP: report}, checked)
    return Result(manifest, checked, report, tuple(written))


def _project(
    folder: Path,
    name: str,
    model: str,
    region: str,
    wish: Wish,
    brief: Brief,
    brand: Brand,
    products: Products | None,
) -> Project:
    offer = make_offer(wish, brief, products, region)
    sources = make_sources(offer, brief, brand, products, wish.language)
    instructions = Instructions(sources, wish, brief, brand, products, model=model)
    return Project(folder, name, model, region, wish, brief, brand, products, sources, instructions)


def _make_folder(folder: Path) -> None:
    if folder.is_dir() and any(folder.iterdir()) and not (folder / _BRIEF).exists():
        why = f"{folder}: is a folder with files that are not of a written campaign; name another one"
        raise InvalidRequestError("conflicting_options", why, "output")
    storyboard = folder / STORYBOARD
    if storyboard.exists() and (folder / STATE).exists():
        text = storyboard.read_text(encoding="utf-8")
        if _sha256(text) != _read_state(folder).storyboard_sha256:
            why = f"{storyboard}: was corrected, and would be written again; use --continue, or delete it"
            raise InvalidRequestError("conflicting_options", why, "output")
    folder.mkdir(parents=True, exist_ok=True)


def _save(project: Project, storyboard: str) -> None:
    media = tuple(
        _SavedMedium(name=medium.name, source=medium.source, is_file=medium.path is not None)
        for medium in project.brief.media
    )
    saved = _Saved(
        name=project.name,
        model=project.model,
        region=project.region,
        wish=project.wish,
        media=media,
        report=project.report,
        asked=project.asked,
        storyboard_sha256=_sha256(storyboard),
    )
    put_text(project.folder / STATE, f"{saved.model_dump_json(indent=2)}\n")


def _read_state(folder: Path) -> _Saved:
    path = folder / STATE
    try:
        return _Saved.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise InvalidRequestError(
            "bad_json", f"{path}: it was changed: {error.errors()[0]['msg']}", "output"
        ) from error


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _medium(folder: Path, saved: _SavedMedium) -> Medium:
    medium = Medium(saved.name, saved.source, Path(saved.source) if saved.is_file else None)
    return Medium(saved.name, saved.source, folder / medium.place) if saved.is_file else medium


def _write_notes(
    project: Project, board: Storyboard, asked: list[Asked], reports: dict[str, PassReport], checked: Checked | None
) -> None:
    text = notes_text(
        name=project.name,
        model=project.model,
        offer=project.sources.offer,
        assumptions=board.assumptions,
        reports=reports,
        asked=asked,
        checked=checked,
        full_price=full_price(asked, project.model),
    )
    put_text(project.folder / NOTES, text)


def _longest(project: Project) -> StoryClip:
    """A clip with the longest words that a rule lets pass."""
    words = dict.fromkeys(WORDS, "x" * 600)
    model = project.sources.offer.models[0]
    facts = {"model": model.id, "seconds": model.seconds[0], "ratio": "16:9", "start": "nothing", "references": ()}
    return StoryClip.model_validate({**facts, **words, "id": "01"})


def together(*bounds: TextBound) -> TextBound:
    """The bound of several steps."""
    return bound_of(*((1, bound.cost) for bound in bounds), calls=sum(bound.calls for bound in bounds))


def bound_of(*parts: tuple[int, TextCost | None], calls: int | None = None) -> TextBound:
    """The bound of some calls of each kind, with the most that one of them may cost."""
    calls = sum(count for count, _ in parts) if calls is None else calls
    costs = [(count, cost) for count, cost in parts if cost is not None]
    if len(costs) < len(parts):
        return TextBound(calls, None)
    first = costs[0][1]
    amount = sum((count * cost.amount for count, cost in costs), Decimal(0))
    return TextBound(calls, TextCost(amount, first.currency, first.priced_on, is_estimate=True))
