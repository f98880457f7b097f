"""The files of a written campaign: a manifest, its rows, and notes on how it was written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from reelqueue.campaigns.options import Budget
from reelqueue.campaigns.plan.check_file import Checked, check_file
from reelqueue.campaigns.problem import Severity
from reelqueue.campaigns.writer.calls import Asked, total_cost
from reelqueue.campaigns.writer.checks import Breaches
from reelqueue.campaigns.writer.compose import WrittenClip, follows
from reelqueue.campaigns.writer.inputs import Medium
from reelqueue.campaigns.writer.instructions import VERSION
from reelqueue.campaigns.writer.offer import Offer
from reelqueue.campaigns.writer.passes import PassReport
from reelqueue.campaigns.writer.products import Products
from reelqueue.campaigns.writer.rules import Breach
from reelqueue.errors import ConfigurationError

if TYPE_CHECKING:
    import yaml
else:
    try:
        import yaml
    except ModuleNotFoundError:
        yaml = None

MANIFEST: Final = "campaign.yaml"
CLIPS: Final = "clips.jsonl"
STORYBOARD: Final = "storyboard.md"
NOTES: Final = "NOTES.md"
PRODUCTS: Final = "products.csv"
_SHOT: Final = "shot"
"""The axis of a table's matrix."""


def write_files(
    folder: Path,
    written: Sequence[WrittenClip],
    media: Iterable[Medium],
    products: Products | None,
    *,
    name: str,
    budget: Budget | None,
) -> Path:
    """Write manifest, rows and media; returns the manifest's path.

    Args:
        folder: Exists.
        written: Clips in their order.
        media: That the brief shows; files among them are copied.
        products: The table; it is copied, and has the rows.
        name: Of the campaign.
        budget: Of the campaign.
    """
    campaign: dict[str, Any] = {"name": name}
    if budget is not None:
        campaign["budget"] = f"{budget.amount:f} {budget.currency}"
    for medium in media:
        if medium.path is not None:
            _copy(medium.path, folder / medium.place)
    if products is None:
        rows = [json.dumps(row, ensure_ascii=False) for row in _rows(written)]
        _put(folder / CLIPS, "".join(f"{row}\n" for row in rows))
        document: dict[str, Any] = {"campaign": campaign, "file": CLIPS}
    else:
        _copy(products.path, folder / PRODUCTS)
        document = {"campaign": campaign, **_of_table(written), "file": PRODUCTS}
    return _put(folder / MANIFEST, _yaml(document))


def _yaml(document: dict[str, Any]) -> str:
    if yaml is None:
        raise ConfigurationError("manifests need pyyaml; run: pip install 'reelqueue[campaigns]'")
    text: str = yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=1_000_000)
    return text


def checked_files(
    written: Sequence[WrittenClip],
    media: Iterable[Medium],
    products: Products | None,
    *,
    name: str,
    budget: Budget | None,
    region: str,
) -> Checked:
    """The result of `campaign check` on what would be written."""
    with TemporaryDirectory(prefix="reelqueue-writer-") as temporary:
        path = write_files(Path(temporary), written, media, products, name=name, budget=budget)
        return check_file(path, region=region)


def breaches_of(checked: Checked, written: Sequence[WrittenClip]) -> Breaches:
    """What `campaign check` says, by the clip of the storyboard; of a table, every clip has it."""
    ids = {clip.story.id for clip in written}
    found: Breaches = {}
    for group in checked.log.groups:
        problem = group.first
        if problem.severity is not Severity.ERROR:
            continue
        told = Breach("check", f"{problem.message}{f' ({problem.seen})' if problem.seen else ''}")
        for clip_id in [problem.custom_id] if problem.custom_id in ids else sorted(ids):
            found.setdefault(str(clip_id), []).append(told)
    return found


