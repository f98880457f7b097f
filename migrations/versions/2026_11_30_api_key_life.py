"""keys have a scope, an end and a last use; a name is free again once its key is revoked

Revision: api_key_life, after job_metadata_index.
"""

import sqlalchemy as sa
from alembic import op

revision = "api_key_life"
down_revision = "job_metadata_index"
branch_labels = None
depends_on = None


def upgrade() -> None:
    scope = sa.Enum("read", "write", name="keyscope", native_enum=False, create_constraint=False, length=32)
    op.add_column(
        "api_keys",
        sa.Column("scope", scope, server_default="write", nullable=False, comment="What it may do: read, or all"),
    )
    op.add_column(
        "api_keys",
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True, comment="From when it opens nothing"),
    )
    op.add_column(
        "api_keys",
        sa.Column(
            "last_used_at", sa.DateTime(timezone=True), nullable=True, comment="Its last use, to the minute"
        ),
    )
    op.alter_column(
        "api_keys",
        "revoked_at",
        existing_type=sa.DateTime(timezone=True),
        comment="From when it opens nothing; after a rotation that may be later",
        existing_comment="Since when it opens nothing",
    )
    op.drop_constraint("uq_api_keys_name", "api_keys", type_="unique")
    op.create_index(
        "uq_api_keys_name", "api_keys", ["name"], unique=True, postgresql_where=sa.text("revoked_at IS NULL")
    )


def downgrade() -> None:
    op.drop_index("uq_api_keys_name", "api_keys")
    # Revoked keys of a name that is used again would break the old rule.
    op.execute("UPDATE api_keys SET name = name || ' ' || id::text WHERE revoked_at IS NOT NULL")
    op.create_unique_constraint("uq_api_keys_name", "api_keys", ["name"])
    op.alter_column(
        "api_keys",
        "revoked_at",
        existing_type=sa.DateTime(timezone=True),
        comment="Since when it opens nothing",
        existing_comment="From when it opens nothing; after a rotation that may be later",
    )
    op.drop_column("api_keys", "last_used_at")
    op.drop_column("api_keys", "expires_at")
    op.drop_column("api_keys", "scope")
