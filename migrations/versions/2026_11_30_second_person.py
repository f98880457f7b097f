"""what one person of a tenant may agree to, and with which keys a campaign was applied

Revision: second_person, after agreed_prices.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "second_person"
down_revision = "agreed_prices"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "tenants",
        sa.Column(
            "approval_amount",
            sa.Numeric(),
            nullable=True,
            comment="More of a campaign needs a key that did not apply it; null: none does",
        ),
    )
    op.add_column("tenants", sa.Column("approval_currency", sa.String(), nullable=True, comment="ISO 4217 code"))
    op.create_check_constraint(
        op.f("ck_tenants_approval_has_currency"), "tenants", "(approval_amount IS NULL) = (approval_currency IS NULL)"
    )
    op.add_column(
        "campaigns",
        sa.Column(
            "applied_keys",
            postgresql.JSONB(),
            server_default=sa.text("'[]'"),
            nullable=False,
            comment="Names of the API keys that made it or gave it clips",
        ),
    )


def downgrade() -> None:
    op.drop_column("campaigns", "applied_keys")
    op.drop_constraint(op.f("ck_tenants_approval_has_currency"), "tenants")
    op.drop_column("tenants", "approval_currency")
    op.drop_column("tenants", "approval_amount")