def notes_text(
    *,
    name: str,
    model: str,
    offer: Offer,
    assumptions: Sequence[str],
    reports: Mapping[str, PassReport],
    asked: Sequence[Asked],
    checked: Checked | None,
    full_price: Decimal | None,
) -> str:
    """The notes on how a campaign was written.

    Args:
        name: Of the campaign.
        model: The language model.
        offer: What the storyboard chose from.
        assumptions: What the brief left open.
        reports: Of each pass, by its name.
        asked: Every call.
        checked: The campaign file; None while there is none.
        full_price: What the calls would have cost without the cache; None where no price is known.
    """
    lines = [f"# Notes on {name}", "", f"Written by {model} with instructions {VERSION}.", ""]
    lines += _money_lines(asked, full_price)
    if checked is not None and (total := checked.plan.total).currency is not None:
        lines.append(f"* The {checked.plan.clip_count} clips cost at most {total.max_amount:f} {total.currency}.")
    lines += [f"* Not used: {reason}." for reason in offer.left_out]
    for title, report in reports.items():
        lines += ["", f"## {title}", "", *_report_lines(report)]
    if assumptions:
        lines += ["", "## Assumptions", "", *(f"* {' '.join(said.split())}" for said in assumptions)]
    return "\n".join(lines).rstrip() + "\n"


def put_text(path: Path, text: str) -> Path:
    """Write a file as a whole: it is the old one or the new one, whatever happens."""
    return _put(path, text)


def _report_lines(report: PassReport) -> list[str]:
    lines = [f"* {report.first_count} of {report.text_count} kept every rule at first."]
    lines += [f"* {clip} was corrected: {', '.join(dict.fromkeys(r))}" for clip, r in report.repaired.items()]
    lines += [f"* {clip} is left out: {'; '.join(reasons)}" for clip, reasons in report.failed.items()]
    return [*lines, *(f"* {note}" for note in report.notes)]


def _money_lines(asked: Sequence[Asked], full_price: Decimal | None) -> list[str]:
    cost = total_cost(list(asked))
    count = f"{len(asked)} call" if len(asked) == 1 else f"{len(asked)} calls"
    if cost is None:
        return [f"* {count}; no price is known."]
    marked = ", of which some is the most that lost answers may have cost" if cost.is_estimate else ""
    lines = [f"* {count} for {cost.amount:f} {cost.currency}{marked}, by prices of {cost.priced_on.isoformat()}."]
    read = sum(call.usage.cached_tokens for call in asked if call.usage)
    if full_price is not None and not cost.is_estimate:
        saved = full_price - cost.amount
        word = "saved" if saved >= 0 else "cost"
        lines.append(f"* The cache gave {read} tokens and {word} {abs(saved):f} {cost.currency}.")
    return lines


def _rows(written: Sequence[WrittenClip]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for clip in written:
        row: dict[str, object] = {"custom_id": clip.story.id, **clip.options, "prompt": clip.prompt}
        if follows(clip.story):
            row |= {"after": rows[-1]["custom_id"], "first_frame": "last_frame"}
        rows.append(row)
    return rows


def _of_table(written: Sequence[WrittenClip]) -> dict[str, Any]:
    """Template and matrix that make every product's clips of the storyboard."""
    shared = {
        name: value
        for name, value in written[0].options.items()
        if name != "seed" and all(clip.options.get(name) == value for clip in written)
    }
    if len(written) == 1:
        return {"defaults": dict(written[0].options), "template": {"prompt": written[0].prompt}}
    own = [
        {_SHOT: clip.story.id, **{name: value for name, value in clip.options.items() if name not in {*shared, "seed"}}}
        for clip in written
    ]
    branches = [
        f'{{% {"if" if index == 0 else "elif"} {_SHOT} == "{clip.story.id}" %}}{clip.prompt}'
        for index, clip in enumerate(written)
    ]
    return {
        "defaults": shared,
        "template": {"prompt": "".join(branches) + "{% endif %}"},
        "matrix": {"include": own},
    }


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.resolve() != target.resolve():
        shutil.copyfile(source, target)


def _put(path: Path, text: str) -> Path:
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
    return path
