"""Places outside of folders that a server's user cannot reach: taken away when their link is gone, and not before."""

from __future__ import annotations

import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from embedded.processes import server_folders as places

USER = pwd.getpwuid(0)

MakePlace = Callable[[str], Path]


@pytest.fixture
def make_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakePlace:
    """Makes a place outside for the folder of a name, which its user cannot reach."""
    monkeypatch.setattr(places, "_SHARED_ROOT", tmp_path / "shared")
    monkeypatch.setattr(places, "can_traverse", lambda *_: False)

    def make(name: str) -> Path:
        (tmp_path / "state").mkdir(exist_ok=True)
        return places.reachable_folder(tmp_path / "state" / name, USER)

    return make


def test_a_place_stays_while_its_link_leads_to_it(make_place: MakePlace) -> None:
    first = make_place("first")

    make_place("second")

    assert first.is_dir()
    assert make_place("first") == first


def test_a_place_whose_link_is_gone_is_removed(make_place: MakePlace, tmp_path: Path) -> None:
    first = make_place("first")
    (tmp_path / "state" / "first").unlink()

    make_place("second")

    assert not first.exists()


def test_another_may_remove_its_place_meanwhile(
    make_place: MakePlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_place("first")
    read = Path.read_text

    def remove_and_read(path: Path, encoding: str | None = None) -> str:
        places.remove_folder(tmp_path / "state" / "first")
        return read(path, encoding=encoding)

    monkeypatch.setattr(Path, "read_text", remove_and_read)

    assert make_place("second").is_dir()


def test_a_place_whose_record_is_being_written_is_not_taken_away(
    make_place: MakePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, found = Path.write_text, []

    def look_and_write(path: Path, data: str, encoding: str | None = None) -> int:
        path.touch()  # as any file is for a moment
        if not found:
            found.append(path)
            make_place("second")
        return write(path, data, encoding=encoding)

    monkeypatch.setattr(Path, "write_text", look_and_write)

    assert make_place("first").is_dir()
    assert found
