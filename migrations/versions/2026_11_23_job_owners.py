"""job owners

Revision: 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "render_jobs",
        sa.Column(
            "api_key_id",
            sa.Uuid(),
            nullable=True,
            comment="Who enqueued it over the API with a key; null: the broker or this machine",
        ),
    )
    op.create_foreign_key(op.f("fk_render_jobs_api_key_id"), "render_jobs", "api_keys", ["api_key_id"], ["id"])
    op.alter_column(
        "render_jobs",
        "idempotency_key",
        existing_type=sa.String(),
        existing_nullable=True,
        comment="The producer's; the same key twice is the same job of this api_key_id",
        existing_comment="The producer's; the same key twice is the same job",
    )
    op.drop_constraint(op.f("uq_render_jobs_idempotency_key"), "render_jobs", type_="unique")
    op.create_index(
        "uq_render_jobs_idempotency_key",
        "render_jobs",
        ["api_key_id", "idempotency_key"],
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
    )
    op.create_index("ix_render_jobs_api_key_id", "render_jobs", ["api_key_id", "created_at", "id"])
    op.create_index("ix_render_jobs_created_at", "render_jobs", ["created_at", "id"])


def downgrade() -> None:
    op.drop_index("ix_render_jobs_created_at", table_name="render_jobs")
    op.drop_index("ix_render_jobs_api_key_id", table_name="render_jobs")
    op.drop_index("uq_render_jobs_idempotency_key", table_name="render_jobs")
    op.create_unique_constraint(op.f("uq_render_jobs_idempotency_key"), "render_jobs", ["idempotency_key"])
    op.alter_column(
        "render_jobs",
        "idempotency_key",
        existing_type=sa.String(),
        existing_nullable=True,
        comment="The producer's; the same key twice is the same job",
        existing_comment="The producer's; the same key twice is the same job of this api_key_id",
    )
    op.drop_constraint(op.f("fk_render_jobs_api_key_id"), "render_jobs", type_="foreignkey")
    op.drop_column("render_jobs", "api_key_id")
