"""Command `campaign write`: a brief goes in, a checked campaign file comes out."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Final

import typer

from reelqueue.campaigns.report.summary import counted
from reelqueue.campaigns.writer.calls import CountedCalls, TextCalls, total_cost
from reelqueue.campaigns.writer.files import NOTES, STORYBOARD
from reelqueue.campaigns.writer.offer import read_wish
from reelqueue.campaigns.writer.passes import PassReport
from reelqueue.campaigns.writer.project import (
    Project,
    Result,
    TextBound,
    new_project,
    open_project,
    prompts_bound,
    read_board,
    run_prompts,
    run_storyboard,
    storyboard_bound,
    together,
)
from reelqueue.campaigns.writer.storyboard import Storyboard
from reelqueue.cli._campaign.check import print_checked
from reelqueue.cli._jobs import connect
from reelqueue.cli._output import print_line, printable, talk
from reelqueue.cli._render import video_base_url
from reelqueue.cli._writer.queued import QueuedCalls
from reelqueue.errors import InvalidRequestError
from reelqueue.pricing import region_of

DEFAULT_TEXT_MODEL: Final = "qwen-plus"
_SHOWN: Final = Decimal("0.0001")

BriefPath = Annotated[Path | None, typer.Argument(metavar="[BRIEF]", help="What the campaign shall be: Markdown.")]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Made; its name is the campaign's.")]
IsAgreed = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before the text is paid for.")]
MaxTextCost = Annotated[
    str | None,
    typer.Option("--max-text-cost", metavar="AMOUNT", help="The most that the text may cost, in its currency."),
]
TextModel = Annotated[str, typer.Option("--text-model", help="The language model that writes.")]


def write(
    brief: BriefPath = None,
    *,
    output: Output,
    products: Annotated[Path | None, typer.Option(help="A table: custom_id, name, and columns of your own.")] = None,
    brand: Annotated[Path | None, typer.Option(help="How the brand speaks; a list under 'Banned claims'.")] = None,
    model: Annotated[list[str] | None, typer.Option(help="Video models to choose from; repeatable.")] = None,
    clips: Annotated[int | None, typer.Option(min=1, help="So many clips, for each product of a table.")] = None,
    seconds: Annotated[int | None, typer.Option(min=2, help="So long together, for each product of a table.")] = None,
    budget: Annotated[str | None, typer.Option(help="The most that the clips may cost, such as '40 USD'.")] = None,
    language: Annotated[
        str | None, typer.Option(help="Of what is spoken, such as de; the brief's unless given.")
    ] = None,
    prompt_language: Annotated[str, typer.Option(help="Of the prompts.")] = "en",
    text_model: TextModel = DEFAULT_TEXT_MODEL,
    max_text_cost: MaxTextCost = None,
    goes_on: Annotated[
        bool, typer.Option("--continue", help="Write the prompts of the storyboard in the folder.")
    ] = False,
    stop: Annotated[
        bool | None, typer.Option("--stop/--no-stop", help="Stop after the storyboard; so on a terminal, unless given.")
    ] = None,
    is_agreed: IsAgreed = False,
) -> None:
    """Write a campaign file from a brief, with a language model; nothing is applied.

    A storyboard comes first, to be read and corrected; `--continue` writes the prompts. Each call is a text
    job of the server, so that a command that was killed and is run again goes on without paying for an answer twice.
    Ends with exit code 1 if a clip is left out because it broke rules three times.
    """
    if goes_on == (brief is not None):
        raise InvalidRequestError("missing_option", "give either a brief or --continue", "brief")
    limit = read_limit(max_text_cost)
    stops = not goes_on and (sys.stdin.isatty() if stop is None else stop)
    if brief is None:
        project = open_project(output)
    else:
        wish = read_wish(
            models=tuple(model or ()),
            clips=clips,
            seconds=seconds,
            budget=budget,
            language=language,
            prompt_language=prompt_language,
        )
        region = region_of(video_base_url())
        project = new_project(output, brief, wish=wish, model=text_model, region=region, brand=brand, products=products)
        _tell_offer(project)
    _write(project, read_board(project) if goes_on else None, limit, stops=stops, is_agreed=is_agreed)


def _write(project: Project, board: Storyboard | None, limit: Decimal | None, *, stops: bool, is_agreed: bool) -> None:
    """Ask for what the project lacks, once its cost is agreed to, and tell the result."""
    with connect() as client:
        calls = QueuedCalls(client, project.name)
        most = agree(_bound(project, board, calls, stops=stops), project.model, limit, is_agreed=is_agreed)
        with counted_calls(calls, most) as asked:
            if board is None:
                board = run_storyboard(project, asked)
                _tell_storyboard(project, board)
            result = None if stops else run_prompts(project, board, asked)
    _tell_result(project, result)


def _tell_offer(project: Project) -> None:
    offer = project.sources.offer
    products = f" for each of {offer.product_count} products" if project.products else ""
    talk(f"{counted(offer.clip_count, 'clip')}{products}, of {', '.join(model.id for model in offer.models)}")
    for reason in offer.left_out:
        talk(f"not used: {reason}")


def _bound(project: Project, board: Storyboard | None, calls: TextCalls, *, stops: bool) -> TextBound:
    """The most that the steps that are to come may cost."""
    clip_count = len(board.clips) if board else project.sources.offer.clip_count
    steps = [] if board else [storyboard_bound(project, calls)]
    return together(*steps, *([] if stops else [prompts_bound(project, calls, clip_count)]))


def _tell_storyboard(project: Project, board: Storyboard) -> None:
    for clip in board.clips:
        print_line(printable(f"{clip.id}  {clip.model}  {clip.seconds} s  {clip.intent}"))
    _tell_failures(project.report)


def _tell_result(project: Project, result: Result | None) -> None:
    if result is None:
        shown = shlex.quote(str(project.folder))
        print_line(
            f"read {project.folder / STORYBOARD}, correct it, and run: reelqueue campaign write --continue -o {shown}"
        )
    else:
        print_checked(result.checked, None, [])
        print_line(f"{result.manifest}; how it was written: {project.folder / NOTES}")
        print_line(f"to render it: reelqueue campaign apply {shlex.quote(str(result.manifest))}")
        _tell_failures(result.report)
    if project.report.failed or (result is not None and result.report.failed):
        raise typer.Exit(1)


def _tell_failures(report: PassReport) -> None:
    for clip_id, reasons in report.failed.items():
        talk(f"{clip_id} is left out: {reasons[0]}")


def read_limit(text: str | None) -> Decimal | None:
    """The amount of ``--max-text-cost``."""
    if text is None:
        return None
    try:
        limit = Decimal(text.strip())
    except InvalidOperation:
        limit = Decimal(-1)
    if not limit.is_finite() or limit < 0:
        raise InvalidRequestError(
            "wrong_type", f"--max-text-cost: must be an amount, not {text[:20]!r}", "max_text_cost"
        )
    return limit


def agree(bound: TextBound, model: str, limit: Decimal | None, *, is_agreed: bool) -> Decimal | None:
    """Show the most that calls may cost, and ask; the most that they may cost in the end."""
    if bound.cost is None:
        if limit is not None:
            why = f"no price is known for {model}, so --max-text-cost cannot be kept; leave it out, or choose another"
            raise InvalidRequestError("out_of_range", f"max_text_cost: {why}", "max_text_cost")
        most, told = None, "and no price is known"
    else:
        most = bound.cost.amount if limit is None else min(limit, bound.cost.amount)
        told = f"for at most {most.quantize(_SHOWN, ROUND_CEILING):f} {bound.cost.currency}"
    talk(f"{model} will be asked at most {bound.calls} times, {told}")
    if is_agreed:
        return most
    if not sys.stdin.isatty():
        talk("nothing was asked: say --yes, as there is no terminal to ask at")
        raise typer.Exit(1)
    typer.confirm("Ask it?", abort=True, err=True)
    return most


@contextmanager
def counted_calls(calls: TextCalls, most: Decimal | None) -> Iterator[CountedCalls]:
    """Calls with a limit; says at their end, good or bad, what they have cost."""
    limited = CountedCalls(calls, most)
    try:
        yield limited
    finally:
        if (cost := total_cost(limited.asked)) is not None:
            talk(f"text: {counted(len(limited.asked), 'call')}, {cost.amount:f} {cost.currency}")


COMMANDS = (write,)
