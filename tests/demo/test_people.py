"""The demonstration's people: who they are, that they can sign in, and that they leave what becomes somebody's own."""

import stat
from pathlib import Path

import pytest
import sqlalchemy as sa
from conftest import Database
from sqlmodel import Session

from flyusage import clock, db
from flyusage.auth import accounts
from flyusage.auth.errors import SignInRefused
from flyusage.demo import people
from flyusage.demo.people import PEOPLE
from flyusage.orgs.models import Organization, Role, StaffRole
from flyusage.orgs.queries import members, organization_by_slug
from flyusage.orgs.staff import roles_of

pytestmark = pytest.mark.usefixtures("database")


def make(session: Session, slug: str, *, is_synthetic: bool = False) -> int:
    made = Organization(slug=slug, name=slug, is_synthetic=is_synthetic, created_at=clock.now())
    session.add(made)
    session.flush()
    assert made.id is not None
    return made.id


def settle(folder: Path) -> str | None:
    with db.platform_transaction() as session:
        return people.settle(session, folder)


def sign_in(email: str, password: str) -> str:
    return accounts.sign_in(email, password, address="127.0.0.1", device="a test")


def test_each_role_can_sign_in_with_what_the_command_says_and_the_folder_keeps(tmp_path: Path) -> None:
    password = settle(tmp_path)
    assert password is not None
    for person in PEOPLE:
        assert sign_in(person.email, password)
    assert stat.S_IMODE((tmp_path / people.SIGN_INS_FILE).stat().st_mode) == 0o600
    assert settle(tmp_path) == password
    assert sign_in(PEOPLE[0].email, password)


def test_a_lost_or_foreign_file_makes_a_new_password(tmp_path: Path) -> None:
    first = settle(tmp_path)
    assert first is not None
    (tmp_path / people.SIGN_INS_FILE).write_text("[]")
    second = settle(tmp_path)
    assert second not in (None, first)
    with pytest.raises(SignInRefused):
        sign_in(PEOPLE[0].email, first)


def test_they_belong_to_what_belongs_to_nobody_and_are_staff_where_that_is_their_part(tmp_path: Path, database: Database) -> None:
    with db.platform_transaction() as session:
        org_id = make(session, "prism")
    settle(tmp_path)
    with db.platform_transaction() as session:
        later = make(session, "later")
        people.adopt(session)
    with db.platform_transaction() as session:
        for one in (org_id, later):
            assert {(each.email, each.role) for each in members(session, one)} == {(f"{role}@demo.example", role) for role in Role}
        staff = accounts.known(session, "staff@demo.example")
        assert roles_of(session, staff.user_id) == {StaffRole.BILLING}
        logged = session.scalars(sa.text("SELECT action FROM audit_event WHERE org_id = :org"), {"org": later}).all()
    assert logged == ["members.add"] * len(Role)


def test_the_doors_close_with_the_first_account_of_somebody_else(tmp_path: Path) -> None:
    with db.platform_transaction() as session:
        made, invented = make(session, "prism"), make(session, "demo", is_synthetic=True)
    settle(tmp_path)
    with db.platform_transaction() as session:
        assert people.open_doors(session) == [*PEOPLE]
        accounts.create(session, "ann@example.com")
        for slug in ("prism", "demo"):
            people.leave(session, organization_by_slug(session, slug))
    with db.platform_transaction() as session:
        assert people.open_doors(session) == []
        assert members(session, made) == []
        assert len(members(session, invented)) == len(Role)
        make(session, "hers")
        people.adopt(session)
        assert members(session, organization_by_slug(session, "hers").id) == []
    assert settle(tmp_path) is None


def test_without_them_nobody_is_let_in_by_a_click() -> None:
    with db.platform_transaction() as session:
        make(session, "prism")
        people.adopt(session)
        assert people.open_doors(session) == []
        assert members(session, organization_by_slug(session, "prism").id) == []
