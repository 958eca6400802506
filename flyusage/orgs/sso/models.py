"""What an organization says about its identity provider, its domains and its groups, and who came from there."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from flyusage.orgs.models import Role

GIVEN = "IN ('admin', 'developer', 'billing', 'viewer')"  # a provider makes no owner


class SsoConnection(SQLModel, table=True):
    """The organization's OpenID Connect provider. The client's secret is sealed (`auth.vault`)."""

    __tablename__ = "sso_connection"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (CheckConstraint(f"default_role {GIVEN}", name="role_given"),)

    org_id: int = Field(sa_column=Column(Integer, ForeignKey("organization.id"), primary_key=True, autoincrement=False))
    issuer: str = Field(sa_column=Column(Text, nullable=False))
    client_id: str = Field(sa_column=Column(Text, nullable=False))
    sealed_secret: bytes = Field(
        sa_column=Column(LargeBinary, nullable=False, comment="encrypted with a key that the database does not hold")
    )
    groups_claim: str = Field(sa_column=Column(Text, nullable=False, comment="which claim names a person's groups"))
    factor_acr: str = Field(
        default="", sa_column=Column(Text, nullable=False, server_default="", comment="values of acr that mean a second factor, by spaces")
    )
    default_role: Role | None = Field(default=None, sa_column=Column(Text, comment="of who comes uninvited; without one nobody does"))
    is_enforced: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default="false"))
    is_off: bool = Field(
        default=False, sa_column=Column(Boolean, nullable=False, server_default="false", comment="by whoever runs the installation")
    )
    break_glass_user_id: int | None = Field(
        default=None, sa_column=Column(Integer, ForeignKey("user_account.id"), comment="an owner who may use a password all the same")
    )
    worked_at: datetime | None = Field(
        default=None, sa_column=Column(DateTime(timezone=True), comment="somebody was last let through as it is set up now")
    )
    changed_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class SsoDomain(SQLModel, table=True):
    """A mail domain that an organization says is its own; verified once its DNS says so too, and for one organization only.

    No key holds that, since keys begin with the organization: `domains.check` holds the domain while it judges.
    """

    __tablename__ = "sso_domain"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index("ix_sso_domain_domain", "domain"),)

    org_id: int = Field(sa_column=Column(Integer, ForeignKey("organization.id"), primary_key=True, autoincrement=False))
    domain: str = Field(sa_column=Column(Text, primary_key=True))
    token: str = Field(sa_column=Column(Text, nullable=False, comment="what the TXT record must hold; no secret"))
    claimed_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    checked_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    verified_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))


class SsoGroup(SQLModel, table=True):
    """The role of who is in a group of the provider's."""

    __tablename__ = "sso_group"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (CheckConstraint(f"role {GIVEN}", name="role_given"),)

    org_id: int = Field(sa_column=Column(Integer, ForeignKey("organization.id"), primary_key=True, autoincrement=False))
    name: str = Field(sa_column=Column(Text, primary_key=True))
    role: Role = Field(sa_column=Column(Text, nullable=False))


class SsoIdentity(SQLModel, table=True):
    """Who somebody at the provider is here: issuer and subject, never an address, name the person."""

    __tablename__ = "sso_identity"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (UniqueConstraint("org_id", "issuer", "user_id"),)

    org_id: int = Field(sa_column=Column(Integer, ForeignKey("organization.id"), primary_key=True, autoincrement=False))
    issuer: str = Field(sa_column=Column(Text, primary_key=True))
    subject: str = Field(sa_column=Column(Text, primary_key=True))
    user_id: int = Field(sa_column=Column(Integer, ForeignKey("user_account.id"), nullable=False, index=True))
    linked_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    seen_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    has_factor: bool = Field(sa_column=Column(Boolean, nullable=False, comment="the provider asked for a second factor the last time"))


class SsoFlow(SQLModel, table=True):
    """A sign-in (or a test) that has been sent to a provider, good for one way back. Nonce and PKCE verifier are the browser's to keep."""

    __tablename__ = "sso_flow"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (CheckConstraint("purpose IN ('sign_in', 'test')", name="purpose_known"),)

    org_id: int = Field(sa_column=Column(Integer, ForeignKey("organization.id"), primary_key=True, autoincrement=False))
    state_sha256: bytes = Field(sa_column=Column(LargeBinary, primary_key=True, index=True))
    browser_sha256: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    purpose: str = Field(sa_column=Column(Text, nullable=False))
    started_by: int | None = Field(default=None, sa_column=Column(Integer, ForeignKey("user_account.id"), comment="of a test"))
    onward: str = Field(sa_column=Column(Text, nullable=False, comment="a path of ours"))
    made_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    ends_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    used_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    outcome: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB, comment="what is shown to the browser that began"))
