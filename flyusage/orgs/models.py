"""Organizations, who belongs to them in which role, and the append-only audit of what was done."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, DateTime, ForeignKey, Identity, Index, Integer, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


class Role(StrEnum):
    """What a member is in an organization; `permissions.py` says what each may do."""

    OWNER = "owner"
    ADMIN = "admin"
    DEVELOPER = "developer"
    BILLING = "billing"
    VIEWER = "viewer"


class StaffRole(StrEnum):
    """What somebody is in the whole installation; `staff.py` says what each may do."""

    SUPPORT = "support"
    BILLING = "billing"
    OPERATOR = "operator"


class Organization(SQLModel, table=True):
    """A tenant: it owns apps and machines and owes the invoices for them."""

    __tablename__ = "organization"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (CheckConstraint("slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'", name="slug_shape"),)

    id: int | None = Field(default=None, sa_column=Column(Integer, Identity(always=True), primary_key=True))
    slug: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    name: str = Field(sa_column=Column(Text, nullable=False))
    is_synthetic: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default="false"))
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    deleted_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True), comment="an owner may undo it for 30 days"))


class FormerSlug(SQLModel, table=True):
    """A slug that an organization once had: it leads to the present one, and nobody else takes it."""

    __tablename__ = "former_slug"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index("ix_former_slug_slug", "slug"),)

    org_id: int = Field(sa_column=Column(Integer, ForeignKey("organization.id"), primary_key=True))
    slug: str = Field(sa_column=Column(Text, primary_key=True))
    until: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class Membership(SQLModel, table=True):
    """A user's role in an organization."""

    __tablename__ = "membership"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (CheckConstraint("role IN ('owner', 'admin', 'developer', 'billing', 'viewer')", name="role_known"),)

    org_id: int = Field(sa_column=Column(Integer, ForeignKey("organization.id"), primary_key=True))
    user_id: int = Field(sa_column=Column(Integer, ForeignKey("user_account.id"), primary_key=True, index=True))
    role: Role = Field(sa_column=Column(Text, nullable=False))
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class Invitation(SQLModel, table=True):
    """A place kept for an address. The secret of its link is nowhere kept, only its SHA-256; it is good once, until `ends_at`."""

    __tablename__ = "invitation"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        CheckConstraint("role IN ('owner', 'admin', 'developer', 'billing', 'viewer')", name="role_known"),
        CheckConstraint("num_nonnulls(accepted_at, revoked_at) < 2", name="one_end"),
        Index("ix_invitation_secret_sha256", "secret_sha256"),
        Index("uq_invitation_waiting", "org_id", "email", unique=True, postgresql_where=text("accepted_at IS NULL AND revoked_at IS NULL")),
    )

    org_id: int = Field(sa_column=Column(Integer, ForeignKey("organization.id"), primary_key=True))
    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    email: str = Field(sa_column=Column(Text, nullable=False))
    role: Role = Field(sa_column=Column(Text, nullable=False))
    secret_sha256: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    made_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    made_by: str = Field(sa_column=Column(Text, nullable=False))
    ends_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    accepted_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    revoked_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))


class AuditEvent(SQLModel, table=True):
    """Who did what to what, when. Rows are only ever added; a trigger and the grants refuse the rest."""

    __tablename__ = "audit_event"  # pyright: ignore[reportAssignmentType]

    org_id: int = Field(sa_column=Column(Integer, ForeignKey("organization.id"), primary_key=True))
    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    actor: str = Field(sa_column=Column(Text, nullable=False))
    action: str = Field(sa_column=Column(Text, nullable=False))
    subject: str = Field(sa_column=Column(Text, nullable=False))
    detail: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False, server_default="{}"))


class StaffGrant(SQLModel, table=True):
    """An account's role in the whole installation. The platform's alone: no organization sees it."""

    __tablename__ = "staff_grant"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (CheckConstraint("role IN ('support', 'billing', 'operator')", name="role_known"),)

    user_id: int = Field(sa_column=Column(Integer, ForeignKey("user_account.id"), primary_key=True))
    role: StaffRole = Field(sa_column=Column(Text, primary_key=True))
    granted_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    granted_by: str = Field(sa_column=Column(Text, nullable=False))


class StaffEvent(SQLModel, table=True):
    """Who granted or took back which role, when. Rows are only ever added."""

    __tablename__ = "staff_event"  # pyright: ignore[reportAssignmentType]

    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    actor: str = Field(sa_column=Column(Text, nullable=False))
    action: str = Field(sa_column=Column(Text, nullable=False))
    subject: str = Field(sa_column=Column(Text, nullable=False))
    detail: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False, server_default="{}"))
