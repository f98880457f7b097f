"""Command `campaign decide`: import decisions from an exported gallery."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Annotated, Final
from uuid import UUID

import typer

from reelqueue.campaigns.problem import shortened
from reelqueue.campaigns.report.summary import counted
from reelqueue.campaigns.rows.json_stream import json_values
from reelqueue.campaigns.rows.text_lines import Lines, open_text
from reelqueue.cli._jobs import connect
from reelqueue.cli._output import print_line, printable
from reelqueue.errors import InvalidRequestError
from reelqueue.schemas.campaigns import Decision

_AT_ONCE: Final = 1_000
"""As many as the server takes in one request."""
_DECIDED: Final = {Decision.APPROVE: "approved", Decision.REJECT: "rejected"}


def decide(
    file: Annotated[Path, typer.Argument(metavar="FILE", help='What "Save marks" of an exported page has written.')],
    *,
    campaign: Annotated[
        str | None, typer.Option(help="The campaign's name; that of the first clip unless given.")
    ] = None,
) -> None:
    """Approve and reject clips as a file of marks says; given twice, it changes nothing more.

    Nothing is decided if a line of the file cannot be read.
    """
    marks = dict(_marks(file))
    if not marks:
        raise InvalidRequestError("empty_file", f"{file}: there is no mark in it")
    jobs_by_decision: dict[Decision, list[UUID]] = defaultdict(list)
    for job_id, decision in marks.items():
        jobs_by_decision[decision].append(job_id)
    with connect() as client:
        name = campaign if campaign is not None else client.get(next(iter(marks))).job.campaign
        for decision, jobs in sorted(jobs_by_decision.items()):
            rest = iter(jobs)
            changed = 0
            while some := list(islice(rest, _AT_ONCE)):
                changed += client.campaigns.decide(name, decision.value, some).changed_count
            line = f"{name}: {_DECIDED[decision]} {counted(len(jobs), 'clip')}, of which {changed} changed"
            print_line(printable(line))


COMMANDS: Final = (decide,)


def _marks(file: Path) -> Iterator[tuple[UUID, Decision]]:
    """Each clip with its decision; of two about one clip the later counts."""
    with open_text(file) as stream:
        for line, value in json_values(file.name, Lines(file.name, stream)):
            yield _mark(f"{file}:{line}", value)


def _mark(place: str, value: object) -> tuple[UUID, Decision]:
    if isinstance(value, InvalidRequestError):
        raise InvalidRequestError(value.code, f"{place}: {value.message}")
    mark = value if isinstance(value, Mapping) else {}
    try:
        return UUID(str(mark.get("job_id"))), Decision(str(mark.get("decision")))
    except ValueError as error:
        why = f'{place}: must be an object with job_id and "decision": "approve" or "reject", not {shortened(value)}'
        raise InvalidRequestError("bad_json", why) from error
