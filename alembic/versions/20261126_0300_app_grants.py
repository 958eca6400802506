"""Who sees only some apps: on memberships, invitations, tokens and budgets, and the locks that hold a transaction to them.

A transaction in the role *limited* says in `flyusage.apps` which apps it may see: ids with commas between. Rows of other apps are
not there, nor sums that hold them, nor what invoices say. The locks are that role's alone, and cost the role *app* nothing:
one condition for both was tried, and made an explorer's query a quarter slower for everybody.

Revision ID: 20261126_0300
Revises: 20261126_0220
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from flyusage.db import APP_ROLE, PLATFORM_ROLE
from flyusage.db import LIMITED_ROLE as LIMITED

revision = "20261126_0300"
down_revision = "20261126_0220"
branch_labels = None
depends_on = None

LIMITED_ROLE = "app_ids IS NULL OR role IN ('developer', 'viewer')"
CURRENT_ORG = "NULLIF(current_setting('flyusage.org_id', true), '')::int"
GRANTED = "CAST((SELECT string_to_array(current_setting('flyusage.apps', true), ',')) AS int[])"  # asked once a statement, not once a row
BY_APP = (
    "resource", "usage_event", "deployment", "usage_interval", "usage_day", "usage_month", "resource_month", "open_cell", "cost_centre_app"
)  # fmt: skip
WHOLE = (
    "usage_day_by_region", "usage_month_by_region", "invoice", "invoice_line", "invoice_cell", "invoice_usage", "invoice_machine",
    "invoice_snapshot", "invoice_document", "invoice_question", "invoice_month_total", "payment", "credit_grant", "credit_use",
)  # fmt: skip
LOCKS = {
    **{table: f"app_id = ANY ({GRANTED})" for table in BY_APP},
    **dict.fromkeys(WHOLE, "false"),
    "app": f"id = ANY ({GRANTED})",
    "running_day": f"dimension = 2 AND key = ANY ({GRANTED})",
    "cost_centre": """EXISTS (SELECT FROM cost_centre_app held
                              WHERE held.org_id = cost_centre.org_id AND held.cost_centre_id = cost_centre.id)""",
    "event_finding": """EXISTS (SELECT FROM resource found
                                WHERE found.org_id = event_finding.org_id AND found.id = event_finding.resource_id)""",
    "budget": f"app_ids <@ {GRANTED}",
    "budget_alert": "EXISTS (SELECT FROM budget told WHERE told.org_id = budget_alert.org_id AND told.id = budget_alert.budget_id)",
}
FUNCTIONS = ("grants_of(int)", "api_token_grants(bigint)")


def upgrade() -> None:
    for table, comment in (("membership", "the apps granted; null: all"), ("invitation", "the apps granted; null: all"),
                           ("api_token", "the apps it is for; null: all"),
                           ("budget", "the apps it is of, where its scope names some; null: of any")):  # fmt: skip
        op.add_column(table, sa.Column("app_ids", ARRAY(sa.Integer), nullable=True, comment=comment))
    for table in ("membership", "invitation"):
        op.create_check_constraint(op.f(f"ck_{table}_limited_role"), table, LIMITED_ROLE)
    for table, lock in LOCKS.items():
        op.execute(f"CREATE POLICY granted ON {table} AS RESTRICTIVE TO {LIMITED} USING ({lock})")
    definer = "LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp"
    op.execute(
        f"""CREATE FUNCTION grants_of(who int) RETURNS TABLE (org_id int, app_ids int[]) {definer}
            AS $$ SELECT m.org_id, m.app_ids FROM membership m WHERE m.user_id = who AND m.app_ids IS NOT NULL $$"""
    )
    op.execute(
        f"""CREATE FUNCTION api_token_grants(token bigint) RETURNS TABLE (of_token int[], of_member int[]) {definer}
            AS $$ SELECT t.app_ids, m.app_ids FROM api_token t LEFT JOIN membership m ON m.org_id = t.org_id AND m.user_id = t.user_id
                  WHERE t.id = token $$"""
    )
    for function in FUNCTIONS:
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {APP_ROLE}, {PLATFORM_ROLE}")
    _count_refused(" AND coalesce(current_setting('flyusage.apps', true), '') = ''")  # whose app a refused line is of is not known


def downgrade() -> None:
    _count_refused("")
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    for table in LOCKS:
        op.execute(f"DROP POLICY granted ON {table}")
    for table in ("membership", "invitation"):
        op.drop_constraint(op.f(f"ck_{table}_limited_role"), table)
    for table in ("membership", "invitation", "api_token", "budget"):
        op.drop_column(table, "app_ids")


def _count_refused(condition: str) -> None:
    op.execute(
        f"""CREATE OR REPLACE FUNCTION refused_event_count(since timestamptz) RETURNS bigint
            LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
            AS $$ SELECT count(*) FROM refused_event r JOIN organization o ON o.slug = r.org_slug
                  WHERE o.id = {CURRENT_ORG} AND r.at >= since{condition} $$"""
    )
