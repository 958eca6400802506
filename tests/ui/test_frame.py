from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from flyusage import clock, db
from flyusage.orgs.errors import NotPermitted
from flyusage.orgs.models import Role
from flyusage.orgs.permissions import PERMISSIONS, Permission
from flyusage.ui import session
from flyusage.ui.frame import Header, header_of
from flyusage.ui.session import open_organization, open_organizations, slug_in

if TYPE_CHECKING:
    from cast import Cast

LAST = datetime(2026, 10, 31, 23, 45, 41, tzinfo=UTC)
ROLLED = datetime(2026, 11, 1, tzinfo=UTC)


def header_after(cast: "Cast", wait: timedelta) -> Header:
    """Prism's header `wait` after its last event."""
    with db.platform_transaction() as opened:
        opened.connection().execute(
            sa.text(
                "INSERT INTO rollup_state (org_id, rolled_through, first_event_at, last_event_at) VALUES (:org, :rolled, :last, :last)"
            ),
            {"org": cast.prism.id, "rolled": ROLLED, "last": LAST},
        )
    organization = open_organization("prism")
    assert organization is not None
    with clock.freeze(LAST + wait):
        return header_of(organization)


def test_an_organization_that_reports_is_live(cast: "Cast") -> None:
    header = header_after(cast, timedelta(hours=6))
    assert (header.tone, header.freshness, header.stale_notice) == ("live", "Live · events to 23:45:41 UTC", "")
    assert header.closed_hours == "Hours added up to Nov 1, 00:00 UTC"


def test_six_silent_hours_make_it_stale_and_every_page_says_so(cast: "Cast") -> None:
    header = header_after(cast, timedelta(hours=6, seconds=1))
    assert (header.tone, header.freshness) == ("stale", "Stale · events to Oct 31, 23:45:41 UTC")
    assert header.stale_notice == "No events since Oct 31, 23:45 UTC; no machine is counted as running."


def test_an_organization_without_events_says_that(cast: "Cast") -> None:
    organization = open_organization("rival")
    assert organization is not None
    header = header_of(organization)
    assert (header.tone, header.freshness, header.last_event_at) == ("empty", "No events yet", "")


def test_pages_that_need_a_permission_are_those_that_the_reader_has(cast: "Cast", monkeypatch: pytest.MonkeyPatch) -> None:
    organization = open_organization("prism")
    assert organization is not None
    assert header_of(organization).pages == [
        "",
        "/usage",
        "/views",
        "/machines",
        "/billing",
        "/budgets",
        "/alerts",
        "/prices",
        "/what-if",
        "/members",
        "/audit",
    ]
    monkeypatch.setattr(session, "permitted", lambda _org_id: PERMISSIONS[Role.VIEWER])
    organization = open_organization("prism")
    assert organization is not None
    assert header_of(organization).pages == ["", "/usage", "/views", "/machines", "/budgets", "/alerts", "/prices", "/what-if", "/members"]
    with pytest.raises(NotPermitted, match=r"invoices\.read"):
        open_organization("prism", Permission.INVOICES_READ)


@pytest.mark.parametrize("slug", ["nobody", "", "PRISM", "prism\0", "../prism", "%", None, 7, ["prism"]])
def test_what_names_no_organization_opens_none(cast: "Cast", slug: object) -> None:
    assert open_organization(slug) is None


def test_the_directory_lists_every_organization_once(cast: "Cast") -> None:
    assert [each.slug for each in open_organizations()] == ["prism", "rival"]


@pytest.mark.parametrize(
    ("path", "slug"),
    [("/orgs/prism", "prism"), ("/orgs/prism/usage", "prism"), ("/orgs/", ""), ("/welcome", ""), ("", ""), ("/x/orgs/prism", "")],
)
def test_the_slug_is_the_paths_second_part(path: str, slug: str) -> None:
    assert slug_in(path) == slug
