"""the provider's clock against the database's

Revision: provider_clocks, after reference_paths.
"""

import sqlalchemy as sa
from alembic import op

revision = "provider_clocks"
down_revision = "reference_paths"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account_clocks",
        sa.Column("account_id", sa.Uuid(), nullable=False, comment="Whose"),
        sa.Column("offset_seconds", sa.Float(), nullable=False, comment="The provider's minus the database's"),
        sa.Column("uncertainty_seconds", sa.Float(), nullable=False, comment="Half the width of the measurement"),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False, comment="When, by the database's clock"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_account_clocks_account_id_accounts")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_account_clocks")),
        comment="The provider's clock against the database's, as last measured",
    )
    op.add_column(
        "attempts",
        sa.Column(
            "clock_offset_seconds",
            sa.Float(),
            nullable=True,
            comment="The provider's clock minus the database's when it was sent; null: it was not known",
        ),
    )
    op.add_column(
        "provider_tasks",
        sa.Column(
            "made_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When the provider made it, by its own clock; null: it has not said",
        ),
    )


def downgrade() -> None:
    op.drop_column("provider_tasks", "made_at")
    op.drop_column("attempts", "clock_offset_seconds")
    op.drop_table("account_clocks")
