import re
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from cast import Cast, Person, add_person
from hypothesis import given
from hypothesis import strategies as st
from pyotp.totp import TOTP

from flyusage import clock, db
from flyusage.auth import second_factor
from flyusage.auth.secrets import digest
from flyusage.orgs import api_tokens, audit, organizations, rules
from flyusage.orgs.acting import member, system
from flyusage.orgs.errors import NotPermitted, TokenInvalid, TokenRefused, TokenUnknown
from flyusage.orgs.models import Role
from flyusage.orgs.permissions import PERMISSIONS, Permission

NOW = datetime(2030, 11, 20, 12, tzinfo=UTC)  # later than the cast came together
READING = ("usage.read", "prices.read")


def make(person: Person, *, scopes=READING, personal=True, days=90, name="ci") -> api_tokens.Made:
    with db.transaction(person.org_id) as session:
        by = member(person.user_id, person.role)
        return api_tokens.create(
            session, person.org_id, name=name, scopes=scopes, by=by, user_id=person.user_id if personal else None, days=days
        )


def bearer(secret: str) -> api_tokens.Bearer:
    with db.lookup_transaction() as session:
        return api_tokens.bearer_of(session, secret)


def as_role(person: Person, role: Role) -> None:
    with db.platform_transaction() as session:
        session.execute(sa.text("UPDATE membership SET role = :role WHERE user_id = :user"), {"role": role, "user": person.user_id})


def test_a_token_opens_its_own_organization_with_its_scopes_and_as_its_member(cast: Cast):
    made = make(cast.owner)
    found = bearer(made.secret)
    assert (found.org_id, found.slug, found.by.name, found.by.role) == (cast.prism.id, "prism", f"user:{cast.owner.user_id}", Role.OWNER)
    assert found.permissions == {Permission.USAGE_READ, Permission.PRICES_READ}
    with pytest.raises(NotPermitted, match="may not do invoices.read"):
        found.require(Permission.INVOICES_READ)


def test_only_the_hash_of_the_secret_is_kept(cast: Cast):
    made = make(cast.owner)
    with db.platform_transaction() as session:
        row = session.execute(sa.text("SELECT * FROM api_token")).one()
    assert row.secret_sha256 == digest(made.secret)
    assert made.secret not in str(row)
    assert row.hint == made.secret[:10]


def test_a_scanner_finds_it_and_a_mistyped_one_is_told_without_the_database():
    secret = api_tokens.new_secret()
    assert re.fullmatch(r"flyu_[0-9A-Za-z]{49}", secret)
    assert api_tokens.is_shaped(secret)
    with pytest.raises(TokenRefused, match="checksum"):
        api_tokens.bearer_of(None, secret[:-1] + ("a" if secret[-1] != "a" else "b"))  # type: ignore[arg-type]


