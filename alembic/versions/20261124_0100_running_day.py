"""Running machines per hour by region, app and VM size: what the busiest hour of a year is read from.

Filled as days are rolled, so that days rolled before this have none until they are rolled again.

Revision ID: 20261124_0100
Revises: 20261124_0050
"""

import sqlalchemy as sa
from alembic import op

from flyusage.db import APP_ROLE, PLATFORM_ROLE

revision = "20261124_0100"
down_revision = "20261124_0050"
branch_labels = None
depends_on = None

CURRENT_ORG = "NULLIF(current_setting('flyusage.org_id', true), '')::int"


def upgrade() -> None:
    op.create_table(
        "running_day",
        sa.Column("org_id", sa.Integer(), nullable=False),
        sa.Column("dimension", sa.SmallInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("key", sa.Integer(), nullable=False),
        *[sa.Column(f"h{hour:02d}", sa.BigInteger(), nullable=False) for hour in range(24)],
        sa.PrimaryKeyConstraint("org_id", "dimension", "day", "key", name=op.f("pk_running_day")),
    )
    op.execute("ALTER TABLE running_day ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE running_day FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY tenant ON running_day TO {APP_ROLE} USING (org_id = {CURRENT_ORG}) WITH CHECK (org_id = {CURRENT_ORG})")
    op.execute(f"CREATE POLICY platform ON running_day TO {PLATFORM_ROLE} USING (true) WITH CHECK (true)")
    op.execute(f"GRANT SELECT ON running_day TO {APP_ROLE}")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON running_day TO {PLATFORM_ROLE}")


def downgrade() -> None:
    op.drop_table("running_day")
