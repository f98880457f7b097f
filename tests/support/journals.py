"""Journals of submits in a test's folder, and submits that a database has forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from models.base import new_id
from models.storage import open_line_log
from workers.runtime.context import Context
from workers.runtime.submit_journal import JournaledSubmit, SubmitJournal


def journaling(context: Context, folder: Path) -> Context:
    """The same context, which notes submits in a folder."""
    return replace(context, journal=SubmitJournal(open_line_log(f"file://{folder}", timeout_seconds=5)))


def submit_at(now: datetime, job_id: UUID, **facts: object) -> JournaledSubmit:
    """A submit of a job that was claimed then, as a journal has it."""
    plain = JournaledSubmit(
        attempt_id=new_id(),
        job_id=job_id,
        number=1,
        account="default",
        base_url="https://dashscope.test",
        model="wan2.6-t2v",
        spec_sha256="5" * 64,
        key_fingerprint="f" * 16,
        clock_offset_seconds=None,
        claimed_at=now,
        send_by=now + timedelta(seconds=15),
        answer_by=now + timedelta(seconds=55),
    )
    return replace(plain, **facts)  # type: ignore[arg-type]
