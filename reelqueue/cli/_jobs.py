"""Commands `status`, `why`, `jobs`, `cancel` and `download`."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.table import Column

from reelqueue.cli._options import json_object
from reelqueue.cli._output import moment, print_json, print_json_array, print_line, print_table, shown, talk
from reelqueue.client import Client
from reelqueue.schemas.jobs import Job, PaidCost
from reelqueue.schemas.statement import money_text
from reelqueue.schemas.why import Why
from reelqueue.states import TERMINAL, RenderState

JobId = Annotated[str, typer.Argument(metavar="JOB_ID", help="The job's id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON.")]

_PROMPT_COLUMNS: Final = 60
_TIMES: Final = [f"%Y-%m-%d{time}" for time in ("", "T%H:%M:%S", " %H:%M:%S", "T%H:%M:%S%z", " %H:%M:%S%z")]
"""As typed, and as the commands show them."""


_RETRY_SECONDS: Final = 5.0
"""A person who forgot to start the API should not wait long to be told."""


def connect() -> Client:
    """A client of the API that the environment names."""
    return Client(retry_seconds=_RETRY_SECONDS)


class Running(StrEnum):
    """What a cancel does with a video that is rendering."""

    FINISH = "finish"
    ABANDON = "abandon"


def status(job_id: JobId, *, as_json: AsJson = False) -> None:
    """Show one job."""
    with connect() as client:
        job = client.get(job_id).job
    if as_json:
        print_json(job)
    else:
        print_table((Column(no_wrap=True), Column(overflow="fold")), _facts(job))


def why(job_id: JobId, *, as_json: AsJson = False) -> None:
    """Show what a job waits for, and what changes that."""
    with connect() as client:
        found = client.get(job_id).why()
    if as_json:
        print_json(found)
    else:
        print_table((Column(no_wrap=True), Column(overflow="fold")), why_facts(found))


def why_facts(found: Why) -> list[tuple[str, str]]:
    """What a job waits for, as rows of a table."""
    facts = [
        ("job", str(found.job_id)),
        ("state", found.state.value),
        ("outcome" if found.state in TERMINAL else "waits for", found.reason),
        ("until", moment(found.until) if found.until else None),
        ("remedy", found.remedy),
    ]
    return [(name, value) for name, value in facts if value]


def jobs(
    *,
    state: Annotated[list[RenderState] | None, typer.Option(help="Only jobs in this state; repeatable.")] = None,
    model: Annotated[str | None, typer.Option(help="Only jobs of this model.")] = None,
    mode: Annotated[str | None, typer.Option(help="Only jobs of this mode.")] = None,
    custom_id: Annotated[str | None, typer.Option(help="Only jobs with this name of your own.")] = None,
    campaign: Annotated[str | None, typer.Option(help="Only jobs of this campaign.")] = None,
    metadata: Annotated[
        str | None, typer.Option(help="Only jobs whose metadata contains this JSON object, such as '{\"order\": 7}'.")
    ] = None,
    created_after: Annotated[
        datetime | None, typer.Option(help="Only jobs from this moment on; local unless it has a zone.", formats=_TIMES)
    ] = None,
    created_before: Annotated[datetime | None, typer.Option(help="Only jobs before it.", formats=_TIMES)] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List jobs, newest first."""
    with connect() as client:
        found = client.jobs(
            state=state,
            model=model,
            mode=mode,
            custom_id=custom_id,
            campaign=campaign,
            metadata=json_object("metadata", metadata),
            created_after=created_after and created_after.astimezone(),
            created_before=created_before and created_before.astimezone(),
            page_size=min(limit, 500),
        )
        listed = itertools.islice(found, limit)
        if as_json:
            print_json_array(listed)
        else:
            print_jobs(listed)


def print_jobs(listed: Iterable[Job]) -> None:
    """Write a table of jobs."""
    titles = ("job", "state", "model", "created", "custom id", "prompt")
    columns = (Column(title, no_wrap=True) for title in titles)
    print_table(columns, map(_row, listed), spare=("prompt", "custom id", "created", "model"))


def cancel(
    job_id: JobId,
    *,
    running: Annotated[
        Running, typer.Option(help="A video that is rendering is billed anyway: collect it, or leave it there.")
    ] = Running.FINISH,
    as_json: AsJson = False,
) -> None:
    """Stop a job."""
    with connect() as client:
        job = client.get(job_id).cancel(running=running.value)
    if as_json:
        print_json(job)
    else:
        print_line(job.state)


def download(
    job_id: JobId,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File, or folder for a file named after the job.")
    ] = Path(),
) -> None:
    """Download a job's video and print its path."""
    with connect() as client:
        path = client.get(job_id).download(output)
    talk("the file has the size and checksum that the server promised")
    print_line(str(path))


def _row(job: Job) -> tuple[str, ...]:
    prompt = (job.prompt or "-")[:_PROMPT_COLUMNS]
    return (str(job.id), job.state, job.model, moment(job.created_at), shown(job.custom_id), prompt)


def _paid(cost: PaidCost | None) -> str | None:
    if cost is None:
        return None
    return "no price is known" if cost.amount is None else f"{money_text(cost.amount)} {cost.currency or ''}".strip()


def _facts(job: Job) -> list[tuple[str, str]]:
    cost, video, failure = job.estimated_cost, job.asset, job.failure
    facts = [
        ("job", str(job.id)),
        ("state", f"{job.state} ({job.provider_status})" if job.provider_status else job.state),
        ("model", f"{job.model} ({job.mode})"),
        ("prompt", job.prompt),
        ("custom id", job.custom_id),
        ("campaign", job.campaign),
        ("provider task", job.provider_task_id),
        ("provider request", job.provider_request_id),
        ("attempts, polls", f"{job.attempt_count}, {job.poll_count}"),
        ("failure", f"{failure.code}: {failure.message}" if failure else None),
        ("video", f"{video.size_bytes} bytes, {video.duration_seconds} s" if video else None),
        ("estimated cost", f"{cost.min_amount} to {cost.max_amount} {cost.currency}" if cost else None),
        ("cost", _paid(job.cost)),
        ("created", moment(job.created_at)),
        ("submitted", moment(job.submitted_at) if job.submitted_at else None),
        ("finished", moment(job.finished_at) if job.finished_at else None),
        *(("warning", warning) for warning in job.warnings),
    ]
    return [(name, value) for name, value in facts if value]
