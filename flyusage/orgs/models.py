"""Organizations, who belongs to them in which role, and the append-only audit of what was done."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field, SQLModel

from flyusage.auth import models as _people  # noqa: F401 rows here refer to people's, and writing one looks their table up


class Role(StrEnum):
    """What a member is in an organization; `permissions.py` says what each may do."""

    OWNER = "owner"
    ADMIN = "admin"
    DEVELOPER = "developer"
    BILLING = "billing"
    VIEWER = "viewer"


LIMITED_ROLE = "app_ids IS NULL OR role IN ('developer', 'viewer')"


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
    requires_second_factor: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default="false"))
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    deleted_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True), comment="an owner may undo it for 30 days"))
    purged_at: datetime | None = Field(
        default=None, sa_column=Column(DateTime(timezone=True), comment="30 days after its deletion: usage and people are gone")
    )


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
    __table_args__ = (
        CheckConstraint("role IN ('owner', 'admin', 'developer', 'billing', 'viewer')", name="role_known"),
        CheckConstraint(LIMITED_ROLE, name="limited_role"),
    )

    org_id: int = Field(sa_column=Column(Integer, ForeignKey("organization.id"), primary_key=True))
    user_id: int = Field(sa_column=Column(Integer, ForeignKey("user_account.id"), primary_key=True, index=True))
    role: Role = Field(sa_column=Column(Text, nullable=False))
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    app_ids: list[int] | None = Field(default=None, sa_column=Column(ARRAY(Integer), comment="the apps granted; null: all"))
    wants_summary: bool | None = Field(
        default=None, sa_column=Column(Boolean, comment="mails of the monthly summary; null: as the role has it")
    )
    wants_anomalies: bool | None = Field(
        default=None, sa_column=Column(Boolean, comment="mails of what is out of the ordinary; null: as the role has it")
    )


class Invitation(SQLModel, table=True):
    """A place kept for an address. The secret of its link is nowhere kept, only its SHA-256; it is good once, until `ends_at`."""

    __tablename__ = "invitation"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        CheckConstraint("role IN ('owner', 'admin', 'developer', 'billing', 'viewer')", name="role_known"),
        CheckConstraint("num_nonnulls(accepted_at, revoked_at) < 2", name="one_end"),
        CheckConstraint(LIMITED_ROLE, name="limited_role"),
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
    app_ids: list[int] | None = Field(default=None, sa_column=Column(ARRAY(Integer), comment="the apps granted; null: all"))


class AuditEvent(SQLModel, table=True):
    """Who did what to what, when, from where. Rows are only ever added; a trigger and the grants refuse the rest."""

    __tablename__ = "audit_event"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        Index("ix_audit_event_org_id_at_id", "org_id", "at", "id"),
        Index("ix_audit_event_org_id_actor_at_id", "org_id", "actor", "at", "id"),
        Index("ix_audit_event_org_id_action_at_id", "org_id", "action", "at", "id"),
    )

    org_id: int = Field(sa_column=Column(Integer, ForeignKey("organization.id"), primary_key=True))
    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    actor: str = Field(sa_column=Column(Text, nullable=False))
    action: str = Field(sa_column=Column(Text, nullable=False))
    subject: str = Field(sa_column=Column(Text, nullable=False))
    detail: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False, server_default="{}"))
    address: str = Field(
        default="", sa_column=Column(Text, nullable=False, server_default="", comment="where the actor's request came from")
    )


class AuditLink(SQLModel, table=True):
    """An entry's place in its organization's chain. Made by the database when the entry's transaction commits, never by a run-time role."""

    __tablename__ = "audit_link"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (UniqueConstraint("org_id", "position"),)

    org_id: int = Field(sa_column=Column(Integer, ForeignKey("organization.id"), primary_key=True))
    entry_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    position: int = Field(sa_column=Column(BigInteger, nullable=False, comment="1, 2, 3, … in the order of commit"))
    sha256: bytes = Field(sa_column=Column(LargeBinary, nullable=False, comment="of the hash before it and of audit_content()"))


class AuditHead(SQLModel, table=True):
    """The last link of an organization's chain: what its writers queue for, and what shows that the newest entries were cut off."""

    __tablename__ = "audit_head"  # pyright: ignore[reportAssignmentType]

    org_id: int = Field(sa_column=Column(Integer, ForeignKey("organization.id"), primary_key=True))
    position: int = Field(sa_column=Column(BigInteger, nullable=False))
    sha256: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class StaffGrant(SQLModel, table=True):
    """An account's role in the whole installation. The platform's alone: no organization sees it."""

    __tablename__ = "staff_grant"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (CheckConstraint("role IN ('support', 'billing', 'operator')", name="role_known"),)

    user_id: int = Field(sa_column=Column(Integer, ForeignKey("user_account.id"), primary_key=True))
    role: StaffRole = Field(sa_column=Column(Text, primary_key=True))
    granted_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    granted_by: str = Field(sa_column=Column(Text, nullable=False))


class StaffEvent(SQLModel, table=True):
    """Who granted or took back which role, or looked at whose organization, when. Rows are only ever added."""

    __tablename__ = "staff_event"  # pyright: ignore[reportAssignmentType]

    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    actor: str = Field(sa_column=Column(Text, nullable=False))
    action: str = Field(sa_column=Column(Text, nullable=False))
    subject: str = Field(sa_column=Column(Text, nullable=False))
    detail: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False, server_default="{}"))


