"""Where somebody arrives who has not chosen an organization."""

from datetime import UTC, datetime

import pyotp
import pytest
import sqlalchemy as sa
from background import run_async
from cast import Cast
from factories import ingest, started
from structlog.testing import capture_logs

from flyusage import clock, db
from flyusage.alerts import saved_views
from flyusage.alerts.saved_views import Reader
from flyusage.auth import accounts, second_factor, sessions
from flyusage.auth.errors import SecondFactorNeeded, SignInNeeded
from flyusage.orgs import audit, rules
from flyusage.orgs import staff as orgs_staff
from flyusage.orgs.acting import member, system
from flyusage.orgs.audit import Wanted
from flyusage.orgs.errors import NotPermitted
from flyusage.orgs.models import Role, StaffRole
from flyusage.orgs.permissions import PERMISSIONS, Permission
from flyusage.orgs.staff import StaffPermission
from flyusage.ui import reader
from flyusage.ui import session as session_module
from flyusage.ui.pages.explorer import question
from flyusage.ui.pages.settings import question as settings
from flyusage.ui.session import first_organization, is_staff, open_organization, open_organizations, staff


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
    with pytest.raises(SecondFactorNeeded):
        staff(StaffPermission.READ)
    with db.platform_transaction() as session:
        app = pyotp.TOTP(second_factor.begin(session, cast.owner.user_id, cast.owner.email).secret)
        second_factor.confirm(session, cast.owner.user_id, app.at(clock.now()))
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
    with pytest.raises(NotPermitted), capture_logs() as logged:
        open_organization("prism", Permission.INVOICES_READ)
    who = f"user:{cast.member.user_id}"
    assert [(one["event"], one["who"], one["what"], one["organization"]) for one in logged] == [
        ("permission_refused", who, "invoices.read", "prism")
    ]
    with capture_logs() as logged, pytest.raises(NotPermitted):
        staff(StaffPermission.READ)
    assert [(one["who"], one["what"]) for one in logged] == [(f"staff:{cast.member.user_id}", StaffPermission.READ)]
    with capture_logs() as logged:
        assert open_organization("rival") is None
    assert [(one["who"], one["what"], one["organization"]) for one in logged] == [(who, "organization.open", "rival")]
    with db.platform_transaction() as session:
        session.execute(sa.text("DELETE FROM membership WHERE user_id = :user"), {"user": cast.member.user_id})
    assert open_organization("prism") is None


def as_staff(cast: Cast, role: StaffRole, *, has_second_factor: bool = True) -> None:
    """Rival's owner is staff too, and signed in."""
    with db.platform_transaction() as session:
        accounts.set_password(session, cast.outsider.user_id, "violin oxide parcel thunder")
        orgs_staff.grant(session, cast.outsider.email, role, by=system("tests"))
        reader._secret.set(sessions.start(session, cast.outsider.user_id, address="::1", device=""))
        if has_second_factor:
            app = pyotp.TOTP(second_factor.begin(session, cast.outsider.user_id, cast.outsider.email).secret)
            second_factor.confirm(session, cast.outsider.user_id, app.at(clock.now()))


def visits(cast: Cast) -> tuple[list[str], list[str]]:
    """Who opened Prism, as its audit and as the log of staff say."""
    with db.platform_transaction() as session:
        told = audit.entries(session, cast.prism.id, Wanted(action="organization.open"))
        log = [one for one in orgs_staff.staff_log(session) if one.action == "organization.open"]
    return [one.actor for one in told], [f"{one.actor} {one.subject}" for one in log]


