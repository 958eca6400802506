"""When an organization that was deleted was emptied, and the right to do it.

Revision ID: 20261126_0220
Revises: 20261126_0210
"""

import sqlalchemy as sa
from alembic import op

from flyusage.db import PLATFORM_ROLE

revision = "20261126_0220"
down_revision = "20261126_0210"
branch_labels = None
depends_on = None

TABLES = "budget_alert, budget, scim_token, api_token, invitation"  # the platform's role may remove rows of the others already


def upgrade() -> None:
    op.add_column(
        "organization",
        sa.Column("purged_at", sa.DateTime(timezone=True), nullable=True, comment="30 days after its deletion: usage and people are gone"),
    )
    op.execute(f"GRANT DELETE ON {TABLES} TO {PLATFORM_ROLE}")


def downgrade() -> None:
    op.execute(f"REVOKE DELETE ON {TABLES} FROM {PLATFORM_ROLE}")
    op.drop_column("organization", "purged_at")
