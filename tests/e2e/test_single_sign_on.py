"""Single sign-on in a browser, by a real provider: set up, proved, tried, made the rule; and what does not get in by it.

The clock is the real one: what the provider signs is of now. Prism is set up, its October invoice is that of tests/billed_site.py;
Rival sets itself up.
"""

import html
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import billed_site
import httpx
import nameserver
import provider
import psycopg
import pytest
import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe
from browsing import DESKTOP, PHONE, Site, keep_picture
from conftest import copied, pointed_at
from guarded_site import ask, link_for, post, set_password
from nameserver import Nameserver
from playwright.sync_api import Browser, BrowserContext, Page, expect
from ports import kept_port
from provider import CLIENT_ID, CLIENT_SECRET, OidcProvider
from pyotp import TOTP
from serving import running, settings_for
from story import NOW

from flyusage import clock, config, db
from flyusage.auth import accounts, second_factor
from flyusage.invoices import seats
from flyusage.orgs.acting import system
from flyusage.orgs.models import Role
from flyusage.orgs.queries import organization_by_slug
from flyusage.orgs.sso import connections, domains
from flyusage.orgs.sso.connections import Wanted

if TYPE_CHECKING:
    from conftest import Server

OWNER, OUTSIDER = "owner@prism.example", "owner@rival.example"
PASSWORD = "violin oxide parcel thunder"
SESSION = "flyusage_session"
BY = system("tests")
PEOPLE = {  # by login at the provider
    "boss": {"email": "Boss@Prism.example", "email_verified": True, "groups": ["everybody", "money"], "name": "Bea Boss"},
    "maker": {"email": "maker@prism.example", "email_verified": True, "groups": ["makers", "money"], "name": "Mia Maker", "amr": ["pwd", "mfa"]},
    "second": {"email": "second@prism.example", "email_verified": True, "groups": ["makers"], "name": "Sam Second"},
    "stranger": {"email": "stranger@prism.example", "email_verified": True, "groups": ["visitors"], "name": "Stan Stranger"},
    "unproved": {"email": "owner@prism.example", "email_verified": False, "groups": ["money"]},
    "foreign": {"email": "owner@rival.example", "email_verified": True, "groups": ["money"]},
    "double": {"email": "boss@prism.example", "email_verified": True, "groups": ["money"]},
    "rival": {"email": "owner@rival.example", "email_verified": True, "groups": [], "name": "Olga"},
    "hand": {"email": "hand@rival.example", "email_verified": True, "groups": ["<b>hands</b>"], "name": "Hal", "amr": ["mfa"]},
}  # fmt: skip


@dataclass(frozen=True)
class Firm:
    """Prism's and Rival's site, the provider of both and the name server of their domains."""

    site: Site
    idp: OidcProvider
    dns: Nameserver
    invoice: str

    def sql(self, statement: str, *values: object) -> list[tuple]:
        with psycopg.connect(self.site.settings["FLYUSAGE_MIGRATION_URL"]) as connection:
            cursor = connection.execute(statement, values)  # pyright: ignore[reportArgumentType, reportCallIssue]
            return cursor.fetchall() if cursor.description else []

    def role(self, email: str) -> str | None:
        found = self.sql("SELECT m.role FROM membership m JOIN user_account u ON u.id = m.user_id WHERE u.email = %s", email)
        return found[0][0] if found else None