class ApiToken(SQLModel, table=True):
    """What a program shows instead of signing in. The secret itself is nowhere kept, only its SHA-256.

    With a `user_id` it is that member's, and never more than their role holds; without one the organization's own.
    """

    __tablename__ = "api_token"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (UniqueConstraint("org_id", "secret_sha256"),)

    org_id: int = Field(sa_column=Column(Integer, ForeignKey("organization.id"), primary_key=True))
    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    user_id: int | None = Field(default=None, sa_column=Column(Integer, ForeignKey("user_account.id"), index=True))
    name: str = Field(sa_column=Column(Text, nullable=False))
    hint: str = Field(sa_column=Column(Text, nullable=False, comment="the secret's beginning, to tell tokens apart"))
    secret_sha256: bytes = Field(sa_column=Column(LargeBinary, nullable=False, index=True))
    scopes: list[str] = Field(sa_column=Column(JSONB, nullable=False, comment="values of Permission"))
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    created_by: str = Field(sa_column=Column(Text, nullable=False, comment="as in the audit"))
    expires_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    used_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True), comment="to the minute"))
    revoked_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    app_ids: list[int] | None = Field(default=None, sa_column=Column(ARRAY(Integer), comment="the apps it is for; null: all"))


class ScimToken(SQLModel, table=True):
    """What an organization's directory shows to provision its people. The secret itself is nowhere kept, only its SHA-256."""

    __tablename__ = "scim_token"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (UniqueConstraint("org_id", "secret_sha256"),)

    org_id: int = Field(sa_column=Column(Integer, ForeignKey("organization.id"), primary_key=True))
    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    name: str = Field(sa_column=Column(Text, nullable=False))
    hint: str = Field(sa_column=Column(Text, nullable=False, comment="the secret's beginning, to tell tokens apart"))
    secret_sha256: bytes = Field(sa_column=Column(LargeBinary, nullable=False, index=True))
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    created_by: str = Field(sa_column=Column(Text, nullable=False, comment="as in the audit"))
    used_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True), comment="to the minute"))
    revoked_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))


class Provisioning(SQLModel, table=True):
    """What an organization's directory gives to people whom no group of it gives a role. Absent: viewer."""

    __tablename__ = "provisioning"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (CheckConstraint("default_role IN ('developer', 'billing', 'viewer')", name="default_role_known"),)

    org_id: int = Field(sa_column=Column(Integer, ForeignKey("organization.id"), primary_key=True))
    default_role: Role = Field(sa_column=Column(Text, nullable=False))


class ProvisionedAccount(SQLModel, table=True):
    """An account that an organization's directory had made: it may bring that person back, and name them while they belong nowhere else."""

    __tablename__ = "provisioned_account"  # pyright: ignore[reportAssignmentType]

    org_id: int = Field(sa_column=Column(Integer, ForeignKey("organization.id"), primary_key=True))
    user_id: int = Field(sa_column=Column(Integer, ForeignKey("user_account.id"), primary_key=True, index=True))


class ScimUser(SQLModel, table=True):
    """A person as the organization's directory tells of them. `email` is their account's address, which the directory never changes."""

    __tablename__ = "scim_user"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        UniqueConstraint("org_id", "email"),
        UniqueConstraint("org_id", "user_name"),
        Index("ix_scim_user_org_id_external_id", "org_id", "external_id"),
    )

    org_id: int = Field(sa_column=Column(Integer, ForeignKey("organization.id"), primary_key=True))
    id: str = Field(sa_column=Column(Text, primary_key=True))
    email: str = Field(sa_column=Column(Text, nullable=False))
    user_name: str = Field(sa_column=Column(Text, nullable=False, comment="as it is compared: NFC, in lower case"))
    external_id: str | None = Field(default=None, sa_column=Column(Text))
    attributes: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False, comment="of the SCIM resource, as last written"))
    is_active: bool = Field(sa_column=Column(Boolean, nullable=False))
    version: int = Field(sa_column=Column(Integer, nullable=False))
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    modified_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class FormerGrant(SQLModel, table=True):
    """The apps that alone somebody saw whom the directory took out, for the day that it brings them back. Who saw all has none."""

    __tablename__ = "former_grant"  # pyright: ignore[reportAssignmentType]

    org_id: int = Field(sa_column=Column(Integer, ForeignKey("organization.id"), primary_key=True, autoincrement=False))
    email: str = Field(sa_column=Column(Text, primary_key=True))
    app_ids: list[int] = Field(sa_column=Column(ARRAY(Integer), nullable=False))


class ScimGroup(SQLModel, table=True):
    """A group as the organization's directory tells of it, and the `role` that the organization gives to its members."""

    __tablename__ = "scim_group"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        CheckConstraint("role IN ('admin', 'developer', 'billing', 'viewer')", name="role_known"),
        Index("ix_scim_group_org_id_external_id", "org_id", "external_id"),
    )

    org_id: int = Field(sa_column=Column(Integer, ForeignKey("organization.id"), primary_key=True))
    id: str = Field(sa_column=Column(Text, primary_key=True))
    display_name: str = Field(sa_column=Column(Text, nullable=False))
    external_id: str | None = Field(default=None, sa_column=Column(Text))
    role: Role | None = Field(default=None, sa_column=Column(Text))
    version: int = Field(sa_column=Column(Integer, nullable=False))
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    modified_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class ScimGroupMember(SQLModel, table=True):
    """Who is in a directory's group."""

    __tablename__ = "scim_group_member"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        ForeignKeyConstraint(["org_id", "group_id"], ["scim_group.org_id", "scim_group.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(["org_id", "user_id"], ["scim_user.org_id", "scim_user.id"], ondelete="CASCADE"),
        Index("ix_scim_group_member_org_id_user_id", "org_id", "user_id"),
    )

    org_id: int = Field(sa_column=Column(Integer, primary_key=True))
    group_id: str = Field(sa_column=Column(Text, primary_key=True))
    user_id: str = Field(sa_column=Column(Text, primary_key=True))
