"""Roles in the whole installation: granted and taken back by a command, logged, and nothing an organization can see."""

import pytest
import sqlalchemy as sa
from cast import Cast

from flyusage import db
from flyusage.auth.errors import UserUnknown
from flyusage.orgs import staff
from flyusage.orgs.acting import member, system
from flyusage.orgs.errors import NotPermitted, StaffGrantUnknown
from flyusage.orgs.models import Role, StaffRole
from flyusage.orgs.staff import StaffPermission, require_staff

BY = system("tests")
OWNER = "owner@prism.example"


def test_a_grant_holds_until_it_is_taken_back_and_the_log_keeps_both(cast: Cast) -> None:
    with db.platform_transaction() as session:
        assert staff.grant(session, f" {OWNER.upper()} ", StaffRole.BILLING, by=BY)
        assert not staff.grant(session, OWNER, StaffRole.BILLING, by=BY)
        assert staff.roles_of(session, cast.owner.user_id) == {StaffRole.BILLING}
        assert [(one.email, one.role, one.granted_by) for one in staff.staff_members(session)] == [
            (OWNER, StaffRole.BILLING, "system:tests")
        ]
        staff.revoke(session, OWNER, StaffRole.BILLING, by=BY)
        assert staff.staff_members(session) == []
        assert [(one.action, one.detail["role"]) for one in staff.staff_log(session)] == [
            ("staff.revoke", "billing"),
            ("staff.grant", "billing"),
        ]


def test_what_is_not_there_is_said(cast: Cast) -> None:
    with db.platform_transaction() as session:
        with pytest.raises(UserUnknown, match="nobody@nowhere"):
            staff.grant(session, "nobody@nowhere.example", StaffRole.SUPPORT, by=BY)
        with pytest.raises(StaffGrantUnknown, match="does not hold the role support"):
            staff.revoke(session, OWNER, StaffRole.SUPPORT, by=BY)


def test_a_member_grants_nothing_whatever_their_role(cast: Cast) -> None:
    with pytest.raises(NotPermitted), db.platform_transaction() as session:
        staff.grant(session, OWNER, StaffRole.BILLING, by=member(cast.owner.user_id, Role.OWNER))


@pytest.mark.parametrize("table", ["staff_grant", "staff_event"])
def test_an_organization_sees_nothing_of_it(cast: Cast, table: str) -> None:
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied"), db.transaction(cast.prism.id) as session:
        session.scalar(sa.text(f"SELECT count(*) FROM {table}"))


def test_the_log_is_only_ever_added_to(cast: Cast) -> None:
    with db.platform_transaction() as session:
        staff.grant(session, OWNER, StaffRole.SUPPORT, by=BY)
    for change in ("UPDATE staff_event SET actor = 'x'", "DELETE FROM staff_event"):
        with pytest.raises(sa.exc.DBAPIError, match="permission denied|only ever added"), db.platform_transaction() as session:
            session.execute(sa.text(change))


def test_roles_hold_what_they_are_for() -> None:
    require_staff({StaffRole.SUPPORT}, StaffPermission.QUESTIONS_ANSWER)
    require_staff({StaffRole.BILLING}, StaffPermission.MONTHS_CLOSE)
    for roles in (set(), {StaffRole.SUPPORT}, {StaffRole.OPERATOR}):
        with pytest.raises(NotPermitted, match="billing"):
            require_staff(roles, StaffPermission.PRICES_EDIT)
    with pytest.raises(NotPermitted):
        require_staff(set(), StaffPermission.READ)