class Tabs:
    """A browser of which only addresses and cookies matter."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.client = httpx.Client(follow_redirects=False, timeout=30)

    def set_out(self, email: str, onward: str = "") -> str:
        """The way to the provider; where there is none, the address of the form that says why."""
        answer = self.client.post(f"{self.site.address}/auth/sso", data={"email": email, "next": onward})
        return answer.headers.get("location") or html.unescape(re.findall(r'<a href="([^"]+)"', answer.text)[0])

    def come_back(self, url: str) -> str:
        return self.client.get(url).headers["location"]

    @property
    def is_in(self) -> bool:
        return self.client.get(f"{self.site.address}/account.csv").status_code != 303 and SESSION in self.client.cookies


@pytest.fixture
def tabs(firm: Firm) -> Iterator[Callable[[], Tabs]]:
    """Makes browsers, and closes them."""
    made: list[Tabs] = []

    def another() -> Tabs:
        made.append(Tabs(firm.site))
        return made[-1]

    yield another
    for one in made:
        one.client.close()


@pytest.fixture(scope="module")
def firm(server: "Server", template: str) -> Iterator[Firm]:
    with kept_port() as port:
        yield from made_at(port, server, template)


def made_at(port: int, server: "Server", template: str) -> Iterator[Firm]:
    """The firm, whose site answers at `port`."""
    base = f"http://127.0.0.1:{port}"
    with (
        provider.running(f"{base}{connections.CALLBACK}") as idp,
        nameserver.running() as names,
        copied(server, template) as name,
        pytest.MonkeyPatch.context() as patch,
    ):
        settings = {
            "FLYUSAGE_BASE_URL": base,
            "FLYUSAGE_TEST_PORT": str(port),
            "FLYUSAGE_SSO_PRIVATE_HOSTS": "127.0.0.1",
            "FLYUSAGE_DNS_SERVERS": names.address,
        }
        for variable, value in settings.items():
            patch.setenv(variable, value)
        settings |= {one: value for one, value in settings_for(server, name).items() if one != "FLYUSAGE_CLOCK"}
        idp.tell(**PEOPLE)
        with pointed_at(server, name):
            with clock.freeze(datetime.fromisoformat(NOW)):
                invoice = billed_site.fill()
            set_up(idp, names)
        config.settings.cache_clear()
        with running(**settings) as address:
            site = Site(address, settings)
            for email in (OWNER, OUTSIDER):
                set_password(site, email, PASSWORD)
            yield Firm(site, idp, names, invoice)
    config.settings.cache_clear()


def set_up(idp: OidcProvider, names: Nameserver) -> None:
    """Prism's provider, its domain, and the roles of its groups; one seat beside the owner's is free."""
    with db.lookup_transaction() as session:
        org_id = organization_by_slug(session, "prism").id
    with db.platform_transaction() as session:
        for email, slug in ((OWNER, "prism"), (OUTSIDER, "rival")):
            made = accounts.create(session, email, name=email.partition("@")[0].title(), is_verified=True)
            session.execute(
                sa.text("INSERT INTO membership SELECT id, :user, 'owner', now() FROM organization WHERE slug = :slug"),
                {"user": made.user_id, "slug": slug},
            )
        db.become(session.connection(), db.PLATFORM_ROLE, str(org_id))
        seats.agree(session, org_id, 2, Decimal(10), by=BY)
    with db.transaction(org_id) as session:
        connections.save(session, org_id, Wanted(idp.issuer, CLIENT_ID, CLIENT_SECRET), by=BY)
        connections.map_group(session, org_id, "money", Role.BILLING, by=BY)
        connections.map_group(session, org_id, "makers", Role.DEVELOPER, by=BY)
        claimed = domains.claim(session, org_id, "Prism.example", by=BY)
    names.texts[claimed.record] = ["something else", claimed.text]
    assert domains.check(org_id, claimed.domain, by=BY)


Visit = Callable[..., Page]


@pytest.fixture
def visit(chromium: Browser, firm: Firm, request: pytest.FixtureRequest) -> Iterator[Visit]:
    contexts: list[BrowserContext] = []

    def open_path(path: str, *, is_phone: bool = False, is_dark: bool = False) -> Page:
        look = {"viewport": PHONE if is_phone else DESKTOP, "color_scheme": "dark" if is_dark else "light"}
        contexts.append(chromium.new_context(base_url=firm.site.address, **look))
        page = contexts[-1].new_page()
        page.goto(path)
        return page

    yield open_path
    for number, context in enumerate(contexts):
        for page in context.pages:
            keep_picture(page, request.node.name, number)
        context.close()


def by_password(page: Page, email: str) -> Page:
    page.get_by_label("Mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    return page


def by_provider(page: Page, email: str, login: str) -> Page:
    page.get_by_label("Mail address").fill(email)
    page.get_by_role("button", name="Continue with single sign-on").click()
    page.get_by_label("Who are you").fill(login)
    page.get_by_role("button", name="Continue").click()
    return page


def refused(page: Page, firm: Firm, one: Tabs, login: str, said: str) -> None:
    """Somebody comes by Prism's provider in vain, and is told so."""
    page.goto(one.come_back(firm.idp.sign_in(one.set_out("x@prism.example"), login).url))
    expect(page.get_by_role("alert")).to_contain_text(said)
    assert not one.is_in


