"""The combinations of a matrix: counted before any is made."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from reelqueue.campaigns.clip_ids import slug
from reelqueue.campaigns.limits import AXES_MAX, CLIPS_MAX, EXCLUDES_MAX
from reelqueue.campaigns.problem import shortened
from reelqueue.campaigns.rows.headings import OPTIONS, option_name
from reelqueue.errors import InvalidRequestError


@dataclass(frozen=True, slots=True)
class Combination:
    """What one cell of the matrix says about each row."""

    options: Mapping[str, object] = field(default_factory=dict)
    variables: Mapping[str, object] = field(default_factory=dict)
    slugs: Mapping[str, str] = field(default_factory=dict)
    """Each value as a part of an id, by the name of its axis."""


NO_COMBINATION: Final = Combination()


@dataclass(frozen=True, slots=True)
class Matrix:
    """Axes of values, without the combinations that are excluded and with those that are added."""

    axes: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    exclude: tuple[Mapping[str, object], ...] = ()
    include: tuple[Mapping[str, object], ...] = ()

    @property
    def count_max(self) -> int:
        """How many combinations there are before any is excluded."""
        if not self.axes and self.include:
            return len(self.include)
        return math.prod(len(values) for values in self.axes.values()) + len(self.include)

    @property
    def names(self) -> frozenset[str]:
        """Options and variables that it gives."""
        return frozenset(self.axes).union(*self.include)

    @property
    def varying(self) -> frozenset[str]:
        """The names of which combinations differ in value, or that only some of them have."""
        crossed = [{name: values[0] for name, values in self.axes.items()}] if self.axes else []
        found = {
            name: {slug(one[name]) if name in one else None for one in (*crossed, *self.include)} for name in self.names
        }
        return frozenset(name for name, slugs in found.items() if len(slugs) > 1 or len(self.axes.get(name, ())) > 1)

    def combinations(self) -> Iterator[Combination]:
        """Every combination, the last axis changing fastest; one that says nothing where there is no axis."""
        if self.axes:
            yield from self._crossed()
        elif not self.include:
            yield NO_COMBINATION
        yield from map(_combination, self.include)

    def _crossed(self) -> Iterator[Combination]:
        excluded = [self._matching(rule) for rule in self.exclude]
        for values in itertools.product(*map(enumerate, self.axes.values())):
            indexes = [index for index, _ in values]
            if not any(all(indexes[axis] in found for axis, found in rule.items()) for rule in excluded):
                yield _combination(dict(zip(self.axes, (value for _, value in values), strict=True)))

    def _matching(self, rule: Mapping[str, object]) -> dict[int, frozenset[int]]:
        """By the number of each axis that a rule names: the values that it means."""
        names = list(self.axes)
        return {
            names.index(name): frozenset(
                index for index, value in enumerate(self.axes[name]) if any(_fits(value, one) for one in _each(wanted))
            )
            for name, wanted in rule.items()
        }


def read_matrix(data: Mapping[str, object]) -> Matrix:
    """The matrix that an object spells: axes by name, ``include`` and ``exclude``.

    Raises:
        InvalidRequestError: It is malformed, names what it has not, or has more combinations than a campaign clips.
    """
    axes = {_name(name): _values(name, values) for name, values in data.items() if name not in {"include", "exclude"}}
    if len(axes) > AXES_MAX:
        raise _refused("matrix", f"has {len(axes)} axes; {AXES_MAX} are the most")
    matrix = Matrix(axes, _rules(data, "exclude"), _rules(data, "include"))
    if len(matrix.exclude) > EXCLUDES_MAX:
        why = f"has {len(matrix.exclude)} rules; {EXCLUDES_MAX} are the most, and a rule may list several values"
        raise _refused("matrix.exclude", why)
    if matrix.count_max > CLIPS_MAX:
        sizes = " x ".join(str(len(values)) for values in axes.values())
        raise _refused(
            "matrix", f"{sizes} are {matrix.count_max} combinations; a campaign has at most {CLIPS_MAX} clips"
        )
    for rule in matrix.exclude:
        _check_exclude(matrix, rule)
    return matrix


def _check_exclude(matrix: Matrix, rule: Mapping[str, object]) -> None:
    for name, wanted in rule.items():
        if name not in matrix.axes:
            raise _refused("matrix.exclude", f"names {name}; the axes are {', '.join(matrix.axes)}")
        for one in _each(wanted):
            if not any(_fits(value, one) for value in matrix.axes[name]):
                raise _refused("matrix.exclude", f"excludes {shortened(one)!r}, which is no value of {name}")


def _each(wanted: object) -> list[object]:
    return wanted if isinstance(wanted, list) else [wanted]


def _fits(value: object, wanted: object) -> bool:
    if isinstance(value, Mapping) and isinstance(wanted, Mapping):
        return all(key in value and value[key] == part for key, part in wanted.items())
    if isinstance(value, Mapping):
        return wanted in (value.get("id"), value.get("name"))
    return value == wanted


def _combination(values: Mapping[str, object]) -> Combination:
    return Combination(
        options={name: value for name, value in values.items() if name in OPTIONS},
        variables={name: value for name, value in values.items() if name not in OPTIONS},
        slugs={name: slug(value) for name, value in values.items() if name != "custom_id"},
    )


def _name(name: str) -> str:
    option = option_name(name)
    return option if option in OPTIONS else name


def _values(name: str, values: object) -> tuple[object, ...]:
    if not isinstance(values, list) or not values:
        raise _refused(f"matrix.{name}", f"must be a list of at least one value, not {shortened(values)!r}")
    slugs = [slug(value) for value in values]
    if len(set(slugs)) < len(slugs):
        twice = next(value for value, word in zip(values, slugs, strict=True) if slugs.count(word) > 1)
        raise _refused(f"matrix.{name}", f"has two values that give the same id, such as {shortened(twice)!r}")
    return tuple(values)


def _rules(data: Mapping[str, object], key: str) -> tuple[Mapping[str, object], ...]:
    rules = data.get(key) or []
    if not isinstance(rules, list) or not all(isinstance(rule, dict) and rule for rule in rules):
        raise _refused(f"matrix.{key}", "must be a list of objects with the names of axes")
    return tuple({_name(name): value for name, value in rule.items()} for rule in rules)


def _refused(field_name: str, why: str) -> InvalidRequestError:
    return InvalidRequestError("bad_matrix", f"{field_name}: {why}", field_name)
