"""``./run`` in a checkout of its own, with lock files that name nothing, so that no network is needed."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECONDS = 60.0
# What `./run COMMAND` starts: says what it was given, and ends with a code of its own.
COMMANDS = """
import os, sys
print(sys.argv[1:], os.environ.get("REELQUEUE_BROKER_URL"))
raise SystemExit(7)
"""


def test_the_first_run_makes_the_environment_and_the_second_uses_it(checkout: Path) -> None:
    first = run(checkout, "doctor", "--json")
    second = run(checkout, "doctor", "--json")

    assert (first.returncode, first.stdout) == (7, "['doctor', '--json'] None\n")
    assert (second.returncode, second.stdout, second.stderr) == (7, first.stdout, "")


def test_a_changed_lock_is_installed(checkout: Path) -> None:
    run(checkout, "doctor")
    (checkout / "requirements.lock").write_text("# changed\n")

    assert "making .venv" in run(checkout, "doctor").stderr


def test_an_interrupted_environment_is_made_again(checkout: Path) -> None:
    run(checkout, "doctor")
    (checkout / ".venv" / "reelqueue.unfinished").touch()
    (checkout / ".venv" / "half-installed").touch()

    assert run(checkout, "doctor").returncode == 7
    assert not (checkout / ".venv" / "half-installed").exists()


def test_a_run_waits_for_another_that_makes_the_environment(checkout: Path) -> None:
    with (checkout / "requirements.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = subprocess.Popen(
            [sys.executable, checkout / "run", "doctor"], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert waiting.stderr is not None
        said = waiting.stderr.readline()
        is_waiting = waiting.poll() is None
    waiting.communicate(timeout=SECONDS)

    assert said == "run: another run is making .venv; waiting for it\n"
    assert is_waiting
    assert waiting.returncode == 7


def test_an_index_that_does_not_answer_is_said_in_one_line(checkout: Path) -> None:
    (checkout / "requirements.lock").write_text(f"nothing==1.0 --hash=sha256:{64 * '0'}\n")
    unreachable = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull}

    finished = run(checkout, "doctor", PATH=os.defpath, PIP_FIND_LINKS="", **unreachable)

    assert finished.returncode == 1
    assert "the package index did not answer or lacks them" in finished.stderr.splitlines()[-1]


def test_what_it_starts_keeps_what_it_has_compiled(checkout: Path) -> None:
    (checkout / "workers" / "__main__.py").write_text("import workers.compiled_once")
    (checkout / "workers" / "compiled_once.py").touch()

    run(checkout, "doctor", PYTHONDONTWRITEBYTECODE="1")

    assert list((checkout / "workers" / "__pycache__").glob("compiled_once.*"))


def test_operators_find_the_stack_that_is_up(checkout: Path) -> None:
    (checkout / ".reelqueue").mkdir()
    record = {"environment": {"REELQUEUE_BROKER_URL": "redis+socket:///somewhere"}}
    (checkout / ".reelqueue" / "stack.json").write_text(json.dumps(record))

    assert "redis+socket:///somewhere" in run(checkout, "doctor").stdout
    assert "None" in run(checkout, "doctor", REELQUEUE_DATABASE_URL="postgresql+psycopg://elsewhere/").stdout


@pytest.mark.parametrize("spelled", [["--state", "{}"], ["--state={}"]])
def test_operators_find_the_stack_of_a_state_folder(checkout: Path, tmp_path: Path, spelled: list[str]) -> None:
    folder = tmp_path / "night shift"
    folder.mkdir()
    record = {"environment": {"REELQUEUE_BROKER_URL": "redis+socket:///night"}}
    (folder / "stack.json").write_text(json.dumps(record))
    state = [part.format(folder) for part in spelled]

    for arguments in (["doctor", *state], ["accounts", *state, "list"], [*state, "doctor"]):
        finished = run(checkout, *arguments, REELQUEUE_DATABASE_URL="postgresql+psycopg://elsewhere/")

        assert "redis+socket:///night" in finished.stdout
        assert "--state" not in finished.stdout


def test_a_state_folder_without_a_stack_is_an_error(checkout: Path, tmp_path: Path) -> None:
    finished = run(checkout, "audit", "--state", str(tmp_path / "empty"))

    assert finished.returncode == 1
    assert finished.stderr.splitlines()[-1].endswith(
        "stack.json names no stack; give the folder that ./run up --state was given"
    )


@pytest.mark.parametrize("arguments", [[], ["help"], ["--help"]])
def test_help_needs_no_environment(checkout: Path, arguments: list[str]) -> None:
    assert "./run demo" in run(checkout, *arguments).stdout
    assert not (checkout / ".venv").exists()


def run(checkout: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("REELQUEUE_")}
    return subprocess.run(
        [sys.executable, checkout / "run", *arguments],
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "run", tmp_path)
    for lock in ("requirements.lock", "requirements-dev.lock"):
        (tmp_path / lock).write_text("")
    (tmp_path / "workers").mkdir()
    (tmp_path / "workers" / "__main__.py").write_text(COMMANDS)
    return tmp_path