def clean(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "the page scrolls sideways"


def test_a_boss_comes_by_the_provider_gets_the_billing_role_and_an_invoice_and_nothing_else(firm: Firm, visit: Visit) -> None:
    page = by_provider(visit("/sign-in"), "boss@prism.example", "boss")
    expect(page).to_have_url(re.compile("/orgs/prism/billing$"))
    with page.expect_download() as downloading:
        page.get_by_role("link", name=re.compile("PDF")).first.click()
    assert downloading.value.path().read_bytes().startswith(b"%PDF-")
    assert firm.invoice in downloading.value.suggested_filename
    expect(page.get_by_role("navigation", name="Pages").get_by_role("link", name="Machines")).to_have_count(0)
    for path in ("machines", "machines/web-0", "tokens", "sso"):
        page.goto(f"/orgs/prism/{path}")
        expect(page.locator("main")).to_contain_text(re.compile("Ask (an owner|somebody)|may not|role"))
    page.goto("/orgs/rival")
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()
    assert firm.role("boss@prism.example") == "billing"
    page.goto("/orgs/prism/audit")
    for told in ("Joined by single sign-on", "Was linked to a person at the provider", "Signed in"):
        expect(page.get_by_role("cell", name=told).first).to_be_visible()
    page.goto("/orgs/prism/members?find=boss")
    expect(page.get_by_role("row", name=re.compile("Bea Boss"))).to_contain_text("SSO")


def test_an_organization_sets_it_up_proves_its_domain_tries_it_and_makes_it_the_rule(firm: Firm, visit: Visit) -> None:
    page = by_password(visit("/sign-in?next=/orgs/rival/sso"), OUTSIDER)
    page.get_by_label("Issuer").fill("http://127.0.0.1:9")
    page.get_by_label("Client id").fill(CLIENT_ID)
    page.get_by_label("Client secret").fill(CLIENT_SECRET)
    page.get_by_role("button", name="Set up").click()
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
    expect(page.get_by_label("Client id")).to_have_value(CLIENT_ID)
    page.get_by_label("Issuer").fill(firm.idp.issuer)
    page.get_by_label("not invited").select_option("viewer")
    page.get_by_role("button", name="Set up").click()
    expect(page.get_by_role("button", name="Save")).to_be_visible()
    expect(page.get_by_label("Client secret")).to_have_value("")
    assert CLIENT_SECRET not in page.content()

    page.get_by_label("Domain of your").fill("rival.example")
    page.get_by_role("region", name="Domains").get_by_role("button", name="Add").click()
    page.get_by_role("button", name="Check rival.example now").click()
    expect(page.get_by_role("alert")).to_contain_text("no TXT record _flyusage.rival.example")
    clean(page)
    firm.dns.texts["_flyusage.rival.example"] = [page.locator(".sso-record code").nth(1).inner_text()]
    page.get_by_role("button", name="Check rival.example now").click()
    expect(page.get_by_role("region", name="Domains")).to_contain_text("verified")
    page.get_by_label("Group, as").fill("<b>hands</b>")
    page.get_by_role("region", name="Groups").locator("select").select_option("admin")
    page.get_by_role("region", name="Groups").get_by_role("button", name="Add").click()
    expect(page.get_by_role("button", name="Remove the group <b>hands</b>")).to_be_visible()

    page.get_by_role("link", name="Try it").click()
    page.get_by_label("Who are you").fill("hand")
    page.get_by_role("button", name="Continue").click()
    answered = page.get_by_role("region", name="What the provider answered")
    expect(answered).to_contain_text("they would join as admin")
    expect(answered).to_contain_text("<b>hands</b>")
    assert firm.role("hand@rival.example") is None
    expect(page.get_by_role("region", name="Rule")).to_contain_text("Before that: have an owner name one with a second factor")

    app = a_second_factor(firm, OUTSIDER)
    page.reload()
    page.get_by_label("Owner who may still").select_option(label=f"Owner ({OUTSIDER})")
    page.get_by_text("Make it the rule …").click()
    expect(page.get_by_text("Whoever has an address of rival.example")).to_be_visible()
    clean(page)
    page.get_by_role("button", name="Everybody must use single sign-on").click()
    expect(page.get_by_role("region", name="Rule")).to_contain_text("must sign in by the provider")

    other = by_password(visit("/sign-in"), "hand@rival.example")
    expect(other.get_by_role("alert")).to_contain_text("Continue with single sign-on")
    expect(other.get_by_label("Mail address")).to_have_value("hand@rival.example")
    by_provider(other, "hand@rival.example", "hand")
    expect(other).to_have_url(re.compile("/orgs/rival$"))
    assert firm.role("hand@rival.example") == "admin"
    link = link_for(firm.site, "hand@rival.example").partition("link=")[2]
    assert "problem=sso_needed" in post(firm.site, "/auth/set-password", link=link, password=PASSWORD).headers["location"]

    past = by_password(visit("/sign-in"), OUTSIDER)
    past.get_by_label("Code").fill(app.at(clock.now()))
    past.get_by_role("button", name="Finish signing in").click()
    expect(past).to_have_url(re.compile("/orgs/rival$"))
    assert firm.sql("SELECT count(*) FROM audit_event WHERE action = 'sso.break_glass'") == [(1,)]
    asked = by_provider(visit("/sign-in"), OUTSIDER, "rival")  # the account's own factor guards it whatever a provider says
    expect(asked.get_by_role("heading", name="Confirm that it is you")).to_be_visible()

    firm.site.run("sso", "disable", "rival")
    expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
    assert "set-password" not in post(firm.site, "/auth/set-password", link=link, password=PASSWORD).headers["location"]
    firm.site.run("sso", "enable", "rival")


def a_second_factor(firm: Firm, email: str) -> TOTP:
    """Switched on for the account; what makes its codes."""
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in firm.site.settings.items():
            patch.setenv(variable, value)
        config.settings.cache_clear()
        db.reset()
        with db.platform_transaction() as session:
            user_id = accounts.known(session, email).user_id
            app = TOTP(second_factor.begin(session, user_id, email).secret)
            second_factor.confirm(session, user_id, app.at(int(clock.now().timestamp()) - 30))
        db.reset()
    config.settings.cache_clear()
    return app


def test_each_way_back_is_good_once_for_the_browser_that_began(firm: Firm, tabs: Callable[[], Tabs]) -> None:
    mine, thief = tabs(), tabs()
    first, second = mine.set_out("maker@prism.example", "/orgs/prism/usage"), mine.set_out("maker@prism.example")
    ways = [firm.idp.sign_in(way, "maker") for way in (first, second)]
    assert "problem=sso_over" in thief.come_back(ways[0].url)
    assert mine.come_back(ways[1].url) == "/"  # the later tab first
    assert mine.come_back(ways[0].url) == "/orgs/prism/usage"
    assert "problem=sso_over" in mine.come_back(ways[0].url)

    third = firm.idp.sign_in(mine.set_out("maker@prism.example"), "maker")
    cookie = "; ".join(f"{one.name}={one.value}" for one in mine.client.cookies.jar if one.name.startswith("flyusage_sso_"))
    path = third.url.removeprefix(firm.site.address)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: ask(firm.site, path, cookie=cookie).headers["location"], range(4)))
    assert sorted("sso_over" in one for one in answers) == [False, True, True, True]

    # A code that was taken elsewhere is none in a flow of one's own: verifier and nonce are the browser's that began.
    begun, stolen = thief.set_out("maker@prism.example"), firm.idp.sign_in(mine.set_out("maker@prism.example"), "maker")
    state = parse_qs(urlsplit(begun).query)["state"][0]
    assert "sso_refused" in thief.come_back(
        f"{firm.site.address}{connections.CALLBACK}?code={stolen.get('code')}&state={state}&iss={firm.idp.issuer}"
    )
    mixed = thief.set_out("maker@prism.example")  # RFC 9207: from another provider than the one that was asked
    back = firm.idp.sign_in(mixed, "maker").url.partition("&iss=")[0]
    assert "sso_refused" in thief.come_back(f"{back}&iss=https://other.example")
    assert not thief.is_in

    held = firm.sql(
        "SELECT DISTINCT s.method, s.has_provider_factor, s.ends_at - s.created_at <= interval '1 day' FROM user_session s "
        "JOIN user_account u ON u.id = s.user_id WHERE u.email = 'maker@prism.example'"
    )
    assert held == [("sso", True, True)]
    assert firm.role("maker@prism.example") == "developer"  # the most powerful of makers and money


