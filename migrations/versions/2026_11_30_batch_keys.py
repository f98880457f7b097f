"""with which key a batch of text jobs was made

Revision: batch_keys, after second_person.
"""

import sqlalchemy as sa
from alembic import op

revision = "batch_keys"
down_revision = "second_person"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "text_batches",
        sa.Column(
            "key_fingerprint",
            sa.String(),
            nullable=True,
            comment="Of the key it was sent with: another main account's list does not show it; null: it was not sent",
        ),
    )


def downgrade() -> None:
    op.drop_column("text_batches", "key_fingerprint")
