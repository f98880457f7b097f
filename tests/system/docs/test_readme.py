"""What README shows with one model works with every model that it names beside it, and its command lines exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from reelqueue import TextToVideo, build, lookup

TEXT = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
EXAMPLE = re.search(r"TextToVideo\((\n.*?)\n        \)", TEXT, re.DOTALL)
MODELS = sorted(set(re.findall(r"\b(?:wan\d|happyhorse-)[\w.-]*\w", EXAMPLE[1] if EXAMPLE else "")))
COMMANDS = re.findall(r"^(reelqueue render [^#\n]*)", TEXT, re.MULTILINE)


@pytest.mark.parametrize("model", MODELS)
def test_the_example_takes_each_model_that_it_names(model: str) -> None:
    assert EXAMPLE
    options = eval(f"dict({EXAMPLE[1]})", {})  # noqa: S307 - our own page

    built = build(TextToVideo(**{**options, "model": model}))

    assert (built.body["model"], built.warnings) == (model, ())


def test_old_and_new_models_are_named() -> None:
    assert {model[:6] for model in MODELS} == {"wan2.6", "wan2.7", "wan3.0"}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_names_a_model_of_the_catalog_that_has_its_mode(command: str) -> None:
    words = shlex.split(command)

    spec = lookup(words[words.index("--model") + 1])

    assert spec is not None
    assert ("image-to-video" if "--image" in words else "text-to-video") in spec.modes
