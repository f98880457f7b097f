"""The command ``reelqueue``: for everyone with the API's address; operators have ``python -m workers``."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line; its exit code."""
    try:
        from reelqueue.cli._app import app
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"rich", "typer"}:
            raise
        print("error: the command line needs typer and rich; run: pip install 'reelqueue[cli]'", file=sys.stderr)  # noqa: T201
        return 1
    app(prog_name="reelqueue")
    return 0
