"""Failpoints: each in one place, off unless the environment says otherwise, and met once."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import ROOT
from workers import failpoints
from workers.failpoints import VARIABLE, Action, Failpoint

PASS_TWICE = (
    "from workers.failpoints import *; failpoint(Failpoint.SENT); print(1); failpoint(Failpoint.SENT); print(2)"
)


def test_each_is_passed_in_one_place() -> None:
    calls = Counter(
        ast.unparse(node.args[0])
        for path in ROOT.joinpath("workers").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "failpoint"
    )

    assert calls == Counter(f"Failpoint.{name.name}" for name in Failpoint)


def test_nothing_is_armed_without_the_environment() -> None:
    assert VARIABLE not in os.environ
    assert failpoints._folder is None


@pytest.mark.parametrize(("action", "stopped_by"), [(Action.KILL, signal.SIGKILL), (Action.KILL_GROUP, signal.SIGKILL)])
def test_an_armed_one_ends_the_process_once(action: Action, stopped_by: signal.Signals, tmp_path: Path) -> None:
    tmp_path.joinpath(f"sent.{action}").touch()

    first, second = _run(tmp_path), _run(tmp_path)

    assert (first.returncode, first.stdout) == (-stopped_by, "")
    assert (second.returncode, second.stdout) == (0, "1\n2\n")
    assert [path.name for path in tmp_path.iterdir()] == ["sent.met"]


def test_a_frozen_process_goes_on_when_it_is_told_to(tmp_path: Path) -> None:
    tmp_path.joinpath("sent.freeze").touch()

    with subprocess.Popen(**_call(tmp_path)) as process:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        process.send_signal(signal.SIGCONT)

        assert process.communicate()[0] == "1\n2\n"


def test_another_name_is_no_matter(tmp_path: Path) -> None:
    tmp_path.joinpath("intent.kill").touch()

    assert _run(tmp_path).stdout == "1\n2\n"


def _run(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(**_call(folder), check=False)


def _call(folder: Path) -> dict[str, object]:
    return {
        "args": [sys.executable, "-c", PASS_TWICE],
        "env": {**os.environ, VARIABLE: str(folder)},
        "cwd": ROOT,
        "stdout": subprocess.PIPE,
        "text": True,
        "start_new_session": True,
    }
