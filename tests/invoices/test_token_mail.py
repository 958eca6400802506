"""Whoever depends on an API token is told a week before it ends, once."""

from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default

import pytest
import sqlalchemy as sa
from cast import Cast
from mailserver import Mailserver

from flyusage import clock, config, db
from flyusage.invoices.posting import Post
from flyusage.orgs import api_tokens
from flyusage.orgs.acting import member, system
from flyusage.orgs.models import Role

MADE = datetime(2030, 11, 1, 12, tzinfo=UTC)  # later than the cast came together


@pytest.fixture(autouse=True)
def posted(mailserver: Mailserver, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FLYUSAGE_SMTP_URL", mailserver.url)
    monkeypatch.setenv("FLYUSAGE_BASE_URL", "https://usage.example")
    config.settings.cache_clear()
    yield
    monkeypatch.undo()
    config.settings.cache_clear()


def make(cast: Cast, name: str, *, user_id: int | None, by=None, days: int = 30) -> int:
    with clock.freeze(MADE), db.transaction(cast.prism.id) as session:
        who = by or member(cast.owner.user_id, Role.OWNER)
        return api_tokens.create(session, cast.prism.id, name=name, scopes=["usage.read"], by=who, user_id=user_id, days=days).token.id


def told(mailserver: Mailserver, at: datetime) -> list[tuple[str, str]]:
    """Whom a round of the worker tells of what."""
    before = len(mailserver.got)
    with clock.freeze(at):
        Post().work()
    return sorted((one.to[0], str(message_from_bytes(one.content)["subject"])) for one in mailserver.got[before:])


def test_its_member_its_maker_or_the_owners_are_told_once_and_a_week_before(cast: Cast, mailserver: Mailserver):
    make(cast, "mine", user_id=cast.owner.user_id)
    make(cast, "theirs", user_id=None, by=system("command"))
    make(cast, "short", user_id=cast.owner.user_id, days=7)  # who made it for a week knows
    revoked = make(cast, "revoked", user_id=None)
    with db.transaction(cast.prism.id) as session:
        api_tokens.revoke(session, cast.prism.id, revoked, by=system("tests"))
    ends = MADE + timedelta(days=30)
    assert told(mailserver, ends - timedelta(days=7, seconds=1)) == []
    mine, theirs = (f"API token {name} ends on December 1" for name in ("mine", "theirs"))
    assert told(mailserver, ends - timedelta(days=7)) == [(cast.owner.email, mine), (cast.owner.email, theirs)]
    said = message_from_bytes(mailserver.got[0].content, policy=default).get_body(("plain",)).get_content()  # pyright: ignore[reportOptionalMemberAccess]
    assert "https://usage.example/orgs/prism/tokens" in said
    assert "December 1, 2030, 12:00 UTC" in said
    assert told(mailserver, ends - timedelta(days=6)) == []


def test_nobody_is_told_of_a_token_that_works_no_more_when_the_mail_goes(cast: Cast, mailserver: Mailserver):
    make(cast, "gone", user_id=cast.member.user_id, by=system("command"))
    make(cast, "ours", user_id=None)
    soon = MADE + timedelta(days=25)
    with db.platform_transaction() as session:
        session.execute(sa.text("DELETE FROM membership WHERE user_id = :user"), {"user": cast.member.user_id})
        session.execute(sa.text("UPDATE organization SET deleted_at = now() WHERE id = :org"), {"org": cast.prism.id})
    assert told(mailserver, soon) == []
    with db.platform_transaction() as session:
        session.execute(sa.text("UPDATE organization SET deleted_at = NULL WHERE id = :org"), {"org": cast.prism.id})
    assert told(mailserver, soon) == [(cast.owner.email, "API token ours ends on December 1")]
