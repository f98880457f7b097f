"""What all tables share: names of constraints, column types, our ids, and questions for many of them."""

from __future__ import annotations

import enum
from collections.abc import Collection
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import uuid_utils.compat
from sqlalchemy import ColumnElement, DateTime, Enum, MetaData, Uuid, any_, literal
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


def new_id() -> UUID:
    """A UUIDv7: unique everywhere, and in the order of its making, so indexes stay dense."""
    return uuid_utils.compat.uuid7()


def among(column: InstrumentedAttribute[Any], ids: Collection[UUID]) -> ColumnElement[bool]:
    """Whether a column holds one of any number of ids; one parameter, however many they are."""
    return column == any_(literal(list(ids), ARRAY(Uuid)))


class Base(DeclarativeBase):
    """Root of every table."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        # Aware timestamps only: a naive one loses hours between a studio's host and the database.
        datetime: DateTime(timezone=True),
        # Text with values, not a native enum: a native one stores member names, and no migration
        # can take a value away from it.
        enum.StrEnum: Enum(
            enum.StrEnum,
            native_enum=False,
            create_constraint=False,
            length=32,
            values_callable=lambda members: [member.value for member in members],
        ),
        dict[str, Any]: JSONB,
        list[str]: JSONB,
    }
