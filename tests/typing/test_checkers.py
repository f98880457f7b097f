"""The public API as its users type it, under both type checkers, without this repository's own settings."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.node_packages import install

ROOT = Path(__file__).parents[2]
PYRIGHT = "pyright@1.1.414"
PAGES = ("docs/python-client.md", "docs/texts.md", "docs/webhooks.md")
LEAST_COMPLETENESS = 99.5
"""Percent of the package's symbols whose types pyright knows without inference."""

pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("node")]


@pytest.fixture(scope="module")
def pyright(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command that runs pyright for this environment."""
    commands = install(tmp_path_factory.mktemp("pyright"), PYRIGHT)
    return [str(commands / "pyright"), "--pythonpath", sys.executable]


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A folder with the app's sources, and nothing of the repository: a program of ours, and those of the docs."""
    (tmp_path / "producer.py").write_bytes((Path(__file__).parent / "producer.py").read_bytes())
    for page in PAGES:
        blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
        for number, block in enumerate(blocks):
            (tmp_path / f"{Path(page).stem.replace('-', '_')}_{number}.py").write_text(block)
    return tmp_path


def test_mypy_accepts_what_is_advertised_and_refuses_the_rest(app: Path) -> None:
    # The plug-in of pydantic, which our settings name, is one that an app need not have.
    options = ["--strict", "--config-file=", "--follow-imports=silent", f"--cache-dir={app / 'cache'}"]

    done = run([sys.executable, "-m", "mypy", *options, *sources(app)], app, MYPYPATH=str(ROOT))

    assert done.returncode == 0, done.stdout + done.stderr


def test_pyright_accepts_what_is_advertised_and_refuses_the_rest(app: Path, pyright: list[str]) -> None:
    settings = {
        "include": sources(app),
        "extraPaths": [str(ROOT)],
        "typeCheckingMode": "strict",
        "reportUnnecessaryTypeIgnoreComment": "error",
    }
    (app / "pyrightconfig.json").write_text(json.dumps(settings))

    done = run([*pyright, "--project", str(app)], app)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_packages_own_types_are_complete(tmp_path: Path, pyright: list[str]) -> None:
    done = run([*pyright, "--ignoreexternal", "--verifytypes", "reelqueue"], tmp_path, PYTHONPATH=str(ROOT))

    (score,) = re.findall(r"Type completeness score: ([\d.]+)%", done.stdout)
    print(f"{score} % of the types of reelqueue are known")  # noqa: T201 - the number to watch
    assert float(score) >= LEAST_COMPLETENESS, done.stdout


def sources(app: Path) -> list[str]:
    """The names of the app's programs."""
    return sorted(file.name for file in app.glob("*.py"))


def run(command: list[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a checker as an app's developer would."""
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **variables}, capture_output=True, text=True, timeout=300, check=False
    )
