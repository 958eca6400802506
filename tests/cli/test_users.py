"""`flyusage users`: accounts are made and listed, and the link sets a password."""

import json
import re
import sys
from io import StringIO

import pyotp
import pytest
import sqlalchemy as sa
from cast import Cast

from flyusage import db
from flyusage.alerts import member_mails
from flyusage.auth import accounts, second_factor, sessions
from flyusage.auth.errors import AccountDisabled
from flyusage.orgs import api_tokens, audit, memberships, queries
from flyusage.orgs.acting import member
from flyusage.orgs.errors import LastOwner, TokenRefused
from flyusage.orgs.models import Role

GOOD = "violin oxide parcel thunder"


def test_an_owner_is_made_with_a_link_that_sets_the_password(flyusage, cast: Cast):
    made = json.loads(flyusage("users", "create", "Ada@Example.com", "--owner", "prism", "--name", "Ada L.", "--json").out)
    assert made["email"] == "ada@example.com"
    with db.platform_transaction() as session:
        assert queries.role_of(session, cast.prism.id, made["user_id"]) is Role.OWNER
        assert accounts.spend_link(session, made["link"].partition("?link=")[2], "set_password") == made["user_id"]
        accounts.set_password(session, made["user_id"], GOOD)
        (entry,) = audit.entries(session, cast.prism.id, limit=1)
    assert (entry.actor, entry.action, entry.detail) == ("system:cli", "members.add", {"email": "ada@example.com", "role": "owner"})
    assert accounts.sign_in("ada@example.com", GOOD, address="::1", device="")
    listed = flyusage("users", "list").out.splitlines()
    assert [line.split() for line in listed[:2]] == [
        ["address", "name", "can", "sign", "in", "belongs", "to"],
        ["ada@example.com", "Ada", "L.", "yes", "owner", "of", "prism"],
    ]


def test_the_link_leads_to_the_configured_address(flyusage, cast: Cast, monkeypatch):
    from flyusage import config

    monkeypatch.setenv("FLYUSAGE_BASE_URL", "https://usage.example.com/")
    config.settings.cache_clear()
    said = flyusage("users", "link", cast.owner.email).out
    assert "https://usage.example.com/set-password?link=" in said
    config.settings.cache_clear()


def test_mistakes_are_said_in_a_sentence_and_change_nothing(flyusage, cast: Cast):
    for command, sentence in (
        (("create", "ada"), "'ada' is no mail address. It should look like name@example.com."),
        (("create", cast.owner.email), f"{cast.owner.email} has an account already."),
        (
            ("create", "ada@example.com", "--owner", "nobody"),
            (
                "There is no organization 'nobody'. `flyusage orgs list` names those there are. "
                "`flyusage orgs create` begins another: do that first, then this again."
            ),
        ),
        (("link", "ada@example.com"), "No account has the address ada@example.com. `flyusage users list` names those there are."),
    ):
        said = flyusage("users", *command)
        assert (said.code, said.err) == (1, f"flyusage: {sentence}\n")
    assert "ada@example.com" not in flyusage("users", "list").out


def test_nobody_is_a_state_of_its_own(flyusage, database):
    assert "`flyusage users create EMAIL --owner ORG` makes the first account" in flyusage("users", "list").out


def test_a_lost_second_factor_is_reset_and_told(flyusage, cast: Cast):
    with db.platform_transaction() as session:
        accounts.set_password(session, cast.owner.user_id, GOOD)
        app = pyotp.TOTP(second_factor.begin(session, cast.owner.user_id, cast.owner.email).secret)
        second_factor.confirm(session, cast.owner.user_id, app.now())
        whole = sessions.start(session, cast.owner.user_id, address="::1", device="")
    assert flyusage("users", "reset-second-factor", cast.owner.email).out == f"{cast.owner.email} signs in by the password alone now.\n"
    assert flyusage("users", "reset-second-factor", cast.owner.email).out == f"{cast.owner.email} had no second factor.\n"
    with db.platform_transaction() as session:
        assert sessions.reader_of(session, whole) is None
        (entry,) = audit.entries(session, cast.prism.id)
    assert (entry.actor, entry.action, entry.subject) == ("system:cli", "second_factor.disable", f"user:{cast.owner.user_id}")
    assert accounts.sign_in(cast.owner.email, GOOD, address="::1", device="")
    assert "No account has the address nobody@prism.example" in flyusage("users", "reset-second-factor", "nobody@prism.example").err


