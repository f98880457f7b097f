"""Commands that are imported when they are run."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand
from typer.main import get_command, get_group

if TYPE_CHECKING:
    from typer._click import Command, Context


class DeferredCommand(TyperCommand):
    """A command of which only its line in its group's help is known until it is run, or asked for its own help.

    Args:
        name: As it is typed.
        place: Module and name of its function, or of its group: ``reelqueue.cli._jobs:status``.
        summary: The first line of its help.
    """

    def __init__(self, name: str, place: str, summary: str) -> None:
        super().__init__(name, help=summary)
        self._place = place

    def load(self) -> Command:
        """Import the command itself."""
        module, _, member = self._place.partition(":")
        found = getattr(import_module(module), member)
        command: Command = get_group(found) if isinstance(found, typer.Typer) else get_command(_alone(found))
        command.name = self.name
        return command

    def make_context(
        self, info_name: str | None, args: list[str], parent: Context | None = None, **extra: Any
    ) -> Context:
        """Parse the arguments as the command itself does; what is invoked is the context's command, so not this one."""
        return self.load().make_context(info_name, args, parent, **extra)


def _alone(function: Callable[..., None]) -> typer.Typer:
    app = typer.Typer(add_completion=False)
    app.command()(function)
    return app
