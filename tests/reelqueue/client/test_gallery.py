"""A campaign's gallery at the command line: its link, its sheet, its folder."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from PIL import Image
from sqlalchemy.orm import Session
from typer.testing import CliRunner, Result

from api.gallery import page_data as serving
from api.settings import ApiSettings
from models.session import make_engine
from models.storage import open_archive
from reelqueue.cli._app import app
from reelqueue.client._campaigns.gallery_operations import place_of
from reelqueue.errors import ConflictError, UnavailableError
from reelqueue.schemas.campaigns import GalleryFile
from tests.api.gallery.reel import Stock, make_stock
from tests.reelqueue.client.conftest import World
from tests.support.reels import shoot


def run(command: str, *arguments: object) -> Result:
    return CliRunner().invoke(app, ["campaign", command, *map(str, arguments)])


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_folder_has_page_clips_posters_and_results(server: str, clips: list[UUID], tmp_path: Path) -> None:
    folder = tmp_path / "out"

    result = run("export", "autumn", folder)

    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{folder}/index.html\n"
    assert names(folder) == [
        *(f"autumn/{number}.mp4" for number in range(3)),
        "index.html",
        *(f"posters/autumn/{number}.jpg" for number in range(3)),
        "results.csv",
        "results.jsonl",
    ]
    rows = list(csv.DictReader((folder / "results.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert all((folder / row["file"]).is_file() for row in rows)


def test_an_export_that_was_stopped_goes_on(server: str, clips: list[UUID], tmp_path: Path) -> None:
    folder = tmp_path / "out"
    run("export", "autumn", folder)
    (folder / "autumn/0.mp4").unlink()
    half = (folder / "autumn/1.mp4").read_bytes()
    (folder / "autumn/1.mp4").write_bytes(half[:100])
    (folder / "autumn/2.mp4").write_bytes(half[:-1] + b"x")

    result = run("export", "autumn", folder)

    assert "3 files brought, 3 were there" in result.stderr
    assert {(folder / f"autumn/{number}.mp4").read_bytes() for number in range(3)} == {half}


def test_many_clips_get_several_pages(
    server: str, clips: list[UUID], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "PAGE_COUNT", 1)

    run("export", "autumn", tmp_path)

    assert sorted(path.name for path in tmp_path.glob("*.html")) == ["index.html", "page-2.html", "page-3.html"]


def test_a_file_that_is_gone_is_told_and_the_others_come(
    server: str, clips: list[UUID], tmp_path: Path, settings: ApiSettings
) -> None:
    open_archive(settings.archive_url).path("stock/clip.jpg").unlink()

    result = run("export", "autumn", tmp_path / "out")

    assert result.exit_code == 1
    assert "not in the archive any more: 3 files, such as posters/autumn/0.jpg" in result.stderr
    assert "index.html" in names(tmp_path / "out")


def test_a_file_that_arrives_otherwise_is_not_kept(
    server: str, clips: list[UUID], tmp_path: Path, settings: ApiSettings
) -> None:
    path = open_archive(settings.archive_url).path("stock/clip.mp4")
    path.write_bytes(b"x" * path.stat().st_size)

    result = run("export", "autumn", tmp_path / "out")

    assert result.exit_code == 1
    assert "instead of" in result.stderr
    assert not [name for name in names(tmp_path / "out") if name.endswith((".mp4", ".html"))]


@pytest.mark.parametrize("suffix", ["png", "pdf"])
def test_a_sheet_is_drawn(server: str, clips: list[UUID], tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"sheet.{suffix}"

    assert run("sheet", "autumn", "-o", file).stdout == f"{file}\n"

    if suffix == "png":
        with Image.open(file) as picture:
            assert picture.format == "PNG"
    else:
        assert file.read_bytes().startswith(b"%PDF-")


def test_a_sheet_of_another_kind_is_refused(tmp_path: Path) -> None:
    result = run("sheet", "autumn", "-o", tmp_path / "sheet.gif")

    assert result.exit_code == 1
    assert "must end with .png or .pdf, not 'sheet.gif'" in result.stderr


def test_the_address_of_a_gallery_is_printed(server: str, clips: list[UUID]) -> None:
    address = run("open", "autumn").stdout.strip()

    assert address == f"{server}/campaigns/autumn"
    assert httpx.get(address, trust_env=False).status_code == 200


def test_clips_are_decided_about_by_programs(world: World, server: str, clips: list[UUID]) -> None:
    campaigns = world.connect(server).campaigns

    assert world.run(campaigns.decide("autumn", "approve", clips)).changed_count == 3
    assert world.run(campaigns.decide("autumn", "retry", clips[:1], dry_run=True)).cost.count == 1


def test_both_clients_bring_what_a_page_names(world: World, server: str, clips: list[UUID], tmp_path: Path) -> None:
    campaigns = world.connect(server).campaigns
    page = world.run(campaigns.gallery_page("autumn"))

    path = world.run(campaigns.download_file(page.files[0], tmp_path))

    assert path == tmp_path / "autumn/0.mp4"
    assert world.run(campaigns.sheet("autumn", "pdf")).startswith(b"%PDF-")
    assert world.run(campaigns.link("autumn")) == f"{server}/campaigns/autumn"


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("../x.mp4", "/v1/a"),
        ("/etc/x.mp4", "/v1/a"),
        ("a/../../x", "/v1/a"),
        ("a\\..\\x", "/v1/a"),
        ("c:x", "/v1/a"),
        ("", "/v1/a"),
        ("a.mp4", "https://evil.test/a"),
    ],
)
def test_a_server_cannot_write_elsewhere(tmp_path: Path, path: str, url: str) -> None:
    with pytest.raises(UnavailableError, match="nothing was brought"):
        place_of(GalleryFile(path=path, url=url, sha256="0" * 64, size_bytes=1), tmp_path)


def test_a_canary_that_has_ended_says_what_to_do(
    server: str, settings: ApiSettings, clips: list[UUID], tmp_path: Path
) -> None:
    file = tmp_path / "autumn.csv"
    file.write_text("custom_id,model,prompt,duration\nz,wan2.6-t2v,a paper crane,5\n")

    applied = run("apply", file, "--yes", "--canary", 3)  # three have been rendered
    watched = run("watch", "autumn", "--once")

    assert "its canary of 3 clips has ended; look at the clips, and approve the rest:" in applied.stderr
    for step in ("open autumn", "sheet autumn -o sheet.png", "approve autumn"):
        assert f"reelqueue campaign {step}" in applied.stderr
        assert f"reelqueue campaign {step}" in watched.stdout
    assert "its canary of 3 clips has ended" in watched.stdout


def test_nothing_is_approved_unasked(server: str, clips: list[UUID], tmp_path: Path) -> None:
    rest = tmp_path / "autumn.csv"
    rest.write_text("custom_id,model,prompt,duration\ny,wan2.6-t2v,a crane,5\nz,wan2.6-t2v,a paper crane,5\n")
    run("apply", rest, "--yes", "--canary", 3)

    shown, refused = run("approve", "autumn", "--dry-run"), run("approve", "autumn")
    still = run("watch", "autumn", "--once").stdout
    agreed = run("approve", "autumn", "--yes")

    assert (shown.exit_code, shown.stderr) == (0, "2 clips waiting, at most 1.50 USD\n")
    assert (refused.exit_code, refused.stderr) == (
        1, "2 clips waiting, at most 1.50 USD\nnothing was approved: say --yes, as there is no terminal to ask at\n"
    )  # fmt: skip
    assert still.startswith("awaiting_approval")
    assert (agreed.exit_code, agreed.stdout) == (0, "running\n")


def test_no_more_is_approved_than_was_shown(world: World, server: str, clips: list[UUID], tmp_path: Path) -> None:
    head, rest = "custom_id,model,prompt,duration\n", tmp_path / "autumn.csv"
    rest.write_text(f"{head}y,wan2.6-t2v,a crane,5\n")
    run("apply", rest, "--yes", "--canary", 3)
    campaigns = world.connect(server).campaigns
    waiting = world.run(campaigns.waiting("autumn"))
    rest.write_text(f"{head}z,wan2.6-t2v,a paper crane,5\n")
    run("apply", rest, "--yes")

    with pytest.raises(ConflictError, match=r"would now render 2 clips for up to 1\.50 USD"):
        world.run(campaigns.approve("autumn", agreed=waiting))

    again = world.run(campaigns.waiting("autumn"))
    assert (waiting.count, again.count) == (1, 2)
    assert world.run(campaigns.approve("autumn", agreed=again)).phase == "running"


def test_what_waits_is_shown_to_machines(server: str, clips: list[UUID], tmp_path: Path) -> None:
    rest = tmp_path / "autumn.csv"
    rest.write_text("custom_id,model,prompt,duration\nz,wan2.6-t2v,a crane,5\n")
    run("apply", rest, "--yes", "--canary", 3)

    waiting = json.loads(run("approve", "autumn", "--dry-run", "--json").stdout)

    assert waiting.pop("priced_by")[0].startswith("release ")
    assert waiting == {"count": 1, "max_amount": "0.75", "currency": "USD", "unpriced_count": 0, "unpriced_ids": []}


def test_no_canary_is_told_where_nothing_waits_for_it(server: str, clips: list[UUID], tmp_path: Path) -> None:
    first = tmp_path / "autumn.csv"
    first.write_text("custom_id,model,prompt,duration\n" + "".join(f"{n},wan2.6-t2v,clip {n},5\n" for n in range(3)))

    again = run("apply", first, "--yes", "--canary", 2)  # all three have been rendered

    assert "0 new, 0 changed, 3 there already" in again.stdout
    assert "decides" not in again.stderr
    assert "least" not in again.stdout  # a table without a row has no heading either


def test_what_was_approved_has_no_canary_any_more(server: str, clips: list[UUID], tmp_path: Path) -> None:
    file = tmp_path / "autumn.csv"
    file.write_text("custom_id,model,prompt,duration\nz,wan2.6-t2v,a paper crane,5\n")
    run("approve", "autumn", "--yes")

    result = run("apply", file, "--yes", "--canary", 1)

    assert result.exit_code == 1
    assert "was approved on" in result.stderr


def test_marks_of_an_exported_page_are_brought_back(server: str, clips: list[UUID], tmp_path: Path) -> None:
    marks = tmp_path / "decisions.jsonl"
    decided = zip(map(str, clips), ["approve", "reject"], strict=False)
    marks.write_text(
        "".join(f'{{"job_id": "{job}", "custom_id": "x", "decision": "{mark}"}}\n' for job, mark in decided)
    )

    first, again = run("decide", marks), run("decide", marks)

    assert first.stdout == "autumn: approved 1 clip, of which 1 changed\nautumn: rejected 1 clip, of which 1 changed\n"
    assert "approved 1 clip, of which 0 changed" in again.stdout
    results = [json.loads(line) for line in run("results", "autumn", "--format", "jsonl").stdout.splitlines()]
    assert [one["decision"] for one in results] == ["approve", "reject", None]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"job_id": "7", "decision": "approve"}', "decisions.jsonl:2: must be an object with job_id"),
        ('{"job_id": "018f2e5e-0000-7000-8000-000000000001", "decision": "retry"}', '"approve" or "reject"'),
        ("{", "decisions.jsonl:2: the row must be JSON"),
    ],
)
def test_a_mark_that_cannot_be_read_decides_nothing(
    server: str, clips: list[UUID], tmp_path: Path, line: str, said: str
) -> None:
    marks = tmp_path / "decisions.jsonl"
    marks.write_text(f'{{"job_id": "{clips[0]}", "decision": "approve"}}\n{line}\n')

    refused = run("decide", marks)

    assert (refused.exit_code, said in refused.stderr) == (1, True)
    assert '"approve"' not in run("results", "autumn", "--format", "jsonl").stdout


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Stock:
    """One video and one poster."""
    return make_stock(tmp_path_factory.mktemp("stock"))


@pytest.fixture
def clips(server: str, settings: ApiSettings, stock: Stock) -> Iterator[list[UUID]]:
    """The jobs of a campaign of three clips that have been rendered."""
    engine = make_engine(settings.database_url.get_secret_value(), application_name="tests")
    with httpx.Client(base_url=server, trust_env=False) as http, Session(engine) as rows:
        yield shoot(http, rows, settings, stock)
    engine.dispose()
