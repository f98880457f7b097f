"""Command `ask`: questions to language models, as text jobs of the server."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from reelqueue.cli._ask_file import Answers, Question, agree, ask_all, read_questions
from reelqueue.cli._jobs import AsJson, connect
from reelqueue.cli._output import print_json, print_line, print_text, talk
from reelqueue.client import Client
from reelqueue.errors import InvalidRequestError, ReelqueueError, TextJobError
from reelqueue.preview import preview_text
from reelqueue.qwen.settings import read_settings
from reelqueue.qwen.wire.builder import build_text
from reelqueue.schemas.statement import money_text
from reelqueue.schemas.texts import TextJob
from reelqueue.states import TextState
from reelqueue.texts.text_job import parse_text_job

_INTERRUPTED: Final = 130
"""Exit code of a command that Ctrl-C ended, as shells have it."""
_ANSWER_SECONDS: Final = 3600.0
_BATCH_SECONDS: Final = 2 * 86_400.0
"""How long an answer is waited for."""


@dataclass(frozen=True)
class _Options:
    """How questions are asked, and their answers shown."""

    is_batch: bool
    is_agreed: bool
    is_preview: bool
    timeout_seconds: float
    idempotency_key: str | None
    output: Path | None
    as_json: bool


def ask(
    prompt: Annotated[str | None, typer.Argument(help="The question.")] = None,
    *,
    model: Annotated[str, typer.Option("--model", "-m", help="The model's id; in a file, of lines without one.")],
    system: Annotated[str | None, typer.Option(help="What holds for the whole answer.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="Questions, one JSON object a line, with `prompt` or `messages` each.")
    ] = None,
    thinking: Annotated[
        bool, typer.Option("--thinking", help="Let the model think first; thoughts are billed.")
    ] = False,
    budget_tokens: Annotated[int | None, typer.Option(help="Most tokens of thought.")] = None,
    max_output_tokens: Annotated[int | None, typer.Option(help="Most tokens of the answer.")] = None,
    max_cost: Annotated[str | None, typer.Option(help="Most that a question may cost, such as '0.05 USD'.")] = None,
    stream: Annotated[bool, typer.Option("--stream", help="Print the answer while it comes.")] = False,
    preview: Annotated[
        bool, typer.Option("--preview", help="Print what the provider would get and the most it may cost, and stop.")
    ] = False,
    batch: Annotated[
        bool, typer.Option("--batch", help="Ask in batches: answered within a day, at half the price.")
    ] = False,
    output: Annotated[Path | None, typer.Option(help="Write the answers of a file there.")] = None,
    is_agreed: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before a file is paid for.")] = False,
    timeout_seconds: Annotated[
        float | None,
        typer.Option(help="Longest wait for an answer, unless given an hour, in a batch two days; the job goes on."),
    ] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(help="The same key again is the same job; in a file, with the line's number.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask a language model; prints the answer, and what it has cost to stderr."""
    common = {
        "model": model,
        "system": system,
        "enable_thinking": True if thinking else None,
        "thinking_budget": budget_tokens,
        "max_output_tokens": max_output_tokens,
        "max_cost": max_cost,
        "batch": batch or None,
    }
    longest = timeout_seconds if timeout_seconds is not None else _BATCH_SECONDS if batch else _ANSWER_SECONDS
    if (prompt is None) == (file is None):
        raise InvalidRequestError("missing_option", "give either a question or --file")
    options = _Options(batch, is_agreed, preview, longest, idempotency_key, output, as_json)
    if file is None:
        _ask_one(common | {"prompt": prompt, "stream": stream}, options)
    elif stream:
        raise InvalidRequestError("conflicting_options", "--stream shows one answer, not those of a file", "stream")
    else:
        _ask_file(read_questions(file, common), options)


