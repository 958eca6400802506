"""The tables of metering: the event ledger, intervals, and the cells that charts are summed from.

Cells and intervals are plain tables, not classes: they are read and written by the set, in SQL. Every tenant table
begins its key with `org_id` and is held by row-level security (see the first migration). Quantities are integers in
base units: machine-second, MiB-second, IP-second, byte.
"""

from datetime import date
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, Double, Identity, Integer, Numeric, SmallInteger, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

NO_SIZE = 0
HOURS = tuple(f"h{hour:02d}" for hour in range(24))
DAYS = tuple(f"d{day:02d}" for day in range(1, 32))
MOMENT = DateTime(timezone=True)

metadata = SQLModel.metadata


def _org() -> Column[int]:
    return Column("org_id", Integer, nullable=False)


def _key(*columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint("org_id", *columns)


class Region(SQLModel, table=True):
    """Where machines run. `status` is active or retired; usage in a retired region is accepted and flagged."""

    __tablename__ = "region"  # pyright: ignore[reportAssignmentType]

    id: int = Field(sa_column=Column(SmallInteger, Identity(), primary_key=True))
    code: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    name: str = Field(sa_column=Column(Text, nullable=False))
    country: str = Field(sa_column=Column(Text, nullable=False))
    continent: str = Field(sa_column=Column(Text, nullable=False))
    lat: float = Field(sa_column=Column(Double, nullable=False))
    lon: float = Field(sa_column=Column(Double, nullable=False))
    status: str = Field(sa_column=Column(Text, nullable=False))
    retired_on: date | None = Field(default=None, sa_column=Column(Date))
    egress_group: str = Field(sa_column=Column(Text, nullable=False))
    price_markup: Decimal = Field(sa_column=Column(Numeric, nullable=False))


vm_size = sa.Table(
    "vm_size",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False, unique=True),
    Column("cpu_kind", Text),
    Column("vcpus", Integer, nullable=False),
    Column("memory_mib", BigInteger, nullable=False),
    Column("memory_mib_max", BigInteger, nullable=False),
    Column("gpu_kind", Text),
    Column("gpus", Integer, nullable=False),
    Column("base_usd_per_30d", Numeric),
    Column("status", Text, nullable=False),
)

