"""Write exported results as CSV, JSON Lines, semicolon CSV or a workbook."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from reelqueue.campaigns.report.export_forms import PLAIN, SEMICOLONS, as_csv, as_workbook
from reelqueue.cli._output import print_line, print_text
from reelqueue.client import Client
from reelqueue.errors import InvalidRequestError


class Format(StrEnum):
    """What a file is written as."""

    CSV = "csv"
    CSV_SEMICOLON = "csv-semicolon"
    JSONL = "jsonl"
    XLSX = "xlsx"


Output = Annotated[Path | None, typer.Option("--output", "-o", help="File; standard output unless given.")]
FormatName = Annotated[
    Format | None,
    typer.Option(
        "--format",
        help="Unless given, the file's ending decides: .jsonl, .xlsx, else CSV written as the sheet that was applied. "
        "csv has commas, csv-semicolon decimal commas, too.",
    ),
]
_BY_ENDING: Final = {".jsonl": Format.JSONL, ".ndjson": Format.JSONL, ".xlsx": Format.XLSX}


def save_export(
    client: Client, name: str, what: Literal["results", "failures"], form: Format | None, output: Path | None
) -> None:
    """Bring a campaign's results or failures.

    Raises:
        InvalidRequestError: A workbook is to go to standard output, or a cell is too long for one.
    """
    form = form or _BY_ENDING.get(output.suffix.lower() if output else "")
    if form is Format.XLSX and output is None:
        raise InvalidRequestError("missing_option", f"--output: a workbook goes to a file, such as -o {what}.xlsx")
    if form is Format.JSONL:
        body = client.campaigns.export(name, "results.jsonl" if what == "results" else "failures.jsonl")
    else:
        body = client.campaigns.export(name, "results.csv" if what == "results" else "failures.csv")
    if form is Format.XLSX:
        body = as_workbook(body.decode())
    elif form is Format.CSV_SEMICOLON:
        body = as_csv(body.decode(), SEMICOLONS).encode()
    elif form is None:
        body = as_csv(body.decode(), client.campaigns.get(name).csv_style or PLAIN).encode()
    if output is None:
        print_text(body.decode())
    else:
        output.write_bytes(body)
        print_line(str(output))
