"""Budgets of an organization and what they told, anomalies, endpoints and deliveries, saved views, and mails that members choose."""

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, ForeignKey, Identity, Integer, LargeBinary, SmallInteger, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import SQLModel

metadata = SQLModel.metadata
MOMENT = DateTime(timezone=True)

budget = sa.Table(
    "budget",
    metadata,
    Column("org_id", Integer, ForeignKey("organization.id"), primary_key=True),
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("name", Text, nullable=False),
    Column("scope", JSONB, nullable=False, server_default="{}", comment="filters as the explorer's address writes them"),
    Column("amount_minor", BigInteger, nullable=False, comment="for each calendar month"),
    Column("currency", Text, nullable=False),
    Column("percents", ARRAY(SmallInteger), nullable=False, comment="of the amount, told when spent"),
    Column("forecast_percents", ARRAY(SmallInteger), nullable=False, comment="of the amount, told when expected"),
    Column("recipients", ARRAY(Text), nullable=False),
    Column(
        "is_capped", Boolean, nullable=False, server_default="false", comment="asks to stop the scope's machines once all of it is spent"
    ),
    Column("created_at", MOMENT, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("ended_at", MOMENT),
    Column("app_ids", ARRAY(Integer), comment="the apps it is of, where its scope names some; null: of any"),
    sa.Index("uq_budget_name", "org_id", "name", unique=True, postgresql_where=sa.text("ended_at IS NULL")),
    sa.CheckConstraint("amount_minor > 0", name="amount_positive"),
)

# Once for each threshold and month: the key is what keeps two workers, a re-roll and late events from telling twice.
budget_alert = sa.Table(
    "budget_alert",
    metadata,
    Column("org_id", Integer, primary_key=True),
    Column("budget_id", BigInteger, primary_key=True),
    Column("month", Date, primary_key=True),
    Column("basis", Text, primary_key=True),
    Column("percent", SmallInteger, primary_key=True),
    Column("reached_at", MOMENT, nullable=False),
    Column("amount_minor", BigInteger, nullable=False, comment="spent, or expected by the month's end"),
    Column("budget_minor", BigInteger, nullable=False),
    Column("key", sa.Uuid, nullable=False, server_default=sa.text("gen_random_uuid()"), comment="the mail's Message-ID"),
    Column("due_at", MOMENT, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("done_at", MOMENT),
    Column("outcome", Text),
    Column("last_error", Text),
    sa.ForeignKeyConstraint(["org_id", "budget_id"], ["budget.org_id", "budget.id"]),
    sa.Index("ix_budget_alert_waiting", "due_at", postgresql_where=sa.text("done_at IS NULL")),
    sa.CheckConstraint("basis IN ('spent', 'expected', 'cap')", name="basis_known"),
)

alert_endpoint = sa.Table(
    "alert_endpoint",
    metadata,
    Column("org_id", Integer, ForeignKey("organization.id"), primary_key=True),
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("key", sa.Uuid, nullable=False, comment="what its secrets are sealed for"),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("topics", ARRAY(Text), nullable=False),
    Column("url", LargeBinary, nullable=False, comment="sealed: a chat's address is its secret"),
    Column("shown_url", Text, nullable=False, comment="what of the address may be read"),
    Column("secret", LargeBinary, comment="sealed; what messages are signed with"),
    Column("old_secret", LargeBinary, comment="sealed; signs beside the new one until old_until"),
    Column("old_until", MOMENT),
    Column("created_at", MOMENT, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("ended_at", MOMENT),
    sa.Index("uq_alert_endpoint_name", "org_id", "name", unique=True, postgresql_where=sa.text("ended_at IS NULL")),
    sa.CheckConstraint("kind IN ('webhook', 'chat')", name="kind_known"),
)

# A message to one endpoint. The message's id is made of what it tells, so that whoever decides the same twice finds it here.
delivery = sa.Table(
    "delivery",
    metadata,
    Column("org_id", Integer, primary_key=True),
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("endpoint_id", BigInteger, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("body", Text, nullable=False, comment="as it is sent, byte for byte, each time"),
    Column("created_at", MOMENT, nullable=False),
    Column("due_at", MOMENT, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("state", Text, nullable=False, server_default="waiting"),
    Column("done_at", MOMENT),
    sa.ForeignKeyConstraint(["org_id", "endpoint_id"], ["alert_endpoint.org_id", "alert_endpoint.id"]),
    sa.UniqueConstraint("org_id", "endpoint_id", "message_id"),
    sa.Index("ix_delivery_waiting", "due_at", postgresql_where=sa.text("state = 'waiting'")),
    sa.CheckConstraint("state IN ('waiting', 'delivered', 'failed')", name="state_known"),
)

delivery_attempt = sa.Table(
    "delivery_attempt",
    metadata,
    Column("org_id", Integer, primary_key=True),
    Column("delivery_id", BigInteger, primary_key=True),
    Column("number", Integer, primary_key=True, comment="from 1 on, across replays"),
    Column("at", MOMENT, nullable=False),
    Column("took_ms", Integer, nullable=False),
    Column("status", SmallInteger, comment="null: no answer"),
    Column("excerpt", Text, nullable=False, comment="how the answer begins, or what went wrong"),
    sa.ForeignKeyConstraint(["org_id", "delivery_id"], ["delivery.org_id", "delivery.id"]),
)

# What was out of the ordinary, and since when. Amounts are estimates, in minor units of the organization's currency at the time.
anomaly = sa.Table(
    "anomaly",
    metadata,
    Column("org_id", Integer, ForeignKey("organization.id"), primary_key=True),
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("key", sa.Uuid, nullable=False, server_default=sa.text("gen_random_uuid()"), comment="what messages about it are called"),
    Column("meters", Text, nullable=False, comment="running: all but traffic, by hour; traffic: by day"),
    Column("app_id", Integer, nullable=False, comment="0: the region as a whole"),
    Column("region_id", SmallInteger, nullable=False, comment="0: the app as a whole"),
    Column("is_rise", Boolean, nullable=False),
    Column("since", MOMENT, nullable=False),
    Column("until", MOMENT, nullable=False),
    Column("difference_minor", BigInteger, nullable=False, comment="against what is ordinary, so far"),
    Column("expected_minor", BigInteger, nullable=False),
    Column("calm", SmallInteger, nullable=False, comment="hours (days) in a row that were ordinary; 3: over"),
    Column("cause", JSONB, nullable=False, server_default="{}"),
    Column("told_at", MOMENT),
    sa.UniqueConstraint("org_id", "meters", "app_id", "region_id", "is_rise", "since"),
    sa.CheckConstraint("meters IN ('running', 'traffic')", name="meters_known"),
)

anomaly_watch = sa.Table(
    "anomaly_watch",
    metadata,
    Column("org_id", Integer, ForeignKey("organization.id"), primary_key=True),
    Column("meters", Text, primary_key=True),
    Column("looked_through", MOMENT, nullable=False, comment="an hour (day) is looked at once, whatever comes late"),
)

saved_view = sa.Table(
    "saved_view",
    metadata,
    Column("org_id", Integer, ForeignKey("organization.id"), primary_key=True),
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("owner_id", Integer, comment="whose it is; null: the organization's, and shared"),
    Column("name", Text, nullable=False),
    Column("query", JSONB, nullable=False, comment="as the explorer's address writes it"),
    Column("is_shared", Boolean, nullable=False),
    Column("is_pinned", Boolean, nullable=False, comment="on the overview of everybody who sees it"),
    Column("created_at", MOMENT, nullable=False),
    sa.Index("uq_saved_view_shared", "org_id", "owner_id", "name", unique=True, postgresql_where=sa.text("is_shared")),
    sa.Index("uq_saved_view_own", "org_id", "owner_id", "name", unique=True, postgresql_where=sa.text("NOT is_shared")),
    sa.CheckConstraint("is_shared OR owner_id IS NOT NULL", name="somebodys"),
)

# A mail to a member who chose such: once for each month (day), whoever decides it.
member_mail = sa.Table(
    "member_mail",
    metadata,
    Column("org_id", Integer, ForeignKey("organization.id"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("about", Date, primary_key=True, comment="the month's first day; the day"),
    Column("user_id", Integer, primary_key=True),
    Column("key", sa.Uuid, nullable=False, server_default=sa.text("gen_random_uuid()"), comment="the mail's Message-ID"),
    Column("told_from", MOMENT, nullable=False, comment="what it tells was found after this"),
    Column("told_to", MOMENT, nullable=False, comment="and until this"),
    Column("due_at", MOMENT, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("done_at", MOMENT),
    Column("outcome", Text),
    Column("last_error", Text),
    sa.Index("ix_member_mail_waiting", "due_at", postgresql_where=sa.text("done_at IS NULL")),
    sa.CheckConstraint("kind IN ('summary', 'anomalies')", name="kind_known"),
)
