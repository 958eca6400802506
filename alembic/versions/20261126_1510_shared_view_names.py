"""Names of shared views, once per owner: whoever sees some apps only learns from no refusal what a view of others is called.

Revision ID: 20261126_1510
Revises: 20261126_1500
"""

import sqlalchemy as sa
from alembic import op

revision = "20261126_1510"
down_revision = "20261126_1500"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _once(["org_id", "owner_id", "name"])


def downgrade() -> None:
    op.execute(  # those of one name that stood beside each other
        """UPDATE saved_view SET name = left(name, 80) || ' (' || id || ')' WHERE is_shared AND EXISTS (
             SELECT FROM saved_view s WHERE s.is_shared AND s.org_id = saved_view.org_id AND s.name = saved_view.name AND s.id < saved_view.id)"""
    )
    _once(["org_id", "name"])


def _once(columns: list[str]) -> None:
    op.drop_index("uq_saved_view_shared", "saved_view")
    op.create_index("uq_saved_view_shared", "saved_view", columns, unique=True, postgresql_where=sa.text("is_shared"))