def test_who_is_not_let_in_is_told_why_and_whom_to_ask(firm: Firm, visit: Visit, tabs: Callable[[], Tabs]) -> None:
    page = visit("/sign-in")
    refused(page, firm, tabs(), "unproved", "does not say that owner@prism.example is verified")
    refused(page, firm, tabs(), "foreign", f"Ask Owner ({OWNER}) to verify rival.example")
    refused(page, firm, tabs(), "stranger", "lets nobody in who was not invited")
    refused(page, firm, tabs(), "nobody", "It says: access_denied: not <b>today</b>.")
    by_provider(visit("/sign-in"), "boss@prism.example", "boss").wait_for_url("**/billing")
    refused(page, firm, tabs(), "double", "belongs to another person at your provider")
    firm.sql("INSERT INTO invitation (org_id, email, role, secret_sha256, made_at, made_by, ends_at) SELECT id, 'new@prism.example', 'developer', "
             "'x', now(), 'system:tests', now() + interval '1 day' FROM organization WHERE slug = 'prism'")  # fmt: skip
    refused(page, firm, tabs(), "second", f"no seat left for you. Ask Owner ({OWNER}) to add one")
    assert firm.role("second@prism.example") is None
    firm.sql("DELETE FROM invitation WHERE email = 'new@prism.example'")
    page.goto("/sign-in")
    page.get_by_label("Mail address").fill("somebody@nowhere.example")
    page.get_by_role("button", name="Continue with single sign-on").click()
    expect(page.get_by_role("alert")).to_contain_text("No organization signs that address in")
    clean(page)


