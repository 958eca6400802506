"""A developer of some apps: limited on an open page, whatever is called, and what leaving stops."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe
from browsing import Site, WarmContexts, keep_pictures, toasted
from cast import Person, Tenant, add_person
from conftest import copied, pointed_at
from factories import line
from guarded_site import cookie_for, let_in, session_of, set_password
from hostile import call, connected, handlers, heard
from playwright.sync_api import Page, expect
from serving import running, settings_for
from story import HOSTILE, prism, rival

from flyusage import db
from flyusage.alerts import budgets
from flyusage.alerts.budgets import Plan
from flyusage.orgs import api_tokens, app_grants, memberships
from flyusage.orgs.acting import member, system
from flyusage.orgs.models import Role

if TYPE_CHECKING:
    from conftest import Server

PASSWORD = "violin oxide parcel thunder"
OWNER, LIMITED, MOVING, LEAVER, HEIR = (f"{name}@prism.example" for name in ("owner", "limited", "moving", "leaver", "heir"))
ROLES = {OWNER: Role.OWNER, LIMITED: Role.DEVELOPER, MOVING: Role.DEVELOPER, LEAVER: Role.DEVELOPER, HEIR: Role.DEVELOPER}
PATHS = (
    "/orgs/prism", "/orgs/prism/usage?by=app", "/orgs/prism/usage?app=api", "/orgs/prism/machines", "/orgs/prism/machines?find=api",
    "/orgs/prism/machines/api-0", "/orgs/prism/members", "/orgs/prism/budgets", "/orgs/prism/invoices/PRISM-000001",
)  # fmt: skip


@pytest.fixture(scope="module")
def people() -> dict[str, Person]:
    return {}


@pytest.fixture(scope="module")
def granted(server: "Server", template: str, people: dict[str, Person], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The story; one developer sees web alone, another leaves a token and a budget behind."""
    events = tmp_path_factory.mktemp("story") / "events.ndjson"
    events.write_bytes(b"".join(line(event) for event in [*prism(), *rival()]))
    with copied(server, template) as name, pointed_at(server, name):
        settings = settings_for(server, name)
        Site("", settings).run("ingest", str(events))
        with db.platform_transaction() as session:
            org = Tenant(session.scalar(sa.text("SELECT id FROM organization WHERE slug = 'prism'")), "prism", "prism")
            people |= {email: add_person(session, email, org, role) for email, role in ROLES.items()}
        with db.transaction(org.id) as session:
            web = app_grants.apps_named(session, org.id, ["web"])
            memberships.grant_apps(session, org.id, people[LIMITED].user_id, web, by=system("tests"))
            leaver = people[LEAVER].user_id
            for whose in (leaver, None):
                api_tokens.create(
                    session, org.id, name=f"of {whose and 'hers'}", scopes=["usage.read"], by=member(leaver, Role.DEVELOPER), user_id=whose
                )
            budgets.create(session, org.id, Plan("Platform", 100_000, {"app": "api"}, recipients=(LEAVER,)), by=system("tests"))
        with running(**settings) as address:
            site = Site(address, settings)
            for email in ROLES:
                set_password(site, email, PASSWORD)
            yield site


Visit = Callable[..., Page]


@pytest.fixture
def visit(warm: WarmContexts, granted: Site, request: pytest.FixtureRequest) -> Iterator[Visit]:
    pages: list[Page] = []

    def open_path(path: str, who: str, *, is_phone: bool = False, is_dark: bool = False) -> Page:
        page = warm.somebodys(granted.address, is_phone=is_phone, is_dark=is_dark, is_calm=True)
        pages.append(page)
        let_in(page.context, granted, session_of(granted, who, PASSWORD))
        page.goto(path)
        return page

    with warm.forgetting():
        yield open_path
        keep_pictures(pages, f"grants-{request.node.name}")


def row_of(page: Page, email: str):
    return page.locator(".member-table tbody tr", has_text=email)


def test_no_handler_tells_a_reader_of_some_apps_of_another(granted: Site):
    """Whatever is called, from wherever, with whatever argument."""
    cookie = cookie_for(granted, LIMITED, PASSWORD)
    said = ""
    with connected(granted.address, cookie=cookie) as client:
        for handler, parameters in sorted(handlers().items()):
            if handler.endswith((".sign_out", ".sign_out_others")):
                continue
            for path in PATHS if not parameters else PATHS[:3]:
                call(client, handler, path, dict.fromkeys(parameters, "api"))
        said = heard(client, seconds=3)
        machines = next(one for one in handlers() if one.endswith("machine_list.load"))
        call(client, machines, "/orgs/prism/machines", {})
        last = heard(client, seconds=3, until=lambda said: "web-0" in said)
    assert "web-0" in last  # they are still who they were
    said += last
    for foreign in ("api-1", "api-2", "batch", "odd-0", "fra-", HOSTILE[:20], "v2", "Platform"):
        assert foreign not in said, said[max(0, said.index(foreign) - 300) : said.index(foreign) + 100]


