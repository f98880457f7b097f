from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from models.storage import LocalArchive
from tests.support.jobs import Jobs
from tests.support.loopback import says, serving
from tests.support.rows import Rows
from tests.support.sample_videos import make_clip
from workers.archive.archive_result import archive_render_job
from workers.audit.archive_files import audit_archive
from workers.settings import Settings


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The provider is on this machine, so that its results may be."""
    provider = settings.provider.model_copy(update={"video_base_url": "http://127.0.0.1:9"})
    return replace(settings, provider=provider)


@pytest.fixture
def job_id(jobs: Jobs) -> UUID:
    """A job whose files are in the archive."""
    with serving(says("200 OK", make_clip())) as server:
        job_id = jobs.archiving(url=server.url)
        archive_render_job(jobs.context, job_id)
    return job_id


@pytest.mark.parametrize("is_whole", [True, False])
def test_files_that_are_there_break_nothing(jobs: Jobs, job_id: UUID, *, is_whole: bool) -> None:
    finding = audit_archive(jobs.context, is_whole=is_whole)

    assert finding.rows == []
    assert " 4 were looked for in " in finding.check.promise


@pytest.mark.parametrize(("damage", "seen"), [("gone", "no such file"), ("cut", "bytes or fewer"), ("longer", "bytes")])
@pytest.mark.parametrize("is_whole", [True, False])
def test_a_file_that_is_not_as_its_row_says_is_named(
    jobs: Jobs, rows: Rows, job_id: UUID, damage: str, seen: str, *, is_whole: bool
) -> None:
    archive = jobs.context.archive
    assert isinstance(archive, LocalArchive)
    path = archive.path(rows.assets(job_id)["video"].path)
    content = path.read_bytes()
    path.unlink()
    if damage != "gone":
        path.write_bytes(content[:-1] if damage == "cut" else content + b"!")

    (row,) = audit_archive(jobs.context, is_whole=is_whole).rows

    assert (row["job_id"], row["kind"]) == (job_id, "video")
    assert seen in row["seen"]