def test_somebody_is_signed_out_everywhere(flyusage, cast: Cast):
    with db.platform_transaction() as session:
        secrets = [sessions.start(session, cast.owner.user_id, address="::1", device="") for _ in range(2)]
    assert flyusage("users", "sign-out", cast.owner.email).out == f"{cast.owner.email} is signed out in 2 browsers.\n"
    with db.platform_transaction() as session:
        assert [sessions.reader_of(session, secret) for secret in secrets] == [None, None]
        assert [one.action for one in audit.entries(session, cast.prism.id)] == ["session.end_all"]


def test_an_account_is_disabled_with_what_acts_for_it_and_enabled_again(flyusage, cast: Cast, monkeypatch: pytest.MonkeyPatch):
    owner, by = cast.owner, member(cast.owner.user_id, Role.OWNER)
    with db.platform_transaction() as session:
        accounts.set_password(session, owner.user_id, GOOD)
    accounts.sign_in(owner.email, GOOD, address="::1", device="")
    with db.transaction(cast.prism.id) as session:
        own, ours = (
            api_tokens.create(session, cast.prism.id, name="ci", scopes=["usage.read"], by=by, user_id=whose)
            for whose in (owner.user_id, None)
        )

    def bearer(secret: str) -> str:
        with db.lookup_transaction() as session:
            return api_tokens.bearer_of(session, secret).slug

    def mailed() -> list[str]:
        with db.transaction(cast.prism.id) as session:
            return [row.email for row in session.execute(sa.text(member_mails._PEOPLE), {"org": cast.prism.id})]

    monkeypatch.setattr(sys, "stdin", StringIO())
    unanswered = flyusage("users", "disable", owner.email)
    assert (unanswered.code, "Where nobody can answer, pass --yes." in unanswered.err) == (1, True)
    said = flyusage("users", "disable", owner.email, "--yes").out
    alone = f"{owner.email} is the only owner of prism who can sign in. `flyusage members role prism ADDRESS owner` makes another.\n"
    assert said == f"{alone}{owner.email} is disabled, and signed out in 1 browser.\n"
    assert flyusage("users", "disable", owner.email, "--yes").out.endswith(f"{owner.email} was disabled already.\n")
    with pytest.raises(AccountDisabled):
        accounts.sign_in(owner.email, GOOD, address="::1", device="")
    with pytest.raises(TokenRefused, match="account is disabled"):
        bearer(own.secret)
    assert bearer(ours.secret) == "prism"
    assert mailed() == [cast.member.email]
    assert flyusage("members", "role", "prism", cast.member.email, "owner").code == 0
    with pytest.raises(LastOwner), db.transaction(cast.prism.id) as session:  # the one who is disabled is none to stay
        memberships.leave(session, cast.prism.id, by=member(cast.member.user_id, Role.OWNER))
    assert "keeps an owner who can sign in" in flyusage("members", "role", "prism", cast.member.email, "viewer").err
    assert re.search(rf"^{owner.email} .* disabled +owner of prism$", flyusage("users", "list").out, re.MULTILINE)
    assert flyusage("users", "enable", owner.email).out == f"{owner.email} can sign in again.\n"
    assert flyusage("users", "enable", owner.email).out == f"{owner.email} was not disabled.\n"
    assert (bearer(own.secret), mailed()) == ("prism", [owner.email, cast.member.email])
    assert accounts.sign_in(owner.email, GOOD, address="::1", device="")
    with db.platform_transaction() as session:
        told = [(one.actor, one.action, one.detail) for one in audit.entries(session, cast.prism.id) if one.action.startswith("account.")]
    assert told == [("system:cli", "account.enable", {}), ("system:cli", "account.disable", {"browsers": 1})]
    assert "No account has the address nobody@prism.example" in flyusage("users", "disable", "nobody@prism.example", "--yes").err
