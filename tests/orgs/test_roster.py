"""A list of who should belong here: compared first, then applied all or nothing, exactly as it was confirmed."""

import pytest
import sqlalchemy as sa
from cast import Cast, add_person

from flyusage import clock, db
from flyusage.orgs import invitations, memberships, provisioning, queries, roster
from flyusage.orgs.acting import Actor, member, system
from flyusage.orgs.errors import NotPermitted, RosterChanged
from flyusage.orgs.models import Role

LIST = ["Owner@prism.example", "new@x.example", "kept@x.example"]


@pytest.fixture
def prism(cast: Cast) -> Cast:
    """The owner, a viewer, and two invitations."""
    with db.transaction(cast.prism.id) as session:
        invitations.invite(session, cast.prism.id, ["kept@x.example", "gone@x.example"], Role.VIEWER, by=owner(cast))
    return cast


def owner(cast: Cast) -> Actor:
    return member(cast.owner.user_id, Role.OWNER)


def compared(cast: Cast, emails: list[str], by: Actor | None = None) -> roster.Roster:
    with db.transaction(cast.prism.id) as session:
        return roster.compare(session, cast.prism.id, emails, by=by or owner(cast))


def apply(cast: Cast, emails: list[str], digest: str) -> list[invitations.Invited]:
    with db.transaction(cast.prism.id) as session:
        return roster.apply(session, cast.prism.id, emails, Role.DEVELOPER, digest=digest, by=owner(cast))


def test_joiners_leavers_and_who_stays_are_told_apart(prism: Cast):
    found = compared(prism, LIST)
    assert (found.joiners, found.leavers, found.taken_back) == (("new@x.example",), ("member@prism.example",), ("gone@x.example",))
    assert (found.unchanged, found.staying, found.invalid) == (2, (), ())


def test_it_is_applied_at_once(prism: Cast):
    (made,) = apply(prism, LIST, compared(prism, LIST).digest)
    assert (made.email, made.role) == ("new@x.example", Role.DEVELOPER)
    with db.transaction(prism.prism.id) as session:
        assert [one.email for one in queries.people(session, prism.prism.id).rows] == ["owner@prism.example"]
        assert {one.email for one in invitations.waiting(session, prism.prism.id)} == {"kept@x.example", "new@x.example"}
    assert compared(prism, LIST) == roster.Roster((), (), (), (), (), 3)


def test_what_changed_meanwhile_is_not_applied(prism: Cast):
    digest = compared(prism, LIST).digest
    with db.platform_transaction() as session:
        add_person(session, "late@x.example", prism.prism, Role.ADMIN)
    with pytest.raises(RosterChanged, match="Compare again"):
        apply(prism, LIST, digest)
    with db.transaction(prism.prism.id) as session:
        assert queries.people(session, prism.prism.id).total == 3


def test_a_line_that_is_no_address_stops_it(prism: Cast):
    found = compared(prism, [*LIST, "nonsense"])
    assert found.invalid == ("nonsense",)
    with pytest.raises(RosterChanged, match="no mail address"):
        apply(prism, [*LIST, "nonsense"], found.digest)


def test_owners_and_oneself_never_leave_by_a_list(prism: Cast):
    with db.platform_transaction() as session:
        admin = add_person(session, "admin@x.example", prism.prism, Role.ADMIN)
    found = compared(prism, ["member@prism.example"], member(admin.user_id, Role.ADMIN))
    assert found.staying == ("admin@x.example", "owner@prism.example")
    assert found.leavers == ()


def test_who_may_not_manage_members_compares_nothing(prism: Cast):
    with pytest.raises(NotPermitted):
        compared(prism, LIST, member(prism.member.user_id, Role.VIEWER))
    with db.transaction(prism.prism.id) as session:
        memberships.change_role(session, prism.prism.id, prism.member.user_id, Role.ADMIN, by=owner(prism))
    assert compared(prism, LIST, member(prism.member.user_id, Role.VIEWER)).staying == ("member@prism.example",)


def test_what_is_decided_by_invitations_is_decided_by_every_one_of_them(prism: Cast):
    """A list that is shown ends somewhere: no address beyond it is invited again, stays on the list, or in."""
    many = invitations.MOST_SHOWN + 1
    with db.platform_transaction() as session:
        session.execute(
            sa.text(
                """INSERT INTO invitation (org_id, email, role, secret_sha256, made_at, made_by, ends_at)
                   SELECT :org, 'a' || n || '@example.com', 'viewer', sha256(n::text::bytea), CAST(:now AS timestamptz) - n * interval '1 s',
                          'system:tests', CAST(:now AS timestamptz) + interval '7 days' FROM generate_series(1, :many) AS n"""
            ),
            {"org": prism.prism.id, "now": clock.now(), "many": many},
        )
    oldest, everybody = f"a{many}@example.com", [f"a{number}@example.com" for number in range(1, many + 1)]
    with db.transaction(prism.prism.id) as session:
        assert len(invitations.waiting(session, prism.prism.id)) == invitations.MOST_SHOWN
        assert roster.compare(session, prism.prism.id, everybody, by=system("tests")).joiners == ()
        assert oldest in roster.compare(session, prism.prism.id, [], by=system("tests")).taken_back
        provisioning.take_out(session, prism.prism.id, oldest, by=system("tests"))
        assert invitations.waiting(session, prism.prism.id, email=oldest) == []
