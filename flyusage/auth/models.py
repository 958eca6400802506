"""People, before any organization: who they are, how they prove it, and where they are signed in."""

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, DateTime, ForeignKey, Identity, Integer, LargeBinary, Text
from sqlmodel import Field, SQLModel


class User(SQLModel, table=True):
    """A person with one address; memberships tie them to organizations. Without a password they cannot sign in by one."""

    __tablename__ = "user_account"  # pyright: ignore[reportAssignmentType]

    id: int | None = Field(default=None, sa_column=Column(Integer, Identity(always=True), primary_key=True))
    email: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    name: str = Field(sa_column=Column(Text, nullable=False))
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    password_hash: str | None = Field(default=None, sa_column=Column(Text))
    email_verified_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    disabled_at: datetime | None = Field(
        default=None, sa_column=Column(DateTime(timezone=True), comment="by whoever runs the installation: signs in no more")
    )


class UserSession(SQLModel, table=True):
    """One browser in which somebody is signed in. The cookie's secret itself is nowhere kept, only its SHA-256."""

    __tablename__ = "user_session"  # pyright: ignore[reportAssignmentType]

    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    user_id: int = Field(sa_column=Column(Integer, ForeignKey("user_account.id"), nullable=False, index=True))
    secret_sha256: bytes = Field(sa_column=Column(LargeBinary, nullable=False, unique=True))
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    seen_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, comment="to the minute"))
    ends_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, comment="whatever is done until then"))
    ended_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True), comment="signed out"))
    address: str = Field(sa_column=Column(Text, nullable=False))
    device: str = Field(sa_column=Column(Text, nullable=False, comment="the browser's own words about itself, cut"))
    method: str = Field(
        default="password", sa_column=Column(Text, nullable=False, server_default="password", comment="how somebody signed in: auth.how")
    )
    sso_org_id: int | None = Field(
        default=None,
        sa_column=Column(Integer, ForeignKey("organization.id"), index=True, comment="whose provider signed them in"),
    )
    has_provider_factor: bool = Field(
        default=False, sa_column=Column(Boolean, nullable=False, server_default="false", comment="the provider asked for a second factor")
    )


class OneTimeLink(SQLModel, table=True):
    """What a link in a mail is good for, once: `purpose` set_password or verify_address."""

    __tablename__ = "one_time_link"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (CheckConstraint("purpose IN ('set_password', 'verify_address')", name="purpose_known"),)

    secret_sha256: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    user_id: int = Field(sa_column=Column(Integer, ForeignKey("user_account.id"), nullable=False, index=True))
    purpose: str = Field(sa_column=Column(Text, nullable=False))
    made_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    ends_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    used_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))


class SignUp(SQLModel, table=True):
    """A link by which somebody may make an account for their address, once. Until then there is none."""

    __tablename__ = "sign_up"  # pyright: ignore[reportAssignmentType]

    secret_sha256: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    email: str = Field(sa_column=Column(Text, nullable=False, index=True))
    made_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    ends_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    used_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))


class RateCounter(SQLModel, table=True):
    """How often something was tried in a window of time, for all server processes together."""

    __tablename__ = "rate_counter"  # pyright: ignore[reportAssignmentType]

    key: str = Field(sa_column=Column(Text, primary_key=True))
    count: int = Field(sa_column=Column(Integer, nullable=False))
    ends_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, index=True))


class SecondFactor(SQLModel, table=True):
    """An authenticator app that makes codes for an account. Asked for once it is confirmed."""

    __tablename__ = "second_factor"  # pyright: ignore[reportAssignmentType]

    user_id: int = Field(sa_column=Column(Integer, ForeignKey("user_account.id"), primary_key=True))
    sealed_secret: bytes = Field(
        sa_column=Column(LargeBinary, nullable=False, comment="encrypted with a key that the database does not hold")
    )
    made_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    confirmed_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True), comment="asked for from then on"))
    last_step: int | None = Field(
        default=None, sa_column=Column(BigInteger, comment="half minutes since 1970 of the last code that was used")
    )


class RecoveryCode(SQLModel, table=True):
    """A code that stands for the app once, kept as its SHA-256: it holds 120 random bits."""

    __tablename__ = "recovery_code"  # pyright: ignore[reportAssignmentType]

    user_id: int = Field(sa_column=Column(Integer, ForeignKey("user_account.id"), primary_key=True))
    code_sha256: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    used_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))


class HalfwaySignIn(SQLModel, table=True):
    """Somebody who gave the password and not yet the code. No session: it grants nothing but the next try."""

    __tablename__ = "halfway_sign_in"  # pyright: ignore[reportAssignmentType]

    secret_sha256: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    user_id: int = Field(sa_column=Column(Integer, ForeignKey("user_account.id"), nullable=False, index=True))
    made_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    ends_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    used_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    method: str = Field(default="password", sa_column=Column(Text, nullable=False, server_default="password"))
    sso_org_id: int | None = Field(default=None, sa_column=Column(Integer, ForeignKey("organization.id")))
    has_provider_factor: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default="false"))


class Passkey(SQLModel, table=True):
    """A key that a device or a security key of somebody's holds, and signs with: a second factor beside an authenticator app."""

    __tablename__ = "passkey"  # pyright: ignore[reportAssignmentType]

    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    user_id: int = Field(sa_column=Column(Integer, ForeignKey("user_account.id"), nullable=False, index=True))
    credential_id: bytes = Field(sa_column=Column(LargeBinary, nullable=False, unique=True))
    public_key: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    sign_count: int = Field(
        sa_column=Column(BigInteger, nullable=False, comment="how often it says it has signed; 0 where it does not count")
    )
    name: str = Field(sa_column=Column(Text, nullable=False))
    made_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    used_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))


class PasskeyChallenge(SQLModel, table=True):
    """What a passkey is asked to sign, once. Kept as its SHA-256; gone when it is used."""

    __tablename__ = "passkey_challenge"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        CheckConstraint("purpose IN ('add', 'sign_in', 'enter')", name="purpose_known"),
        CheckConstraint("(user_id IS NULL) = (purpose = 'enter')", name="user_known"),
    )

    challenge_sha256: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    user_id: int | None = Field(
        default=None,
        sa_column=Column(Integer, ForeignKey("user_account.id"), index=True, comment="null: whose answer it is, the answer says"),
    )
    purpose: str = Field(sa_column=Column(Text, nullable=False))
    ends_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, index=True))
