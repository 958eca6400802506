"""A day's busiest hour is kept beside its hours: a year's busiest is then the largest of one column.

Revision ID: 20261124_0110
Revises: 20261124_0100
"""

from alembic import op

revision = "20261124_0110"
down_revision = "20261124_0100"
branch_labels = None
depends_on = None

HOURS = ", ".join(f"h{hour:02d}" for hour in range(24))


def upgrade() -> None:
    op.execute(f"ALTER TABLE running_day ADD COLUMN most bigint NOT NULL GENERATED ALWAYS AS (GREATEST({HOURS})) STORED")


def downgrade() -> None:
    op.drop_column("running_day", "most")
