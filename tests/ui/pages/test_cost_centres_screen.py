"""The settings' cost centres: what holds in a month, what a change makes of it, and whom it lets."""

from collections.abc import Iterator
from datetime import date

import pytest
import sqlalchemy as sa
from cast import Cast, Person, add_person
from factories import ingest, started
from metering.rolled import utc

from flyusage import clock, db
from flyusage.auth import sessions
from flyusage.orgs import audit
from flyusage.orgs.errors import NotPermitted
from flyusage.orgs.models import Role
from flyusage.ui import reader
from flyusage.ui.pages.cost_centres import question
from flyusage.ui.pages.cost_centres.question import CentreUnnamed, Choice, ListUnreadable, ask, assign, take_in
from flyusage.ui.pages.cost_centres.rows import Screen

OCTOBER, NOVEMBER, DECEMBER = date(2026, 10, 1), date(2026, 11, 1), date(2026, 12, 1)
HOSTILE = "\u202e<b>50%_off"


@pytest.fixture
def apps(cast: Cast) -> Iterator[Cast]:
    """Prism's web, api and one with a hostile name, Rival's secret; its owner reads, in November 2026."""
    with clock.freeze(utc("2026-11-15 10:40")):
        for number, (org, app) in enumerate([("prism", "web"), ("prism", "api"), ("prism", HOSTILE), ("rival", "secret")]):
            ingest([started(f"m{number}", "2026-10-01T00:00:00Z", org=org, app=app)])
        read_as(cast.owner)
        yield cast
    reader._secret.set("")


def read_as(person: Person) -> None:
    with db.platform_transaction() as session:
        reader._secret.set(sessions.start(session, person.user_id, address="::1", device=""))


def shown(month: date | None = None, find: str = "", page: int = 1) -> Screen:
    screen = ask("prism", Choice(month, find, page))
    assert screen is not None
    return screen


def told(month: date | None = None) -> list[tuple[str, str, str]]:
    return [(row.app, row.centre, row.note) for row in shown(month).rows if row.app in ("api", "web")]


def ids(*names: str) -> list[int]:
    return [row.id for row in shown().rows if row.app in names]


def edits(org_id: int) -> list[tuple[str, str]]:
    with db.platform_transaction() as session:
        return [(one.actor, one.subject) for one in audit.entries(session, org_id) if one.action == "cost_centres.edit"]


def test_a_change_holds_from_its_month_until_the_apps_next_one(apps: Cast) -> None:
    assert told() == [("api", "Unassigned", ""), ("web", "Unassigned", "")]
    assert assign("prism", ids("web", "api"), OCTOBER, " Shop ") == 2
    assert assign("prism", ids("web"), DECEMBER, "Data") == 1
    assert assign("prism", ids("api"), NOVEMBER, None) == 1
    assert told(date(2026, 9, 1)) == [("api", "Unassigned", "then Shop from Oct 2026"), ("web", "Unassigned", "then Shop from Oct 2026")]
    assert told(OCTOBER) == [
        ("api", "Shop", "since Oct 2026, then Unassigned from Nov 2026"),
        ("web", "Shop", "since Oct 2026, then Data from Dec 2026"),
    ]
    assert told() == [("api", "Unassigned", "since Nov 2026"), ("web", "Shop", "since Oct 2026, then Data from Dec 2026")]
    assert told(DECEMBER) == [("api", "Unassigned", "since Nov 2026"), ("web", "Data", "since Dec 2026")]
    assert shown().centres == ["Data", "Shop"]
    assert edits(apps.prism.id) == [(f"user:{apps.owner.user_id}", "settings")] * 3
    assert assign("prism", ids("web"), DECEMBER, "Data") == 0  # so already: no trace
    assert len(edits(apps.prism.id)) == 3


def test_apps_are_found_by_their_own_name_or_their_cost_centres_letter_by_letter(apps: Cast) -> None:
    assign("prism", ids("web"), NOVEMBER, "Shop")
    assert [row.app for row in shown(find="SHO").rows] == ["web"]
    assert [row.app for row in shown(find="AP").rows] == ["api"]
    assert [len(shown(find=one).rows) for one in ("%", "_", "50%_", "secret", "")] == [1, 1, 1, 0, 3]
    assert shown(find="secret").empty == "No app or cost centre has that in its name."


