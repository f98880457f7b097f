"""The checks of ``./run check`` that are ours find what they are for, and nothing in this checkout."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]
HASH = "--hash=sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("index-url = https://" + "pypi" + ".org/simple", "package index"),
        ("cache = '" + "/" + "home/somebody/.cache'", "path of one machine"),
        ("COPY " + "/" + "root/reelqueue .", "path of one machine"),
        ("ALIBABA_API_KEY=sk-" + 32 * "0", "key of a provider"),
        ("-----" + "BEGIN RSA PRIVATE KEY-----", "private key"),
    ],
)
def test_forbidden_text_is_found(guards: dict[str, ModuleType], line: str, what: str) -> None:
    (problem,) = guards["content"].found_in("some/file", f"harmless\n{line}\n")

    assert problem.startswith("some/file:2: ")
    assert what in problem


@pytest.mark.parametrize(
    "line", ["/var/lib/reelqueue", "https://example.com/root/file", "the home/office", "work/life"]
)
def test_harmless_text_is_left_alone(guards: dict[str, ModuleType], line: str) -> None:
    assert list(guards["content"].found_in("some/file", line)) == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("httpx==0.28.1\n", "has no hash"),
        (f"httpx>=0.28 \\\n    {HASH}\n", "no pin"),
        (f"httpx @ file:///somewhere/httpx.whl \\\n    {HASH}\n", "no pin"),
        (f"--index-url https://index.example \\\n    {HASH}\n", "no pin"),
        ("httpx==0.28.1 \\\n    --hash=md5:0000\n", "SHA-256"),
    ],
)
def test_a_bad_lock_is_found(guards: dict[str, ModuleType], text: str, what: str) -> None:
    assert any(what in problem for problem in guards["locks"]._shape_problems(text))


def test_a_pin_that_no_longer_fits_is_found(guards: dict[str, ModuleType], tmp_path: Path) -> None:
    for name in ("pyproject.toml", "requirements.lock", "requirements-dev.lock"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    project = (tmp_path / "pyproject.toml").read_text()
    (tmp_path / "pyproject.toml").write_text(project.replace('"httpx>=0.28,<1"', '"httpx>=99", "absent>=1"'))

    found = "\n".join(guards["locks"].problems(tmp_path))

    assert "wants httpx>=99" in found
    assert "lacks absent" in found


def test_a_long_function_is_found(guards: dict[str, ModuleType], tmp_path: Path) -> None:
    for package in guards["style"].PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "module.py").write_text('def short() -> None:\n    """Nothing."""\n')
    (tmp_path / "models" / "long.py").write_text("def endless() -> None:\n" + 80 * "    print()\n")

    found = "\n".join(guards["style"].problems(tmp_path))

    assert "models/long.py:1 endless has 81 lines" in found


def test_a_folder_of_many_files_is_found(guards: dict[str, ModuleType], tmp_path: Path) -> None:
    for package in guards["style"].PACKAGES:
        (tmp_path / package).mkdir()
        for number in range(15):
            (tmp_path / package / f"part_{number}.py").write_text('def short() -> None:\n    """Nothing."""\n')
    for folder in ("api", "models"):  # models/ has a file a table
        (tmp_path / folder / "one_more.py").write_text('"""One more."""\n')

    found = [problem for problem in guards["style"].problems(tmp_path) if "files of code" in problem]

    assert found == ["api has 16 files of code; 15 are the most: divide it by subject"]


@pytest.mark.parametrize("guard", ["locks", "style"])
def test_this_checkout_passes(guards: dict[str, ModuleType], guard: str) -> None:
    assert list(guards[guard].problems(ROOT)) == []


@pytest.fixture
def guards(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """The modules of ``.ci``, which is a folder of commands and no package."""
    monkeypatch.syspath_prepend(ROOT / ".ci")
    import content
    import locks
    import style

    for name in ("content", "locks", "style"):
        monkeypatch.delitem(sys.modules, name)
    return {"content": content, "locks": locks, "style": style}
