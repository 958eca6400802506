"""People, before any organization: who they are. How they sign in builds on this."""

from datetime import datetime

from sqlalchemy import Column, DateTime, Identity, Integer, Text
from sqlmodel import Field, SQLModel


class User(SQLModel, table=True):
    """A person with one address; memberships tie them to organizations."""

    __tablename__ = "user_account"  # pyright: ignore[reportAssignmentType]

    id: int | None = Field(default=None, sa_column=Column(Integer, Identity(always=True), primary_key=True))
    email: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    name: str = Field(sa_column=Column(Text, nullable=False))
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
