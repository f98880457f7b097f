"""How many small faults in the code that handles money the tests notice.

``python -m bench.mutations [--count 40] [--seed 1] [--only workers/dispatch ...] [--simulation-seeds 20]`` copies
the commit that is checked out, changes one place of the protocol at a time (a comparison, a condition, a number, a call
that is left out), and runs the tests of that file's folder; what survives them meets the simulation. Each mutant is
printed with what noticed it; the survivors come last, each with its line, for someone to add a test or say why the
change means nothing. Runs are bounded: one that takes five times as long as without a change counts as noticed.
"""

from __future__ import annotations

import argparse
import ast
import copy
import io
import random
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
TARGETS: Final = (
    "workers/dispatch",
    "workers/submission",
    "workers/reconciliation",
    "workers/recovery",
    "workers/polling",
    "models/operations/admission",
    "models/operations/scheduling",
    "models/operations/jobs",
    "models/operations/money",
)
TESTS_ELSEWHERE: Final = {
    "models/operations/admission": ("tests/workers/dispatch",),
    "models/operations/money": (
        "tests/workers/dispatch",
        "tests/workers/polling/test_money.py",
        "tests/workers/operator/test_statement.py",
    ),
}
"""Of folders whose operations are tested through the steps that call them."""
PATIENCE: Final = 5
"""A run with a mutant takes at most so many times as long as one without."""
SIMULATION: Final = ("tests.system.simulation",)
_SHOWN_CHARACTERS: Final = 2000
"""Of the output of a run that should have passed."""

_COMPARISONS: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_ARITHMETIC: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change of one file."""

    path: str
    line: int
    what: str
    source: str
    """The whole file with the change in it."""

    @property
    def tests(self) -> tuple[str, ...]:
        """The folder of the file's tests, or where else they are."""
        folder = str(Path(self.path).parent)
        return TESTS_ELSEWHERE.get(folder, (f"tests/{folder}",))

    @property
    def nearest_tests(self) -> tuple[str, ...]:
        """Of its tests, the files that import or are named after the changed file: they most likely notice."""
        module = Path(self.path).with_suffix("")
        words = (".".join(module.parts), f"from {'.'.join(module.parent.parts)} import {module.name}")
        files = [file for place in self.tests for file in sorted((ROOT / place).glob("**/test_*.py"))]
        near = [
            file
            for file in files
            if module.name in file.stem or any(word in file.read_text(encoding="utf-8") for word in words)
        ]
        return tuple(str(file.relative_to(ROOT)) for file in near)


