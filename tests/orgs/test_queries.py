import pytest
from cast import Cast
from conftest import Database

from flyusage import db
from flyusage.orgs import queries
from flyusage.orgs.errors import OrganizationUnknown
from flyusage.orgs.models import Role


def test_an_organization_is_found_by_its_slug_before_a_tenant_is_known(cast: Cast):
    with db.lookup_transaction() as session:
        found = queries.organization_by_slug(session, "prism")
    assert (found.id, found.slug, found.name, found.is_synthetic) == (cast.prism.id, "prism", "Prism", False)


@pytest.mark.parametrize("slug", ["nobody", "PRISM", "", "prism'; DROP TABLE app --", "a\0b", "x" * 5000, "<b>%{y}"])
def test_an_unknown_slug_is_answered_with_what_to_do(cast: Cast, slug: str):
    with db.lookup_transaction() as session, pytest.raises(OrganizationUnknown) as said:
        queries.organization_by_slug(session, slug)
    assert said.value.status == 404
    assert said.value.sentence.endswith("`flyusage orgs list` names those there are.")
    assert len(said.value.sentence) < 300


def test_the_directory_is_in_order_of_age(cast: Cast):
    with db.lookup_transaction() as session:
        assert [entry.slug for entry in queries.directory(session)] == ["prism", "rival"]


def test_an_empty_platform_has_an_empty_directory(database: Database):
    with db.lookup_transaction() as session:
        assert queries.directory(session) == []


def test_members_are_those_of_the_organization(cast: Cast):
    with db.platform_transaction() as session:
        found = queries.members(session, cast.prism.id)
    assert [(member.email, member.role) for member in found] == [
        ("member@prism.example", Role.VIEWER),
        ("owner@prism.example", Role.OWNER),
    ]


def test_a_role_is_known_to_ones_own_organization_only(cast: Cast):
    with db.transaction(cast.prism.id) as session:
        assert queries.role_of(session, cast.prism.id, cast.owner.user_id) is Role.OWNER
        assert queries.role_of(session, cast.prism.id, cast.member.user_id) is Role.VIEWER
        assert queries.role_of(session, cast.prism.id, cast.outsider.user_id) is None
        assert queries.role_of(session, cast.rival.id, cast.outsider.user_id) is None
