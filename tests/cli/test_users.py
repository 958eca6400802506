"""`flyusage users`: accounts are made and listed, and the link sets a password."""

import json

import pyotp
from cast import Cast

from flyusage import db
from flyusage.auth import accounts, second_factor, sessions
from flyusage.orgs import audit, queries
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
            "There is no organization 'nobody'. `flyusage orgs list` names those there are.",
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