@pytest.mark.parametrize("role", StaffRole)
def test_staff_look_at_any_organization_and_both_logs_say_so_once_an_hour(cast: Cast, role: StaffRole):
    as_staff(cast, role)
    actor = f"staff:{cast.outsider.user_id}"
    for _ in range(3):
        found = open_organization("prism", Permission.INVOICES_READ)
        assert found is not None
        assert (found.is_visited, found.by.name) == (True, actor)
    assert visits(cast) == ([actor], [f"{actor} organization:prism"])
    with clock.freeze(datetime(2026, 11, 15, 1, tzinfo=UTC)):
        open_organization("prism")
    assert visits(cast) == ([actor] * 2, [f"{actor} organization:prism"] * 2)
    assert [one.slug for one in open_organizations()] == ["rival"]
    rival = open_organization("rival")
    assert rival is not None
    assert not rival.is_visited  # their own
    theirs, own = settings.ask("prism"), settings.ask("rival")
    assert theirs is not None
    assert own is not None
    assert (theirs.role, theirs.can_leave, own.role, own.can_leave) == ("", False, "owner", True)  # no member's, to look at
    assert is_staff()
    assert is_staff(StaffPermission.INVOICES_CORRECT) == (role is StaffRole.BILLING)
    assert open_organization("nobody") is None


def test_staff_who_look_change_nothing(cast: Cast):
    as_staff(cast, StaffRole.BILLING)
    found = open_organization("prism")
    assert found is not None
    for permission in Permission:
        if not permission.endswith(".read") and permission is not Permission.USAGE_EXPORT:
            with pytest.raises(NotPermitted):
                found.require(permission)
            if permission not in PERMISSIONS[Role.VIEWER]:
                with pytest.raises(NotPermitted):
                    found.by.may(permission)
    with db.transaction(found.id) as session, pytest.raises(NotPermitted):
        saved_views.save(session, found.id, "x", {}, is_shared=False, is_pinned=False, reader=Reader(found.by, found.permissions))
    with pytest.raises(NotPermitted):
        found.by.is_no_member("Credits are granted")


def test_without_a_second_factor_staff_see_no_more_than_anybody(cast: Cast):
    as_staff(cast, StaffRole.BILLING, has_second_factor=False)
    assert open_organization("prism") is None
    assert not is_staff()
    for permission in StaffPermission:
        with pytest.raises(SecondFactorNeeded, match="/account"):
            staff(permission)
    assert visits(cast) == ([], [])


def test_an_organization_that_asks_for_a_second_factor_shows_its_name_alone_without(cast: Cast):
    with db.platform_transaction() as session:
        accounts.set_password(session, cast.owner.user_id, "violin oxide parcel thunder")
        reader._secret.set(sessions.start(session, cast.owner.user_id, address="::1", device=""))
    with db.transaction(cast.prism.id) as session:
        assert rules.require_second_factor(session, cast.prism.id, is_required=True, by=member(cast.owner.user_id, Role.OWNER))
        assert not rules.require_second_factor(session, cast.prism.id, is_required=True, by=member(cast.owner.user_id, Role.OWNER))
        with pytest.raises(NotPermitted):
            rules.require_second_factor(session, cast.prism.id, is_required=False, by=member(cast.member.user_id, Role.VIEWER))
        assert [one.action for one in audit.entries(session, cast.prism.id)] == ["second_factor.require"]
    with pytest.raises(SecondFactorNeeded, match="Prism asks its members"):
        open_organization("prism")
    assert [(one.slug, one.permissions) for one in open_organizations()] == [("prism", frozenset())]
    with db.platform_transaction() as session:
        app = pyotp.TOTP(second_factor.begin(session, cast.owner.user_id, cast.owner.email).secret)
        second_factor.confirm(session, cast.owner.user_id, app.at(clock.now()))
    assert open_organization("prism", Permission.ORGANIZATION_EDIT) is not None


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


@pytest.mark.parametrize(
    ("cookies", "secret"),
    [
        ("flyusage_session=abc", "abc"),
        ("other[1]=x; flyusage_session=abc; bad cookie\x01=; =; ;", "abc"),  # of other programs on the host, however odd
        (f"ads={'x' * 9_000}; flyusage_session=abc", "abc"),  # or long
        ("flyusage_session=abc; flyusage_session=abc", "abc"),
        ("flyusage_session=planted; flyusage_session=abc", ""),  # one of them was planted: neither is believed
        ("xflyusage_session=abc; flyusage_session_old=abc", ""),
        ("FLYUSAGE_SESSION=abc", ""),
        ("flyusage_session", ""),
        ("", ""),
    ],
)
def test_a_cookie_is_found_among_others_and_not_where_two_say_different_things(cookies: str, secret: str):
    assert reader.secret_in(cookies) == secret