@given(place=st.integers(5, 53), letter=st.sampled_from("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))
def test_no_single_slip_gives_another_token(place: int, letter: str):
    secret = api_tokens.new_secret()
    slipped = secret[:place] + letter + secret[place + 1 :]
    assert api_tokens.is_shaped(slipped) == (slipped == secret)


@given(st.text(max_size=80))
def test_nonsense_is_no_token(text: str):
    assert not api_tokens.is_shaped(text)


def test_a_personal_token_never_holds_more_than_the_members_role_now(cast: Cast):
    made = make(cast.owner, scopes=("usage.read", "invoices.read", "events.write"))
    as_role(cast.owner, Role.BILLING)
    assert bearer(made.secret).permissions == {Permission.USAGE_READ, Permission.INVOICES_READ} & PERMISSIONS[Role.BILLING]
    as_role(cast.owner, Role.VIEWER)
    assert bearer(made.secret).permissions == {Permission.USAGE_READ} & PERMISSIONS[Role.VIEWER]


def test_a_removed_members_tokens_stop_at_once_and_stay_stopped_when_they_come_back(cast: Cast):
    with clock.freeze(NOW):
        mine, ours = make(cast.owner), make(cast.owner, personal=False)
        with db.platform_transaction() as session:
            session.execute(sa.text("DELETE FROM membership WHERE user_id = :user"), {"user": cast.owner.user_id})
        with pytest.raises(TokenRefused, match="does not belong"):
            bearer(mine.secret)
        assert bearer(ours.secret).by.name == f"token:{ours.token.id}"
    with clock.freeze(NOW + timedelta(hours=1)):
        with db.platform_transaction() as session:
            back = sa.text("INSERT INTO membership (org_id, user_id, role, created_at) VALUES (:org, :user, 'owner', :now)")
            session.execute(back, {"org": cast.prism.id, "user": cast.owner.user_id, "now": clock.now()})
        with pytest.raises(TokenRefused, match="does not belong"):
            bearer(mine.secret)


def test_a_revoked_token_is_good_for_nothing_and_revoking_again_tells_nothing_new(cast: Cast):
    made = make(cast.owner)
    for _ in range(2):
        with db.transaction(cast.prism.id) as session:
            api_tokens.revoke(session, cast.prism.id, made.token.id, by=member(cast.owner.user_id, Role.OWNER))
    with pytest.raises(TokenRefused, match="revoked"):
        bearer(made.secret)
    with db.transaction(cast.prism.id) as session:
        told = [(one.action, one.subject) for one in audit.entries(session, cast.prism.id)]
        assert api_tokens.token(session, cast.prism.id, made.token.id).state == "revoked"
    assert told == [("tokens.revoke", f"token:{made.token.id}"), ("tokens.create", f"token:{made.token.id}")]


@pytest.mark.parametrize("is_personal", [True, False])
def test_a_deleted_organizations_tokens_stop_until_it_is_brought_back(cast: Cast, is_personal: bool):
    made, owner = make(cast.owner, personal=is_personal), member(cast.owner.user_id, Role.OWNER)
    with db.transaction(cast.prism.id) as session:
        organizations.delete(session, cast.prism.id, by=owner)
    with pytest.raises(TokenRefused, match="deleted"):
        bearer(made.secret)
    with db.transaction(cast.prism.id) as session:
        organizations.undo_deletion(session, cast.prism.id, by=owner)
    assert bearer(made.secret).org_id == cast.prism.id


def test_where_a_second_factor_is_asked_for_a_members_token_waits_for_theirs(cast: Cast):
    theirs, programs = make(cast.owner), make(cast.owner, personal=False)
    with db.transaction(cast.prism.id) as session:
        rules.require_second_factor(session, cast.prism.id, is_required=True, by=member(cast.owner.user_id, Role.OWNER))
    with pytest.raises(TokenRefused, match="second factor"):
        bearer(theirs.secret)
    assert bearer(programs.secret).org_id == cast.prism.id  # an organization's token is no member's
    with db.platform_transaction() as session:
        setup = second_factor.begin(session, cast.owner.user_id, cast.owner.email)
        second_factor.confirm(session, cast.owner.user_id, TOTP(setup.secret).at(clock.now()))
    assert bearer(theirs.secret).org_id == cast.prism.id


def test_it_lasts_ninety_days_unless_told_otherwise(cast: Cast):
    with clock.freeze(NOW):
        made = make(cast.owner)
        assert made.token.expires_at == NOW + timedelta(days=90)
    with clock.freeze(NOW + timedelta(days=90) - timedelta(seconds=1)):
        assert bearer(made.secret).slug == "prism"
    with clock.freeze(NOW + timedelta(days=90)):
        with pytest.raises(TokenRefused, match="expired on 2031-02-18"):
            bearer(made.secret)
        assert listed(cast)[0].state == "expired"


def listed(cast: Cast) -> list[api_tokens.Token]:
    with db.transaction(cast.prism.id) as session:
        return api_tokens.tokens(session, cast.prism.id)


def test_last_use_is_kept_to_the_minute(cast: Cast):
    with clock.freeze(NOW):
        made = make(cast.owner)
    assert listed(cast)[0].used_at is None
    for seconds, seen in ((0, 0), (59, 0), (60, 60), (100, 60)):
        with clock.freeze(NOW + timedelta(seconds=seconds)):
            bearer(made.secret)
            assert listed(cast)[0].used_at == NOW + timedelta(seconds=seen)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"scopes": ()}, "at least one scope"),
        ({"scopes": ("usage.read", "everything")}, "'everything' is no scope"),
        ({"scopes": ("organization.delete",)}, "is no scope of a token"),
        ({"name": " \n"}, "needs a name"),
        ({"name": "x" * 101}, "needs a name"),
        ({"days": 0}, "1 to 366 days"),
        ({"days": 367}, "1 to 366 days"),
    ],
)
def test_what_cannot_be_made_is_said(cast: Cast, asked, why):
    with pytest.raises(TokenInvalid, match=re.escape(why)):
        make(cast.owner, **asked)
    assert listed(cast) == []