def test_an_open_page_follows_what_is_granted(visit: Visit):
    page = visit("/orgs/prism/usage?by=app&range=2026-10", MOVING)
    table = page.locator(".explorer table").first
    expect(table).to_contain_text("batch")
    expect(page.locator(".scope-notice")).to_have_count(0)
    boss = visit("/orgs/prism/members", OWNER)
    row = row_of(boss, MOVING)
    opener = row.get_by_role("button", name=f"Apps of {MOVING}: every app")
    opener.focus()
    boss.keyboard.press("Enter")
    row.get_by_role("radio", name="only some apps").check()
    expect(row.get_by_role("button", name="Save")).to_be_disabled()
    row.get_by_role("searchbox", name="Search apps").fill("WE")
    choices = row.locator(".app-choice-list").get_by_role("checkbox")
    expect(choices).to_have_count(1)
    choices.check()
    found = Axe().run(boss)
    assert found.violations_count == 0, found.generate_report()
    with page.expect_navigation():  # the whole page anew, so that nothing of before stays
        row.get_by_role("button", name="Save").click()
    expect(row.get_by_role("button", name=f"Apps of {MOVING}: web")).to_be_visible()
    expect(page.locator(".scope-notice")).to_contain_text("You see the 1 app granted to you")
    page.goto("/orgs/prism/usage?by=app&range=2026-10")
    expect(table).to_contain_text("web")
    expect(table).not_to_contain_text("batch")
    page.goto("/orgs/prism/machines/api-0")
    expect(page.locator("main")).to_contain_text("There is no such machine")
    expect(page.locator("main")).not_to_contain_text("api-1")
    page.goto("/orgs/prism/members")
    expect(row_of(page, LIMITED)).to_contain_text("web")
    page.goto("/orgs/prism/invoices/PRISM-000001")
    expect(page.locator("main")).to_contain_text("permission invoices.read")
    expect(page.locator("main")).not_to_contain_text("$")


@pytest.mark.parametrize(("is_phone", "is_dark"), [(False, False), (True, True)])
def test_a_token_is_made_of_ones_own_apps(visit: Visit, is_phone: bool, is_dark: bool):
    page = visit("/orgs/prism/tokens", LIMITED, is_phone=is_phone, is_dark=is_dark)
    page.get_by_label("Name", exact=True).fill("ci")
    page.get_by_role("checkbox", name="usage.read usage and apps").check()
    page.get_by_role("radio", name="only some apps").check()
    expect(page.locator(".app-choice-list").get_by_role("checkbox")).to_have_count(1)
    page.locator(".app-choice-list").get_by_role("checkbox", name="web").check()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    page.get_by_role("button", name="Make a token").click()
    expect(page.locator("#token-secret")).to_contain_text("flyu_")
    expect(page.locator(".token-list")).to_contain_text("usage.read · of web")


def test_removing_says_what_stops_and_who_takes_over(visit: Visit, people: dict[str, Person]):
    phone = visit("/orgs/prism/members", OWNER, is_phone=True, is_dark=True)
    row_of(phone, LEAVER).get_by_role("button", name=f"Remove {LEAVER} …").click()
    expect(row_of(phone, LEAVER).get_by_role("form", name=f"Remove {LEAVER}")).to_be_visible()
    page = visit("/orgs/prism/members", OWNER)
    row = row_of(page, LEAVER)
    row.get_by_role("button", name=f"Remove {LEAVER} …").click()
    leaving = row.get_by_role("form", name=f"Remove {LEAVER}")
    for said in (
        "of hers (flyu_",
        "never used",
        "The organization's own tokens that they made go on: of None.",
        f"Platform: mails to {LEAVER}",
    ):
        expect(leaving).to_contain_text(said)
    for shown in (phone, page):
        found = Axe().run(shown)
        assert found.violations_count == 0, found.generate_report()
    leaving.get_by_label("Who takes over").select_option(label=f"Heir, {HEIR}")
    leaving.get_by_role("button", name=f"Remove {LEAVER}").click()
    expect(row).to_have_count(0)
    with db.transaction(people[OWNER].org_id) as session:
        (kept,) = budgets.budgets(session, people[OWNER].org_id)
        assert kept.plan.recipients == (HEIR,)


def test_an_invitation_carries_its_apps(visit: Visit):
    page = visit("/orgs/prism/members", OWNER)
    page.get_by_label("Mail addresses, as many").fill("new@prism.example")
    form = page.get_by_role("region", name="Invite people")
    form.get_by_role("radio", name="only some apps").check()
    form.get_by_role("checkbox", name="web").check()
    form.get_by_role("checkbox", name="batch").check()
    form.get_by_role("button", name="Send invitations").click()
    expect(page.locator(".invitations li", has_text="new@prism.example")).to_contain_text("developer · 2 apps")
    expect(form.get_by_label("Mail addresses, as many")).to_have_value("")
    form.get_by_label("Mail addresses, as many").fill("boss@prism.example")
    form.get_by_label("Role").select_option("billing")
    form.get_by_role("radio", name="only some apps").check()  # the next form begins as the first did
    form.get_by_role("checkbox", name="web").check()
    form.get_by_role("button", name="Send invitations").click()
    toasted(page, "The role billing sees every app")
