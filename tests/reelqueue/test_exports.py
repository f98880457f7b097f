from __future__ import annotations

import ast
import doctest
import inspect
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import reelqueue
from reelqueue import catalog, client, errors
from reelqueue.requests import types as requests

ROOT = Path(reelqueue.__file__).parents[1]


def test_all_is_sorted_and_names_each_thing_once() -> None:
    names = reelqueue.__all__

    assert len(set(names)) == len(names)
    # Constants, then classes, then functions: the order that the linter keeps.
    assert names == sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))


def test_all_is_what_the_type_checker_sees() -> None:
    tree = ast.parse(inspect.getsource(reelqueue))
    imports = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("reelqueue.")
    ]

    seen = {alias.asname or alias.name for node in imports for alias in node.names}

    assert seen == set(reelqueue.__all__)


@pytest.mark.parametrize("name", reelqueue.__all__)
def test_every_public_name_can_be_fetched(name: str) -> None:
    assert getattr(reelqueue, name) is not None
    assert name in dir(reelqueue)


@pytest.mark.parametrize(
    ("module", "base"),
    [
        (errors, errors.ReelqueueError),  # every error
        (requests, requests.RenderRequest),  # every kind of request
    ],
)
def test_no_member_of_a_public_family_is_left_out(module: object, base: type) -> None:
    family = {name for name, value in vars(module).items() if inspect.isclass(value) and issubclass(value, base)}
    public = {name for name in family if not name.startswith("_")}

    assert public <= set(reelqueue.__all__)


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Clinet'"):
        _ = reelqueue.Clinet


@pytest.mark.parametrize(
    ("code", "unwanted"),
    [
        # A producer that only sends task names or compares states.
        ("import reelqueue, reelqueue.states, reelqueue.messages", {"pydantic", "httpx"}),
        # The models of answers are built when a client is made, those of requests and campaigns when they are used.
        ("from reelqueue import AsyncClient, Client", {"pydantic", "reelqueue.campaigns", "reelqueue.requests"}),
        ("from reelqueue import Client; Client()", {"reelqueue.campaigns", "reelqueue.requests", "reelqueue.webhooks"}),
        ("from reelqueue.cli import main; main()", {"pydantic", "httpx", "reelqueue.client", "reelqueue.campaigns"}),
    ],
    ids=["states", "client", "new client", "command line"],
)
def test_what_is_not_needed_is_not_imported(code: str, unwanted: set[str]) -> None:
    # The command line ends in SystemExit, after its help.
    program = "\n".join(
        (
            "import contextlib, sys",
            "sys.argv = ['reelqueue', '--help']",
            "with contextlib.suppress(SystemExit):",
            f"    {code}",
            f"print(sorted({unwanted!r} & set(sys.modules)))",
        )
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)

    assert done.stdout.splitlines()[-1] == "[]"


def test_the_version_is_that_of_the_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert reelqueue.__version__ == project["version"]


@pytest.mark.parametrize("module", [reelqueue, catalog, requests])
def test_the_examples_in_docstrings_are_true(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


def test_the_client_is_exported() -> None:
    assert reelqueue.Client is client.Client
