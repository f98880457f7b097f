"""Commands that open, print and export a campaign's gallery: page, contact sheet, folder."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import Progress, TaskID

from reelqueue.campaigns.report.export_forms import PLAIN, as_csv
from reelqueue.campaigns.report.summary import counted
from reelqueue.cli._campaign.control import Name
from reelqueue.cli._jobs import connect
from reelqueue.cli._output import print_line, printable, talk
from reelqueue.client import Client
from reelqueue.client._campaigns.gallery_operations import Sheet, place_of
from reelqueue.errors import InvalidRequestError, NotFoundError
from reelqueue.schemas.campaigns import GalleryFile, GalleryPage

_AT_A_TIME: Final = 4
"""Files that are fetched side by side: a far server is waited for less, and a near one is not crowded."""
_FORMS: Final[dict[str, Sheet]] = {".png": "png", ".pdf": "pdf"}
_GONE_SHOWN: Final = 5


def open_(name: Name) -> None:
    """Print the address of a campaign's gallery, which signs in the person who opens it within ten minutes."""
    with connect() as client:
        print_line(client.campaigns.link(name))


def sheet(
    name: Name,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="A .png, or a .pdf to print.")] = Path("sheet.png"),
) -> None:
    """Draw a campaign's contact sheet: its clips on one picture, or on pages of A4."""
    form = _FORMS.get(output.suffix.lower())
    if form is None:
        raise InvalidRequestError("wrong_type", f"--output: must end with .png or .pdf, not {output.name!r}", "output")
    with connect() as client:
        content = client.campaigns.sheet(name, form)
    output.write_bytes(content)
    print_line(str(output))


def export(
    name: Name, folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Made if it is not there.")]
) -> None:
    """Bring a campaign's gallery into a folder that opens without a server, with clips, posters and results.

    Run again, it brings what is new or differs; stopped on the way, it goes on where it stood.
    """
    console = Console(stderr=True)
    bar = Progress(console=console) if console.is_terminal else None
    with connect() as client, bar or nullcontext():
        brought = _bring_pages(client, name, folder, bar)
        _write(folder / "results.jsonl", client.campaigns.export(name, "results.jsonl"))
        style = client.campaigns.get(name).csv_style or PLAIN
        table = as_csv(client.campaigns.export(name, "results.csv").decode(), style)
        _write(folder / "results.csv", table.encode())
    print_line(str(folder / "index.html"))
    talk(f"{counted(brought.clip_count, 'clip')}: {brought.fresh_count} files brought, {brought.kept_count} were there")
    if brought.gone:
        shown = ", ".join(brought.gone[:_GONE_SHOWN])
        talk(printable(f"not in the archive any more: {counted(len(brought.gone), 'file')}, such as {shown}"))
        raise typer.Exit(1)


COMMANDS: Final = (open_, sheet, export)


@dataclass(slots=True)
class _Brought:
    """What became of the files of a gallery."""

    clip_count: int = 0
    fresh_count: int = 0
    kept_count: int = 0
    gone: list[str] = field(default_factory=list)


def _bring_pages(client: Client, name: str, folder: Path, bar: Progress | None) -> _Brought:
    brought = _Brought()
    task = bar.add_task("files", total=0) if bar else None
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        for page in _pages(client, name):
            _tell(bar, task, more=len(page.files))
            for word, path in pool.map(_bringer(client, folder), page.files):
                _tell(bar, task)
                brought.fresh_count += word == "fresh"
                brought.kept_count += word == "kept"
                brought.gone += [path] if word == "gone" else []
            folder.mkdir(parents=True, exist_ok=True)
            # After its files, so that a page never shows what is not there.
            _write(folder / Path(page.file_name).name, page.html.encode())
            brought.clip_count += page.clip_count
    return brought


def _tell(bar: Progress | None, task: TaskID | None, *, more: int | None = None) -> None:
    if bar is None or task is None:
        return
    if more is None:
        bar.advance(task)
    else:
        bar.update(task, total=(bar.tasks[task].total or 0) + more)


def _pages(client: Client, name: str) -> Iterator[GalleryPage]:
    page = client.campaigns.gallery_page(name)
    yield page
    for number in itertools.count(2):
        if page.next_after is None:
            return
        page = client.campaigns.gallery_page(name, number, after=page.next_after)
        yield page


def _bringer(client: Client, folder: Path) -> Callable[[GalleryFile], tuple[str, str]]:
    def download_file(file: GalleryFile) -> tuple[str, str]:
        if _is_whole(place_of(file, folder), file):
            return "kept", file.path
        try:
            client.campaigns.download_file(file, folder)
        except NotFoundError:
            return "gone", file.path
        return "fresh", file.path

    return download_file


def _is_whole(path: Path, file: GalleryFile) -> bool:
    """Whether a file was brought before."""
    if not path.is_file() or path.stat().st_size != file.size_bytes:
        return False
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest() == file.sha256


def _write(path: Path, content: bytes) -> None:
    """Write a file that is whole, or is what it was before."""
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    part.replace(path)