def _ask_one(asked: dict[str, Any], options: _Options) -> None:
    if options.is_preview:
        _preview([asked])
        return
    build_text(parse_text_job(asked)[0])  # it is checked before anything is sent
    is_shown = asked["stream"] and not options.as_json
    with connect() as client:
        job = client.texts.enqueue(asked, idempotency_key=options.idempotency_key)
        for warning in job.warnings:
            talk(f"warning: {warning}")
        job = _answered(client, job, options.timeout_seconds, is_shown=is_shown)
    if options.as_json:
        print_json(job)
    elif not is_shown:
        print_line(_text(job))
    talk(_bill(job))


def _answered(client: Client, job: TextJob, timeout_seconds: float, *, is_shown: bool) -> TextJob:
    """The job when it has ended; its answer is printed as it comes where it *is_shown*."""
    try:
        if is_shown:
            return _streamed(client, job)
        return client.texts.wait(job.id, timeout_seconds, on_change=_tell_held)
    except KeyboardInterrupt:
        talk(f"stopped waiting; text job {job.id} goes on")
        raise typer.Exit(_INTERRUPTED) from None


def _ask_file(questions: list[Question], options: _Options) -> None:
    if options.is_preview:
        _preview([question.asked for question in questions])
        return
    agree(questions, is_batch=options.is_batch, is_agreed=options.is_agreed)
    answers = Answers(options.timeout_seconds, _tell_held, _text, _bill)
    with connect() as client:
        ask_all(client, questions, options.idempotency_key, answers, options.output)


def _preview(asked: Sequence[Mapping[str, Any]]) -> None:
    settings = read_settings({})
    for question in asked:
        request, options = parse_text_job(question)
        shown = preview_text(request, settings, stream=options.stream or None)
        print_json(shown)
        most = shown["estimated_cost"]
        talk(f"costs at most {most['max_amount']} {most['currency']}" if most else "no price is known for it")


def _streamed(client: Client, job: TextJob) -> TextJob:
    """The job when it has ended; its answer was printed as it came."""
    printed = ""
    for seen in client.texts.stream(job.id):
        if isinstance(seen, TextJob):
            job = seen
            _tell_held(job)
        elif seen.kind == "begin" and printed:
            talk("\nthe answer was lost; asked once more")
            printed = ""
        elif seen.kind == "text":
            printed += seen.text
            print_text(seen.text)
            sys.stdout.flush()
    if job.state is not TextState.SUCCEEDED:
        if printed:
            print_text("\n")
        message = (job.failure.message if job.failure else None) or "it ended without an answer"
        raise TextJobError(job.id, job.state, message, job.failure.code if job.failure else None)
    # Pieces are for people who watch; what was missed is in the record.
    whole = _text(job)
    rest = whole.removeprefix(printed) if whole.startswith(printed) else f"\n{whole}"
    print_text(f"{rest}\n")
    return job


def _tell_held(job: TextJob) -> None:
    if job.state is TextState.HELD:
        why = (job.failure.message if job.failure else None) or "its answer was lost and may be billed"
        talk(f"text job {job.id} is held: {why}; reelqueue text decide {job.id} ask_again (or give_up)")


def _text(job: TextJob) -> str:
    answer = job.answer
    if answer is None:
        raise ReelqueueError(f"text job {job.id} has no answer, although it has succeeded")
    if not answer.text and answer.tool_calls:
        return json.dumps([call.model_dump() for call in answer.tool_calls])
    return answer.text


def _bill(job: TextJob) -> str:
    usage, cost = job.answer.usage if job.answer else None, job.cost
    tokens = (
        f"{usage.prompt_tokens} tokens in, {usage.completion_tokens} out"
        + (f" ({usage.reasoning_tokens} of thought)" if usage.reasoning_tokens else "")
        if usage
        else "the provider did not say its tokens"
    )
    if cost is None or cost.amount is None:
        return f"{job.model}: {tokens}, no price is known"
    most = "at most " if cost.is_estimate else ""
    return f"{job.model}: {tokens}, {most}{money_text(cost.amount)} {cost.currency or ''}".rstrip()
