"""Where somebody arrives who has not chosen an organization."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from background import run_async
from cast import Cast
from factories import ingest, started

from flyusage import clock, db
from flyusage.auth import accounts
from flyusage.auth.errors import SignInNeeded
from flyusage.orgs import staff as orgs_staff
from flyusage.orgs.acting import member, system
from flyusage.orgs.errors import NotPermitted
from flyusage.orgs.models import Role, StaffRole
from flyusage.orgs.permissions import PERMISSIONS, Permission
from flyusage.orgs.staff import StaffPermission
from flyusage.ui import reader
from flyusage.ui import session as session_module
from flyusage.ui.pages.explorer import question
from flyusage.ui.session import first_organization, open_organization, open_organizations, staff


@pytest.fixture(autouse=True)
def november():
    with clock.freeze(datetime(2026, 11, 15, tzinfo=UTC)):
        yield


@pytest.fixture(autouse=True)
def nobody():
    """Each test begins without a cookie."""
    token = reader._secret.set("")
    yield
    reader._secret.reset(token)


def made(slug: str, *, is_synthetic: bool = False) -> None:
    with db.platform_transaction() as session:
        session.execute(
            sa.text("INSERT INTO organization (slug, name, is_synthetic, created_at) VALUES (:slug, :slug, :is_synthetic, now())"),
            {"slug": slug, "is_synthetic": is_synthetic},
        )


def arrival() -> str | None:
    first = first_organization()
    return first and first.slug


def test_the_real_organization_with_the_newest_event_comes_first(database):
    assert arrival() is None
    made("silent")
    assert arrival() == "silent"  # the only one
    made("also-silent")
    assert arrival() is None  # a choice to make
    made("demo", is_synthetic=True)
    made("demo-two", is_synthetic=True)
    ingest([started("m", "2026-11-14T00:00:00Z", org="demo")])
    assert arrival() == "demo"
    ingest([started("m", "2026-10-02T00:00:00Z", org="once-busy"), started("m", "2026-10-03T00:00:00Z", org="busy")])
    assert arrival() == "busy"
    ingest([started("n", "2026-10-04T00:00:00Z", org="once-busy")])
    assert arrival() == "once-busy"


def test_staff_is_everybody_until_somebody_can_sign_in_and_then_who_was_granted_it(cast: Cast):
    assert staff(StaffPermission.MONTHS_CLOSE).name == "system:loopback"
    with db.platform_transaction() as session:
        accounts.set_password(session, cast.owner.user_id, "violin oxide parcel thunder")
    with pytest.raises(SignInNeeded):
        staff(StaffPermission.READ)
    secret = accounts.sign_in(cast.owner.email, "violin oxide parcel thunder", address="::1", device="")
    reader._secret.set(secret)
    with pytest.raises(NotPermitted):
        staff(StaffPermission.READ)
    with db.platform_transaction() as session:
        orgs_staff.grant(session, cast.owner.email, StaffRole.SUPPORT, by=system("tests"))
    assert staff(StaffPermission.READ).name == f"staff:{cast.owner.user_id}"
    with pytest.raises(NotPermitted):
        staff(StaffPermission.MONTHS_CLOSE)


def test_a_reader_opens_what_they_belong_to_as_far_as_their_role_goes(cast: Cast):
    with db.platform_transaction() as session:
        for person in (cast.owner, cast.member, cast.outsider):
            accounts.set_password(session, person.user_id, "violin oxide parcel thunder")
    opened = {}
    for person in (cast.owner, cast.member, cast.outsider):
        reader._secret.set(accounts.sign_in(person.email, "violin oxide parcel thunder", address="::1", device=""))
        opened[person.email] = [one.slug for one in open_organizations()]
        assert open_organization(cast.rival.slug if person is not cast.outsider else cast.prism.slug) is None
    assert opened == {"owner@prism.example": ["prism"], "member@prism.example": ["prism"], "owner@rival.example": ["rival"]}
    reader._secret.set(accounts.sign_in(cast.member.email, "violin oxide parcel thunder", address="::1", device=""))
    found = open_organization("prism", Permission.USAGE_READ)
    assert found is not None
    assert (found.by, found.permissions) == (member(cast.member.user_id, Role.VIEWER), PERMISSIONS[Role.VIEWER])
    with pytest.raises(NotPermitted):
        open_organization("prism", Permission.INVOICES_READ)
    with db.platform_transaction() as session:
        session.execute(sa.text("DELETE FROM membership WHERE user_id = :user"), {"user": cast.member.user_id})
    assert open_organization("prism") is None


@pytest.mark.parametrize("measure", ["billed_cost", "effective_cost"])
def test_what_invoices_tell_is_for_those_who_may_read_invoices(cast: Cast, monkeypatch: pytest.MonkeyPatch, measure: str):
    ingest([started("m", "2026-11-01T00:00:00Z")])
    asked = question.Asked("prism", {"show": measure, "range": "this-month"})

    async def told() -> list[question.Answered]:
        return [part async for part in question.answers(asked)]

    assert run_async(told())
    monkeypatch.setattr(session_module, "permitted", lambda _org_id: PERMISSIONS[Role.VIEWER])
    with pytest.raises(NotPermitted, match=r"invoices\.read"):
        run_async(told())
