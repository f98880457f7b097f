"""Run a rehearsal in a child process, as it needs the server's packages."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from reelqueue.builder import KEY_VARIABLES
from reelqueue.campaigns.report.rehearsal import Rehearsal, rehearsal_lines
from reelqueue.cli._output import print_line, printable
from reelqueue.errors import ConfigurationError, UnavailableError

_PLAYER: Final = "embedded"


def rehearse(file: Path, *, encoding: str | None, sheet: str | None, changes: Mapping[str, object]) -> Rehearsal:
    """Play a campaign file against the simulator.

    Raises:
        ConfigurationError: Only `reelqueue` is installed here, which has no simulator.
        UnavailableError: It was not played to its end; what went wrong stands on stderr.
    """
    if importlib.util.find_spec(_PLAYER) is None:
        raise ConfigurationError(
            "a rehearsal plays the server and its simulator, which are not in the installed package; "
            f"run it in a checkout of Reelqueue: ./run rehearse {file}"
        )
    program = [sys.executable, "-m", _PLAYER, "rehearse", str(file), "--json"]
    options = ["--encoding", encoding] if encoding is not None else []
    if sheet is not None:
        options += ["--sheet", sheet]
    if changes:
        options += ["--options", json.dumps(changes)]
    # It has no use for a key, so it is not given one.
    environment = {name: value for name, value in os.environ.items() if name not in KEY_VARIABLES}
    command = [*program, *options]
    played = subprocess.run(command, env=environment, check=False, stdout=subprocess.PIPE)  # noqa: S603 - our own
    if played.returncode:
        raise UnavailableError(f"the rehearsal of {file} ended with exit code {played.returncode}; see above")
    return Rehearsal.model_validate_json(played.stdout)


def print_rehearsal(rehearsal: Rehearsal) -> None:
    """Write what a rehearsal has shown."""
    for line in rehearsal_lines(rehearsal):
        print_line(printable(line))
