"""Who may change whose role, that an owner stays, and what the audit says of it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from cast import Cast, Person, add_person
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session

from flyusage import clock, db
from flyusage.orgs import audit, memberships, queries
from flyusage.orgs.acting import Actor, member, system
from flyusage.orgs.errors import LastOwner, MemberUnknown, NotPermitted, RoleUnknown
from flyusage.orgs.models import Role


@dataclass(frozen=True)
class Team:
    """Prism's owner, and somebody in each other role."""

    cast: Cast
    owner: Person
    admin: Person
    developer: Person
    viewer: Person

    @property
    def org_id(self) -> int:
        return self.cast.prism.id

    def open(self) -> Iterator[Session]:
        return db.transaction(self.org_id)  # pyright: ignore[reportReturnType]

    def roles(self) -> dict[int, Role]:
        with db.transaction(self.org_id) as session:
            return {one.user_id: one.role for one in queries.people(session, self.org_id).rows}


@pytest.fixture
def team(cast: Cast) -> Iterator[Team]:
    with clock.freeze(datetime(2026, 11, 15, tzinfo=UTC)):
        with db.platform_transaction() as session:
            admin = add_person(session, "admin@prism.example", cast.prism, Role.ADMIN)
            developer = add_person(session, "dev@prism.example", cast.prism, Role.DEVELOPER)
        yield Team(cast, cast.owner, admin, developer, cast.member)


def acting(person: Person) -> Actor:
    return member(person.user_id, person.role)


def change(team: Team, by: Person, whom: Person, role: Role | None) -> None:
    with db.transaction(team.org_id) as session:
        memberships.change(session, team.org_id, {whom.user_id: role}, by=acting(by))


def log(team: Team) -> list[tuple[str, str, str, dict]]:
    with db.transaction(team.org_id) as session:
        return [(one.actor, one.action, one.subject, dict(one.detail)) for one in audit.entries(session, team.org_id)]


def test_an_admin_changes_and_removes_and_each_is_audited(team: Team):
    change(team, team.admin, team.viewer, Role.BILLING)
    change(team, team.admin, team.developer, None)
    assert team.roles()[team.viewer.user_id] is Role.BILLING
    assert team.developer.user_id not in team.roles()
    by = f"user:{team.admin.user_id}"
    removed = {"email": "dev@prism.example", "role": "developer"}
    changed = {"email": "member@prism.example", "from": "viewer", "to": "billing"}
    assert log(team) == [
        (by, "members.remove", f"user:{team.developer.user_id}", removed),
        (by, "members.change_role", f"user:{team.viewer.user_id}", changed),
    ]


def test_what_changes_nothing_is_not_audited(team: Team):
    change(team, team.owner, team.viewer, Role.VIEWER)
    assert log(team) == []


@pytest.mark.parametrize("who", ["developer", "viewer"])
def test_who_may_not_manage_members_changes_nobody(team: Team, who: str):
    with pytest.raises(NotPermitted, match=f"A {who} may not do members.manage"):
        change(team, getattr(team, who), team.viewer, Role.ADMIN)
    assert log(team) == []


@pytest.mark.parametrize(("whom", "role"), [("owner", Role.ADMIN), ("owner", None), ("viewer", Role.OWNER), ("admin", Role.OWNER)])
def test_an_admin_neither_makes_nor_touches_owners(team: Team, whom: str, role: Role | None):
    with pytest.raises(NotPermitted, match="Only an owner"):
        change(team, team.admin, getattr(team, whom), role)
    assert team.roles()[team.owner.user_id] is Role.OWNER


def test_a_role_that_was_taken_away_meanwhile_counts_for_nothing(team: Team):
    """The page was shown to an admin; the verb asks what they are now."""
    change(team, team.owner, team.admin, Role.VIEWER)
    with pytest.raises(NotPermitted, match="A viewer may not"):
        change(team, team.admin, team.developer, None)
    change(team, team.owner, team.admin, None)
    with pytest.raises(NotPermitted, match="no longer belong"):
        change(team, team.admin, team.developer, None)


def test_the_last_owner_is_neither_demoted_nor_removed_and_does_not_leave(team: Team):
    for role in (Role.ADMIN, None):
        with pytest.raises(LastOwner, match="keeps an owner"):
            change(team, team.owner, team.owner, role)
    with pytest.raises(LastOwner), db.transaction(team.org_id) as session:
        memberships.leave(session, team.org_id, by=acting(team.owner))
    assert log(team) == []


def test_of_two_owners_who_demote_each_other_at_once_one_stays(team: Team):
    change(team, team.owner, team.admin, Role.OWNER)
    second = Person(team.admin.user_id, team.admin.email, team.org_id, Role.OWNER)

    def demote(pair: tuple[Person, Person]) -> bool:
        try:
            change(team, *pair, Role.VIEWER)
        except (LastOwner, NotPermitted):
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(demote, [(team.owner, second), (second, team.owner)])) == [False, True]
    assert list(team.roles().values()).count(Role.OWNER) == 1


def test_of_two_owners_who_leave_at_once_one_stays(team: Team):
    change(team, team.owner, team.admin, Role.OWNER)

    def leave(person: Person) -> bool:
        try:
            with db.transaction(team.org_id) as session:
                memberships.leave(session, team.org_id, by=acting(person))
        except LastOwner:
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(leave, [team.owner, team.admin])) == [False, True]


