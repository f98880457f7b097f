"""Numbers that keep the code readable: small files, small functions, public names that say what they give."""

from __future__ import annotations

import ast
import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("reelqueue", "models", "workers", "api", "simulator", "embedded")

FILE_LINES_MEDIAN = 150
FILE_LINES_MAX = 700
FUNCTION_LINES_MEDIAN = 10
FUNCTION_LINES_P90 = 35
FUNCTION_LINES_MAX = 60
DOCUMENTED_SHARE = 0.9
"""Of public names."""
FOLDER_FILES_MAX = 15
"""Files of code in one folder, without its ``__init__.py``."""
FOLDERS_OF_TABLES = frozenset({"models"})
"""They have a file a table, however many there are."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Named:
    """A function or class and where it stands."""

    place: str
    node: _Function | ast.ClassDef

    @property
    def lines(self) -> int:
        """Its length."""
        return (self.node.end_lineno or self.node.lineno) - self.node.lineno + 1


def problems(root: Path) -> Iterator[str]:
    """Every number that is out of its bounds."""
    for package in PACKAGES:
        yield from _folder_problems(root, package)
        files = {path.relative_to(root): path.read_text(encoding="utf-8") for path in (root / package).rglob("*.py")}
        yield from _file_problems(package, {str(path): len(text.splitlines()) for path, text in files.items()})
        named = [item for path, text in files.items() for item in _named(str(path), ast.parse(text))]
        yield from _function_problems(package, [item for item in named if isinstance(item.node, _Function)])
        yield from _docstring_problems(package, [item for item in named if not item.node.name.startswith("_")])


def _folder_problems(root: Path, package: str) -> Iterator[str]:
    counts = Counter(
        path.parent.relative_to(root).as_posix()
        for path in (root / package).rglob("*.py")
        if path.name != "__init__.py"
    )
    for folder, count in sorted(counts.items()):
        if count > FOLDER_FILES_MAX and folder not in FOLDERS_OF_TABLES:
            yield f"{folder} has {count} files of code; {FOLDER_FILES_MAX} are the most: divide it by subject"


def _file_problems(package: str, lengths: dict[str, int]) -> Iterator[str]:
    yield from (f"{path} has {lines} lines; split it" for path, lines in lengths.items() if lines > FILE_LINES_MAX)
    median = statistics.median(lengths.values())
    if median > FILE_LINES_MEDIAN:
        yield f"{package}: half of the files have more than {median:g} lines; {FILE_LINES_MEDIAN} is the most"


def _function_problems(package: str, functions: list[Named]) -> Iterator[str]:
    for function in functions:
        if function.lines > FUNCTION_LINES_MAX:
            yield f"{function.place} {function.node.name} has {function.lines} lines; split it"
    lengths = sorted(function.lines for function in functions)
    median, p90 = statistics.median(lengths), lengths[int(0.9 * (len(lengths) - 1))]
    if median > FUNCTION_LINES_MEDIAN or p90 > FUNCTION_LINES_P90:
        yield (
            f"{package}: functions have {median:g} lines in the median and {p90} in nine of ten; "
            f"{FUNCTION_LINES_MEDIAN} and {FUNCTION_LINES_P90} are the most"
        )


def _docstring_problems(package: str, public: list[Named]) -> Iterator[str]:
    missing = [item for item in public if ast.get_docstring(item.node) is None]
    if len(missing) > (1 - DOCUMENTED_SHARE) * len(public):
        places = ", ".join(f"{item.place} {item.node.name}" for item in missing[:5])
        yield f"{package}: {len(missing)} of {len(public)} public names have no docstring, such as {places}"


def _named(path: str, tree: ast.Module) -> Iterator[Named]:
    for node in ast.walk(tree):
        if isinstance(node, (_Function, ast.ClassDef)):
            yield Named(f"{path}:{node.lineno}", node)
