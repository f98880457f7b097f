"""A manifest: what the clips of a campaign share, and what makes one differ from the other."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date, time
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, ValidationError
from pydantic.alias_generators import to_snake

from reelqueue.campaigns.limits import CLIPS_MAX, MANIFEST_BYTES_MAX, MANIFEST_PROBLEMS_MAX
from reelqueue.campaigns.options import CampaignOptions, CampaignPart, plain_words
from reelqueue.campaigns.problem import CampaignFileError, Problem, remedy_for, shortened
from reelqueue.campaigns.rows.headings import OPTIONS, nearest, option_name
from reelqueue.campaigns.rows.text_lines import open_text, undecodable, undecoded
from reelqueue.errors import InvalidRequestError
from reelqueue.requests.option_table import Form, names_of

TEMPLATED: Final = names_of(forms=[Form.TEXT, Form.URL]) | {"custom_id", "after"}
"""Options that a template may write; the others are no texts, or are chosen from a few words."""

Lines = Mapping[tuple[str | int, ...], int]
"""The line of the value at each path; empty where the format does not tell."""


class Manifest(CampaignPart):
    """The whole document."""

    campaign: CampaignOptions = CampaignOptions()
    defaults: dict[str, Any] = Field(default_factory=dict)
    """Options of each clip that neither its row nor the matrix gives."""
    template: dict[str, str] = Field(default_factory=dict)
    """Jinja2 templates of options; a row's own value wins."""
    variables: dict[str, Any] = Field(default_factory=dict)
    """Values for the templates; a row's and the matrix's win."""
    matrix: dict[str, Any] = Field(default_factory=dict)
    """Values by axis: each row is rendered once for each combination."""
    rows: Annotated[list[Any], Field(max_length=CLIPS_MAX)] | None = None
    file: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    """A CSV or JSON Lines file of rows, beside the manifest."""


def read_manifest(path: Path) -> tuple[Manifest, Lines]:
    """The manifest in a YAML or TOML file, and where its values stand.

    Raises:
        CampaignFileError: It cannot be read, or parts of it are wrong.
    """
    text = _read_text(path)
    try:
        document, lines = _parse(path, text)
    except InvalidRequestError as error:
        raise _refused(path, error.message) from error
    if not isinstance(document, dict):
        raise _refused(path, f"it must be an object with campaign, template, matrix, rows, not {shortened(document)!r}")
    document.setdefault("campaign", {})
    if isinstance(document["campaign"], dict):
        document["campaign"].setdefault("name", path.stem)
    try:
        manifest = Manifest.model_validate(document)
    except ValidationError as error:
        raise CampaignFileError(*_problems(path.name, error, lines)) from error
    return manifest, lines


def checked_names(manifest: Manifest) -> Iterator[InvalidRequestError]:
    """What is wrong with the names under ``defaults`` and ``template``."""
    for name in manifest.defaults:
        if option_name(name) not in OPTIONS - {"custom_id", "after"}:
            yield _unknown(f"defaults.{name}", OPTIONS)
    defaults = set(map(option_name, manifest.defaults))
    for name in manifest.template:
        if option_name(name) not in TEMPLATED:
            yield _unknown(f"template.{name}", TEMPLATED)
        elif option_name(name) in defaults:
            why = f"template.{name}: defaults give it, too, and would never be used"
            yield InvalidRequestError("conflicting_options", why, f"template.{name}")
    if manifest.rows is not None and manifest.file is not None:
        yield InvalidRequestError("conflicting_options", "file: give either rows or file, not both", "file")


def path_of(field: str | None) -> tuple[str | int, ...]:
    """The path that a dotted field such as ``matrix.style`` spells."""
    return tuple(int(part) if part.isdigit() else part for part in (field or "").split(".") if part)


def line_at(lines: Lines, path: tuple[str | int, ...]) -> int | None:
    """The line of the value at *path*, or of what it would stand in."""
    for length in range(len(path), 0, -1):
        if (line := lines.get(path[:length])) is not None:
            return line
    return None


def _read_text(path: Path) -> str:
    if (size := path.stat().st_size) > MANIFEST_BYTES_MAX:
        why = f"it has {size} bytes; {MANIFEST_BYTES_MAX} are the most, so write the rows into a CSV file beside it"
        raise _refused(path, why)
    with open_text(path) as stream:
        try:
            text = stream.read()
        except UnicodeError as error:
            raise undecoded(path.name, error) from error
    if found := undecodable(text):
        raise _refused(path, found[0])
    return text


def _parse(path: Path, text: str) -> tuple[object, Lines]:
    if path.suffix.lower() == ".toml":
        try:
            return _plain(tomllib.loads(text)), {}
        except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
            raise InvalidRequestError("bad_manifest", f"it is no TOML ({error})") from error
    from reelqueue.campaigns.manifest.yaml_document import read_yaml

    return read_yaml(text)


def _plain(value: object) -> object:
    """A TOML value as JSON has it: dates as text."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is no amount of anything")
    return value


def _problems(file: str, error: ValidationError, lines: Lines) -> Iterator[Problem]:
    for details in error.errors(include_url=False, include_context=False)[:MANIFEST_PROBLEMS_MAX]:
        path = details["loc"]
        column = ".".join(map(str, path)) or "the manifest"
        code, said = details["type"], plain_words(details["msg"])
        if code == "extra_forbidden":
            said, code = _unknown_key(path), "unknown_option"
        yield Problem(
            file=file,
            line=line_at(lines, path),
            column=column[:64],
            code=code,
            message=f"{column[:64]}: {said}",
            seen=None if isinstance(details["input"], (dict, list)) else shortened(details["input"]),
            remedy=remedy_for(code),
        )


def _unknown_key(path: tuple[str | int, ...]) -> str:
    known = {1: Manifest.model_fields, 2: CampaignOptions.model_fields}.get(len(path), {})
    if near := nearest(to_snake(str(path[-1])[:64]), known):
        return f"there is no such key; did you mean {near}?"
    listed = f"; there are {', '.join(sorted(known))}" if known else ""
    return f"there is no such key{listed}"


def _unknown(field: str, known: frozenset[str]) -> InvalidRequestError:
    near = nearest(option_name(field.partition(".")[2]), sorted(known))
    hint = f"did you mean {near}?" if near else f"there are {', '.join(sorted(known))}"
    return InvalidRequestError("unknown_option", f"{field[:80]}: no such option can be set here; {hint}", field)


def _refused(path: Path, why: str) -> CampaignFileError:
    problem = Problem(file=path.name, code="bad_manifest", message=why, remedy="Correct it and check the file again.")
    return CampaignFileError(problem)
