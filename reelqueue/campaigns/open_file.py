"""Open a campaign file and read its clips."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from reelqueue.campaigns.clips import Clip
from reelqueue.campaigns.expansion.clip_builder import Assembler, StoredContent
from reelqueue.campaigns.manifest.compiled_manifest import CompiledManifest, compile_manifest, option_defaults
from reelqueue.campaigns.manifest.manifest import Manifest, read_manifest
from reelqueue.campaigns.named_file import find_file
from reelqueue.campaigns.options import NAME_CHARACTERS_MAX, CampaignOptions, changed_options
from reelqueue.campaigns.problem import CampaignFileError, Problem, shortened
from reelqueue.campaigns.problem_log import ProblemLog
from reelqueue.campaigns.rows.csv_rows import Spreadsheet
from reelqueue.campaigns.rows.csv_table import csv_table
from reelqueue.campaigns.rows.headings import Headings
from reelqueue.campaigns.rows.json_rows import ObjectRows
from reelqueue.campaigns.rows.json_stream import json_values
from reelqueue.campaigns.rows.row import RecordSource
from reelqueue.campaigns.rows.text_lines import Lines, open_text
from reelqueue.errors import InvalidRequestError

SPREADSHEETS: Final = frozenset({".csv", ".tsv", ".txt"})
WORKBOOKS: Final = frozenset({".xlsx", ".xlsm"})
JSON: Final = frozenset({".json", ".jsonl", ".ndjson"})
_COPY: Final = re.compile(r"(\.bad)+\Z")
MANIFESTS: Final = frozenset({".yaml", ".yml", ".toml"})


@dataclass(slots=True)
class CampaignFile:
    """An open campaign file; its clips can be read once."""

    options: CampaignOptions
    source: RecordSource
    rows_path: Path
    """The file that holds the rows; the manifest itself where they stand in it."""
    _assembler: Assembler

    @property
    def duplicate_count(self) -> int:
        """Clips left out so far because an earlier one sends the same."""
        return self._assembler.duplicate_count

    @property
    def kept_columns(self) -> list[str]:
        """Columns that change no clip, and are kept and shown with each: notes for people, mostly."""
        used = self._assembler.compiled.headings.variables
        return [heading for heading, name in self.source.kept_names.items() if name not in used]

    def clips(
        self,
        log: ProblemLog,
        *,
        refused: Mapping[str, InvalidRequestError] = MappingProxyType({}),
        stored: StoredContent | None = None,
    ) -> Iterator[Clip]:
        """Every good clip in the file's order; what is wrong with the others goes to *log*.

        Nothing is kept but a few hundred bytes a clip, so a file of a million rows can be read. A problem after
        which no row can be found ends the iteration; it stands in the log as an error of the file.

        Args:
            log: Gets the problems.
            refused: Clips that the server refuses, by id; they count as bad, too.
            stored: Tells the content of a clip on the server, which one of the file may come after; None: no server.
        """
        self._assembler.refused, self._assembler.stored = refused, stored
        if isinstance(self.source, Spreadsheet):
            for problem in self.source.problems:
                log.add_file_problem(problem)
        try:
            yield from self._assembler.clips(log)
        except CampaignFileError as error:
            for problem in error.problems:
                log.add_file_problem(problem)


@contextmanager
def open_campaign(
    path: Path,
    *,
    encoding: str | None = None,
    sheet: str | None = None,
    changes: Mapping[str, object] = MappingProxyType({}),
    rows: Path | None = None,
    local_files: bool = False,
) -> Iterator[CampaignFile]:
    """Open a CSV file, workbook or JSON file of rows, or a YAML or TOML manifest.

    Args:
        path: The file; its ending says what it is.
        encoding: Of a CSV or JSON file; None takes UTF-8, or what the first bytes say.
        sheet: Of a workbook; None takes the only one that has cells.
        changes: Options of the campaign, which win over those of the manifest.
        rows: A CSV file, workbook or JSON file whose rows take the place of the manifest's: a copy of some, corrected.
        local_files: Whether pictures may be files beside the campaign file or below, which are read and embedded.

    Raises:
        CampaignFileError: The file cannot be read, or its manifest is wrong; with every problem found.
        InvalidRequestError: One of the changes is wrong.
        OSError: There is no such file, or it may not be read.
    """
    if path.suffix.lower() in MANIFESTS:
        manifest, compiled = _changed_manifest(path, changes)
        rows_path = rows or (path if manifest.file is None else _beside(path, manifest.file))
    elif rows is not None:
        raise _refused(
            path.name, "bad_manifest", "--rows: it is no manifest, and has rows of its own", "Apply it alone."
        )
    else:
        options = changed_options({"name": campaign_name(path)}, changes)
        compiled = CompiledManifest(file=path.name, options=options, defaults=option_defaults(options))
        manifest, rows_path = None, path
    opened: AbstractContextManager[RecordSource]
    if manifest is not None and rows_path == path:
        opened = nullcontext(_manifest_rows(manifest, compiled))
    else:
        opened = open_rows(rows_path, compiled.headings, encoding, None if rows else sheet)
    with opened as source:
        folder = path.parent if local_files else None
        assembler = Assembler(compiled, source, compiled.options.output_pattern, folder)
        yield CampaignFile(compiled.options, source, rows_path, assembler)


def _changed_manifest(path: Path, changes: Mapping[str, object]) -> tuple[Manifest, CompiledManifest]:
    """The manifest with the changes in place of its options."""
    manifest, lines = read_manifest(path)
    if changes:
        told = manifest.campaign.model_dump(exclude_unset=True)
        manifest = manifest.model_copy(update={"campaign": changed_options(told, changes)})
    return manifest, compile_manifest(path.name, manifest, lines)


def campaign_name(path: Path) -> str:
    """The name of a campaign whose file says none: the corrected copy of bad rows belongs to the same one."""
    return _COPY.sub("", path.stem)[:NAME_CHARACTERS_MAX] or "campaign"


def _manifest_rows(manifest: Manifest, compiled: CompiledManifest) -> ObjectRows:
    rows: list[object] = [{}] if manifest.rows is None else manifest.rows  # a matrix alone multiplies one empty row
    numbered = ((compiled.lines.get(("rows", index)), row) for index, row in enumerate(rows))
    return ObjectRows(compiled.file, numbered, compiled.headings)


@contextmanager
def open_rows(
    path: Path, headings: Headings, encoding: str | None = None, sheet: str | None = None
) -> Iterator[RecordSource]:
    """Open a file of rows, whose headings mean what *headings* says.

    Raises:
        CampaignFileError: It cannot be read.
        OSError: There is no such file, or it may not be read.
    """
    suffix = path.suffix.lower()
    if suffix in WORKBOOKS:
        from reelqueue.campaigns.rows.workbook import open_workbook

        with open_workbook(path, sheet) as table:
            yield Spreadsheet(path.name, table, headings)
        return
    if suffix not in SPREADSHEETS | JSON:
        raise _unknown_ending(path.name, suffix)
    with open_text(path, encoding) as stream:
        lines = Lines(path.name, stream)
        if suffix in JSON:
            yield ObjectRows(path.name, json_values(path.name, lines), headings)
        else:
            has_mark = codecs.lookup(stream.encoding).name != "utf-8"
            table = csv_table(path.name, lines, headings, has_byte_order_mark=has_mark)
            yield Spreadsheet(path.name, table, headings)


def _unknown_ending(file: str, suffix: str) -> CampaignFileError:
    known = ", ".join(sorted(SPREADSHEETS | WORKBOOKS | JSON | MANIFESTS))
    if suffix in {".xls", ".xlsb", ".ods", ".numbers"}:
        remedy = "Save it as .xlsx, or as CSV UTF-8."
        return _refused(file, "unknown_format", f"a {suffix} file is not read; there are {known}", remedy)
    return _refused(file, "unknown_format", f"its ending says nothing; there are {known}", "Rename the file.")


def _beside(manifest: Path, file: str) -> Path:
    folder = manifest.parent.resolve()
    try:
        found = find_file(folder, file)
    except (OSError, ValueError, RuntimeError):
        found = folder
    if not found.is_relative_to(folder) or not found.is_file():
        why = f"file: there is no file {shortened(file)!r} beside the manifest or below"
        raise _refused(manifest.name, "unreadable_file", why, "Put the file of rows beside the manifest.")
    return found


def _refused(file: str, code: str, message: str, remedy: str) -> CampaignFileError:
    return CampaignFileError(Problem(file=file, code=code, message=message, remedy=remedy))
