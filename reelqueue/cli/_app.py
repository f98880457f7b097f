"""Assemble the `reelqueue` command, and turn known errors into exit code 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperGroup

from reelqueue.cli._deferred import DeferredCommand
from reelqueue.cli._output import print_line, talk
from reelqueue.errors import ReelqueueError
from reelqueue.version import VERSION

if TYPE_CHECKING:
    from typer._click import Context


# Each is imported when it is run: a command needs the client or the readers of campaign files, and none needs both.
# The summaries are the first lines of the commands' own help.
COMMANDS: Final = (
    DeferredCommand(
        "render",
        "reelqueue.cli._render:render",
        "Render a video; prints the job's id, or the video's path with --output.",
    ),
    DeferredCommand(
        "ask",
        "reelqueue.cli._ask:ask",
        "Ask a language model; prints the answer, and what it has cost to stderr.",
    ),
    DeferredCommand("status", "reelqueue.cli._jobs:status", "Show one job."),
    DeferredCommand("why", "reelqueue.cli._jobs:why", "Show what a job waits for, and what changes that."),
    DeferredCommand("jobs", "reelqueue.cli._jobs:jobs", "List jobs, newest first."),
    DeferredCommand("cancel", "reelqueue.cli._jobs:cancel", "Stop a job."),
    DeferredCommand("download", "reelqueue.cli._jobs:download", "Download a job's video and print its path."),
    DeferredCommand("models", "reelqueue.cli._catalog:models", "List the models of the catalog; needs no server."),
    DeferredCommand(
        "preview",
        "reelqueue.cli._catalog:preview",
        "Print what the provider would get for each request of a file; sends nothing.",
    ),
    DeferredCommand(
        "statement",
        "reelqueue.cli.statement:statement",
        "Show what was paid, beside what was reserved for it.",
    ),
    DeferredCommand("campaign", "reelqueue.cli._campaign_group:campaign", "Many clips from one file."),
    DeferredCommand(
        "text",
        "reelqueue.cli._texts:text",
        "Text jobs: questions to language models; `reelqueue ask` makes them.",
    ),
    DeferredCommand(
        "webhook",
        "reelqueue.cli._webhooks:webhook",
        "Tell receivers of yours what becomes of render jobs.",
    ),
)


class _Commands(TyperGroup):
    """Turns a known error into one line and exit code 1; ``--verbose`` lets its traceback through."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands.update({str(command.name): command for command in COMMANDS})

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