def test_anybody_else_leaves(team: Team):
    with db.transaction(team.org_id) as session:
        memberships.leave(session, team.org_id, by=acting(team.viewer))
    assert team.viewer.user_id not in team.roles()
    assert log(team)[0][1] == "members.leave"


def test_ownership_is_an_owners_to_give(team: Team):
    with pytest.raises(NotPermitted, match="owner's to give"), db.transaction(team.org_id) as session:
        memberships.transfer(session, team.org_id, team.viewer.user_id, by=acting(team.admin))
    with pytest.raises(MemberUnknown, match="already"), db.transaction(team.org_id) as session:
        memberships.transfer(session, team.org_id, team.owner.user_id, by=acting(team.owner))
    with db.transaction(team.org_id) as session:
        memberships.transfer(session, team.org_id, team.viewer.user_id, by=acting(team.owner))
    assert (team.roles()[team.viewer.user_id], team.roles()[team.owner.user_id]) == (Role.OWNER, Role.ADMIN)


def test_many_at_once_are_changed_together_or_not_at_all(team: Team):
    wanted = {team.viewer.user_id: Role.DEVELOPER, team.developer.user_id: None, team.cast.outsider.user_id: None}
    with pytest.raises(MemberUnknown), db.transaction(team.org_id) as session:
        memberships.change(session, team.org_id, wanted, by=acting(team.owner))
    assert len(team.roles()) == 4
    del wanted[team.cast.outsider.user_id]
    with db.transaction(team.org_id) as session:
        assert memberships.change(session, team.org_id, wanted, by=acting(team.owner)) == 2
    assert len(log(team)) == 2


def test_an_outsider_reaches_nobody_here(team: Team):
    """Neither with Prism's people in Rival's transaction, nor as a member of Prism."""
    outsider = team.cast.outsider
    with pytest.raises(MemberUnknown), db.transaction(team.cast.rival.id) as session:
        memberships.remove(session, team.cast.rival.id, team.viewer.user_id, by=acting(outsider))
    with pytest.raises(NotPermitted, match="no longer belong"), db.transaction(team.org_id) as session:
        memberships.remove(session, team.org_id, team.viewer.user_id, by=acting(outsider))
    with pytest.raises(NotPermitted), db.transaction(team.cast.rival.id) as session:
        memberships.remove(session, team.org_id, team.viewer.user_id, by=acting(outsider))


def test_a_command_may_too_but_leaves_an_owner(team: Team):
    with db.transaction(team.org_id) as session:
        memberships.change_role(session, team.org_id, team.viewer.user_id, Role.OWNER, by=system("cli"))
    with pytest.raises(LastOwner), db.transaction(team.org_id) as session:
        memberships.change(session, team.org_id, {team.viewer.user_id: None, team.owner.user_id: Role.VIEWER}, by=system("cli"))


def test_open_pages_are_told(team: Team):
    with db.owner_engine().connect() as connection:
        listening = db.driver(connection)
        listening.execute("LISTEN flyusage_sessions")
        listening.commit()
        change(team, team.owner, team.viewer, None)
        assert [one.channel for one in listening.notifies(timeout=30, stop_after=1)] == ["flyusage_sessions"]


def test_people_are_searched_filtered_and_paged(team: Team):
    with db.transaction(team.org_id) as session:
        found = queries.people(session, team.org_id, search="DEV")
        assert ([one.email for one in found.rows], found.found, found.total) == (["dev@prism.example"], 1, 4)
        assert queries.people(session, team.org_id, role=Role.ADMIN).found == 1
        page = queries.people(session, team.org_id, limit=3, offset=3)
        assert ([one.email for one in page.rows], page.found) == (["owner@prism.example"], 4)
        beyond = queries.people(session, team.org_id, limit=3, offset=30)
        assert (beyond.rows, beyond.found) == ([], 4)
        assert queries.people(session, team.org_id, search="%").found == 0
        assert dict(found.by_role) == {Role.OWNER: 1, Role.ADMIN: 1, Role.DEVELOPER: 1, Role.VIEWER: 1}


def test_roles_are_named_or_refused():
    assert memberships.role_named("viewer") is Role.VIEWER
    for bad in ("", "Owner", "root", None, 1, ["owner"]):
        with pytest.raises(RoleUnknown, match="The roles are owner"):
            memberships.role_named(bad)


PEOPLE = ("owner", "admin", "developer", "viewer")


@given(st.lists(st.tuples(st.sampled_from(PEOPLE), st.sampled_from(PEOPLE), st.sampled_from([*Role, None])), max_size=6))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_tried_an_owner_stays_and_only_owners_make_them(team: Team, tries: list[tuple[str, str, Role | None]]):
    for by, whom, role in tries:
        before = team.roles()
        actor, subject = getattr(team, by), getattr(team, whom)
        try:
            change(team, actor, subject, role)
        except (LastOwner, NotPermitted, MemberUnknown):
            assert team.roles() == before
            continue
        after = team.roles()
        assert Role.OWNER in after.values()
        touched_an_owner = before != after and Role.OWNER in (before[subject.user_id], after.get(subject.user_id))
        assert not touched_an_owner or before[actor.user_id] is Role.OWNER
