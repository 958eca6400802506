"""What an organization agreed beside its price book: profile, overrides, discounts, reservations, credits, fees, limits; tax and seller.

Revision ID: 20261125_1610
Revises: 20261125_1600
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from flyusage.db import APP_ROLE, PLATFORM_ROLE

revision = "20261125_1610"
down_revision = "20261125_1600"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('seller',
    sa.Column('starts_on', sa.Date(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('address_lines', sa.ARRAY(sa.Text()), nullable=False),
    sa.Column('postcode', sa.Text(), nullable=False),
    sa.Column('city', sa.Text(), nullable=False),
    sa.Column('country', sa.Text(), nullable=False),
    sa.Column('vat_number', sa.Text(), nullable=True),
    sa.Column('tax_number', sa.Text(), nullable=True),
    sa.Column('registration', sa.Text(), nullable=True),
    sa.Column('iban', sa.Text(), nullable=True),
    sa.Column('bic', sa.Text(), nullable=True),
    sa.Column('email', sa.Text(), nullable=False),
    sa.Column('is_demo', sa.Boolean(), server_default='false', nullable=False),
    sa.CheckConstraint("country ~ '^[A-Z]{2}$'", name='country_shape'),
    sa.PrimaryKeyConstraint('starts_on')
    )
    op.create_table('tax_rate',
    sa.Column('country', sa.Text(), nullable=False),
    sa.Column('starts_on', sa.Date(), nullable=False),
    sa.Column('ends_on', sa.Date(), nullable=True),
    sa.Column('percent', sa.Numeric(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.CheckConstraint('ends_on > starts_on', name='in_order'),
    sa.CheckConstraint('percent >= 0 AND percent < 100', name='percent_in_bounds'),
    sa.PrimaryKeyConstraint('country', 'starts_on')
    )
    op.create_table('billing_profile',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('legal_name', sa.Text(), nullable=False),
    sa.Column('address_lines', sa.ARRAY(sa.Text()), nullable=False),
    sa.Column('postcode', sa.Text(), nullable=False),
    sa.Column('city', sa.Text(), nullable=False),
    sa.Column('country', sa.Text(), nullable=False),
    sa.Column('vat_number', sa.Text(), nullable=True),
    sa.Column('tax_treatment', sa.Text(), server_default='standard', nullable=False),
    sa.Column('tax_reason', sa.Text(), server_default='', nullable=False),
    sa.Column('purchase_order', sa.Text(), nullable=True),
    sa.Column('emails', sa.ARRAY(sa.Text()), nullable=False),
    sa.Column('payment_terms_days', sa.SmallInteger(), server_default='14', nullable=False),
    sa.CheckConstraint("country ~ '^[A-Z]{2}$'", name='country_shape'),
    sa.CheckConstraint("tax_treatment <> 'exempt' OR tax_reason <> ''", name='exempt_says_why'),
    sa.CheckConstraint("tax_treatment IN ('standard', 'exempt', 'zero_rated', 'outside_scope')", name='tax_treatment_known'),
    sa.CheckConstraint('payment_terms_days BETWEEN 0 AND 365', name='payment_terms_in_bounds'),
    sa.ForeignKeyConstraint(['org_id'], ['organization.id'], ),
    sa.PrimaryKeyConstraint('org_id')
    )
    op.create_table('credit_grant',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('description', sa.Text(), nullable=False),
    sa.Column('amount_minor', sa.BigInteger(), nullable=False),
    sa.Column('used_minor', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('currency', sa.Text(), nullable=False),
    sa.Column('granted_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("kind IN ('prepaid', 'promotional')", name='kind_known'),
    sa.CheckConstraint('amount_minor > 0', name='amount_positive'),
    sa.CheckConstraint('expires_at > granted_at', name='in_order'),
    sa.CheckConstraint('used_minor BETWEEN 0 AND amount_minor', name='never_overdrawn'),
    sa.ForeignKeyConstraint(['org_id'], ['organization.id'], ),
    sa.PrimaryKeyConstraint('org_id', 'id')
    )
    op.create_table('discount',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('description', sa.Text(), nullable=False),
    sa.Column('percent', sa.Numeric(), nullable=True),
    sa.Column('amount_minor', sa.BigInteger(), nullable=True),
    sa.Column('currency', sa.Text(), nullable=True),
    sa.Column('sku_id', sa.SmallInteger(), nullable=True),
    sa.Column('first_month', sa.Date(), nullable=False),
    sa.Column('periods', sa.SmallInteger(), nullable=True),
    sa.CheckConstraint('(amount_minor IS NULL) = (currency IS NULL)', name='amount_has_currency'),
    sa.CheckConstraint('amount_minor > 0', name='amount_positive'),
    sa.CheckConstraint('extract(day FROM first_month) = 1', name='month_first'),
    sa.CheckConstraint('num_nonnulls(percent, amount_minor) = 1', name='percent_or_amount'),
    sa.CheckConstraint('percent > 0 AND percent <= 100', name='percent_in_bounds'),
    sa.CheckConstraint('periods > 0', name='periods_positive'),
    sa.ForeignKeyConstraint(['org_id'], ['organization.id'], ),
    sa.ForeignKeyConstraint(['sku_id'], ['sku.id'], ),
    sa.PrimaryKeyConstraint('org_id', 'id')
    )
    op.create_table('one_off_charge',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('description', sa.Text(), nullable=False),
    sa.Column('amount_minor', sa.BigInteger(), nullable=False),
    sa.Column('currency', sa.Text(), nullable=False),
    sa.Column('charged_on', sa.Date(), nullable=False),
    sa.CheckConstraint('amount_minor > 0', name='amount_positive'),
    sa.ForeignKeyConstraint(['org_id'], ['organization.id'], ),
    sa.PrimaryKeyConstraint('org_id', 'id')
    )
    op.create_table('price_override',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('sku_id', sa.SmallInteger(), nullable=False),
    sa.Column('scope', sa.Text(), nullable=False),
    sa.Column('amount', sa.Numeric(), nullable=False),
    sa.Column('per_quantity', sa.BigInteger(), nullable=False),
    sa.Column('unit', sa.Text(), nullable=False),
    sa.Column('model', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    sa.Column('starts_on', sa.Date(), nullable=False),
    sa.Column('ends_on', sa.Date(), nullable=True),
    sa.Column('note', sa.Text(), server_default='', nullable=False),
    sa.CheckConstraint('amount >= 0', name='amount_not_negative'),
    sa.CheckConstraint('ends_on > starts_on', name='in_order'),
    sa.CheckConstraint('per_quantity > 0', name='per_quantity_positive'),
    sa.ForeignKeyConstraint(['org_id'], ['organization.id'], ),
    sa.ForeignKeyConstraint(['sku_id'], ['sku.id'], ),
    sa.PrimaryKeyConstraint('org_id', 'id')
    )
    op.create_table('recurring_fee',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('description', sa.Text(), nullable=False),
    sa.Column('sku_id', sa.SmallInteger(), nullable=True),
    sa.Column('unit_amount', sa.Numeric(), nullable=True, comment="null: the price book's price of the sku"),
    sa.Column('currency', sa.Text(), nullable=True),
    sa.Column('quantity', sa.Numeric(), server_default='1', nullable=False),
    sa.Column('first_day', sa.Date(), nullable=False),
    sa.Column('last_day', sa.Date(), nullable=True, comment='the last day that is charged'),
    sa.CheckConstraint('(unit_amount IS NULL) = (currency IS NULL)', name='amount_has_currency'),
    sa.CheckConstraint('last_day >= first_day', name='in_order'),
    sa.CheckConstraint('num_nonnulls(sku_id, unit_amount) > 0', name='sku_or_amount'),
    sa.CheckConstraint('unit_amount >= 0 AND quantity >= 0', name='amounts_not_negative'),
    sa.ForeignKeyConstraint(['org_id'], ['organization.id'], ),
    sa.ForeignKeyConstraint(['sku_id'], ['sku.id'], ),
    sa.PrimaryKeyConstraint('org_id', 'id')
    )
    op.create_table('reservation',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('region_id', sa.SmallInteger(), nullable=False),
    sa.Column('cpu_kind', sa.Text(), nullable=False),
    sa.Column('upfront_minor', sa.BigInteger(), nullable=False),
    sa.Column('monthly_credit_minor', sa.BigInteger(), nullable=False),
    sa.Column('currency', sa.Text(), nullable=False),
    sa.Column('starts_on', sa.Date(), nullable=False),
    sa.Column('months', sa.SmallInteger(), nullable=False),
    sa.CheckConstraint("cpu_kind IN ('shared', 'performance')", name='cpu_kind_known'),
    sa.CheckConstraint('months > 0', name='months_positive'),
    sa.CheckConstraint('upfront_minor >= 0 AND monthly_credit_minor > 0', name='amounts_in_bounds'),
    sa.ForeignKeyConstraint(['org_id'], ['organization.id'], ),
    sa.ForeignKeyConstraint(['region_id'], ['region.id'], ),
    sa.PrimaryKeyConstraint('org_id', 'id')
    )
    op.create_table('spend_limit',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('minimum_minor', sa.BigInteger(), nullable=True),
    sa.Column('maximum_minor', sa.BigInteger(), nullable=True),
    sa.Column('currency', sa.Text(), nullable=False),
    sa.Column('starts_on', sa.Date(), nullable=False),
    sa.Column('ends_on', sa.Date(), nullable=True),
    sa.CheckConstraint('ends_on > starts_on', name='in_order'),
    sa.CheckConstraint('maximum_minor >= minimum_minor', name='limits_in_order'),
    sa.CheckConstraint('minimum_minor >= 0 AND maximum_minor >= 0', name='limits_not_negative'),
    sa.CheckConstraint('num_nonnulls(minimum_minor, maximum_minor) > 0', name='something_limited'),
    sa.ForeignKeyConstraint(['org_id'], ['organization.id'], ),
    sa.PrimaryKeyConstraint('org_id', 'id')
    )
    op.create_table('credit_use',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('grant_id', sa.BigInteger(), nullable=False),
    sa.Column('invoice_id', sa.BigInteger(), nullable=False),
    sa.Column('amount_minor', sa.BigInteger(), nullable=False, comment='taken from the grant; negative when a void gives it back'),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('amount_minor <> 0', name='amount_not_zero'),
    sa.ForeignKeyConstraint(['org_id', 'grant_id'], ['credit_grant.org_id', 'credit_grant.id'], ),
    sa.ForeignKeyConstraint(['org_id'], ['organization.id'], ),
    sa.PrimaryKeyConstraint('org_id', 'id')
    )
    op.create_index('ix_credit_use_org_id_grant_id', 'credit_use', ['org_id', 'grant_id'], unique=False)
    op.create_index('uq_credit_use_returned', 'credit_use', ['org_id', 'invoice_id', 'grant_id'], unique=True, postgresql_where=sa.text('amount_minor < 0'))
    op.create_index('uq_credit_use_taken', 'credit_use', ['org_id', 'invoice_id', 'grant_id'], unique=True, postgresql_where=sa.text('amount_minor > 0'))
    for statement in _security():
        op.execute(statement)


def downgrade() -> None:
    op.drop_table('credit_use')
    op.drop_table('spend_limit')
    op.drop_table('reservation')
    op.drop_table('recurring_fee')
    op.drop_table('price_override')
    op.drop_table('one_off_charge')
    op.drop_table('discount')
    op.drop_table('credit_grant')
    op.drop_table('billing_profile')
    op.drop_table('tax_rate')
    op.drop_table('seller')


TENANT = (
    "billing_profile", "price_override", "discount", "reservation", "credit_grant", "credit_use", "recurring_fee", "one_off_charge",
    "spend_limit",
)  # fmt: skip
REFERENCE = ("tax_rate", "seller")
CURRENT_ORG = "NULLIF(current_setting('flyusage.org_id', true), '')::int"


def _security() -> list[str]:
    """Members read all terms of their own and edit their billing profile; what is agreed with them is the platform's to write."""
    everything = ", ".join((*TENANT, *REFERENCE))
    statements = [
        f"GRANT SELECT ON {everything} TO {APP_ROLE}",
        f"GRANT INSERT, UPDATE ON billing_profile TO {APP_ROLE}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {everything} TO {PLATFORM_ROLE}",
        f"REVOKE UPDATE, DELETE ON credit_use FROM {PLATFORM_ROLE}",
        """CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON credit_use
           FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()""",
    ]
    for table in TENANT:
        statements += [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY tenant ON {table} TO {APP_ROLE} USING (org_id = {CURRENT_ORG}) WITH CHECK (org_id = {CURRENT_ORG})",
            f"CREATE POLICY platform ON {table} TO {PLATFORM_ROLE} USING (true) WITH CHECK (true)",
        ]
    return statements
