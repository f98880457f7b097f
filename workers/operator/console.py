"""What the operators' commands share: the context behind them, and how they show what they found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated, Final

import typer
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.orm import Session

from reelqueue.campaigns.options import Budget
from workers.resources import make_context
from workers.runtime.context import Context

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
Since = Annotated[str, typer.Option(metavar="LENGTH", help="How far back, such as 90m; at most 24h.")]

_LENGTH: Final = re.compile(r"([1-9][0-9]{0,3})([hm])", re.ASCII)


@contextmanager
def open_context() -> Iterator[Context]:
    """A context over what the environment names, for one command."""
    # Late: the app reads the settings, and a wrong one must end in one line, not in a traceback.
    from workers.app import app
    from workers.settings import settings

    context, engine = make_context(app, settings())
    try:
        yield context
    finally:
        engine.dispose()


@contextmanager
def open_session() -> Iterator[Session]:
    """A transaction that is committed at the end of the command."""
    with open_context() as context, context.sessions.begin() as session:
        yield session


def read_budget(text: str) -> Budget:
    """An amount of money such as ``100 USD``.

    Raises:
        typer.BadParameter: It is none.
    """
    try:
        return TypeAdapter(Budget).validate_python(text)
    except ValidationError as error:
        raise typer.BadParameter("; ".join(problem["msg"] for problem in error.errors())) from error


def read_window(text: str) -> timedelta:
    """A length of time such as ``24h`` or ``90m``, at most a day, which is how long the provider knows its tasks.

    Raises:
        typer.BadParameter: It is neither.
    """
    match = _LENGTH.fullmatch(text)
    length = timedelta(minutes=int(match[1]) * (60 if match[2] == "h" else 1)) if match else None
    if length is None or length > timedelta(hours=24):
        raise typer.BadParameter(f"{text!r} is no length of time such as 24h or 90m, at most 24h")
    return length