def test_nobody_gives_away_what_they_may_not_do(cast: Cast):
    with pytest.raises(NotPermitted):
        make(cast.member)  # a viewer makes none
    as_role(cast.member, Role.DEVELOPER)
    developer = Person(cast.member.user_id, cast.member.email, cast.member.org_id, Role.DEVELOPER)
    assert make(developer, scopes=("events.write",), personal=False).token.user_id is None
    with pytest.raises(NotPermitted, match="invoices.read"):
        make(developer, scopes=("invoices.read",), personal=False)
    with pytest.raises(NotPermitted, match="by the member whose it is"), db.transaction(cast.prism.id) as session:
        api_tokens.create(
            session, cast.prism.id, name="x", scopes=READING, by=member(cast.owner.user_id, Role.OWNER), user_id=cast.member.user_id
        )


def test_a_developer_sees_and_ends_their_own_and_who_manages_members_everybodys(cast: Cast):
    with db.platform_transaction() as session:
        ann, bob, ada = (
            add_person(session, f"{name}@prism.example", cast.prism, role)
            for name, role in (("ann", Role.DEVELOPER), ("bob", Role.DEVELOPER), ("ada", Role.ADMIN))
        )
    hers, her_programs, his, owners, programs = (
        make(ann), make(ann, personal=False), make(bob), make(cast.owner), make(cast.owner, personal=False)
    )  # fmt: skip

    def seen(person: Person) -> set[int]:
        with db.transaction(cast.prism.id) as session:
            return {one.id for one in api_tokens.tokens(session, cast.prism.id, by=member(person.user_id, person.role))}

    def end(made: api_tokens.Made, by: Person, *, only_own: bool = False) -> str:
        with db.transaction(cast.prism.id) as session:
            return api_tokens.revoke(session, cast.prism.id, made.token.id, by=member(by.user_id, by.role), only_own=only_own).state

    everybodys = {one.token.id for one in (hers, her_programs, his, owners, programs)}
    assert (seen(ann), seen(bob)) == ({hers.token.id, her_programs.token.id}, {his.token.id})
    assert seen(ada) == seen(cast.owner) == everybodys
    for foreign in (his, owners, programs):
        with pytest.raises(TokenUnknown, match=f"There is no token {foreign.token.id} here"):
            end(foreign, ann)
        assert bearer(foreign.secret)
    with pytest.raises(TokenUnknown):  # by a token of hers that may make tokens, and no more
        end(his, ada, only_own=True)
    assert [end(hers, ann), end(her_programs, ann), end(his, ada), end(programs, ada), end(owners, ada)] == ["revoked"] * 5


def test_an_outsider_sees_and_ends_none_of_it(cast: Cast):
    made = make(cast.owner)
    with db.transaction(cast.rival.id) as session:
        assert api_tokens.tokens(session, cast.prism.id) == []
        with pytest.raises(TokenUnknown):
            api_tokens.revoke(session, cast.prism.id, made.token.id, by=system("tests"))
        with pytest.raises(TokenUnknown):
            api_tokens.revoke(session, cast.rival.id, made.token.id, by=system("tests"))
    assert bearer(made.secret).slug == "prism"


def test_a_tenant_neither_prolongs_nor_removes_a_token(cast: Cast):
    make(cast.owner)
    for change in (
        "UPDATE api_token SET expires_at = now() + interval '9 years'",
        "UPDATE api_token SET scopes = '[]'",
        "DELETE FROM api_token",
    ):
        with pytest.raises(sa.exc.ProgrammingError, match="permission denied"), db.transaction(cast.prism.id) as session:
            session.execute(sa.text(change))


def test_a_token_and_its_audit_are_made_together_or_not_at_all(cast: Cast):
    with pytest.raises(ZeroDivisionError), db.transaction(cast.prism.id) as session:
        api_tokens.create(session, cast.prism.id, name="x", scopes=READING, by=system("tests"))
        raise ZeroDivisionError
    with db.transaction(cast.prism.id) as session:
        assert api_tokens.tokens(session, cast.prism.id) == [] == audit.entries(session, cast.prism.id)
