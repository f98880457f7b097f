"""Assemble the `reelqueue` command, and turn known errors into exit code 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from reelqueue.cli._ask import ask
from reelqueue.cli._campaign import apply, control, decide, gallery, set_options, watch
from reelqueue.cli._campaign.check import campaign
from reelqueue.cli._catalog import models, preview
from reelqueue.cli._jobs import cancel, download, jobs, status
from reelqueue.cli._output import print_line, talk
from reelqueue.cli._render import render
from reelqueue.cli._webhooks import webhook
from reelqueue.cli._writer import rewrite, write
from reelqueue.cli.statement import statement
from reelqueue.errors import ReelqueueError
from reelqueue.version import VERSION

if TYPE_CHECKING:
    from typer._click import Context


class _Commands(TyperGroup):
    """Turns a known error into one line and exit code 1; ``--verbose`` lets its traceback through."""

    def invoke(self, ctx: Context) -> Any:  # noqa: ANN401 - as the overridden method
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # the reader has gone, and Typer ends quietly
        except (ReelqueueError, OSError) as error:
            if ctx.params.get("verbose"):
                raise
            talk(f"error: {_told(error)}")
            raise typer.Exit(1) from error


def _told(error: ReelqueueError | OSError) -> str:
    """*error* for people: a file that cannot be used by its name, without the number of the system's error."""
    if not isinstance(error, OSError) or error.filename is None:
        return str(error)
    if isinstance(error, FileNotFoundError):
        return f"there is no file {str(error.filename)!r}"
    return f"{str(error.filename)!r} cannot be used: {error.strerror}"


# Rich's tracebacks print local variables, and one of them may be a key.
app = typer.Typer(cls=_Commands, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - Typer calls it
    if wanted:
        print_line(VERSION)
        raise typer.Exit


@app.callback()
def _reelqueue(
    *,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Render AI videos without losing one or paying for one twice.

    The API's address is REELQUEUE_API_URL (http://127.0.0.1:8000 unless set), its key REELQUEUE_API_KEY.
    """


for _command in (render, ask, status, jobs, cancel, download, models, preview, statement):
    app.command()(_command)
for _module in (write, rewrite, apply, watch, control, set_options, gallery, decide):
    for _command in _module.COMMANDS:
        campaign.command(_command.__name__.rstrip("_"))(_command)
app.add_typer(campaign, name="campaign")
app.add_typer(webhook, name="webhook")
