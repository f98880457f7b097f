"""The lock files: every pin with its hashes, no host, no path, and in step with ``pyproject.toml``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# The development lock holds everything of the runtime lock: one environment serves every command.
LOCKS = {"requirements.lock": ("server", "embedded"), "requirements-dev.lock": ("dev",)}

_PIN = re.compile(r"^(?P<name>[a-z0-9._-]+)==(?P<version>[^\s;]+)(?: ; .+)?$", re.IGNORECASE)
_HASH = re.compile(r"^--hash=sha256:[0-9a-f]{64}$")


def problems(root: Path) -> Iterator[str]:
    """Everything that is wrong with the lock files of a checkout."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    pins: dict[str, dict[str, set[str]]] = {}
    for lock, groups in LOCKS.items():
        text = (root / lock).read_text(encoding="utf-8")
        yield from (f"{lock}: {problem}" for problem in _shape_problems(text))
        pins[lock] = _pins(text)
        for requirement in _requirements(project, groups):
            yield from _pin_problems(lock, requirement, pins[lock])
    runtime, development = (pins[lock] for lock in LOCKS)
    for name, versions in runtime.items():
        if development.get(name) != versions:
            found = ", ".join(development.get(name, ["missing"]))
            yield f"{name} is {', '.join(versions)} at runtime and {found} in development; run .ci/lock"


def _shape_problems(text: str) -> Iterator[str]:
    for entry in _entries(text):
        pin, *hashes = entry
        if not _PIN.match(pin):
            yield f"{pin!r} is no pin of the form name==version: a host, a path or an option must not be locked"
        if not hashes:
            yield f"{pin!r} has no hash"
        yield from (f"{pin!r} has {word!r} where a SHA-256 belongs" for word in hashes if not _HASH.match(word))


def _entries(text: str) -> Iterator[list[str]]:
    """Each requirement with its hashes, continued lines joined."""
    for line in text.replace("\\\n", "\0").splitlines():
        if line.strip():
            yield [part.strip() for part in line.split("\0")]


def _pins(text: str) -> dict[str, set[str]]:
    """Versions by name: more than one where markers tell machines apart."""
    pins: dict[str, set[str]] = {}
    for entry in _entries(text):
        if pin := _PIN.match(entry[0]):
            pins.setdefault(canonicalize_name(pin["name"]), set()).add(pin["version"])
    return pins


def _requirements(project: dict[str, Any], groups: tuple[str, ...]) -> Iterator[Requirement]:
    yield from map(Requirement, project["project"]["dependencies"])
    for group in groups:
        for item in project["dependency-groups"][group]:
            if isinstance(item, str):
                yield Requirement(item)
            else:
                yield from _requirements(project, (item["include-group"],))


def _pin_problems(lock: str, requirement: Requirement, pins: dict[str, set[str]]) -> Iterator[str]:
    versions = pins.get(canonicalize_name(requirement.name))
    if versions is None:
        yield f"{lock} lacks {requirement.name}, which pyproject.toml names; run .ci/lock"
    elif not any(requirement.specifier.contains(version, prereleases=True) for version in versions):
        wanted = f"{requirement.name}{requirement.specifier}"
        yield f"{lock} pins {requirement.name} {', '.join(versions)}, and pyproject.toml wants {wanted}; run .ci/lock"
