"""Command `render`: submit a job, and optionally wait for its video."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from reelqueue.builder import DEFAULT_VIDEO_BASE_URL
from reelqueue.cli._jobs import AsJson, connect
from reelqueue.cli._options import read_options, with_request_options
from reelqueue.cli._output import print_json, print_line, talk
from reelqueue.cli._progress import watch
from reelqueue.client import RenderJobHandle
from reelqueue.preview import preview_request
from reelqueue.requests.parse import parse_request

_INTERRUPTED = 130
"""Exit code of a command that Ctrl-C ended, as shells have it."""


@with_request_options
def render(
    prompt: Annotated[str | None, typer.Argument(help="What the video shows.")] = None,
    *,
    model: Annotated[str, typer.Option("--model", "-m", help="The provider's model id; see `reelqueue models`.")],
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the video, with a progress bar.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Wait, and download the video to this file or folder.")
    ] = None,
    timeout_seconds: Annotated[float, typer.Option(help="Longest wait; the job continues after it.")] = 3600,
    idempotency_key: Annotated[str | None, typer.Option(help="The same key again is the same job.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what the provider would get, and stop.")] = False,
    as_json: AsJson = False,
    **options: object,
) -> None:
    """Render a video; prints the job's id, or the video's path with --output."""
    given = {"model": model, "prompt": prompt, **options}
    request = parse_request(read_options(given), local_files=True)
    if dry_run:
        print_json(preview_request(request, base_url=video_base_url()))
        return
    with connect() as client:
        job = client.submit(request, idempotency_key=idempotency_key)
        talk(f"render job {job.id} is {job.job.state}")
        for warning in job.job.warnings:
            talk(f"warning: {warning}")
        path = _finish(job, timeout_seconds, output) if wait or output else None
    if as_json:
        print_json(job.job)
    else:
        print_line(str(path or job.id))


def video_base_url() -> str:
    """The provider's host that previews name."""
    return os.environ.get("REELQUEUE_VIDEO_BASE_URL") or DEFAULT_VIDEO_BASE_URL


def _finish(job: RenderJobHandle, timeout_seconds: float, output: Path | None) -> Path | None:
    try:
        watch(job, timeout_seconds)
        return None if output is None else job.download(output)
    except KeyboardInterrupt:
        talk(f"stopped waiting; the job continues: reelqueue status {job.id}, or reelqueue cancel {job.id}")
        raise typer.Exit(_INTERRUPTED) from None
