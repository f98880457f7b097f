"""Command `campaign rewrite`: other prompts for clips that were refused, as a file to apply."""

from __future__ import annotations

import json
import shlex
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from reelqueue.campaigns.plan.check_file import check_file
from reelqueue.campaigns.report.summary import counted
from reelqueue.campaigns.writer.calls import ATTEMPTS_MAX, TextCalls
from reelqueue.campaigns.writer.files import put_text
from reelqueue.campaigns.writer.project import TextBound, bound_of
from reelqueue.campaigns.writer.rewrite import RefusedClip, RewrittenClip, find_refused, rewrite_clips, rewrite_request
from reelqueue.cli._campaign.check import print_checked
from reelqueue.cli._campaign.control import Name
from reelqueue.cli._jobs import connect
from reelqueue.cli._output import print_line, printable, talk
from reelqueue.cli._render import video_base_url
from reelqueue.cli._writer.queued import QueuedCalls
from reelqueue.cli._writer.write import (
    DEFAULT_TEXT_MODEL,
    IsAgreed,
    MaxTextCost,
    TextModel,
    agree,
    counted_calls,
    read_limit,
)
from reelqueue.client import Client
from reelqueue.pricing import region_of
from reelqueue.states import RenderState


class _State(StrEnum):
    MODERATED = "moderated"
    FAILED = "failed"


def rewrite(
    name: Name,
    *,
    state: Annotated[_State, typer.Option(help="How the clips ended that are rewritten.")] = _State.MODERATED,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="NAME.rewritten.jsonl unless given.")
    ] = None,
    text_model: TextModel = DEFAULT_TEXT_MODEL,
    max_text_cost: MaxTextCost = None,
    is_agreed: IsAgreed = False,
) -> None:
    """Have the prompts of refused clips rewritten once, and write them into a file; nothing is applied.

    The rows keep their ids, so that applying the file renders what was rewritten and nothing else. A clip that was
    rewritten before, or whose subject itself is refused, is left to a person: moderation is never got around.
    """
    limit = read_limit(max_text_cost)
    path = output or Path(f"{name}.rewritten.jsonl")
    with connect() as client:
        refused = _find(client, name, state)
        calls = QueuedCalls(client, f"{name}/rewrite")
        most = agree(_bound(refused, calls, text_model), text_model, limit, is_agreed=is_agreed)
        with counted_calls(calls, most) as asked:
            rewritten, failed = rewrite_clips(refused, asked, text_model)
    _write(name, path, rewritten)
    for custom_id, why in failed.items():
        talk(f"{custom_id}: {why}")
    if failed or not rewritten:
        raise typer.Exit(1)


def _find(client: Client, name: str, state: _State) -> list[RefusedClip]:
    """The clips of a campaign whose text may be rewritten; says why others are left out."""
    jobs = client.jobs(campaign=name, state=RenderState(state))
    failures = {job.custom_id: job.failure.failure_class if job.failure else None for job in jobs if job.custom_id}
    exported = client.campaigns.export(name, "failures.jsonl").decode()
    refused, left_out = find_refused(map(json.loads, exported.splitlines()), failures)
    for custom_id, why in left_out.items():
        talk(f"{custom_id}: {why}")
    if not refused:
        talk(f"no clip of {name} can be rewritten")
        raise typer.Exit(1)
    return refused


def _bound(refused: list[RefusedClip], calls: TextCalls, model: str) -> TextBound:
    return bound_of(*((ATTEMPTS_MAX, calls.most(rewrite_request(clip, model, ["x" * 600]))) for clip in refused))


def _write(name: str, path: Path, rewritten: list[RewrittenClip]) -> None:
    if not rewritten:
        return
    for clip in rewritten:
        for line in clip.diff():
            print_line(printable(line))
        print_line(printable(f"    may have been refused: {', '.join(clip.clip.suspects)}; {clip.why}"))
        if also := [str(row["custom_id"]) for row in clip.clip.shared_by]:
            print_line(printable(f"    also for {', '.join(also)}, which shares the clip"))
    rows = [row for clip in rewritten for row in clip.rows]
    put_text(path, "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows))
    print_checked(check_file(path, region=region_of(video_base_url())), None, [])
    applied = f"reelqueue campaign apply {shlex.quote(str(path))} --name {shlex.quote(name)}"
    print_line(f"{counted(len(rewritten), 'clip')} rewritten; to render what was changed: {applied}")


COMMANDS = (rewrite,)
