"""Journals of submits in a test's folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from models.storage import open_line_log
from workers.runtime.context import Context
from workers.runtime.submit_journal import SubmitJournal


def journaling(context: Context, folder: Path) -> Context:
    """The same context, which notes submits in a folder."""
    return replace(context, journal=SubmitJournal(open_line_log(f"file://{folder}", timeout_seconds=5)))
