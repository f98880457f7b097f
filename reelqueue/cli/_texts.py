"""Commands `text`: text jobs that were asked, listed, stopped and decided."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

import typer
from rich.table import Column

from reelqueue.cli._jobs import AsJson, Running, connect
from reelqueue.cli._output import moment, print_json, print_json_array, print_line, print_table, shown
from reelqueue.schemas.statement import money_text
from reelqueue.schemas.texts import TextJob, TextPaidCost
from reelqueue.states import TextState

text = typer.Typer(no_args_is_help=True, help="Text jobs: questions to language models; `reelqueue ask` makes them.")

TextJobId = Annotated[str, typer.Argument(metavar="TEXT_JOB_ID", help="The text job's id.")]


class Decision(StrEnum):
    """What becomes of a held text job."""

    ASK_AGAIN = "ask_again"
    GIVE_UP = "give_up"


@text.command("list")
def list_(
    *,
    state: Annotated[list[TextState] | None, typer.Option(help="Only jobs in this state; repeatable.")] = None,
    model: Annotated[str | None, typer.Option(help="Only jobs of this model.")] = None,
    custom_id: Annotated[str | None, typer.Option(help="Only jobs with this name of your own.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List text jobs, newest first."""
    with connect() as client:
        found = client.texts.list(state=state, model=model, custom_id=custom_id, page_size=min(limit, 500))
        listed = itertools.islice(found, limit)
        if as_json:
            print_json_array(listed)
        else:
            _print(listed)


@text.command()
def show(job_id: TextJobId, *, as_json: AsJson = False) -> None:
    """Show one text job."""
    with connect() as client:
        job = client.texts.get(job_id)
    if as_json:
        print_json(job)
    else:
        print_table((Column(no_wrap=True), Column(overflow="fold")), _facts(job))


@text.command()
def cancel(
    job_id: TextJobId,
    *,
    running: Annotated[
        Running, typer.Option(help="A job that is being answered is billed as far as that came: let it end, or not.")
    ] = Running.FINISH,
) -> None:
    """Stop a text job."""
    with connect() as client:
        print_line(client.texts.cancel(job_id, running=running.value).state)


@text.command()
def decide(
    job_id: TextJobId,
    decision: Annotated[Decision, typer.Argument(help="Ask again, which may be paid a second time, or give up.")],
) -> None:
    """Decide on a held text job, whose answer was lost and may be billed."""
    with connect() as client:
        print_line(client.texts.decide(job_id, decision.value).state)


def _print(listed: Iterable[TextJob]) -> None:
    columns = (Column(title, no_wrap=True) for title in ("text job", "state", "model", "created", "custom id", "cost"))
    print_table(columns, map(_row, listed), spare=("custom id", "created", "model"))


def _row(job: TextJob) -> tuple[str, ...]:
    cost = shown(_paid(job.cost))
    return (str(job.id), job.state, job.model, moment(job.created_at), shown(job.custom_id), cost)


def _paid(cost: TextPaidCost | None) -> str | None:
    if cost is None:
        return None
    if cost.amount is None:
        return "no price is known"
    return f"{'at most ' if cost.is_estimate else ''}{money_text(cost.amount)} {cost.currency or ''}".strip()


def _facts(job: TextJob) -> list[tuple[str, str]]:
    most, answer, failure = job.estimated_max_cost, job.answer, job.failure
    facts = [
        ("text job", str(job.id)),
        ("state", job.state),
        ("model", job.model),
        ("custom id", job.custom_id),
        ("campaign", job.campaign),
        ("attempts", str(job.attempt_count)),
        ("provider request", answer.provider_request_id if answer else None),
        ("failure", f"{failure.code}: {failure.message}" if failure else None),
        ("answer", answer.text if answer else None),
        ("ended with", answer.finish_reason if answer else None),
        ("came before it was lost", job.partial_text),
        ("may cost", f"{money_text(most.amount)} {most.currency}" if most else None),
        ("cost", _paid(job.cost)),
        ("created", moment(job.created_at)),
        ("finished", moment(job.finished_at) if job.finished_at else None),
        *(("warning", warning) for warning in job.warnings),
    ]
    return [(name, value) for name, value in facts if value]
