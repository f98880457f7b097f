"""Checks that the files that the rows name exist in the archive: the rows do not show that one was deleted there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select

from models.asset import Asset
from models.storage import Archive, StorageError
from workers.audit.check import Check, Finding
from workers.runtime.context import Context

SAMPLE: Final = 500
_SHOWN: Final = 20
_AT_A_TIME: Final = 16
_PAGE: Final = 1000
_PROMISE: Final = "each file that a succeeded job names is in the archive, as long as its row says"


def audit_archive(context: Context, *, is_whole: bool) -> Finding:
    """Ask the archive for the last byte of files.

    Args:
        context: The operator's.
        is_whole: Ask for every file; otherwise for :data:`SAMPLE` files, half of them the newest, half by chance.

    Returns:
        The files that are not there or have another length, at most 20.
    """
    seen, faults = 0, list[dict[str, Any]]()
    with ThreadPoolExecutor(_AT_A_TIME) as threads:
        for page in _every(context) if is_whole else [_sample(context)]:
            seen += len(page)
            found = threads.map(lambda file: _fault(context.archive, file), page)
            faults += [fault for fault in found if fault is not None]
    promise = f"{_PROMISE} ({'all' if is_whole else 'a sample of'} {seen} were looked for in {context.archive.place})"
    return Finding(Check("archived_files_are_there", promise, ""), faults[:_SHOWN])


# Each page in a session of its own: none is open while the archive is asked.
def _every(context: Context) -> Iterator[Sequence[Asset]]:
    last: UUID | None = None
    while True:
        older = select(Asset).order_by(Asset.id.desc()).limit(_PAGE)
        with context.sessions() as session:
            page = session.scalars(older if last is None else older.where(Asset.id < last)).all()
        if not page:
            return
        yield page
        last = page[-1].id


def _sample(context: Context) -> Sequence[Asset]:
    with context.sessions() as session:
        newest = session.scalars(select(Asset).order_by(Asset.id.desc()).limit(SAMPLE // 2)).all()
        chance = session.scalars(select(Asset).order_by(func.random()).limit(SAMPLE // 2)).all()
    return list({file.id: file for file in (*newest, *chance)}.values())


def _fault(archive: Archive, file: Asset) -> dict[str, Any] | None:
    begin = max(file.size_bytes - 1, 0)
    try:
        length = begin + sum(len(piece) for piece in archive.open(file.path, begin=begin))
        seen = None if length == file.size_bytes else f"{length} bytes or fewer"
    except FileNotFoundError:
        seen = "no such file"
    except StorageError as error:
        seen = str(error)
    if seen is None:
        return None
    return {
        "job_id": file.job_id,
        "kind": file.kind.value,
        "path": file.path,
        "size_bytes": file.size_bytes,
        "seen": seen,
    }
