"""Invitations: made by who may, taken once by whom they are for, and by nobody else."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from cast import Cast, Person, add_person
from factories import ingest, started

from flyusage import clock, config, db
from flyusage.auth import accounts
from flyusage.auth.errors import PasswordTooWeak
from flyusage.auth.sessions import Reader
from flyusage.orgs import app_grants, audit, invitations, organizations, queries
from flyusage.orgs.acting import Actor, member
from flyusage.orgs.errors import AppUnknown, GrantRefused, InvitationForAnother, InvitationSpent, NotPermitted, TooManyInvitations
from flyusage.orgs.models import Role

NOW = datetime(2026, 11, 15, tzinfo=UTC)
GOOD = "violin oxide parcel thunder"
ADA = "ada@example.com"


@pytest.fixture
def prism(cast: Cast) -> Iterator[Cast]:
    with clock.freeze(NOW):
        yield cast


def acting(person: Person) -> Actor:
    return member(person.user_id, person.role)


def invite(cast: Cast, *emails: str, role: Role = Role.DEVELOPER, by: Actor | None = None) -> list[invitations.Invited]:
    with db.transaction(cast.prism.id) as session:
        return invitations.invite(session, cast.prism.id, emails, role, by=by or acting(cast.owner))


def waiting(cast: Cast) -> list[invitations.Waiting]:
    with db.transaction(cast.prism.id) as session:
        return invitations.waiting(session, cast.prism.id)


def join(secret: str, *, name: str = "Ada", password: str = GOOD) -> tuple[invitations.Offer, int]:
    with db.platform_transaction() as session:
        return invitations.accept_as_new(session, secret, name=name, password=password)


def accept(secret: str, reader: Reader) -> invitations.Offer:
    with db.platform_transaction() as session:
        return invitations.accept(session, secret, reader)


def role_of(cast: Cast, user_id: int) -> Role | None:
    with db.transaction(cast.prism.id) as session:
        return queries.role_of(session, cast.prism.id, user_id)


def test_who_is_invited_for_some_apps_sees_those_and_no_others(prism: Cast):
    ingest([started("m", "2026-11-01T00:00:00Z", app="web"), started("n", "2026-11-01T00:00:00Z", app="api")])
    with db.transaction(prism.prism.id) as session:
        web = app_grants.apps_named(session, prism.prism.id, ["web"])
        for role, apps, refused in (
            (Role.BILLING, web, GrantRefused),
            (Role.VIEWER, frozenset(), GrantRefused),
            (Role.VIEWER, {999}, AppUnknown),
        ):
            with pytest.raises(refused):
                invitations.invite(session, prism.prism.id, ["x@example.com"], role, by=acting(prism.owner), apps=apps)
        (made,) = invitations.invite(session, prism.prism.id, [ADA], Role.DEVELOPER, by=acting(prism.owner), apps=web)
        assert audit.entries(session, prism.prism.id)[0].detail == {"role": "developer", "apps": ["web"]}
    assert waiting(prism)[0].app_ids == tuple(web)
    _, user_id = join(made.secret)
    with db.transaction(prism.prism.id) as session:
        assert app_grants.granted_to(session, prism.prism.id, member(user_id, Role.DEVELOPER)) == web


def test_a_new_account_takes_the_place_and_its_address_is_verified(prism: Cast):
    (made,) = invite(prism, "Ada@Example.com")
    with db.lookup_transaction() as session:
        offer = invitations.offered(session, made.secret)
    assert (offer.email, offer.role, offer.name, offer.has_account) == (ADA, Role.DEVELOPER, "Prism", False)
    _, user_id = join(made.secret)
    assert role_of(prism, user_id) is Role.DEVELOPER
    assert accounts.sign_in(ADA, GOOD, address="198.51.100.7", device="Firefox")
    with db.platform_transaction() as session:
        assert session.scalar(sa.text("SELECT email_verified_at FROM user_account WHERE id = :id"), {"id": user_id}) == NOW
        assert [one.action for one in audit.entries(session, prism.prism.id)] == ["invitation.accept", "invitation.make"]
    assert waiting(prism) == []


def test_an_existing_account_takes_it_signed_in_as_the_invited_address_only(prism: Cast):
    (made,) = invite(prism, prism.outsider.email, role=Role.BILLING)
    with pytest.raises(InvitationForAnother, match="you are signed in as member@prism.example"):
        accept(made.secret, Reader(1, prism.member.user_id, prism.member.email, "Member"))
    assert accept(made.secret, Reader(2, prism.outsider.user_id, prism.outsider.email, "Outsider")).slug == "prism"
    assert role_of(prism, prism.outsider.user_id) is Role.BILLING


def test_who_can_sign_in_must_and_gets_no_new_password_by_an_invitation(prism: Cast):
    with db.platform_transaction() as session:
        accounts.set_password(session, prism.outsider.user_id, GOOD)
    (made,) = invite(prism, prism.outsider.email)
    with pytest.raises(InvitationForAnother, match="Sign in to accept"):
        join(made.secret, password="copper meadow lantern seven")
    assert accounts.sign_in(prism.outsider.email, GOOD, address="198.51.100.7", device="Firefox")


def test_it_works_once_also_when_four_come_at_once(prism: Cast):
    (made,) = invite(prism, ADA)

    def attempt(_: int) -> bool:
        try:
            join(made.secret)
        except InvitationSpent:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(attempt, range(4))) == [False, False, False, True]
    with pytest.raises(InvitationSpent), db.lookup_transaction() as session:
        invitations.offered(session, made.secret)


def test_one_of_a_deleted_organization_is_good_again_when_that_is_undone(prism: Cast):
    (made,) = invite(prism, ADA)
    with db.transaction(prism.prism.id) as session:
        organizations.delete(session, prism.prism.id, by=acting(prism.owner))
    with pytest.raises(InvitationSpent):
        join(made.secret)
    with db.platform_transaction() as session:
        assert accounts.find(session, ADA) is None
    with db.transaction(prism.prism.id) as session:
        organizations.undo_deletion(session, prism.prism.id, by=acting(prism.owner))
    assert join(made.secret)


def test_a_weak_password_leaves_it_good(prism: Cast):
    (made,) = invite(prism, ADA)
    with pytest.raises(PasswordTooWeak):
        join(made.secret, password="password12")
    assert join(made.secret)


def test_it_runs_out_after_seven_days_is_replaced_and_revoked(prism: Cast):
    (first,) = invite(prism, ADA)
    with clock.freeze(NOW + timedelta(days=7)):
        with pytest.raises(InvitationSpent):
            join(first.secret)
        (second,) = invite(prism, ADA)  # takes the place of the one that ran out
        assert second.outcome == "invited"
        (entry,) = waiting(prism)
        with db.transaction(prism.prism.id) as session:
            third = invitations.resend(session, prism.prism.id, entry.id, by=acting(prism.owner))
        with pytest.raises(InvitationSpent):
            join(second.secret)
        with db.transaction(prism.prism.id) as session:
            assert invitations.revoke(session, prism.prism.id, entry.id, by=acting(prism.owner)) == ADA
        for secret in (third.secret, "", "\udcff", "x" * 5000):
            with pytest.raises(InvitationSpent):
                join(secret)
        for again in (invitations.resend, invitations.revoke):
            with pytest.raises(InvitationSpent), db.transaction(prism.prism.id) as session:
                again(session, prism.prism.id, entry.id, by=acting(prism.owner))
    with db.transaction(prism.prism.id) as session:
        log = [one.action for one in audit.entries(session, prism.prism.id)]
    assert log == ["invitation.revoke", "invitation.resend", "invitation.make", "invitation.make"]


def test_each_of_many_addresses_is_told_what_became_of_it(prism: Cast):
    invite(prism, ADA)
    made = invite(prism, "bob@example.com", "BOB@example.com", ADA, "member@prism.example", "no address", "owner@rival.example")
    assert [(one.email, one.outcome) for one in made] == [
        ("bob@example.com", "invited"),
        ("bob@example.com", "waiting"),
        (ADA, "waiting"),
        ("member@prism.example", "member"),
        ("no address", "invalid"),
        ("owner@rival.example", "invited"),  # that they have an account elsewhere is not told
    ]
    with pytest.raises(TooManyInvitations, match="200 addresses at once at most; these are 201"):
        invite(prism, *(f"a{number}@example.com" for number in range(201)))


def test_two_who_invite_the_same_at_once_make_one(prism: Cast):
    with ThreadPoolExecutor(2) as threads:
        made = [one.outcome for both in threads.map(lambda _: invite(prism, ADA), range(2)) for one in both]
    assert sorted(made) == ["invited", "waiting"]


@pytest.mark.parametrize("role", [Role.DEVELOPER, Role.BILLING, Role.VIEWER])
def test_only_who_manages_members_invites_resends_and_revokes(prism: Cast, role: Role):
    invite(prism, ADA)
    (entry,) = waiting(prism)
    with db.platform_transaction() as session:
        other = acting(add_person(session, "other@prism.example", prism.prism, role))
    with pytest.raises(NotPermitted, match="members.manage"):
        invite(prism, "bob@example.com", by=other)
    for verb in (invitations.resend, invitations.revoke):
        for id_ in (entry.id, entry.id + 1):
            with pytest.raises(NotPermitted), db.transaction(prism.prism.id) as session:
                verb(session, prism.prism.id, id_, by=other)


def test_an_admin_invites_no_owner_and_leaves_an_owners_invitation_alone(prism: Cast):
    with db.platform_transaction() as session:
        admin = acting(add_person(session, "admin@prism.example", prism.prism, Role.ADMIN))
    with pytest.raises(NotPermitted, match="Only an owner invites an owner"):
        invite(prism, ADA, role=Role.OWNER, by=admin)
    invite(prism, ADA, role=Role.OWNER)
    (entry,) = waiting(prism)
    with pytest.raises(NotPermitted), db.transaction(prism.prism.id) as session:
        invitations.resend(session, prism.prism.id, entry.id, by=admin)


def test_an_outsider_sees_none_and_reaches_none(prism: Cast):
    invite(prism, ADA)
    (entry,) = waiting(prism)
    with db.transaction(prism.rival.id) as session:
        assert invitations.waiting(session, prism.prism.id) == []
    with pytest.raises((InvitationSpent, NotPermitted)), db.transaction(prism.rival.id) as session:
        invitations.revoke(session, prism.rival.id, entry.id, by=acting(prism.outsider))
    with db.transaction(prism.rival.id) as session:
        assert [one.email for one in queries.people(session, prism.prism.id).rows] == ["owner@rival.example"]


def test_secrets_are_nowhere_kept(prism: Cast):
    (made,) = invite(prism, ADA)
    with db.platform_transaction() as session:
        kept = [str(session.execute(sa.text(f"SELECT * FROM {table}")).all()) for table in ("invitation", "audit_event")]
    assert all(made.secret not in one for one in kept)


def test_the_letter_carries_the_configured_address_and_names_literally(prism: Cast, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FLYUSAGE_BASE_URL", "https://usage.example.com/")
    config.settings.cache_clear()
    one = invitations.Invited(ADA, "invited", Role.ADMIN, "s3cret")
    written = invitations.letter(one, organization="<b>Prism</b>", inviter="Bo & Co", settings=config.settings())
    config.settings.cache_clear()
    assert written.link == "https://usage.example.com/invitation?link=s3cret"
    assert "Bo & Co invites you to <b>Prism</b> on flyusage, in the role admin." in written.letter.text
    assert "Bo &amp; Co invites you to &lt;b&gt;Prism&lt;/b&gt;" in written.letter.html


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("a@b.de", ["a@b.de"]),
        ("a@b.de, B@c.de;d@e.fr\n\n f@g.it\tA@B.de", ["a@b.de", "b@c.de", "d@e.fr", "f@g.it"]),
        ("Ada Lovelace <ada@b.de>, \"Bob, the\" <bob@c.de>; <eve@d.de>", ["ada@b.de", "bob@c.de", "eve@d.de"]),
        ("nobody", ["nobody"]),
        ("Ada <ada@b.de> bob@c.de\n<eve@d.de>", ["ada@b.de", "bob@c.de", "eve@d.de"]),
        ("x" * 50_000, ["x" * 50_000]),  # a paste of any kind holds up nobody else's work
    ],
)  # fmt: skip
def test_addresses_are_found_in_what_people_paste(text: str, found: list[str]):
    assert invitations.addresses_in(text) == found
