"""Who has access, changed by a member's own token: what it may, and what it never does."""

from typing import TYPE_CHECKING

import pytest
from asking_api import ask
from cast import Cast, Person, add_person

from flyusage import db
from flyusage.auth import letters
from flyusage.orgs import api_tokens, app_grants, audit, invitations, queries
from flyusage.orgs.acting import member
from flyusage.orgs.errors import NotPermitted, TokenInvalid, TokenRefused
from flyusage.orgs.models import Role

if TYPE_CHECKING:
    from flyusage.auth.letters import LinkLetter

LETTING_IN = ("members.manage", "tokens.manage", "usage.read", "members.read", "audit.read")


def made_by(person: Person, *scopes: str, days: int = 30, personal: bool = True) -> api_tokens.Made:
    with db.transaction(person.org_id) as session:
        by, user_id = member(person.user_id, person.role), person.user_id if personal else None
        return api_tokens.create(session, person.org_id, name="mine", scopes=scopes or LETTING_IN, by=by, user_id=user_id, days=days)


def people(cast: Cast) -> dict[int, queries.Person]:
    with db.transaction(cast.prism.id) as session:
        return {one.user_id: one for one in queries.people(session, cast.prism.id).rows}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> "list[LinkLetter]":
    """What is written to people."""
    written: list[LinkLetter] = []
    monkeypatch.setattr(letters, "_log_link", lambda one: written.append(one) is not None)
    return written


def test_people_are_invited_once_by_mail_and_no_answer_holds_a_link(cast: Cast, sent):
    secret = made_by(cast.owner).secret
    asked = {"emails": ["New@Example.com", cast.member.email, "nonsense"], "role": "developer"}
    told = [ask("/invitations", token=secret, method="POST", json=asked, headers={"idempotency-key": "one"}) for _ in range(2)]
    assert [one.status_code for one in told] == [201, 201]
    assert told[0].json() == told[1].json()
    assert [(one["email"], one["outcome"]) for one in told[0].json()["data"]] == [
        ("new@example.com", "invited"), (cast.member.email, "member"), ("nonsense", "invalid"),
    ]  # fmt: skip
    (letter,) = sent
    assert letter.email == "new@example.com"
    assert letter.link not in told[0].text + told[1].text
    (waiting,) = ask("/invitations", token=secret).json()["data"]
    assert waiting["made_by"] == f"user:{cast.owner.user_id}"
    assert ask(f"/invitations/{waiting['id']}", token=secret, method="DELETE").status_code == 204
    with db.lookup_transaction() as session, pytest.raises(Exception, match="used or taken back"):
        invitations.offered(session, letter.link.rpartition("=")[2])


def test_a_role_and_apps_are_changed_and_somebody_is_taken_out(cast: Cast):
    secret, path = made_by(cast.owner).secret, f"/members/{cast.member.user_id}"
    assert ask(f"{path}/role", token=secret, method="PUT", json={"role": "developer"}).json()["role"] == "developer"
    told = ask(f"{path}/apps", token=secret, method="PUT", json={"apps": ["nothing"]})
    assert (told.status_code, told.json()["code"]) == (404, "app_unknown")
    assert people(cast)[cast.member.user_id].role is Role.DEVELOPER
    assert ask(path, token=secret, method="DELETE").status_code == 204
    assert cast.member.user_id not in people(cast)
    assert ask(path, token=secret, method="DELETE").json()["code"] == "member_unknown"
    with db.transaction(cast.prism.id) as session:
        done = [(one.action, one.actor) for one in audit.entries(session, cast.prism.id)][:2]
    by = f"user:{cast.owner.user_id}"
    assert done == [("members.remove", by), ("members.change_role", by)]


def test_owners_are_beyond_any_token(cast: Cast):
    secret, owner, other = made_by(cast.owner).secret, cast.owner.user_id, cast.member.user_id
    for method, path, body in (
        ("PUT", f"/members/{other}/role", {"role": "owner"}), ("PUT", f"/members/{owner}/role", {"role": "viewer"}),
        ("PUT", f"/members/{owner}/apps", {"apps": None}), ("DELETE", f"/members/{owner}", None),
        ("POST", "/invitations", {"emails": ["x@example.com"], "role": "owner"}),
    ):  # fmt: skip
        told = ask(path, token=secret, method=method, json=body)
        assert (told.status_code, told.json()["code"]) == (403, "not_permitted"), path
    assert {one.role for one in people(cast).values()} == {Role.OWNER, cast.member.role}


