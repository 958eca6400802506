"""An organization itself: its name, its slug and those it had, its deletion and the way back."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from cast import Cast, Person
from factories import ingest, started

from flyusage import clock, db
from flyusage.auth import sessions
from flyusage.orgs import audit, organizations
from flyusage.orgs.acting import Actor, member, system
from flyusage.orgs.errors import DeletionFinal, NameInvalid, NotPermitted, SlugInvalid, SlugTaken
from flyusage.orgs.models import Role
from flyusage.orgs.permissions import Permission
from flyusage.ui import session as seam

NOW = datetime(2026, 11, 15, tzinfo=UTC)


@pytest.fixture
def prism(cast: Cast) -> Iterator[Cast]:
    with clock.freeze(NOW):
        yield cast


def acting(person: Person) -> Actor:
    return member(person.user_id, person.role)


def move(cast: Cast, slug: str, by: Person | None = None) -> None:
    with db.transaction(cast.prism.id) as session:
        organizations.change_slug(session, cast.prism.id, slug, by=acting(by or cast.owner))


def opened(slug: str, person: Person, monkeypatch: pytest.MonkeyPatch) -> seam.OpenOrganization | None:
    """What the person would see under a slug."""
    with db.platform_transaction() as session:
        secret = sessions.start(session, person.user_id, address="::1", device="")
    monkeypatch.setattr(seam, "present_secret", lambda: secret)
    monkeypatch.setattr(seam, "present_reader", lambda session: sessions.reader_of(session, secret))
    return seam.open_organization(slug)


def actions(cast: Cast) -> list[str]:
    with db.transaction(cast.prism.id) as session:
        return [one.action for one in audit.entries(session, cast.prism.id)]


def test_it_is_renamed_by_who_may(prism: Cast):
    with db.transaction(prism.prism.id) as session:
        organizations.rename(session, prism.prism.id, "  Prism \u202e Inc.\n", by=acting(prism.owner))
        assert session.scalar(sa.text("SELECT name FROM organization")) == "Prism Inc."
    with pytest.raises(NotPermitted), db.transaction(prism.prism.id) as session:
        organizations.rename(session, prism.prism.id, "Mine", by=acting(prism.member))
    for bad in ("", " \n", "x" * 101, "You won: https://evil.example", "WWW.evil.example"):
        with pytest.raises(NameInvalid), db.transaction(prism.prism.id) as session:
            organizations.rename(session, prism.prism.id, bad, by=acting(prism.owner))
    assert actions(prism) == ["organization.rename"]


def test_a_slug_that_was_left_leads_on_for_members_alone_and_is_nobody_elses(prism: Cast, monkeypatch: pytest.MonkeyPatch):
    move(prism, "prisma")
    for slug in ("prism", "prisma"):
        found = opened(slug, prism.member, monkeypatch)
        assert found is not None
        assert (found.id, found.slug) == (prism.prism.id, "prisma")
        assert opened(slug, prism.outsider, monkeypatch) is None
    with pytest.raises(SlugTaken), db.transaction(prism.rival.id) as session:
        organizations.change_slug(session, prism.rival.id, "prism", by=acting(prism.outsider))
    with pytest.raises(SlugTaken), db.platform_transaction() as session:
        organizations.create(session, "prism", "Prism", by=system("cli"))
    move(prism, "prism")  # its own it may take back
    assert actions(prism) == ["organization.change_slug"] * 2


def test_events_that_name_a_former_slug_come_to_the_same_organization(prism: Cast):
    move(prism, "prisma")
    ingest([started("m-0", "2026-11-01T00:00:00Z", org="prism"), started("m-1", "2026-11-01T00:00:00Z", org="prisma")])
    with db.platform_transaction() as session:
        assert session.scalar(sa.text("SELECT count(*) FROM organization")) == 2
        assert session.scalar(sa.text("SELECT count(*) FROM resource WHERE org_id = :org"), {"org": prism.prism.id}) == 2


@pytest.mark.parametrize("bad", ["", "-x", "a b", "ä", "x" * 64, "../a", "a\0"])
def test_what_can_be_no_slug_is_refused(prism: Cast, bad: str):
    with pytest.raises(SlugInvalid):
        move(prism, bad)


def test_a_slug_in_use_is_refused_also_when_two_come_at_once(prism: Cast):
    with pytest.raises(SlugTaken):
        move(prism, "rival")

    def take(org: tuple[int, Person]) -> bool:
        try:
            with db.transaction(org[0]) as session:
                organizations.change_slug(session, org[0], "wanted", by=acting(org[1]))
        except SlugTaken:
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(take, [(prism.prism.id, prism.owner), (prism.rival.id, prism.outsider)])) == [False, True]


def test_a_slug_that_is_left_while_somebody_else_asks_for_it_stays_taken(prism: Cast):
    """Left between the two questions that the other asks: whose it is, and whose it was."""
    left: list[threading.Thread] = []

    def leave(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not left and ("former_slug_of" in statement or "organization_by_slug" in statement):
            left.append(threading.Thread(target=move, args=(prism, "prisma")))
            left[0].start()
            left[0].join(timeout=30)

    sa.event.listen(db.engine(), "after_cursor_execute", leave)
    try:
        with pytest.raises(SlugTaken), db.platform_transaction() as session:
            organizations.create(session, "prism", "Another", by=system("tests"))
    finally:
        sa.event.remove(db.engine(), "after_cursor_execute", leave)
    assert not left[0].is_alive()
    assert actions(prism)[0] == "organization.change_slug"


def test_of_two_who_make_one_of_a_slug_at_once_the_second_is_told(prism: Cast):
    both_have_looked = threading.Barrier(2)

    def make(_: int) -> bool:
        try:
            with db.platform_transaction() as session:
                organizations.slug_for(session, "New")
                both_have_looked.wait(10)
                organizations.create(session, "new", "New", by=system("tests"))
        except SlugTaken:
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(make, range(2))) == [False, True]
    with db.platform_transaction() as session:
        assert organizations.slug_for(session, "New!") == "new-2"


def test_only_so_many_former_slugs_are_kept(prism: Cast):
    for number in range(organizations.MOST_FORMER):
        move(prism, f"prism-{number}")
    with pytest.raises(SlugInvalid, match="keeps the present one"):
        move(prism, "one-more")


def test_who_may_not_edit_it_moves_nothing(prism: Cast):
    with pytest.raises(NotPermitted):
        move(prism, "mine", prism.member)


def test_deleting_hides_it_at_once_and_an_owner_may_undo_that_for_thirty_days(prism: Cast, monkeypatch: pytest.MonkeyPatch):
    with db.transaction(prism.prism.id) as session:
        assert organizations.delete(session, prism.prism.id, by=acting(prism.owner)) == NOW + timedelta(days=30)
    assert opened("prism", prism.member, monkeypatch) is None
    found = opened("prism", prism.owner, monkeypatch)
    assert found is not None
    assert found.permissions == {Permission.ORGANIZATION_DELETE}
    with pytest.raises(NotPermitted):
        found.require(Permission.USAGE_READ)
    with clock.freeze(NOW + timedelta(days=30)):
        assert opened("prism", prism.owner, monkeypatch) is None
        with pytest.raises(DeletionFinal), db.transaction(prism.prism.id) as session:
            organizations.undo_deletion(session, prism.prism.id, by=acting(prism.owner))
    with clock.freeze(NOW + timedelta(days=29)), db.transaction(prism.prism.id) as session:
        organizations.undo_deletion(session, prism.prism.id, by=acting(prism.owner))
    assert opened("prism", prism.member, monkeypatch) is not None
    assert actions(prism) == ["organization.undo_deletion", "organization.delete"]


def test_only_an_owner_deletes(prism: Cast):
    for who in (member(prism.member.user_id, Role.OWNER), acting(prism.outsider)):  # whatever they say they are
        with pytest.raises(NotPermitted), db.transaction(prism.prism.id) as session:
            organizations.delete(session, prism.prism.id, by=who)


def test_one_is_made_with_its_owner(prism: Cast):
    with db.platform_transaction() as session:
        made = organizations.create(session, "nova", "Nova", owner=prism.outsider.user_id, by=system("cli"))
        assert session.scalar(sa.text("SELECT role FROM membership WHERE org_id = :org"), {"org": made}) == "owner"
