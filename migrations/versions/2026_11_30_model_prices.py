"""prices and ends of models as operators and the provider say them, each with its day

Revision: model_prices, after notices.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "model_prices"
down_revision = "notices"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "model_prices",
        sa.Column("id", sa.Uuid(), nullable=False, comment="Ours, UUIDv7"),
        sa.Column("source", sa.String(length=32), nullable=False, comment="operator or provider"),
        sa.Column("account_id", sa.Uuid(), nullable=True, comment="Whose list said so; null: an operator"),
        sa.Column("region", sa.String(), nullable=False, comment="ap-southeast-1 and its like"),
        sa.Column("model", sa.String(), nullable=False, comment="The provider's model id"),
        sa.Column("currency", sa.String(), nullable=True, comment="ISO 4217 code; null: no price"),
        sa.Column(
            "per_second",
            postgresql.JSONB(),
            nullable=False,
            comment="Decimal text by tier; empty: this source has no price any more",
        ),
        sa.Column(
            "silent_per_second",
            postgresql.JSONB(),
            nullable=True,
            comment="Without sound, where that is cheaper",
        ),
        sa.Column("ends_at", moment, nullable=True, comment="When the provider takes the model away; null: not said"),
        sa.Column(
            "origin", sa.String(), nullable=False, comment="The file or command of an operator, or the provider's host"
        ),
        sa.Column("from_at", moment, nullable=False, comment="Since when it counts"),
        sa.CheckConstraint(
            "(source = 'provider') = (account_id IS NOT NULL)", name=op.f("ck_model_prices_account_is_the_lists")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_model_prices_account_id_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_prices")),
        comment="Prices and ends of models as operators and the provider's lists say them, each with its day",
    )
    op.create_index("ix_model_prices_account_id", "model_prices", ["account_id"], unique=False)
    op.create_index("ix_model_prices_model_region", "model_prices", ["model", "region", "id"], unique=False)
    op.create_table(
        "model_lists",
        sa.Column("account_id", sa.Uuid(), nullable=False, comment="Whose"),
        sa.Column("asked_at", moment, nullable=False, comment="When it was last asked for"),
        sa.Column("read_at", moment, nullable=True, comment="When it was last read whole"),
        sa.Column("problem", sa.String(), nullable=True, comment="Why it was not read the last time; null: it was"),
        sa.Column(
            "unread",
            postgresql.JSONB(),
            nullable=False,
            comment="Why the prices of a model were not followed, by model id",
        ),
        sa.Column(
            "missing",
            postgresql.JSONB(),
            nullable=False,
            comment="How many whole readings in a row have lacked a model that was listed before",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_model_lists_account_id_accounts")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_model_lists")),
        comment="The last reading of each account's list of models",
    )


def downgrade() -> None:
    op.drop_table("model_lists")
    op.drop_table("model_prices")
