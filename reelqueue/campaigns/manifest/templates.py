"""Render prompts from templates: Jinja2's sandbox with bounded time, steps and output, and without calls.

A template may come with a file from another person, and what it writes is paid for. So it has no calls, no
macros, no randomness and no powers; its loops, its time and its output are bounded; a name without a value is an
error and not an empty place in a prompt.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from reelqueue.campaigns.limits import (
    LOOP_STEPS_MAX,
    RENDER_SECONDS_MAX,
    RENDERED_CHARACTERS_MAX,
    TEMPLATE_CHARACTERS_MAX,
    TEMPLATE_DEPTH_MAX,
    VARIABLE_CHARACTERS_MAX,
)
from reelqueue.campaigns.problem import shortened
from reelqueue.errors import ConfigurationError, InvalidRequestError

if TYPE_CHECKING:
    from jinja2 import Template as CompiledTemplate

try:
    from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, UndefinedError, meta, nodes
    from jinja2.exceptions import SecurityError
    from jinja2.runtime import LoopContext
    from jinja2.sandbox import ImmutableSandboxedEnvironment
except ModuleNotFoundError as _error:
    raise ConfigurationError("templates need jinja2; run: pip install 'reelqueue[campaigns]'") from _error

FILTERS: Final = frozenset(
    {
        "abs", "capitalize", "default", "first", "float", "int", "join", "last", "length", "list", "lower", "max",
        "min", "replace", "reverse", "round", "sort", "string", "sum", "title", "trim", "truncate", "unique", "upper",
        "wordcount",
    }
)  # fmt: skip
"""Each gives the same for the same input, and nothing much larger than it."""

TESTS: Final = frozenset(
    {"boolean", "defined", "divisibleby", "eq", "even", "ge", "gt", "in", "integer", "le", "lt", "mapping", "ne"}
    | {"none", "number", "odd", "sequence", "string", "undefined", "==", "!=", "<", "<=", ">", ">="}
)

_NODES: Final = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Const, nodes.Name, nodes.Filter, nodes.Test, nodes.If,
    nodes.For, nodes.CondExpr, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Compare, nodes.Operand, nodes.And,
    nodes.Or, nodes.Not, nodes.Concat, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.Neg, nodes.Pos, nodes.List,
    nodes.Tuple, nodes.Keyword,
)  # fmt: skip
_WORDS: Final = {"Call": "a call such as name()", "Pow": "**", "Mod": "%", "FloorDiv": "//", "Assign": "set"}
_BOUNDED: Final = "_bounded"
_WHY_CHARACTERS_MAX: Final = 400


class TemplateRefusedError(InvalidRequestError):
    """A template cannot be used, or cannot be filled in for one row."""


class _LimitError(SecurityError):
    """A bound was crossed while a template ran."""


class _Sandbox(ImmutableSandboxedEnvironment):
    """The environment of all templates of one file; not for several threads."""

    intercepted_binops: frozenset[str] = frozenset({"*"})

    def __init__(self) -> None:
        super().__init__(
            undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_printed, cache_size=0
        )
        self.filters: dict[str, Any] = {name: self.filters[name] for name in FILTERS}
        self.filters["replace"] = _replace
        self.filters["join"] = _join
        # Jinja2's own make 0 of what is no number.
        self.filters |= {"int": int, "float": float}
        self.filters[_BOUNDED] = self._bounded
        self.tests: dict[str, Any] = {name: self.tests[name] for name in TESTS}
        self.globals: dict[str, Any] = {}
        self._steps_left = 0
        self._ends_at = 0.0

    def start(self) -> None:
        """Begin to count for one rendering."""
        self._steps_left = LOOP_STEPS_MAX
        self._ends_at = time.monotonic() + RENDER_SECONDS_MAX

    def getattr(self, obj: Any, attribute: str) -> Any:  # noqa: ANN401 - as the overridden method
        """The key of an object, and nothing else: ``name.upper`` would print a method into a prompt."""
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        if isinstance(obj, StrictUndefined):
            return obj  # its own error tells what was missing first
        if isinstance(obj, LoopContext) and not attribute.startswith("_"):
            return super().getattr(obj, attribute)
        return self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:  # noqa: ANN401 - as the overridden method
        """An element of a list or object."""
        try:
            return obj[argument]
        except (TypeError, LookupError):
            return self.undefined(obj=obj, name=argument)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401 - as overridden
        """Multiplication, of numbers only: a text times a billion is a text of gigabytes."""
        if not (isinstance(left, (int, float)) and isinstance(right, (int, float))):
            raise _LimitError("* multiplies numbers only")
        return super().call_binop(context, operator, left, right)

    def _bounded(self, values: Iterable[object]) -> Iterator[object]:
        for value in values:
            self._steps_left -= 1
            if self._steps_left < 0:
                raise _LimitError(f"its loops take more than {LOOP_STEPS_MAX} steps")
            self.check_time()
            yield value

    def check_time(self) -> None:
        """Stop a rendering that takes too long."""
        if time.monotonic() > self._ends_at:
            raise _LimitError(f"it takes longer than {RENDER_SECONDS_MAX:g} s")


class Template:
    """One option's text with places for variables."""

    def __init__(self, sandbox: _Sandbox, option: str, source: str) -> None:
        """Compile it.

        Raises:
            TemplateRefusedError: It is no template, or asks for more than a prompt needs.
        """
        self.option = option
        self._sandbox = sandbox
        if len(source) > TEMPLATE_CHARACTERS_MAX:
            raise self._refused(f"it has {len(source)} characters; {TEMPLATE_CHARACTERS_MAX} are the most")
        try:
            tree = sandbox.parse(source)
            self._check(tree)
            self.names: frozenset[str] = frozenset(meta.find_undeclared_variables(tree))
            """Variables that it uses."""
            for loop in tree.find_all(nodes.For):
                loop.iter = nodes.Filter(loop.iter, _BOUNDED, [], [], None, None, lineno=loop.lineno)
            self._compiled: CompiledTemplate = sandbox.from_string(tree)
        except TemplateSyntaxError as error:
            raise self._refused(f"{error.message} (line {error.lineno} of the template)") from error
        except (RecursionError, SyntaxError, MemoryError) as error:
            # Jinja2 makes Python of it, whose compiler has bounds of its own for what stands in each other.
            raise self._refused("it is nested too deeply, or one expression has too many parts") from error

    def render(self, variables: Mapping[str, object]) -> str:
        """The text for one clip.

        Raises:
            TemplateRefusedError: A variable has no value, or a bound was crossed.
        """
        for name in self.names:
            if isinstance(value := variables.get(name), str) and len(value) > VARIABLE_CHARACTERS_MAX:
                raise self._refused(f"{name} has {len(value)} characters; {VARIABLE_CHARACTERS_MAX} are the most")
        try:
            return self._text(variables)
        except UndefinedError as error:
            raise self._refused(f"{error.message}; give it a value or write {{% if name is defined %}}") from error
        except TemplateError as error:
            raise self._refused(str(error)) from error
        except Exception as error:  # filters raise whatever Python does for values that they did not expect
            raise self._refused(f"{type(error).__name__}: {error}") from error

    def _text(self, variables: Mapping[str, object]) -> str:
        self._sandbox.start()
        pieces, length = [], 0
        for piece in self._compiled.generate(variables):
            length += len(piece)
            if length > RENDERED_CHARACTERS_MAX:
                raise _LimitError(f"it writes more than {RENDERED_CHARACTERS_MAX} characters")
            self._sandbox.check_time()
            pieces.append(piece)
        return "".join(pieces)

    def _check(self, tree: nodes.Template) -> None:
        for node, depth in _walk(tree):
            if depth > TEMPLATE_DEPTH_MAX:
                raise self._refused(
                    f"it is nested too deeply, or one expression has more than {TEMPLATE_DEPTH_MAX} parts"
                )
            if not isinstance(node, _NODES) or (isinstance(node, nodes.For) and node.recursive):
                name = type(node).__name__
                raise self._refused(f"{_WORDS.get(name, name.lower())} cannot be used in a template")
            if isinstance(node, nodes.Filter) and node.name not in FILTERS:
                raise self._refused(f"there is no filter {node.name}; there are {', '.join(sorted(FILTERS))}")
            if isinstance(node, nodes.Test) and node.name not in TESTS:
                raise self._refused(f"there is no test {node.name}")

    def _refused(self, why: str) -> TemplateRefusedError:
        return TemplateRefusedError("bad_template", f"template.{self.option}: {why[:_WHY_CHARACTERS_MAX]}", self.option)


