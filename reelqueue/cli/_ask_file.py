"""Files of questions for `ask`: read and priced as a whole before the first is sent, answered as JSON lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import typer

from reelqueue.cli._output import print_line, talk
from reelqueue.client import Client
from reelqueue.errors import InvalidRequestError, TextJobError
from reelqueue.qwen.batch.questions import LINES_MAX, batch_question
from reelqueue.qwen.cost import TextCost
from reelqueue.qwen.settings import read_settings
from reelqueue.qwen.wire.builder import build_text
from reelqueue.schemas.statement import money_text
from reelqueue.schemas.texts import TextJob
from reelqueue.texts.text_job import parse_text_job

_INTERRUPTED: Final = 130
"""Exit code of a command that Ctrl-C ended, as shells have it."""


@dataclass(frozen=True)
class Question:
    """One line of the file."""

    line: int
    """Of the file, from 1."""
    asked: Mapping[str, Any]
    most: TextCost | None
    """What one call may cost; None: no price is known."""


@dataclass(frozen=True)
class Answers:
    """How the answers of a file are waited for and shown."""

    timeout_seconds: float
    on_change: Callable[[TextJob], None]
    text_of: Callable[[TextJob], str]
    bill_of: Callable[[TextJob], str]


def read_questions(file: Path, common: Mapping[str, Any]) -> list[Question]:
    """The questions of a file, with what they have in common; all of them are checked.

    Raises:
        InvalidRequestError: A line is no question that the model takes; it names file and line.
    """
    questions: list[Question] = []
    seen: dict[str, int] = {}
    for number, line in _lines(file):
        try:
            questions.append(question := _question(number, line, common))
        except InvalidRequestError as error:
            raise InvalidRequestError(error.code, f"{file}, line {number}: {error.message}", error.field) from error
        custom_id = parse_text_job(question.asked)[1].custom_id
        if custom_id is not None and seen.setdefault(custom_id, number) != number:
            raise InvalidRequestError(
                "bad_line",
                f"{file}, line {number}: custom_id {custom_id!r} is in line {seen[custom_id]} as well; "
                "give each question its own",
                "custom_id",
            )
    if not questions:
        raise InvalidRequestError("bad_line", f"{file}: has no question; write one JSON object a line")
    return questions


def agree(questions: list[Question], *, is_batch: bool, is_agreed: bool) -> None:
    """Show the most that the questions may cost, and ask.

    Raises:
        typer.Exit: There is no terminal to ask at.
    """
    count = "1 question" if len(questions) == 1 else f"{len(questions)} questions"
    told = f"{count}{' in batches, at half the price' if is_batch else ''}, {_total(questions)}"
    talk(told)
    if is_agreed:
        return
    if not sys.stdin.isatty():
        talk("nothing was asked: say --yes, as there is no terminal to ask at")
        raise typer.Exit(1)
    typer.confirm("Ask them?", abort=True, err=True)


def ask_all(client: Client, questions: list[Question], key: str | None, answers: Answers, output: Path | None) -> None:
    """Enqueue every question, then write the answers in their order, one JSON object a line."""
    ids = [
        client.texts.enqueue(question.asked, idempotency_key=f"{key}:{number}" if key else None).id
        for number, question in enumerate(questions, 1)
    ]
    talk("1 text job is queued" if len(ids) == 1 else f"{len(ids)} text jobs are queued")
    has_failed = False
    with _writer(output) as write:
        for number, job_id in enumerate(ids, 1):
            try:
                job = client.texts.wait(job_id, answers.timeout_seconds, on_change=answers.on_change)
            except TextJobError as error:
                has_failed = True
                line: dict[str, Any] = {"number": number, "id": str(job_id), "state": error.state, "error": str(error)}
                custom_id = parse_text_job(questions[number - 1].asked)[1].custom_id
            except KeyboardInterrupt:
                talk(f"stopped waiting; {len(ids) - number + 1} text jobs go on")
                raise typer.Exit(_INTERRUPTED) from None
            else:
                line = {"number": number, "id": str(job_id), "state": job.state, "text": answers.text_of(job)}
                custom_id = job.custom_id
                talk(answers.bill_of(job))
            write(json.dumps(line | ({"custom_id": custom_id} if custom_id else {})))
    if has_failed:
        raise typer.Exit(1)


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    """Lines that are not empty, with their numbers."""
    with file.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if number > LINES_MAX:
                raise InvalidRequestError("too_many_lines", f"{file}: has more than {LINES_MAX} lines; split it")
            if line.strip():
                yield number, line


def _question(number: int, line: bytes, common: Mapping[str, Any]) -> Question:
    try:
        given = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError("bad_line", f"is no JSON: {error}") from error
    if not isinstance(given, dict):
        raise InvalidRequestError("bad_line", f"is a JSON {type(given).__name__}; write an object with a `prompt`")
    asked = {name: value for name, value in common.items() if value is not None} | given
    request, options = parse_text_job(asked)
    if options.batch:
        return Question(number, asked, batch_question(str(number), request, read_settings({})).built.max_cost)
    return Question(number, asked, build_text(request).max_cost)


def _total(questions: list[Question]) -> str:
    costs = [question.most for question in questions]
    known = [cost for cost in costs if cost is not None]
    sums: dict[str, Decimal] = {}
    for cost in known:
        sums[cost.currency] = sums.get(cost.currency, Decimal(0)) + cost.amount
    told = " and ".join(f"{money_text(amount)} {currency}" for currency, amount in sums.items())
    unknown = len(costs) - len(known)
    if not unknown:
        return f"for at most {told}"
    return f"of which no price is known for {unknown}" + (f", the others for at most {told}" if told else "")


@contextmanager
def _writer(output: Path | None) -> Iterator[Callable[[str], None]]:
    if output is None:
        yield print_line
        return
    with output.open("w", encoding="utf-8") as stream:

        def write(line: str) -> None:
            stream.write(f"{line}\n")
            stream.flush()

        yield write
    talk(f"the answers are in {output}")