def test_pages_are_of_fifty_and_one_beyond_them_is_the_last(apps: Cast) -> None:
    ingest([started(f"n{number}", "2026-10-01T00:00:00Z", org="prism", app=f"job-{number:03}") for number in range(98)])
    assert [len(shown(page=number).rows) for number in (1, 2, 3)] == [50, 50, 1]  # 98 and the three
    last = shown(page=9)
    assert (last.pages, last.has_next, last.count, len(last.rows)) == ("Page 3 of 3", False, "101 apps", 1)
    asked: list[str] = []
    note = lambda *given: asked.append(given[2])  # noqa: E731 to be taken away again
    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    shown(page=2)
    sa.event.remove(sa.Engine, "before_cursor_execute", note)
    assert sum("FROM app a" in one for one in asked) == 2  # the page and how many there are, however many apps


def test_a_name_that_can_be_none_is_refused_and_nothing_changes(apps: Cast) -> None:
    for name in ("", "  ", "Unassigned", "x" * 201, "a\0b"):
        with pytest.raises(CentreUnnamed):
            assign("prism", ids("web"), NOVEMBER, name)
    assert assign("prism", [10**9, -1], NOVEMBER, "Shop") == 0
    assert (edits(apps.prism.id), shown().centres) == ([], [])


def test_a_pasted_lists_good_rows_go_in_and_the_others_are_told(apps: Cast) -> None:
    pasted = "app\tcost_centre\tfrom_month\nweb\tShop\t2026-10\nsecret\tShop\t2026-10\napi\tData\tOctober\napi\t\t2026-10\n"
    done = take_in("prism", pasted)
    assert done.says == "2 assigned, 0 already so, 2 refused. New: Shop."
    assert done.refused == [
        "line 3: No app of prism is called 'secret'; an app is known from its first event on.",
        "line 4: 'October' is no month; write it as 2026-10.",
    ]
    assert told(OCTOBER) == [("api", "Unassigned", "since Oct 2026"), ("web", "Shop", "since Oct 2026")]
    assert take_in("prism", pasted).says == "0 assigned, 2 already so, 2 refused."
    assert edits(apps.prism.id) == [(f"user:{apps.owner.user_id}", "settings")]


def test_a_list_without_its_columns_or_too_long_is_refused_as_a_whole(apps: Cast) -> None:
    with pytest.raises(ListUnreadable, match="The first line must name the columns app, cost_centre, from_month"):
        take_in("prism", "web,Shop,2026-10")
    with pytest.raises(ListUnreadable, match="nothing was read"):
        take_in("prism", "app,cost_centre,from_month\n" + "web,Shop,2026-10\n" * 40_000)
    assert edits(apps.prism.id) == []


def test_whose_role_assigns_no_apps_reads_and_changes_nothing(apps: Cast) -> None:
    some = ids("web")
    assign("prism", some, NOVEMBER, "Shop")
    read_as(apps.member)
    assert (shown().can_edit, len(shown().rows)) == (False, 3)
    for change in (
        lambda: assign("prism", some, NOVEMBER, "Data"),
        lambda: take_in("prism", "app,cost_centre,from_month\nweb,Data,2026-11"),
    ):
        with pytest.raises(NotPermitted, match=r"cost_centres\.edit"):
            change()
    read_as(apps.outsider)
    assert ask("prism", Choice()) is None
    with db.platform_transaction() as session:
        billing = add_person(session, "billing@prism.example", apps.prism, Role.BILLING)
    read_as(billing)
    assert shown().can_edit
    assert assign("prism", some, NOVEMBER, "Data") == 1


def test_who_sees_some_apps_reads_of_no_other(apps: Cast) -> None:
    assign("prism", ids("web"), NOVEMBER, "Shop")
    assign("prism", ids("api"), NOVEMBER, "Data")
    (web,) = ids("web")
    with db.platform_transaction() as session:
        limited = add_person(session, "dev@prism.example", apps.prism, Role.DEVELOPER)
        session.connection().exec_driver_sql("UPDATE membership SET app_ids = %s WHERE user_id = %s", ([web], limited.user_id))
    read_as(limited)
    screen = shown()
    assert ([row.app for row in screen.rows], screen.centres, screen.count, screen.can_edit) == (["web"], ["Shop"], "1 app", False)


def test_the_months_to_choose_from_hold_the_chosen_one_however_old() -> None:
    offered = question.months(utc("2026-11-15 10:40"), date(2019, 2, 1))
    assert (offered[0].label, offered[-1].value, len(offered)) == ("November 2027", "2019-02", 36 + 1 + 12 + 1)
