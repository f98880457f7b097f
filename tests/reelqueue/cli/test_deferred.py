"""Commands that are imported when they are run."""

from __future__ import annotations

import pytest

from reelqueue.cli._app import COMMANDS
from reelqueue.cli._deferred import DeferredCommand


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_summary_of_a_command_is_the_first_line_of_its_own_help(command: DeferredCommand) -> None:
    loaded = command.load()

    assert (command.name, command.help) == (loaded.name, (loaded.help or "").splitlines()[0])
