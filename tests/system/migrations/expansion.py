"""What a worker of the release before would stumble over in a schema that has grown.

During an upgrade old and new workers share one schema, so that each migration may only expand it: an old worker
names the columns that it knows, and must find them, and its rows must be accepted without those that it does not
know. What is removed is removed a release later, by a migration whose docstring has a line ``contract: …``.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Column, MetaData, Table, UniqueConstraint


def stumbles(before: MetaData, after: MetaData) -> Iterator[str]:
    """Every change that the release before does not bear, in words."""
    for name, table in before.tables.items():
        grown = after.tables.get(name)
        if grown is None:
            yield f"{name} is gone"
        else:
            yield from _columns(table, grown)
            yield from _rules(table, grown)


def _columns(table: Table, grown: Table) -> Iterator[str]:
    for name, column in table.columns.items():
        if name not in grown.columns:
            yield f"{table.name}.{name} is gone"
        elif str(column.type) != str(grown.columns[name].type):
            yield f"{table.name}.{name} was {column.type} and is {grown.columns[name].type}"
        elif column.nullable and not grown.columns[name].nullable:
            yield f"{table.name}.{name} must not be null any more"
    for name, column in grown.columns.items():
        if name not in table.columns and not _fills_itself(column):
            yield f"{table.name}.{name} is new, and a row without it is refused: give it a server default"


def _fills_itself(column: Column[object]) -> bool:
    return bool(column.nullable or column.server_default is not None or column.identity or column.computed)


def _rules(table: Table, grown: Table) -> Iterator[str]:
    for columns in sorted(_unique(grown) - _unique(table)):
        if set(columns) <= set(table.columns.keys()):
            yield f"{table.name} has two rows no more with the same {', '.join(columns)}"


def _unique(table: Table) -> set[tuple[str, ...]]:
    constraints = [rule.columns.keys() for rule in table.constraints if isinstance(rule, UniqueConstraint)]
    indexes = [index.columns.keys() for index in table.indexes if index.unique]
    return {tuple(columns) for columns in [*constraints, *indexes]}
