"""Whatever writes what resources used in a month counts the month's revision up: roll-ups of older code, too.

A kept rank of machines holds for one revision. A worker of before 20261127_2040 that runs on after the upgrade wrote rows without
counting, and the rank went on being told. Rows that are deleted were written as zero before, or go with their organization.

Revision ID: 20261127_2102
Revises: 20261127_2055
"""

from alembic import op

revision = "20261127_2102"
down_revision = "20261127_2055"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE FUNCTION count_changed_months() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          INSERT INTO resource_month_revision AS known (org_id, month, revision)
          SELECT DISTINCT org_id, month, 1 FROM written ORDER BY org_id, month
          ON CONFLICT (org_id, month) DO UPDATE SET revision = known.revision + 1;
          RETURN NULL;
        END $$""")
    for event in ("INSERT", "UPDATE"):
        op.execute(
            f"CREATE TRIGGER count_changed_months_on_{event.lower()} AFTER {event} ON resource_month "
            "REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION count_changed_months()"
        )
    # What older code changed since 20261127_2040 was not counted: every month is ranked anew, once.
    op.execute("DELETE FROM costliest_month")


def downgrade() -> None:
    for event in ("insert", "update"):
        op.execute(f"DROP TRIGGER count_changed_months_on_{event} ON resource_month")
    op.execute("DROP FUNCTION count_changed_months()")
    op.execute("DELETE FROM costliest_month")
