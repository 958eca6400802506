"""The first schema: tables, partitions, row-level security, roles' grants and the named definer-rights functions.

Revision ID: 20261123_2230
Revises: 
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from flyusage.db import APP_ROLE, OWNER_ROLE, PLATFORM_ROLE

revision = "20261123_2230"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('app',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('id', sa.Integer(), sa.Identity(always=False), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('org_id', 'id', name=op.f('pk_app')),
    sa.UniqueConstraint('org_id', 'name', name=op.f('uq_app_org_id_name'))
    )
    op.create_table('cost_centre',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('id', sa.Integer(), sa.Identity(always=False), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('org_id', 'id', name=op.f('pk_cost_centre')),
    sa.UniqueConstraint('org_id', 'name', name=op.f('uq_cost_centre_org_id_name'))
    )
    op.create_table('cost_centre_app',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('app_id', sa.Integer(), nullable=False),
    sa.Column('month', sa.Date(), nullable=False),
    sa.Column('cost_centre_id', sa.Integer(), nullable=True),
    sa.CheckConstraint('extract(day FROM month) = 1', name=op.f('ck_cost_centre_app_month_first')),
    sa.PrimaryKeyConstraint('org_id', 'app_id', 'month', name=op.f('pk_cost_centre_app'))
    )
    op.create_table('deployment',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('app_id', sa.Integer(), nullable=False),
    sa.Column('region_id', sa.SmallInteger(), nullable=False),
    sa.Column('time', sa.DateTime(timezone=True), nullable=False),
    sa.Column('identity', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('org_id', 'identity', name=op.f('pk_deployment'))
    )
    op.create_index('ix_deployment_org_id_time', 'deployment', ['org_id', 'time'], unique=False)
    op.create_table('dirty_day',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.PrimaryKeyConstraint('org_id', 'day', name=op.f('pk_dirty_day'))
    )
    op.create_table('dirty_resource',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('month', sa.Date(), nullable=False),
    sa.Column('resource_id', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('org_id', 'month', 'resource_id', name=op.f('pk_dirty_resource'))
    )
    op.create_table('event_finding',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('resource_id', sa.BigInteger(), nullable=True),
    sa.Column('time', sa.DateTime(timezone=True), nullable=False),
    sa.Column('identity', sa.Uuid(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('org_id', 'identity', 'code', name=op.f('pk_event_finding'))
    )
    op.create_index('ix_event_finding_org_id_resource_id', 'event_finding', ['org_id', 'resource_id'], unique=False)
    op.create_table('event_identity',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('identity', sa.Uuid(), nullable=False),
    sa.Column('content_hash', sa.Uuid(), nullable=False),
    sa.PrimaryKeyConstraint('org_id', 'identity', name=op.f('pk_event_identity'))
    )
    op.create_table('ingest_run',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('accepted', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('duplicate', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('refused', sa.BigInteger(), server_default='0', nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_ingest_run'))
    )
    op.create_table('open_cell',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('app_id', sa.Integer(), nullable=False),
    sa.Column('region_id', sa.SmallInteger(), nullable=False),
    sa.Column('vm_size_id', sa.SmallInteger(), nullable=False),
    sa.Column('sku_id', sa.SmallInteger(), nullable=False),
    sa.Column('running', sa.Integer(), nullable=False),
    sa.Column('capacity', sa.Numeric(), nullable=False),
    sa.Column('offset_quantity', sa.Numeric(), nullable=False),
    sa.PrimaryKeyConstraint('org_id', 'app_id', 'region_id', 'vm_size_id', 'sku_id', name=op.f('pk_open_cell'))
    )
    op.create_table('organization',
    sa.Column('id', sa.Integer(), sa.Identity(always=True), nullable=False),
    sa.Column('slug', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('is_synthetic', sa.Boolean(), server_default='false', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'", name=op.f('ck_organization_slug_shape')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_organization')),
    sa.UniqueConstraint('slug', name=op.f('uq_organization_slug'))
    )
    op.create_table('price_book',
    sa.Column('id', sa.Integer(), sa.Identity(always=False), nullable=False),
    sa.Column('slug', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('currency', sa.Text(), nullable=False),
    sa.Column('is_synthetic', sa.Boolean(), server_default='false', nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_price_book')),
    sa.UniqueConstraint('slug', name=op.f('uq_price_book_slug'))
    )
    op.create_table('refused_event',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('ingest_run_id', sa.BigInteger(), nullable=False),
    sa.Column('org_slug', sa.Text(), nullable=True),
    sa.Column('line', sa.BigInteger(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('sentence', sa.Text(), nullable=False),
    sa.Column('excerpt', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_refused_event'))
    )
    op.create_index(op.f('ix_refused_event_org_slug'), 'refused_event', ['org_slug'], unique=False)
    op.create_table('region',
    sa.Column('id', sa.SmallInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('country', sa.Text(), nullable=False),
    sa.Column('continent', sa.Text(), nullable=False),
    sa.Column('lat', sa.Double(), nullable=False),
    sa.Column('lon', sa.Double(), nullable=False),
    sa.Column('status', sa.Text(), nullable=False),
    sa.Column('retired_on', sa.Date(), nullable=True),
    sa.Column('egress_group', sa.Text(), nullable=False),
    sa.Column('price_markup', sa.Numeric(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_region')),
    sa.UniqueConstraint('code', name=op.f('uq_region_code'))
    )
    op.create_table('resource',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('kind', sa.SmallInteger(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('app_id', sa.Integer(), nullable=False),
    sa.Column('region_id', sa.SmallInteger(), nullable=False),
    sa.CheckConstraint('kind IN (1, 2, 3)', name=op.f('ck_resource_kind_known')),
    sa.PrimaryKeyConstraint('org_id', 'id', name=op.f('pk_resource')),
    sa.UniqueConstraint('org_id', 'kind', 'name', name=op.f('uq_resource_org_id_kind_name'))
    )
    op.create_table('resource_month',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('month', sa.Date(), nullable=False),
    sa.Column('resource_id', sa.BigInteger(), nullable=False),
    sa.Column('app_id', sa.Integer(), nullable=False),
    sa.Column('region_id', sa.SmallInteger(), nullable=False),
    sa.Column('vm_size_id', sa.SmallInteger(), nullable=False),
    sa.Column('sku_id', sa.SmallInteger(), nullable=False),
    sa.Column('quantity', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('org_id', 'month', 'resource_id', 'vm_size_id', 'sku_id', name=op.f('pk_resource_month'))
    )
    op.create_table('rollup_state',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('rolled_through', sa.DateTime(timezone=True), nullable=True),
    sa.Column('first_event_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_event_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('revision', sa.BigInteger(), server_default='0', nullable=False),
    sa.PrimaryKeyConstraint('org_id', name=op.f('pk_rollup_state'))
    )
    op.create_table('sku',
    sa.Column('id', sa.SmallInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('meter', sa.Text(), nullable=True),
    sa.Column('base_unit', sa.Text(), nullable=True),
    sa.Column('vm_size_id', sa.SmallInteger(), nullable=True),
    sa.Column('title', sa.Text(), nullable=False),
    sa.CheckConstraint("meter IS NULL OR meter IN ('machine', 'extra_memory', 'rootfs', 'volume', 'ipv4', 'egress')", name=op.f('ck_sku_meter_known')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sku')),
    sa.UniqueConstraint('code', name=op.f('uq_sku_code'))
    )
    op.create_table('usage_day',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('app_id', sa.Integer(), nullable=False),
    sa.Column('region_id', sa.SmallInteger(), nullable=False),
    sa.Column('vm_size_id', sa.SmallInteger(), nullable=False),
    sa.Column('sku_id', sa.SmallInteger(), nullable=False),
    sa.Column('total', sa.BigInteger(), nullable=False),
    sa.Column('h00', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h01', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h02', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h03', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h04', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h05', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h06', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h07', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h08', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h09', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h10', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h11', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h12', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h13', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h14', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h15', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h16', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h17', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h18', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h19', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h20', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h21', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h22', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h23', sa.BigInteger(), server_default='0', nullable=False),
    sa.PrimaryKeyConstraint('org_id', 'day', 'app_id', 'region_id', 'vm_size_id', 'sku_id', name=op.f('pk_usage_day')),
    postgresql_partition_by='RANGE (day)'
    )
    op.create_table('usage_day_by_region',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('region_id', sa.SmallInteger(), nullable=False),
    sa.Column('vm_size_id', sa.SmallInteger(), nullable=False),
    sa.Column('sku_id', sa.SmallInteger(), nullable=False),
    sa.Column('total', sa.BigInteger(), nullable=False),
    sa.Column('h00', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h01', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h02', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h03', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h04', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h05', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h06', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h07', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h08', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h09', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h10', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h11', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h12', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h13', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h14', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h15', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h16', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h17', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h18', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h19', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h20', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h21', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h22', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('h23', sa.BigInteger(), server_default='0', nullable=False),
    sa.PrimaryKeyConstraint('org_id', 'day', 'region_id', 'vm_size_id', 'sku_id', name=op.f('pk_usage_day_by_region'))
    )
    op.create_table('usage_event',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('time', sa.DateTime(timezone=True), nullable=False),
    sa.Column('resource_id', sa.BigInteger(), nullable=True),
    sa.Column('type', sa.SmallInteger(), nullable=False),
    sa.Column('identity', sa.Uuid(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('event_id', sa.Text(), nullable=False),
    sa.Column('app_id', sa.Integer(), nullable=False),
    sa.Column('region_id', sa.SmallInteger(), nullable=False),
    sa.Column('vm_size_id', sa.SmallInteger(), nullable=True),
    sa.Column('memory_mib', sa.BigInteger(), nullable=True),
    sa.Column('capacity_mib', sa.BigInteger(), nullable=True),
    sa.Column('bytes', sa.BigInteger(), nullable=True),
    sa.Column('report_start', sa.DateTime(timezone=True), nullable=True),
    sa.Column('report_end', sa.DateTime(timezone=True), nullable=True),
    sa.Column('version', sa.Text(), nullable=True),
    sa.Column('voids', sa.Uuid(), nullable=True),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('bytes >= 0', name=op.f('ck_usage_event_bytes_not_negative')),
    sa.CheckConstraint('capacity_mib >= 0', name=op.f('ck_usage_event_capacity_not_negative')),
    sa.CheckConstraint('memory_mib >= 0', name=op.f('ck_usage_event_memory_not_negative')),
    sa.CheckConstraint('report_start < report_end AND report_end <= time', name=op.f('ck_usage_event_report_in_order')),
    postgresql_partition_by='RANGE (time)'
    )
    op.create_index('ix_usage_event_org_id_resource_id_time', 'usage_event', ['org_id', 'resource_id', 'time'], unique=False)
    op.create_table('usage_interval',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('resource_id', sa.BigInteger(), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('stopped_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('capacity', sa.BigInteger(), nullable=False),
    sa.Column('extra_mib', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('app_id', sa.Integer(), nullable=False),
    sa.Column('region_id', sa.SmallInteger(), nullable=False),
    sa.Column('sku_id', sa.SmallInteger(), nullable=False),
    sa.Column('vm_size_id', sa.SmallInteger(), nullable=False),
    sa.Column('is_inferred', sa.Boolean(), server_default='false', nullable=False),
    sa.CheckConstraint('capacity >= 0 AND extra_mib >= 0', name=op.f('ck_usage_interval_capacity_not_negative')),
    sa.CheckConstraint('stopped_at > started_at', name=op.f('ck_usage_interval_not_backwards')),
    postgresql_partition_by='RANGE (started_at)'
    )
    op.create_index('ix_usage_interval_open', 'usage_interval', ['org_id', 'started_at'], unique=False, postgresql_where=sa.text('stopped_at IS NULL'))
    op.create_index('ix_usage_interval_org_id_resource_id_started_at', 'usage_interval', ['org_id', 'resource_id', 'started_at'], unique=False)
    op.create_index('ix_usage_interval_org_id_stopped_at', 'usage_interval', ['org_id', 'stopped_at'], unique=False)
    op.create_table('usage_month',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('month', sa.Date(), nullable=False),
    sa.Column('app_id', sa.Integer(), nullable=False),
    sa.Column('region_id', sa.SmallInteger(), nullable=False),
    sa.Column('vm_size_id', sa.SmallInteger(), nullable=False),
    sa.Column('sku_id', sa.SmallInteger(), nullable=False),
    sa.Column('total', sa.BigInteger(), nullable=False),
    sa.Column('d01', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d02', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d03', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d04', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d05', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d06', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d07', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d08', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d09', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d10', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d11', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d12', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d13', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d14', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d15', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d16', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d17', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d18', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d19', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d20', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d21', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d22', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d23', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d24', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d25', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d26', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d27', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d28', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d29', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d30', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d31', sa.BigInteger(), server_default='0', nullable=False),
    sa.PrimaryKeyConstraint('org_id', 'month', 'app_id', 'region_id', 'vm_size_id', 'sku_id', name=op.f('pk_usage_month'))
    )
    op.create_table('usage_month_by_region',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('month', sa.Date(), nullable=False),
    sa.Column('region_id', sa.SmallInteger(), nullable=False),
    sa.Column('vm_size_id', sa.SmallInteger(), nullable=False),
    sa.Column('sku_id', sa.SmallInteger(), nullable=False),
    sa.Column('total', sa.BigInteger(), nullable=False),
    sa.Column('d01', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d02', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d03', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d04', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d05', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d06', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d07', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d08', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d09', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d10', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d11', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d12', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d13', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d14', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d15', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d16', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d17', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d18', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d19', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d20', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d21', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d22', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d23', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d24', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d25', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d26', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d27', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d28', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d29', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d30', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('d31', sa.BigInteger(), server_default='0', nullable=False),
    sa.PrimaryKeyConstraint('org_id', 'month', 'region_id', 'vm_size_id', 'sku_id', name=op.f('pk_usage_month_by_region'))
    )
    op.create_table('user_account',
    sa.Column('id', sa.Integer(), sa.Identity(always=True), nullable=False),
    sa.Column('email', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_user_account')),
    sa.UniqueConstraint('email', name=op.f('uq_user_account_email'))
    )
    op.create_table('vm_size',
    sa.Column('id', sa.SmallInteger(), autoincrement=False, nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('cpu_kind', sa.Text(), nullable=True),
    sa.Column('vcpus', sa.Integer(), nullable=False),
    sa.Column('memory_mib', sa.BigInteger(), nullable=False),
    sa.Column('memory_mib_max', sa.BigInteger(), nullable=False),
    sa.Column('gpu_kind', sa.Text(), nullable=True),
    sa.Column('gpus', sa.Integer(), nullable=False),
    sa.Column('base_usd_per_30d', sa.Numeric(), nullable=True),
    sa.Column('status', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_vm_size')),
    sa.UniqueConstraint('name', name=op.f('uq_vm_size_name'))
    )
    op.create_table('voided_event',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('identity', sa.Uuid(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('org_id', 'identity', name=op.f('pk_voided_event'))
    )
    op.create_table('audit_event',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('actor', sa.Text(), nullable=False),
    sa.Column('action', sa.Text(), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('detail', postgresql.JSONB(astext_type=sa.Text()), server_default='{}', nullable=False),
    sa.ForeignKeyConstraint(['org_id'], ['organization.id'], name=op.f('fk_audit_event_org_id_organization')),
    sa.PrimaryKeyConstraint('org_id', 'id', name=op.f('pk_audit_event'))
    )
    op.create_table('membership',
    sa.Column('org_id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('role', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("role IN ('owner', 'admin', 'developer', 'billing', 'viewer')", name=op.f('ck_membership_role_known')),
    sa.ForeignKeyConstraint(['org_id'], ['organization.id'], name=op.f('fk_membership_org_id_organization')),
    sa.ForeignKeyConstraint(['user_id'], ['user_account.id'], name=op.f('fk_membership_user_id_user_account')),
    sa.PrimaryKeyConstraint('org_id', 'user_id', name=op.f('pk_membership'))
    )
    op.create_index(op.f('ix_membership_user_id'), 'membership', ['user_id'], unique=False)
    op.create_table('price_book_version',
    sa.Column('id', sa.Integer(), sa.Identity(always=False), nullable=False),
    sa.Column('book_id', sa.Integer(), nullable=False),
    sa.Column('effective_from', sa.Date(), nullable=False),
    sa.Column('published_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('note', sa.Text(), server_default='', nullable=False),
    sa.ForeignKeyConstraint(['book_id'], ['price_book.id'], name=op.f('fk_price_book_version_book_id_price_book')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_price_book_version')),
    sa.UniqueConstraint('book_id', 'effective_from', name=op.f('uq_price_book_version_book_id_effective_from'))
    )
    op.create_table('price_segment',
    sa.Column('book_id', sa.Integer(), nullable=False),
    sa.Column('sku_id', sa.SmallInteger(), nullable=False),
    sa.Column('region_id', sa.SmallInteger(), nullable=False),
    sa.Column('starts_on', sa.Date(), nullable=False),
    sa.Column('ends_on', sa.Date(), nullable=False),
    sa.Column('amount', sa.Numeric(), nullable=False),
    sa.Column('per_quantity', sa.BigInteger(), nullable=False),
    sa.Column('price_id', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('ends_on > starts_on', name=op.f('ck_price_segment_in_order')),
    sa.ForeignKeyConstraint(['book_id'], ['price_book.id'], name=op.f('fk_price_segment_book_id_price_book')),
    sa.PrimaryKeyConstraint('book_id', 'sku_id', 'region_id', 'starts_on', name=op.f('pk_price_segment'))
    )
    op.create_table('subscription',
    sa.Column('org_id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('price_book_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['org_id'], ['organization.id'], name=op.f('fk_subscription_org_id_organization')),
    sa.ForeignKeyConstraint(['price_book_id'], ['price_book.id'], name=op.f('fk_subscription_price_book_id_price_book')),
    sa.PrimaryKeyConstraint('org_id', name=op.f('pk_subscription'))
    )
    op.create_table('price',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('version_id', sa.Integer(), nullable=False),
    sa.Column('sku_id', sa.SmallInteger(), nullable=False),
    sa.Column('scope', sa.Text(), nullable=False),
    sa.Column('amount', sa.Numeric(), nullable=False),
    sa.Column('per_quantity', sa.BigInteger(), nullable=False),
    sa.Column('unit', sa.Text(), nullable=False),
    sa.Column('effective_from', sa.Date(), nullable=True),
    sa.Column('effective_to', sa.Date(), nullable=True),
    sa.Column('note', sa.Text(), server_default='', nullable=False),
    sa.CheckConstraint('amount >= 0', name=op.f('ck_price_amount_not_negative')),
    sa.CheckConstraint('effective_to > effective_from', name=op.f('ck_price_effective_in_order')),
    sa.CheckConstraint('per_quantity > 0', name=op.f('ck_price_per_quantity_positive')),
    sa.ForeignKeyConstraint(['sku_id'], ['sku.id'], name=op.f('fk_price_sku_id_sku')),
    sa.ForeignKeyConstraint(['version_id'], ['price_book_version.id'], name=op.f('fk_price_version_id_price_book_version')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_price'))
    )
    op.create_index('ix_price_version_id_sku_id', 'price', ['version_id', 'sku_id'], unique=False)
    for statement in (*_partitions(), *_security(), *_functions()):
        op.execute(statement)


def downgrade() -> None:
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    op.execute("DROP FUNCTION refuse_change() CASCADE")
    op.drop_index('ix_price_version_id_sku_id', table_name='price')
    op.drop_table('price')
    op.drop_table('subscription')
    op.drop_table('price_segment')
    op.drop_table('price_book_version')
    op.drop_index(op.f('ix_membership_user_id'), table_name='membership')
    op.drop_table('membership')
    op.drop_table('audit_event')
    op.drop_table('voided_event')
    op.drop_table('vm_size')
    op.drop_table('user_account')
    op.drop_table('usage_month_by_region')
    op.drop_table('usage_month')
    op.drop_index('ix_usage_interval_org_id_stopped_at', table_name='usage_interval')
    op.drop_index('ix_usage_interval_org_id_resource_id_started_at', table_name='usage_interval')
    op.drop_index('ix_usage_interval_open', table_name='usage_interval', postgresql_where=sa.text('stopped_at IS NULL'))
    op.drop_table('usage_interval')
    op.drop_index('ix_usage_event_org_id_resource_id_time', table_name='usage_event')
    op.drop_table('usage_event')
    op.drop_table('usage_day_by_region')
    op.drop_table('usage_day')
    op.drop_table('sku')
    op.drop_table('rollup_state')
    op.drop_table('resource_month')
    op.drop_table('resource')
    op.drop_table('region')
    op.drop_index(op.f('ix_refused_event_org_slug'), table_name='refused_event')
    op.drop_table('refused_event')
    op.drop_table('price_book')
    op.drop_table('organization')
    op.drop_table('open_cell')
    op.drop_table('ingest_run')
    op.drop_table('event_identity')
    op.drop_index('ix_event_finding_org_id_resource_id', table_name='event_finding')
    op.drop_table('event_finding')
    op.drop_table('dirty_resource')
    op.drop_table('dirty_day')
    op.drop_index('ix_deployment_org_id_time', table_name='deployment')
    op.drop_table('deployment')
    op.drop_table('cost_centre_app')
    op.drop_table('cost_centre')
    op.drop_table('app')


TENANT = (
    "membership", "audit_event", "app", "cost_centre", "cost_centre_app", "resource", "event_identity", "voided_event", "usage_event",
    "event_finding", "deployment", "usage_interval", "rollup_state", "dirty_day", "dirty_resource", "usage_day", "usage_month",
    "usage_day_by_region", "usage_month_by_region", "resource_month", "open_cell", "subscription",
)  # fmt: skip
REFERENCE = ("region", "vm_size", "sku", "price_book", "price_book_version", "price", "price_segment", "alembic_version")
PLATFORM_ONLY = ("user_account", "ingest_run", "refused_event")
PARTITIONED = ("usage_event", "usage_interval", "usage_day")
FUNCTIONS = ("organization_by_slug(text)", "organization_directory()", "refused_event_count(timestamptz)", "ensure_month_partitions(date, date)")
CURRENT_ORG = "NULLIF(current_setting('flyusage.org_id', true), '')::int"


def _partitions() -> list[str]:
    """The default partitions: the net under months that nobody asked for."""
    return [f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT" for table in PARTITIONED]


def _security() -> list[str]:
    """Row-level security on every tenant table, FORCEd; least grants to the two run-time roles."""
    statements = [
        f"GRANT USAGE ON SCHEMA public TO {APP_ROLE}, {PLATFORM_ROLE}",
        f"GRANT SELECT ON {', '.join(REFERENCE)} TO {APP_ROLE}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {PLATFORM_ROLE}",
        f"REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {PLATFORM_ROLE}",
        f"REVOKE UPDATE, DELETE ON audit_event FROM {PLATFORM_ROLE}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {PLATFORM_ROLE}, {APP_ROLE}",
        f"GRANT SELECT ON organization, {', '.join(TENANT)} TO {APP_ROLE}",
        f"GRANT UPDATE ON organization TO {APP_ROLE}",
        f"GRANT INSERT, UPDATE, DELETE ON membership, cost_centre, cost_centre_app TO {APP_ROLE}",
        f"GRANT INSERT ON audit_event TO {APP_ROLE}",
    ]
    statements += [
        f"REVOKE ALL ON {table}_default FROM {PLATFORM_ROLE}" for table in PARTITIONED
    ]  # a partition reached by its own name would pass the parent's policies by
    for table in ("organization", *TENANT):
        key = "id" if table == "organization" else "org_id"
        statements += [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY tenant ON {table} TO {APP_ROLE} USING ({key} = {CURRENT_ORG}) WITH CHECK ({key} = {CURRENT_ORG})",
            f"CREATE POLICY platform ON {table} TO {PLATFORM_ROLE} USING (true) WITH CHECK (true)",
        ]
    statements += [
        f"CREATE POLICY lookup ON organization FOR SELECT TO {OWNER_ROLE} USING (true)",
        """CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
           BEGIN RAISE EXCEPTION 'rows of % are only ever added', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$""",
        """CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event
           FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()""",
    ]
    return statements


def _functions() -> list[str]:
    """What must be answered before a tenant is known, and the making of partitions: with the owner's rights, by name."""
    definer = "SECURITY DEFINER SET search_path = public, pg_temp"
    statements = [
        f"""CREATE FUNCTION organization_by_slug(wanted text) RETURNS TABLE (id int, slug text, name text, is_synthetic boolean)
            LANGUAGE sql STABLE {definer}
            AS $$ SELECT o.id, o.slug, o.name, o.is_synthetic FROM organization o WHERE o.slug = wanted $$""",
        f"""CREATE FUNCTION organization_directory() RETURNS TABLE (id int, slug text, name text, is_synthetic boolean)
            LANGUAGE sql STABLE {definer}
            AS $$ SELECT o.id, o.slug, o.name, o.is_synthetic FROM organization o ORDER BY o.id $$""",
        f"""CREATE FUNCTION refused_event_count(since timestamptz) RETURNS bigint LANGUAGE sql STABLE {definer}
            AS $$ SELECT count(*) FROM refused_event r JOIN organization o ON o.slug = r.org_slug
                  WHERE o.id = {CURRENT_ORG} AND r.at >= since $$""",
        f"""CREATE FUNCTION ensure_month_partitions(first_day date, last_day date) RETURNS int LANGUAGE plpgsql {definer} AS $$
            DECLARE parent text; month date; made int := 0; child text; holds boolean;
            BEGIN
              FOR month IN SELECT generate_series(date_trunc('month', first_day::timestamp), last_day::timestamp, '1 month')::date LOOP
                FOREACH parent IN ARRAY ARRAY['usage_event', 'usage_interval', 'usage_day'] LOOP
                  child := parent || to_char(month, '_YYYY_MM');
                  CONTINUE WHEN to_regclass(child) IS NOT NULL;
                  PERFORM pg_advisory_xact_lock(7160002);
                  CONTINUE WHEN to_regclass(child) IS NOT NULL;
                  EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE %I >= %L AND %I < %L)', parent || '_default',
                    CASE parent WHEN 'usage_event' THEN 'time' WHEN 'usage_interval' THEN 'started_at' ELSE 'day' END, month,
                    CASE parent WHEN 'usage_event' THEN 'time' WHEN 'usage_interval' THEN 'started_at' ELSE 'day' END,
                    (month + interval '1 month')::date) INTO holds;
                  CONTINUE WHEN holds;
                  EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', child, parent,
                    month, (month + interval '1 month')::date);
                  made := made + 1;
                END LOOP;
              END LOOP;
              RETURN made;
            END $$""",
    ]
    for function in FUNCTIONS:
        granted = PLATFORM_ROLE if function.startswith("ensure") else f"{APP_ROLE}, {PLATFORM_ROLE}"
        statements += [f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC", f"GRANT EXECUTE ON FUNCTION {function} TO {granted}"]
    return statements
