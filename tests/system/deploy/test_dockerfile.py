"""Dockerfile and .dockerignore: what the image holds, and what it must not."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

from tests.conftest import ROOT
from tests.system.deploy.dockerfile import FILE, copied, instructions, values

NOT_IN_THE_IMAGE = {"embedded", "bench"}  # its servers are services of their own; load is made elsewhere
BESIDE_PACKAGES = {"alembic.ini", "flowerconfig.py", "migrations"}


def test_the_linter_has_nothing_to_say() -> None:
    linter = Path(sys.executable).with_name("hadolint")

    linted = subprocess.run([linter, FILE], capture_output=True, text=True, check=False)

    assert (linted.returncode, linted.stdout) == (0, "")


def test_the_base_can_be_another() -> None:
    assert instructions()[0] == ("ARG", "BASE=python:3.13-slim")
    assert {base.split()[0] for base in values("FROM")} == {"${BASE}"}


def test_every_package_is_in_it() -> None:
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]

    assert {source for source, _ in copied()} == (set(packages) - NOT_IN_THE_IMAGE) | BESIDE_PACKAGES


def test_the_context_holds_what_is_copied_and_no_more() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()

    assert "*" in lines
    assert {line[1:] for line in lines if line.startswith("!")} == {name for name, _ in copied()} | {
        "requirements.lock"
    }


def test_each_package_is_checked_against_its_hash() -> None:
    installs = [run for run in values("RUN") if "pip install" in run]

    assert len(installs) == 1
    assert "--require-hashes --only-binary :all:" in installs[0]


def test_it_runs_as_a_user_without_rights() -> None:
    assert values("USER") == ["10001:10001"]


def test_no_secret_is_built_in() -> None:
    written = " ".join(values("ENV") + values("ARG")).upper()

    assert not [word for word in ("KEY", "PASSWORD", "SECRET", "TOKEN", "AUTH") if word in written]
