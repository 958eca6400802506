import pytest

from flyusage.orgs.errors import NotPermitted
from flyusage.orgs.models import Role
from flyusage.orgs.permissions import PERMISSIONS, Permission, may, require


def test_every_role_is_in_the_table_and_every_permission_is_somebodys():
    assert set(PERMISSIONS) == set(Role)
    assert frozenset.union(*PERMISSIONS.values()) == set(Permission)


def test_an_owner_may_everything_and_alone_deletes_the_organization():
    assert PERMISSIONS[Role.OWNER] == set(Permission)
    assert [role for role in Role if may(role, Permission.ORGANIZATION_DELETE)] == [Role.OWNER]


def test_everybody_reads_usage_and_a_viewer_changes_nothing_but_views_of_their_own():
    assert all(may(role, Permission.USAGE_READ) for role in Role)
    assert {one.value.rpartition(".")[2] for one in PERMISSIONS[Role.VIEWER] - {Permission.VIEWS_SAVE}} == {"read", "export"}


def test_money_is_not_for_developers_and_events_are_not_for_billing():
    assert not may(Role.DEVELOPER, Permission.INVOICES_READ)
    assert not may(Role.BILLING, Permission.EVENTS_WRITE)


def test_billing_sees_no_single_machine_and_everybody_else_does():
    assert [role for role in Role if not may(role, Permission.MACHINES_READ)] == [Role.BILLING]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.DEVELOPER, Role.BILLING])
def test_only_admins_and_owners_manage_members(role: Role):
    with pytest.raises(NotPermitted, match=rf"A {role} may not do members.manage. Ask somebody who may \(owner, admin\)"):
        require(role, Permission.MEMBERS_MANAGE)
    require(Role.ADMIN, Permission.MEMBERS_MANAGE)