def test_what_lets_others_in_is_a_members_own_and_short(cast: Cast):
    with pytest.raises(TokenInvalid, match="own token alone"):
        made_by(cast.owner, personal=False)
    with pytest.raises(TokenInvalid, match="30 days at most, not 31"):
        made_by(cast.owner, days=31)
    with pytest.raises(TokenInvalid, match="no scope of a token"):
        made_by(cast.owner, "organization.delete")
    with pytest.raises(NotPermitted):
        made_by(cast.member, "members.manage")


def test_a_token_makes_lesser_ones_that_end_with_it(cast: Cast):
    mine = made_by(cast.owner, *LETTING_IN, days=5)
    asked = {"name": "ci", "scopes": ["usage.read"], "days": 90}
    for wrong, code in (
        ({**asked, "scopes": ["members.manage"]}, "token_invalid"), ({**asked, "scopes": ["tokens.manage"]}, "token_invalid"),
        ({**asked, "scopes": ["prices.read"]}, "not_permitted"), ({**asked, "apps": ["nothing"]}, "app_unknown"),
    ):  # fmt: skip
        assert ask("/tokens", token=mine.secret, method="POST", json=wrong).json()["code"] == code
    told = [ask("/tokens", token=mine.secret, method="POST", json=asked, headers={"idempotency-key": "one"}) for _ in range(2)]
    made, again = (one.json() for one in told)
    assert (again.pop("secret"), told[1].headers["idempotent-replayed"]) == (None, "true")  # a secret is nowhere kept
    secret = made.pop("secret")
    assert made == again
    assert (made["user_id"], made["is_personal"], made["of"]) == (cast.owner.user_id, True, cast.owner.email)
    assert made["expires_at"] == mine.token.expires_at.isoformat().replace("+00:00", "Z")
    assert ask("/organization", token=secret).json()["org"] == "prism"
    assert ask("/tokens", token=secret, method="POST", json=asked).status_code == 403
    ended = ask(f"/tokens/{mine.token.id}", token=mine.secret, method="DELETE")
    assert ended.json()["state"] == "revoked"
    for one in (secret, mine.secret):
        with db.lookup_transaction() as session, pytest.raises(TokenRefused, match="revoked"):
            api_tokens.bearer_of(session, one)


def test_a_token_ends_its_members_own_and_anybodys_if_it_manages_members(cast: Cast):
    theirs = made_by(cast.owner, "usage.read")
    with db.platform_transaction() as session:
        ada = add_person(session, "ada@prism.example", cast.prism, Role.ADMIN)
    own, lesser, greater = made_by(ada, "usage.read"), made_by(ada, "tokens.manage"), made_by(ada, "tokens.manage", "members.manage")
    told = ask(f"/tokens/{theirs.token.id}", token=lesser.secret, method="DELETE")
    assert (told.status_code, told.json()["code"]) == (404, "token_unknown")
    assert ask(f"/tokens/{own.token.id}", token=lesser.secret, method="DELETE").json()["state"] == "revoked"
    assert ask(f"/tokens/{theirs.token.id}", token=greater.secret, method="DELETE").json()["state"] == "revoked"


def test_a_role_that_was_lost_is_lost_to_the_token_too(cast: Cast):
    secret = made_by(cast.owner).secret
    with db.platform_transaction() as session:
        session.connection().exec_driver_sql(f"UPDATE membership SET role = 'developer' WHERE user_id = {cast.owner.user_id}")
    for method, path in (("DELETE", f"/members/{cast.member.user_id}"), ("POST", "/invitations")):
        told = ask(path, token=secret, method=method, json={"emails": ["x@example.com"]} if method == "POST" else None)
        assert (told.status_code, told.json()["code"]) == (403, "not_permitted")


def test_members_are_listed_with_what_they_see(cast: Cast):
    secret = made_by(cast.owner).secret
    told = {one["id"]: one for one in ask("/members", token=secret).json()["data"]}
    assert {one: (each["email"], each["role"]) for one, each in told.items()} == {
        cast.owner.user_id: (cast.owner.email, "owner"), cast.member.user_id: (cast.member.email, cast.member.role.value),
    }  # fmt: skip
    assert told[cast.member.user_id]["apps"] is None
    with db.transaction(cast.prism.id) as session:
        assert app_grants.app_names(session, cast.prism.id) == {}
