"""`flyusage tokens`: made, shown once, listed and ended."""

import json

import pytest
from cast import Cast

from flyusage import db
from flyusage.orgs import api_tokens
from flyusage.orgs.errors import TokenRefused


def bearer(secret: str) -> api_tokens.Bearer:
    with db.lookup_transaction() as session:
        return api_tokens.bearer_of(session, secret)


def test_a_token_is_made_listed_and_ended(flyusage, cast: Cast):
    assert "No token yet. `flyusage tokens create prism" in flyusage("tokens", "list", "prism").out
    said = flyusage("tokens", "create", "prism", "--name", "ci", "--scope", "usage.read", "--scope", "events.write")
    secret = said.out.strip()
    assert bearer(secret).slug == "prism"
    assert "It is not shown again." in said.err
    (row,) = json.loads(flyusage("tokens", "list", "prism", "--json").out)
    assert (row["name"], row["scopes"], row["state"], row["user_id"]) == ("ci", ["usage.read", "events.write"], "active", None)
    listed = flyusage("tokens", "list", "prism").out
    assert secret not in listed
    assert "the organization" in listed
    assert flyusage("tokens", "revoke", "prism", str(row["id"])).out == f"Token {row['id']} (ci) is revoked.\n"
    with pytest.raises(TokenRefused, match="revoked"):
        bearer(secret)


def test_a_members_token_says_what_it_will_not_do(flyusage, cast: Cast):
    asked = ("--name", "mine", "--scope", "usage.read", "--scope", "invoices.read", "--user", cast.member.email)
    said = flyusage("tokens", "create", "prism", *asked)
    assert "As long as its member is a viewer, it does not hold invoices.read." in said.err
    made = json.loads(flyusage("tokens", "create", "prism", *asked, "--json").out)
    assert made["user_id"] == cast.member.user_id
    assert {one.value for one in bearer(made["secret"]).permissions} <= {"usage.read"}


def test_mistakes_are_said_in_a_sentence_and_make_nothing(flyusage, cast: Cast):
    for command, sentence in (
        (("create", "prism", "--name", "x", "--scope", "all"), "'all' is no scope of a token."),
        (("create", "prism", "--name", " ", "--scope", "usage.read"), "A token needs a name"),
        (("create", "prism", "--name", "x", "--scope", "usage.read", "--days", "9999"), "A token lasts 1 to 366 days, not 9999."),
        (("create", "prism", "--name", "x", "--scope", "usage.read", "--user", cast.outsider.email), "is no member of prism"),
        (("create", "nobody", "--name", "x", "--scope", "usage.read"), "There is no organization 'nobody'."),
        (("revoke", "prism", "7"), "There is no token 7 here."),
    ):
        said = flyusage("tokens", *command)
        assert said.code == 1
        assert said.err.startswith("flyusage: ")
        assert sentence in said.err
    assert json.loads(flyusage("tokens", "list", "prism", "--json").out) == []
