"""The tables of docs/campaigns/write-a-file.md, from the code that reads campaign files; cog puts them there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import get_args

from reelqueue.campaigns import limits as bounds
from reelqueue.campaigns.manifest.templates import FILTERS, TESTS
from reelqueue.campaigns.options import CampaignOptions
from reelqueue.campaigns.output_paths import FIELDS
from reelqueue.campaigns.problem import REMEDIES
from reelqueue.campaigns.rows.cell_values import READERS, VERBATIM, read_integer, read_json, read_switch, read_urls
from reelqueue.campaigns.rows.headings import OPTIONS

ROOT = Path(__file__).parents[1]


def columns() -> Iterator[str]:
    """Every column, how its cell is written, and what it means."""
    forms = {
        read_integer: "whole number",
        read_switch: "true or false",
        read_json: "JSON",
        read_urls: "URLs, divided as above",
    }
    yield from ("| column | its cell | means |", "|---|---|---|")
    for name in sorted(OPTIONS):
        form = "text, as it stands" if name in VERBATIM else forms.get(READERS.get(name), "text")  # type: ignore[arg-type]
        yield f"| `{name}` | {form} | {_meaning(name)} |"


def campaign_options() -> Iterator[str]:
    """Every key under ``campaign``."""
    meanings = _attribute_docs("options", "CampaignOptions") | {
        "name": "Name of the campaign; the file's without its ending unless given.",
        "budget": "A hard cap such as `120.50 USD`: what would cross it is not submitted.",
        "breaker": "Pauses it until it is resumed: `failures`, `failed_percent`, `moderated_percent`, `after`.",
    }
    yield from ("| key | means | unless given |", "|---|---|---|")
    for name, field in CampaignOptions.model_fields.items():
        words = [word for word in get_args(field.annotation) if isinstance(word, str)]
        allowed = f"{', '.join(f'`{word}`' for word in words)}. " if words else ""
        default = "none" if field.default is None else f"`{field.default}`"
        yield f"| `{name}` | {allowed}{_one_line(meanings[name])} | {default} |"


def output_fields() -> Iterator[str]:
    """Every field of an output pattern."""
    yield from ("| field | is |", "|---|---|")
    yield from (f"| `{{{name}}}` | {meaning} |" for name, meaning in FIELDS.items())


def limits() -> Iterator[str]:
    """Every limit with its reason."""
    told = {
        "CLIPS_MAX": "clips of a campaign, after its matrix and variants",
        "CELL_CHARACTERS_MAX": "characters of a cell",
        "LINE_CHARACTERS_MAX": "characters of a line",
        "COLUMNS_MAX": "columns",
        "JSON_DEPTH_MAX": "levels of JSON in each other",
        "WORKBOOK_SHEET_BYTES_MAX": "bytes of a sheet of a workbook, unpacked",
        "WORKBOOK_PART_BYTES_MAX": "bytes of any other part of a workbook, unpacked",
        "WORKBOOK_ROWS_MAX": "rows of a workbook",
        "MANIFEST_BYTES_MAX": "bytes of a manifest",
        "MANIFEST_VALUES_MAX": "values of a manifest, each alias counted with its content",
        "MANIFEST_DEPTH_MAX": "levels of a manifest",
        "AXES_MAX": "axes of a matrix",
        "EXCLUDES_MAX": "rules under `exclude`",
        "MANIFEST_PROBLEMS_MAX": "problems that are reported of one manifest",
        "VARIANTS_MAX": "variants of a row",
        "TOLD_CHARACTERS_MAX": "characters of a variable that is kept with its clip",
        "PATH_CHARACTERS_MAX": "characters of a picture's path, which is kept with its clip",
        "TEMPLATE_CHARACTERS_MAX": "characters of a template",
        "TEMPLATE_DEPTH_MAX": "parts of a template in each other, such as filters of one value",
        "VARIABLE_CHARACTERS_MAX": "characters of one value in a template",
        "RENDERED_CHARACTERS_MAX": "characters that a template writes",
        "LOOP_STEPS_MAX": "steps of all loops of a template, for one clip",
        "RENDER_SECONDS_MAX": "seconds for a template and a clip",
    }
    yield from ("| at most | of |", "|---|---|")
    yield from (f"| {getattr(bounds, name):,} | {meaning} |" for name, meaning in told.items())


def template_words() -> Iterator[str]:
    """Filters and tests that a template may use."""
    yield f"Filters: {', '.join(f'`{name}`' for name in sorted(FILTERS))}."
    yield f"Tests: {', '.join(f'`{name}`' for name in sorted(TESTS) if name.isalpha())}."


def codes() -> Iterator[str]:
    """Every code of a problem with its remedy."""
    yield from ("| code | what to do |", "|---|---|")
    yield from (f"| `{code}` | {remedy} |" for code, remedy in sorted(REMEDIES.items()))


def _meaning(name: str) -> str:
    own = {
        "after": "The id of a row above that must have ended first.",
        "first_frame": "`last_frame`: begin with the last frame of the clip in `after`.",
        "variants": "Clips of this row, told apart by their seeds.",
        "model": "A model of the catalog, or any other id of the provider.",
        "mode": "What the video is made from; derived from the model and the media unless given.",
        "prompt": "What the video shows.",
        "negative_prompt": "What it must not show.",
        "resolution": "A tier (`720P`) or a size in pixels (`1280x720`).",
        "seed": "The same seed gives similar videos.",
        "custom_id": "The row's id; derived from the row's values unless given.",
        "last_frame": "The last frame: a URL, or a file beside the campaign file.",
        "image": "The first frame: a URL, or a file beside the campaign file.",
        "on_timeout": "`collect`, `cancel` or `abandon`: what becomes of a paid task whose job has timed out.",
        "watermark": "Whether the provider draws its mark.",
        "raw": "Merged into the provider's parameters unchecked; never what has a column of its own.",
        "poll_interval_ms": "Delay between polls; the model's measured render times decide unless given.",
    }
    return own.get(name) or _request_docs()[name]


def _request_docs() -> dict[str, str]:
    kinds = ("RenderRequest", "TextToVideo", "ImageToVideo", "ReferenceToVideo", "VideoEdit")
    found: dict[str, str] = {}
    for kind in reversed(kinds):
        module = "requests/base" if kind == "RenderRequest" else "requests/types"
        found |= _attribute_docs(module, kind, package="reelqueue")
    return {name: _one_line(text) for name, text in found.items()}


def _attribute_docs(module: str, kind: str, package: str = "reelqueue/campaigns") -> dict[str, str]:
    """The line of text that stands below each attribute of a class."""
    tree = ast.parse((ROOT / package / f"{module}.py").read_text())
    (body,) = (node.body for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == kind)
    return {
        str(attribute.target.id): text.value.value  # type: ignore[union-attr]
        for attribute, text in pairwise(body)
        if isinstance(attribute, ast.AnnAssign)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


def _one_line(text: str) -> str:
    return " ".join(text.replace("``", "`").split())