@pytest.mark.parametrize("is_dark", [False, True])
def test_the_page_has_no_barriers_on_a_phone(firm: Firm, visit: Visit, is_dark: bool) -> None:
    page = by_password(visit("/sign-in?next=/orgs/prism/sso", is_phone=True, is_dark=is_dark), OWNER)
    expect(page.get_by_role("region", name="Rule")).to_be_visible()
    clean(page)


def test_signing_out_here_signs_out_at_the_provider_and_that_everywhere_else(firm: Firm, visit: Visit, tabs: Callable[[], Tabs]) -> None:
    page = by_provider(visit("/sign-in"), "boss@prism.example", "boss")
    expect(page.locator(".org-name")).to_have_text("prism")
    other = visit("/sign-in")  # another browser of the same person, signed in there on its own
    by_provider(other, "boss@prism.example", "boss")
    expect(other.locator(".org-name")).to_have_text("prism")
    by_hand = by_password(visit("/sign-in"), OWNER)
    expect(by_hand.locator(".org-name")).to_have_text("prism")
    page.goto("/account")
    page.get_by_role("button", name="Sign out here and at your provider").click()
    page.get_by_role("button", name="Yes, sign me out").click()
    expect(page.get_by_role("status")).to_have_text("You are signed out.")
    expect(other.get_by_role("heading", name="Sign in")).to_be_visible()  # told by the provider itself, to our server
    expect(by_hand.locator(".org-name")).to_have_text("prism")
    page.get_by_label("Mail address").fill("boss@prism.example")
    page.get_by_role("button", name="Continue with single sign-on").click()
    expect(page.get_by_label("Who are you")).to_be_visible()  # it knows them no more
    by_hand.goto("/orgs/prism/audit")
    expect(by_hand.get_by_role("cell", name="Signed out elsewhere").first).to_be_visible()


def test_whoever_signs_in_can_make_an_organization_and_owns_it(firm: Firm, visit: Visit) -> None:
    page = by_password(visit("/sign-in?next=/account"), OWNER)
    page.get_by_role("link", name="Organizations").click()
    page.get_by_text("Make a new organization …").click()
    page.get_by_label("Name").fill("Nova <Labs>")
    page.get_by_label("Slug").fill("rival")
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("alert")).to_contain_text("another organization's slug")
    clean(page)
    page.get_by_label("Slug").fill("nova")
    page.get_by_role("button", name="Make it").click()
    expect(page).to_have_url(re.compile("/orgs/nova$"))
    expect(page.locator(".org-name")).to_have_text("Nova <Labs>")
    made = "SELECT role, action FROM organization o JOIN membership m ON m.org_id = o.id JOIN audit_event a ON a.org_id = o.id WHERE slug = 'nova'"
    assert firm.sql(made) == [("owner", "organization.create")]