def compile_templates(sources: Mapping[str, str]) -> dict[str, Template]:
    """A template for each option.

    Raises:
        TemplateRefusedError: One of them is none.
    """
    sandbox = _Sandbox()
    return {option: Template(sandbox, option, source) for option, source in sources.items()}


def _walk(root: nodes.Node) -> Iterator[tuple[nodes.Node, int]]:
    """Every node with its depth."""
    waiting = [(root, 0)]
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        waiting.extend((child, depth + 1) for child in node.iter_child_nodes())


def _printed(value: object) -> object:
    """What ``{{ value }}`` writes: texts and numbers; anything else would show how Python spells it."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float, StrictUndefined)):
        raise _LimitError(f"a place for text was given {_kind(value)}")
    return value


def _kind(value: object) -> str:
    if isinstance(value, Mapping):
        return f"an object; name one of its keys: {shortened(', '.join(map(str, value)))}"
    return "a list; use join" if isinstance(value, (list, tuple)) else f"{shortened(value)}; ask for it with if"


def _replace(text: str, old: str, new: str) -> str:
    text, old, new = _as_text(text), _as_text(old), _as_text(new)
    _check_length(len(text) + text.count(old) * (len(new) - len(old)))
    return text.replace(old, new)


def _join(values: Iterable[object], separator: str = "", attribute: str | None = None) -> str:
    items = [value[attribute] if attribute and isinstance(value, Mapping) else value for value in values]
    texts = [_as_text(item) for item in items]
    _check_length(sum(map(len, texts)) + len(_as_text(separator)) * len(texts))
    return separator.join(texts)


def _as_text(value: object) -> str:
    return str(_printed(value))


def _check_length(characters: int) -> None:
    if characters > RENDERED_CHARACTERS_MAX:
        raise _LimitError(f"it makes a text of {characters} characters; {RENDERED_CHARACTERS_MAX} are the most")