def mutants(path: str) -> Iterator[Mutant]:
    """Every change of a file, one at a time."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    nodes = list(_code(tree))
    for index, node in enumerate(nodes):
        for number in range(len(_changes(node))):
            changed = copy.deepcopy(tree)
            target = list(_code(changed))[index]
            what = _changes(target)[number]()
            yield Mutant(path, getattr(node, "lineno", 0), what, ast.unparse(ast.fix_missing_locations(changed)))


def _code(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes inside of functions, but for annotations, docstrings, logging and the words of errors."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for statement in node.body:
                yield from _inside(statement)


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    is_nested = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    if is_nested or is_text or isinstance(node, (ast.Raise, ast.JoinedStr)) or _is_logging(node):
        return
    yield node
    for name, child in ast.iter_fields(node):
        if name == "annotation":
            continue
        for each in child if isinstance(child, list) else [child]:
            if isinstance(each, ast.AST):
                yield from _inside(each)


def _is_logging(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and ast.unparse(node.value).startswith("log.")


class _Change:
    """A change that is ready to be made; making it says what it was."""

    def __init__(self, node: ast.AST, name: str, value: object) -> None:
        self._node, self._name, self._value = node, name, value

    def __call__(self) -> str:
        before = ast.unparse(self._node)
        if self._name == "":  # the statement is left out
            self._node.__dict__["value"] = ast.Constant(value=None)
        else:
            setattr(self._node, self._name, self._value)
        return f"{_short(before)}  ->  {_short(ast.unparse(self._node))}"


def _changes(node: ast.AST) -> list[_Change]:
    match node:
        case ast.Compare(ops=[operator]) if type(operator) in _COMPARISONS:
            return [_Change(node, "ops", [_COMPARISONS[type(operator)]()])]
        case ast.BoolOp(op=ast.And()):
            return [_Change(node, "op", ast.Or())]
        case ast.BoolOp(op=ast.Or()):
            return [_Change(node, "op", ast.And())]
        case ast.BinOp(op=operator) if type(operator) in _ARITHMETIC:
            return [_Change(node, "op", _ARITHMETIC[type(operator)]())]
        case ast.Constant(value=bool() as value):
            return [_Change(node, "value", not value)]
        case ast.Constant(value=int() as value):
            return [_Change(node, "value", value + 1)]
        case ast.If():
            return [_Change(node, "test", ast.Constant(value=value)) for value in (True, False)]
        case ast.Expr(value=ast.Call()):
            return [_Change(node, "", None)]
        case _:
            return []


def _short(code: str) -> str:
    line = code.splitlines()[0]
    return line if len(line) <= 60 else f"{line[:57]}..."


class Bench:
    """A copy of the commit, in which one file at a time is changed."""

    def __init__(self, folder: Path, *, simulation_seeds: int) -> None:
        self._folder, self._simulation_seeds = folder / "checkout", simulation_seeds
        self._output = folder / "output.txt"
        self._seconds: dict[tuple[str, ...], float] = {}
        archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout  # noqa: S607
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(self._folder, filter="data")

    def noticed_by(self, mutant: Mutant) -> str:
        """What fails with it; empty if nothing does."""
        file = self._folder / mutant.path
        before = file.read_text(encoding="utf-8")
        self._baseline(mutant.tests)
        file.write_text(mutant.source, encoding="utf-8")
        try:
            if not self._passes(mutant.tests, first=mutant.nearest_tests):
                return "tests"
            return "" if self._passes(SIMULATION) else "simulation"
        finally:
            file.write_text(before, encoding="utf-8")

    def _baseline(self, tests: tuple[str, ...]) -> None:
        """How long each takes without a mutant; that fails the bench if it does not pass."""
        for what in (tests, SIMULATION):
            if what not in self._seconds:
                started = time.monotonic()
                if not self._passes(what):
                    said = self._output.read_text(encoding="utf-8", errors="replace")[-_SHOWN_CHARACTERS:]
                    raise SystemExit(f"{said}\n{' '.join(what)} fails without any change; nothing can be measured")
                self._seconds[what] = time.monotonic() - started

    def _passes(self, what: tuple[str, ...], *, first: tuple[str, ...] = ()) -> bool:
        program = ["-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", "-p", "no:randomly", *first, *what]
        if what == SIMULATION:
            program = ["-m", *SIMULATION, "--seeds", str(self._simulation_seeds)]
        limit = self._seconds.get(what, 600.0) * PATIENCE
        with self._output.open("w") as output:
            run = subprocess.Popen(
                [sys.executable, *program], cwd=self._folder, stdout=output, stderr=subprocess.STDOUT
            )
        try:
            return run.wait(limit) == 0
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGINT)  # so that it stops the servers that it has started
            run.wait()
            return False


def main() -> int:
    """Draw mutants, try them, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=40, help="Mutants to try.")
    parser.add_argument("--seed", type=int, default=1, help="Which ones.")
    parser.add_argument("--only", nargs="+", default=[""], help="Folders or files.")
    parser.add_argument("--simulation-seeds", type=int, default=20, help="Seeds for what the tests do not notice.")
    options = parser.parse_args()
    files = [file.relative_to(ROOT) for folder in TARGETS for file in sorted((ROOT / folder).rglob("*.py"))]
    every = [mutant for file in files if str(file).startswith(tuple(options.only)) for mutant in mutants(str(file))]
    drawn = random.Random(options.seed).sample(every, min(options.count, len(every)))  # noqa: S311
    print(f"{len(drawn)} of {len(every)} mutants")
    results: Counter[str] = Counter()
    survivors = []
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), simulation_seeds=options.simulation_seeds)
        for mutant in sorted(drawn, key=lambda mutant: (mutant.tests, mutant.path, mutant.line)):
            by = bench.noticed_by(mutant) or "SURVIVED"
            results[by] += 1
            line = f"{by:10}  {mutant.path}:{mutant.line}  {mutant.what}"
            survivors += [line] if by == "SURVIVED" else []
            print(line, flush=True)
    print(f"\nnoticed {results.total() - results['SURVIVED']} of {results.total()}: {dict(results)}")
    print("\n".join(survivors))
    return 0


if __name__ == "__main__":
    sys.exit(main())
