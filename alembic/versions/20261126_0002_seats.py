"""Seats: what an organization's subscription includes and what one more costs; which recurring fees are for seats.

Revision ID: 20261126_0002
Revises: 20261126_0001
"""

import sqlalchemy as sa
from alembic import op

from flyusage.db import APP_ROLE, OWNER_ROLE, PLATFORM_ROLE

revision = "20261126_0002"
down_revision = "20261126_0001"
branch_labels = None
depends_on = None

CURRENT_ORG = "NULLIF(current_setting('flyusage.org_id', true), '')::int"
TENANT = ("seat_plan", "paid_seat")
FUNCTIONS = ("begin_paid_seats(int, date)", "end_paid_seats(bigint, date)")


def upgrade() -> None:
    op.create_table(
        "seat_plan",
        sa.Column("org_id", sa.Integer(), nullable=False),
        sa.Column("included", sa.Integer(), nullable=False),
        sa.Column("unit_amount", sa.Numeric(), nullable=False, comment="of one more seat, a calendar month"),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.CheckConstraint("included >= 0", name=op.f("ck_seat_plan_included_not_negative")),
        sa.CheckConstraint("unit_amount >= 0", name=op.f("ck_seat_plan_amount_not_negative")),
        sa.PrimaryKeyConstraint("org_id", name=op.f("pk_seat_plan")),
    )
    op.create_table(
        "paid_seat",
        sa.Column("org_id", sa.Integer(), nullable=False),
        sa.Column("fee_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "fee_id", name=op.f("pk_paid_seat")),
    )
    for statement in (*_security(), *_functions()):
        op.execute(statement)


def downgrade() -> None:
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    op.execute("DROP POLICY seats ON recurring_fee")
    for table in TENANT:
        op.drop_table(table)


def _security() -> list[str]:
    statements = [
        f"GRANT SELECT ON {', '.join(TENANT)} TO {APP_ROLE}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(TENANT)} TO {PLATFORM_ROLE}",
    ]
    for table in TENANT:
        statements += [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY tenant ON {table} TO {APP_ROLE} USING (org_id = {CURRENT_ORG}) WITH CHECK (org_id = {CURRENT_ORG})",
            f"CREATE POLICY platform ON {table} TO {PLATFORM_ROLE} USING (true) WITH CHECK (true)",
        ]
    return statements + [
        f"CREATE POLICY seats ON {table} TO {OWNER_ROLE} USING (org_id = {CURRENT_ORG}) WITH CHECK (org_id = {CURRENT_ORG})"
        for table in (*TENANT, "recurring_fee")
    ]


def _functions() -> list[str]:
    """A tenant's role writes no fees. It may take seats at the price that was agreed, and end those fees alone."""
    definer = "SECURITY DEFINER SET search_path = public, pg_temp"
    statements = [
        f"""CREATE FUNCTION begin_paid_seats(count int, first_day date) RETURNS bigint LANGUAGE sql {definer}
            AS $$ WITH fee AS (
                    INSERT INTO recurring_fee (org_id, description, unit_amount, currency, quantity, first_day)
                    SELECT org_id, 'Additional seats', unit_amount, currency, count, first_day FROM seat_plan
                    WHERE org_id = {CURRENT_ORG} AND count > 0 RETURNING org_id, id)
                  INSERT INTO paid_seat (org_id, fee_id) SELECT org_id, id FROM fee RETURNING fee_id $$""",
        f"""CREATE FUNCTION end_paid_seats(fee bigint, final_day date) RETURNS void LANGUAGE sql {definer}
            AS $$ WITH unbegun AS (
                    DELETE FROM recurring_fee f USING paid_seat p
                    WHERE f.org_id = {CURRENT_ORG} AND f.id = fee AND f.first_day > final_day AND p.org_id = f.org_id AND p.fee_id = f.id
                    RETURNING f.id)
                  DELETE FROM paid_seat WHERE org_id = {CURRENT_ORG} AND fee_id IN (SELECT id FROM unbegun);
                  UPDATE recurring_fee f SET last_day = final_day FROM paid_seat p
                  WHERE f.org_id = {CURRENT_ORG} AND f.id = fee AND f.last_day IS NULL AND p.org_id = f.org_id AND p.fee_id = f.id $$""",
    ]
    for function in FUNCTIONS:
        statements += [f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC", f"GRANT EXECUTE ON FUNCTION {function} TO {APP_ROLE}, {PLATFORM_ROLE}"]
    return statements