sku = sa.Table(
    "sku",
    metadata,
    Column("id", SmallInteger, Identity(), primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("meter", Text),
    Column("base_unit", Text),
    Column("vm_size_id", SmallInteger),
    Column("title", Text, nullable=False),
    sa.CheckConstraint("meter IS NULL OR meter IN ('machine', 'extra_memory', 'rootfs', 'volume', 'ipv4', 'egress')", name="meter_known"),
)

app = sa.Table(
    "app",
    metadata,
    _org(),
    Column("id", Integer, Identity(), nullable=False),
    Column("name", Text, nullable=False),
    _key("id"),
    sa.UniqueConstraint("org_id", "name"),
)

cost_centre = sa.Table(
    "cost_centre",
    metadata,
    _org(),
    Column("id", Integer, Identity(), nullable=False),
    Column("name", Text, nullable=False),
    _key("id"),
    sa.UniqueConstraint("org_id", "name"),
)

cost_centre_app = sa.Table(
    "cost_centre_app",
    metadata,
    _org(),
    Column("app_id", Integer, nullable=False),
    Column("month", Date, nullable=False),
    Column("cost_centre_id", Integer),
    _key("app_id", "month"),
    sa.CheckConstraint("extract(day FROM month) = 1", name="month_first"),
)

resource = sa.Table(
    "resource",
    metadata,
    _org(),
    Column("id", BigInteger, Identity(), nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("name", Text(collation="C"), nullable=False),  # by bytes, so that the unique index also finds beginnings
    Column("app_id", Integer, nullable=False),
    Column("region_id", SmallInteger, nullable=False),
    _key("id"),
    sa.UniqueConstraint("org_id", "kind", "name"),
    sa.CheckConstraint("kind IN (1, 2, 3)", name="kind_known"),
)

event_identity = sa.Table(
    "event_identity",
    metadata,
    _org(),
    Column("identity", Uuid, nullable=False),
    Column("content_hash", Uuid, comment="of what the ledger does not keep whole: deployments and voids"),
    Column("day", Date, comment="the event's, so that a void finds it in one month of the ledger"),
    _key("identity"),
)

voided_event = sa.Table(
    "voided_event",
    metadata,
    _org(),
    Column("identity", Uuid, nullable=False),
    Column("at", MOMENT, nullable=False),
    _key("identity"),
)

usage_event = sa.Table(
    "usage_event",
    metadata,
    _org(),
    Column("time", MOMENT, nullable=False),
    Column("resource_id", BigInteger),
    Column("type", SmallInteger, nullable=False),
    Column("identity", Uuid, nullable=False),
    Column("source", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("app_id", Integer, nullable=False),
    Column("region_id", SmallInteger, nullable=False),
    Column("vm_size_id", SmallInteger),
    Column("memory_mib", BigInteger),
    Column("capacity_mib", BigInteger),
    Column("bytes", BigInteger),
    Column("report_start", MOMENT),
    Column("report_end", MOMENT),
    Column("version", Text),
    Column("voids", Uuid),
    Column("received_at", MOMENT, nullable=False),
    sa.Index("ix_usage_event_resource_id_org_id_type_time", "resource_id", "org_id", "type", "time"),  # the widest first: not padded
    sa.CheckConstraint("memory_mib >= 0", name="memory_not_negative"),
    sa.CheckConstraint("capacity_mib >= 0", name="capacity_not_negative"),
    sa.CheckConstraint("bytes >= 0", name="bytes_not_negative"),
    sa.CheckConstraint("report_start < report_end AND report_end <= time", name="report_in_order"),
    postgresql_partition_by="RANGE (time)",
)

event_finding = sa.Table(
    "event_finding",
    metadata,
    _org(),
    Column("resource_id", BigInteger),
    Column("time", MOMENT, nullable=False),
    Column("identity", Uuid, nullable=False),
    Column("code", Text, nullable=False),
    _key("identity", "code"),
    sa.Index("ix_event_finding_org_id_resource_id", "org_id", "resource_id"),
)

ingest_run = sa.Table(
    "ingest_run",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("name", Text, nullable=False),
    Column("started_at", MOMENT, nullable=False),
    Column("finished_at", MOMENT),
    Column("accepted", BigInteger, nullable=False, server_default="0"),
    Column("duplicate", BigInteger, nullable=False, server_default="0"),
    Column("refused", BigInteger, nullable=False, server_default="0"),
)

refused_event = sa.Table(
    "refused_event",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("ingest_run_id", BigInteger, nullable=False),
    Column("org_slug", Text, index=True),
    Column("line", BigInteger, nullable=False),
    Column("code", Text, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("excerpt", Text, nullable=False),
    Column("at", MOMENT, nullable=False, index=True),
    Column("digest", Uuid, unique=True),
)

deployment = sa.Table(
    "deployment",
    metadata,
    _org(),
    Column("app_id", Integer, nullable=False),
    Column("region_id", SmallInteger, nullable=False),
    Column("time", MOMENT, nullable=False),
    Column("identity", Uuid, nullable=False),
    Column("version", Text, nullable=False),
    _key("identity"),
    sa.Index("ix_deployment_org_id_time", "org_id", "time"),
)

usage_interval = sa.Table(
    "usage_interval",
    metadata,
    _org(),
    Column("resource_id", BigInteger, nullable=False),
    Column("started_at", MOMENT, nullable=False),
    Column("stopped_at", MOMENT),
    Column("capacity", BigInteger, nullable=False),
    Column("extra_mib", BigInteger, nullable=False, server_default="0"),
    Column("app_id", Integer, nullable=False),
    Column("region_id", SmallInteger, nullable=False),
    Column("sku_id", SmallInteger, nullable=False),
    Column("vm_size_id", SmallInteger, nullable=False),
    Column("is_inferred", Boolean, nullable=False, server_default="false"),
    sa.CheckConstraint("stopped_at > started_at", name="not_backwards"),
    sa.CheckConstraint("capacity >= 0 AND extra_mib >= 0", name="capacity_not_negative"),
    sa.Index("ix_usage_interval_org_id_resource_id_started_at", "org_id", "resource_id", "started_at"),
    sa.Index("ix_usage_interval_org_id_stopped_at", "org_id", "stopped_at"),
    sa.Index("ix_usage_interval_open", "org_id", "started_at", postgresql_where=sa.text("stopped_at IS NULL")),
    postgresql_partition_by="RANGE (started_at)",
)

rollup_state = sa.Table(
    "rollup_state",
    metadata,
    _org(),
    Column("rolled_through", MOMENT),
    Column("first_event_at", MOMENT),
    Column("last_event_at", MOMENT),
    Column("tail_edge_at", MOMENT, comment="the last start or stop in the hour after rolled_through that open_cell holds"),
    Column("revision", BigInteger, nullable=False, server_default="0"),
    Column("whole_from", Date, comment="days before it are still being loaded; null: all are in"),
    Column("loaded_percent", SmallInteger, comment="of the history that is being loaded"),
    _key(),
)

dirty_day = sa.Table(
    "dirty_day",
    metadata,
    _org(),
    Column("day", Date, nullable=False),
    Column("app_ids", ARRAY(Integer), comment="what changed in it; null: anything"),
    _key("day"),
)

dirty_resource = sa.Table(
    "dirty_resource",
    metadata,
    _org(),
    Column("month", Date, nullable=False),
    Column("resource_id", BigInteger, nullable=False),
    _key("month", "resource_id"),
)


def _cells(name: str, time: str, columns: tuple[str, ...], *, by_app: bool, partitioned: bool = False) -> sa.Table:
    """A table of cells: one row per combination, the quantity of each hour (or day) in a column of its own."""
    dimensions = (["app_id"] if by_app else []) + ["region_id", "vm_size_id", "sku_id"]
    return sa.Table(
        name,
        metadata,
        _org(),
        Column(time, Date, nullable=False),
        *([Column("app_id", Integer, nullable=False)] if by_app else []),
        Column("region_id", SmallInteger, nullable=False),
        Column("vm_size_id", SmallInteger, nullable=False),
        Column("sku_id", SmallInteger, nullable=False),
        Column("total", BigInteger, nullable=False),
        *[Column(column, BigInteger, nullable=False, server_default="0") for column in columns],
        _key(time, *dimensions),
        postgresql_partition_by=f"RANGE ({time})" if partitioned else None,
    )


usage_day = _cells("usage_day", "day", HOURS, by_app=True, partitioned=True)
usage_month = _cells("usage_month", "month", DAYS, by_app=True)
usage_day_by_region = _cells("usage_day_by_region", "day", HOURS, by_app=False)
# A row is half a kilobyte, of which totals are eight bytes: read from here, a year's are a third of the work less.
sa.Index(
    "ix_usage_month_totals",
    *(usage_month.c[name] for name in ("org_id", "month", "app_id", "sku_id", "region_id")),
    postgresql_include=["total"],
)
usage_month_by_region = _cells("usage_month_by_region", "month", DAYS, by_app=False)

# How many machines ran, hour by hour, for whole groups at once: the busiest hour of a group is found after grouping, and a
# year of hours is read only from rows that are grouped already. `dimension` says what `key` is: 0 nothing (key 0), 1 region,
# 2 app, 3 VM size. Machine-seconds; `most` is the largest of a row's hours.
RUNNING_WHOLE, RUNNING_BY_REGION, RUNNING_BY_APP, RUNNING_BY_SIZE = range(4)
running_day = sa.Table(
    "running_day",
    metadata,
    _org(),
    Column("dimension", SmallInteger, nullable=False),
    Column("day", Date, nullable=False),
    Column("key", Integer, nullable=False),
    *[Column(column, BigInteger, nullable=False) for column in HOURS],
    Column("most", BigInteger, sa.Computed(f"GREATEST({', '.join(HOURS)})", persisted=True), nullable=False),
    _key("dimension", "day", "key"),
)

resource_month = sa.Table(
    "resource_month",
    metadata,
    _org(),
    Column("month", Date, nullable=False),
    Column("resource_id", BigInteger, nullable=False),
    Column("app_id", Integer, nullable=False),
    Column("region_id", SmallInteger, nullable=False),
    Column("vm_size_id", SmallInteger, nullable=False),
    Column("sku_id", SmallInteger, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    _key("month", "resource_id", "app_id", "region_id", "vm_size_id", "sku_id"),
    sa.Index("ix_resource_month_longest", "org_id", "month", "sku_id", "region_id", "quantity"),
)

# How often what resources used in a month was changed: what is told of those rows holds for as long as this stays. None: not once. A
# trigger of resource_month counts, so that no writer forgets to, nor one of an older version.
resource_month_revision = sa.Table(
    "resource_month_revision",
    metadata,
    _org(),
    Column("month", Date, nullable=False),
    Column("revision", BigInteger, nullable=False),
    _key("month"),
)

open_cell = sa.Table(
    "open_cell",
    metadata,
    _org(),
    Column("app_id", Integer, nullable=False),
    Column("region_id", SmallInteger, nullable=False),
    Column("vm_size_id", SmallInteger, nullable=False),
    Column("sku_id", SmallInteger, nullable=False),
    Column("running", Integer, nullable=False),
    Column("capacity", Numeric, nullable=False),
    Column("offset_quantity", Numeric, nullable=False),
    _key("app_id", "region_id", "vm_size_id", "sku_id"),
)

PARTITIONED_TABLES = ("usage_event", "usage_interval", "usage_day")
