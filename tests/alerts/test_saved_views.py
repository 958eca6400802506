"""Saved views: whose they are, what moves with time, what a reader of some apps finds, and who inherits them."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from billing_world import take_in, volume
from conftest import Begun

from flyusage import clock, db
from flyusage.alerts import saved_views
from flyusage.alerts.errors import ViewInvalid, ViewUnknown
from flyusage.alerts.saved_views import Change, Reader
from flyusage.orgs import audit
from flyusage.orgs.acting import member, system
from flyusage.orgs.errors import NotPermitted
from flyusage.orgs.models import Role
from flyusage.orgs.permissions import PERMISSIONS, Permission
from flyusage.pricing.explorer import explore

NOW = datetime(2026, 10, 16, tzinfo=UTC)
EVERYTHING = Reader(system("tests"), frozenset(Permission))
WEB = {"show": "contracted_cost", "by": "app", "range": "this-month", "app": "web"}


def of(user_id: int, role: Role) -> Reader:
    return Reader(member(user_id, role), PERMISSIONS[role])


ADA, BEN, VIEWER, OWNER = of(101, Role.DEVELOPER), of(102, Role.DEVELOPER), of(103, Role.VIEWER), of(104, Role.OWNER)


def prisms_story() -> int:
    """Half of October, in which web's 600 GB cost $45.00 and api's 400 GB $30.00."""
    with clock.freeze(NOW):
        return take_in(volume("v1", 600)[0], volume("v2", 400, app="api", region="fra")[0], at=NOW)["prism"]


@pytest.fixture
def prism(begun: Begun) -> Iterator[int]:
    org_id = begun(prisms_story)
    with clock.freeze(NOW):
        yield org_id


def save(org_id: int, name: str, query: dict[str, str], reader: Reader, *, is_shared: bool = False, is_pinned: bool = False) -> int:
    with db.transaction(org_id) as session:
        return saved_views.save(session, org_id, name, query, is_shared=is_shared, is_pinned=is_pinned, reader=reader).id


def names(org_id: int, reader: Reader, apps: frozenset[int] | None = None) -> list[str]:
    with db.transaction(org_id, apps=apps) as session:
        return [one.name for one in saved_views.views(session, org_id, reader)]


def test_a_view_is_somebodys_own_until_it_is_shared_and_a_job_has_none_of_its_own(prism: int):
    kept = save(prism, "Mine", WEB, ADA)
    assert (names(prism, ADA), names(prism, BEN), names(prism, OWNER)) == (["Mine"], [], [])
    with pytest.raises(ViewUnknown), db.transaction(prism) as session:
        saved_views.delete(session, prism, kept, reader=OWNER)  # an owner does not even learn that it is there
    with pytest.raises(ViewInvalid, match="no member asks"):
        save(prism, "Job's", WEB, EVERYTHING)
    with pytest.raises(NotPermitted):
        save(prism, "Viewer's", WEB, VIEWER, is_shared=True)
    assert save(prism, "Viewer's", WEB, VIEWER) > 0
    with db.transaction(prism) as session:
        assert saved_views.change(session, prism, kept, Change(is_shared=True, name="Ours"), reader=ADA).is_own
        with pytest.raises(NotPermitted, match="somebody else's"):
            saved_views.change(session, prism, kept, Change(name="Ben's"), reader=BEN)
        with pytest.raises(ViewInvalid, match="nobody would see it"):
            saved_views.change(session, prism, kept, Change(is_shared=False), reader=OWNER)
        saved_views.change(session, prism, kept, Change(is_pinned=True), reader=OWNER)
    with pytest.raises(ViewInvalid, match="already"):
        save(prism, "Ours", WEB, BEN, is_shared=True)
    assert names(prism, VIEWER) == ["Ours", "Viewer's"]
    with db.transaction(prism) as session:
        saved_views.delete(session, prism, kept, reader=OWNER)
        said = [(one.action, one.actor) for one in audit.entries(session, prism) if one.subject == f"view:{kept}"]
    assert sorted(said) == [
        ("view.change", "user:101"), ("view.change", "user:104"), ("view.delete", "user:104"), ("view.save", "user:101"),
    ]  # fmt: skip


def test_a_named_range_moves_with_time_and_a_pinned_view_says_what_the_explorer_does(prism: int):
    save(prism, "Web this month", WEB, ADA, is_pinned=True)
    fixed = {**{key: value for key, value in WEB.items() if key != "range"}, "from": "2026-10-01", "to": "2026-10-11"}
    save(prism, "Ten days", fixed, ADA, is_pinned=True, is_shared=True)
    with db.transaction(prism) as session:
        found = {one.name: (one, str(answer.total)) for one, answer in saved_views.pinned(session, prism, ADA)}
        assert {name: total for name, (_, total) in found.items()} == {"Web this month": "45", "Ten days": "30"}  # $3 a day
        assert explore(session, prism, found["Ten days"][0].view).total == 30
        assert [one.name for one, _ in saved_views.pinned(session, prism, BEN)] == ["Ten days"]
    with clock.freeze(datetime(2026, 11, 3, tzinfo=UTC)), db.transaction(prism) as session:
        kept = {one.name: one for one in saved_views.views(session, prism, ADA)}
        assert f"{kept['Web this month'].view.period.start:%B}" == "November"
        assert kept["Ten days"].query == fixed


def test_who_sees_some_apps_finds_only_these_in_a_shared_view_and_none_where_none_is_theirs(prism: int):
    save(prism, "Both", {**WEB, "app": "web,api"}, ADA, is_shared=True, is_pinned=True)
    save(prism, "Not api", {**WEB, "app": "!api"}, ADA, is_shared=True)
    save(prism, "Only api", {**WEB, "app": "api"}, ADA, is_shared=True)
    save(prism, "Invoiced", {**WEB, "show": "billed_cost"}, OWNER, is_shared=True)
    with db.transaction(prism) as session:
        web = frozenset(session.scalars(sa.text("SELECT id FROM app WHERE name = 'web'")))
    with db.transaction(prism, apps=web) as session:
        found = {one.name: one.scope for one in saved_views.views(session, prism, BEN)}
        assert found == {"Both": {"app": "web"}, "Not api": {}}
        assert [str(answer.total) for _, answer in saved_views.pinned(session, prism, BEN)] == ["45"]
    assert names(prism, OWNER) == ["Both", "Invoiced", "Not api", "Only api"]


def test_no_refusal_tells_who_sees_some_apps_what_a_view_of_others_is_called(prism: int):
    save(prism, "Secret launch", {**WEB, "app": "api"}, ADA, is_shared=True)
    save(prism, "Web", {**WEB, "app": "web"}, ADA, is_shared=True)
    with db.transaction(prism) as session:
        web = frozenset(session.scalars(sa.text("SELECT id FROM app WHERE name = 'web'")))
    with db.transaction(prism, apps=web) as session:
        with pytest.raises(ViewInvalid, match="called Web already"):
            saved_views.save(session, prism, "Web", WEB, is_shared=True, is_pinned=False, reader=BEN)
        made = saved_views.save(session, prism, "Draft", WEB, is_shared=True, is_pinned=False, reader=BEN)
        with pytest.raises(ViewInvalid, match="called Web already"):
            saved_views.change(session, prism, made.id, Change(name="Web"), reader=BEN)
        assert saved_views.change(session, prism, made.id, Change(name="Secret launch"), reader=BEN).name == "Secret launch"
    with db.transaction(prism) as session:
        assert saved_views.inherit(session, prism, [102], 101, by=OWNER.by) == 1
    assert names(prism, OWNER) == ["Secret launch", "Secret launch (2)", "Web"]


@pytest.mark.parametrize(
    ("query", "said"),
    [({"show": "love"}, "There is no measure"), ({"by": "app", "x": "1"}, "not part of a view"), ({"app": "\u202e" * 30_000}, "too much")],
)
def test_what_is_no_view_is_said(prism: int, query: dict[str, str], said: str):
    with pytest.raises(ViewInvalid, match=said):
        save(prism, "x", query, ADA)
    with pytest.raises(ViewInvalid, match="a name of 1"):
        save(prism, "\u202e ", WEB, ADA)


def test_views_of_who_leaves_go_to_the_heir_or_only_the_shared_ones_stay(prism: int):
    for reader, name, is_shared in ((ADA, "Own", False), (BEN, "Own", False), (ADA, "Shared", True)):
        save(prism, name, WEB, reader, is_shared=is_shared)
    with db.transaction(prism) as session:
        assert saved_views.owned_by(session, prism, [101]) == [(101, "Own", False), (101, "Shared", True)]
        assert saved_views.inherit(session, prism, [101], 102, by=OWNER.by) == 2
    assert names(prism, BEN) == ["Own", "Own (2)", "Shared"]
    with db.transaction(prism) as session:
        saved_views.inherit(session, prism, [102], None, by=OWNER.by)
        (left,) = saved_views.views(session, prism, VIEWER)
        assert (left.name, left.is_own, left.may_change) == ("Shared", False, False)
        assert saved_views.change(session, prism, left.id, Change(name="Everybody's"), reader=BEN).name == "Everybody's"


def test_a_pinned_view_that_cannot_be_told_now_keeps_no_other_from_the_overview(prism: int):
    save(prism, "A bill", {"show": "billed_cost", "by": "app", "range": "this-month"}, OWNER, is_shared=True, is_pinned=True)
    save(prism, "Web", WEB, OWNER, is_shared=True, is_pinned=True)
    with db.platform_transaction() as session:
        session.execute(sa.text("DELETE FROM seller"))
    with db.transaction(prism) as session:
        assert [one.name for one, _ in saved_views.pinned(session, prism, OWNER)] == ["Web"]
