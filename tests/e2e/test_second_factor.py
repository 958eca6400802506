"""The second factor in a browser: switched on, asked for, lost and switched off; and what gets past it (nothing)."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import Site, keep_picture
from guarded_site import OUTSIDER, OWNER, PASSWORDS, SESSION, Visit, ask, cookies_of, link_for, post, sign_in
from hostile import call, connected, handlers, heard
from playwright.sync_api import Browser, Page, expect
from story import NOW

STARTED = datetime.fromisoformat(NOW.replace("Z", "+00:00")).astimezone(UTC)
HALFWAY = "flyusage_halfway"


class Phone:
    """An app that shows codes. The site's clock stands, so that each code is a half minute later: only so many are within reach."""

    def __init__(self, secret: str) -> None:
        self.secret = secret

    def code(self, steps: int = 0) -> str:
        return pyotp.TOTP(self.secret).at(STARTED + timedelta(seconds=30 * steps))


def account(visit: Visit, email: str, **how: bool) -> Page:
    page = visit("/account", who=email, **how)
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    return page


def set_up(page: Page) -> tuple[Phone, list[str]]:
    """Switch it on in the account's page; the phone, and the recovery codes."""
    page.get_by_role("button", name="Set up an authenticator app").click()
    expect(page.get_by_alt_text("QR code that holds the secret beside it")).to_be_visible()
    phone = Phone(page.locator("code.secret").inner_text())
    page.get_by_label("Code that the app shows").fill(phone.code(-1))
    page.get_by_role("button", name="Switch on").click()
    expect(page.locator(".recovery-codes li")).to_have_count(10)
    return phone, page.locator(".recovery-codes li").all_inner_texts()


@pytest.fixture
def without(guarded: Site) -> Iterator[None]:
    """Nobody has a second factor before, or after."""
    yield
    guarded_sql(guarded, "DELETE FROM second_factor", "DELETE FROM passkey", "DELETE FROM recovery_code", "DELETE FROM rate_counter")


def guarded_sql(site: Site, *statements: str) -> None:
    import psycopg

    with psycopg.connect(site.settings["FLYUSAGE_MIGRATION_URL"]) as connection:
        for statement in statements:
            connection.execute(statement)  # pyright: ignore[reportArgumentType, reportCallIssue]


def with_half(site: Site) -> dict[str, str]:
    """The cookies after the password."""
    answer = post(site, "/auth/sign-in", email=OWNER, password=PASSWORDS[OWNER])
    assert answer.headers["location"] == "/second-factor"
    given = cookies_of(answer)
    assert SESSION not in given
    return given


def test_it_is_switched_on_asked_for_and_switched_off(visit: Visit, guarded: Site, without: None) -> None:
    page = account(visit, OWNER)
    other = visit("/", who=OWNER)
    expect(other.locator(".org-name")).to_have_text("prism")
    phone, codes = set_up(page)
    expect(other.get_by_role("heading", name="Sign in")).to_be_visible()  # let in by the password alone
    page.get_by_role("button", name="I have kept them").click()
    expect(page.get_by_text("10 of 10 recovery codes left")).to_be_visible()
    assert codes[0] not in page.content()

    sign_in(other, OWNER)
    expect(other.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
    expect(other.get_by_label("Code")).to_be_focused()
    expect(other.get_by_text("passkey")).to_have_count(0)  # there is none of this account
    other.keyboard.type("000000")
    other.keyboard.press("Enter")
    expect(other.get_by_role("alert")).to_contain_text("not the one the app shows")
    other.get_by_label("Code").fill(phone.code())
    other.keyboard.press("Enter")
    expect(other).to_have_url(re.compile("/orgs/prism$"))

    other.goto("/second-factor")  # once more, by the browser's history
    expect(other.get_by_role("alert")).to_contain_text("Begin again with your password")
    expect(other.get_by_label("Code")).to_have_count(0)

    lost = sign_in(visit("/sign-in?next=/orgs/prism/machines"), OWNER)
    lost.get_by_label("Code").fill(codes[3].lower())
    lost.get_by_role("button", name="Finish signing in").click()
    expect(lost).to_have_url(re.compile("/orgs/prism/machines$"))

    lost.goto("/account")
    expect(lost.get_by_text("9 of 10 recovery codes left")).to_be_visible()
    lost.get_by_text("Switch it off").first.click()
    off = lost.locator("details", has=lost.get_by_role("button", name="Switch it off"))
    off.get_by_label("A code, or your password").fill("not the password")
    lost.get_by_role("button", name="Switch it off").click()
    expect(lost.get_by_role("alert")).to_contain_text("neither a code")
    off.get_by_label("A code, or your password").fill(PASSWORDS[OWNER])
    lost.get_by_role("button", name="Switch it off").click()
    expect(lost.get_by_role("button", name="Set up an authenticator app")).to_be_visible()
    expect(sign_in(visit("/"), OWNER)).to_have_url(re.compile("/orgs/prism$"))
    lost.goto("/orgs/prism/audit")
    for told in ("Switched the second factor on", "Used a recovery code", "Switched the second factor off"):
        expect(lost.get_by_role("cell", name=told).first).to_be_visible()


def test_the_password_alone_opens_nothing(guarded: Site, visit: Visit, without: None) -> None:
    phone, _ = set_up(account(visit, OWNER))
    given = with_half(guarded)
    half = given[HALFWAY]
    for cookie in (f"{HALFWAY}={half}", f"{SESSION}={half}", f"{HALFWAY}={half}; {SESSION}={half}"):
        for path in ("/", "/orgs/prism/usage.csv", "/orgs/prism/audit.csv"):
            answer = ask(guarded, path, cookie=cookie)
            assert (answer.status, answer.headers["location"].partition("?")[0]) == (303, "/sign-in")
        with connected(guarded.address, cookie=cookie) as client:
            for handler, parameters in sorted(handlers().items()):
                call(client, handler, "/orgs/prism", dict.fromkeys(parameters, "web"))
            said = heard(client, seconds=1)
        for known in ('"dfw"', '"name":"prism"', OWNER, phone.secret):
            assert known not in said
    answer = post(guarded, "/auth/second-factor", {"cookie": f"{HALFWAY}={half}"}, code=phone.code())
    session = cookies_of(answer)[SESSION]
    assert session != half
    assert ask(guarded, "/orgs/prism/usage.csv", cookie=f"{SESSION}={session}").status == 200
    again = post(guarded, "/auth/second-factor", {"cookie": f"{HALFWAY}={half}"}, code=phone.code(1))
    assert again.headers["location"] == "/sign-in?problem=sign_in_over"
    replayed = post(guarded, "/auth/second-factor", {"cookie": f"{HALFWAY}={with_half(guarded)[HALFWAY]}"}, code=phone.code())
    assert replayed.headers["location"] == "/second-factor?problem=code_wrong"


def test_a_link_to_a_new_password_does_not_pass_it_by(guarded: Site, visit: Visit, without: None) -> None:
    set_up(account(visit, OWNER))
    answer = post(guarded, "/auth/set-password", link=link_for(guarded, OWNER).partition("link=")[2], password=PASSWORDS[OWNER])
    assert answer.headers["location"] == "/second-factor"
    assert SESSION not in cookies_of(answer)


def test_codes_cannot_be_guessed_at_length(guarded: Site, visit: Visit, without: None) -> None:
    phone, _ = set_up(account(visit, OWNER))
    half = with_half(guarded)[HALFWAY]
    problems = [
        post(guarded, "/auth/second-factor", {"cookie": f"{HALFWAY}={half}"}, code=f"{number:06}").headers["location"]
        for number in range(12)
    ]
    assert problems[0] == "/second-factor?problem=code_wrong"
    assert problems[-1] == "/second-factor?problem=too_many_attempts"
    right = post(guarded, "/auth/second-factor", {"cookie": f"{HALFWAY}={half}"}, code=phone.code())
    assert right.headers["location"] == "/second-factor?problem=too_many_attempts"


@pytest.mark.parametrize("onward", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_the_second_step_leads_to_our_own_pages_only(guarded: Site, visit: Visit, without: None, onward: str) -> None:
    phone, _ = set_up(account(visit, OWNER))
    half = with_half(guarded)[HALFWAY]
    answer = post(guarded, "/auth/second-factor", {"cookie": f"{HALFWAY}={half}"}, code=phone.code(), next=onward)
    assert answer.headers["location"] == "/"
    assert post(guarded, "/auth/second-factor", {"origin": "https://evil.example"}, code="1").status == 403


def test_an_organization_that_asks_for_one_is_closed_until_it_is_set_up(guarded: Site, visit: Visit, without: None) -> None:
    page = visit("/", who=OWNER)
    expect(page.locator(".org-name")).to_have_text("prism")
    guarded.run("orgs", "require-second-factor", "prism")
    try:
        expect(page.get_by_text("What you wanted to open asks for a second factor")).to_be_visible()  # the open page went there by itself
        cookie = "; ".join(f"{one.get('name')}={one.get('value')}" for one in page.context.cookies())
        assert ask(guarded, "/orgs/prism/usage.csv", cookie=cookie).headers["location"] == "/account?needs=second-factor"
        with connected(guarded.address, cookie=cookie) as client:
            for handler, parameters in sorted(handlers().items()):
                if "second_factor" not in handler:
                    call(client, handler, "/orgs/prism", dict.fromkeys(parameters, "web"))
            said = heard(client, seconds=1)
        assert '"dfw"' not in said
        set_up(page)
        page.goto("/orgs/prism")
        expect(page.locator(".org-name")).to_have_text("prism")
    finally:
        guarded.run("orgs", "require-second-factor", "prism", "--off")


def test_staff_without_one_are_told_how_to_set_it_up(guarded: Site, visit: Visit, without: None) -> None:
    guarded.run("staff", "grant", OUTSIDER, "support")
    try:
        page = visit("/staff/questions", who=OUTSIDER)
        expect(page.get_by_text(re.compile("second factor")).first).to_be_visible()
        page.get_by_role("link", name="Your account").click()
        expect(page).to_have_url(re.compile("/account"))
        set_up(page)
        page.goto("/staff/questions")
        expect(page.get_by_role("heading", name="Questions")).to_be_visible()
        expect(page.get_by_text(re.compile("second factor"))).to_have_count(0)

        page.goto("/orgs/prism/billing")
        expect(page.get_by_text("You look at prism as staff: to read only")).to_be_visible()
        assert Axe().run(page).violations_count == 0
        page.goto("/orgs/rival")
        expect(page.locator(".org-name")).to_have_text("rival")
        expect(page.get_by_text("You look at")).to_have_count(0)
        owner = visit("/orgs/prism/audit", who=OWNER)
        expect(owner.get_by_role("row", name=re.compile("Opened the organization as staff")).first).to_contain_text("flyusage staff")
        page.goto("/welcome")
        page.get_by_role("link", name="Staff's pages").click()
        page.get_by_role("link", name="Questions").click()
        expect(page.get_by_role("heading", name="No question waits")).to_be_visible()
    finally:
        guarded.run("staff", "revoke", OUTSIDER, "support")
    expect(page.get_by_role("heading", name="This cannot be shown")).to_be_visible()  # the open page, by itself
    page.context.clear_cookies()
    page.goto("/staff/questions")
    expect(page).to_have_url(re.compile("/sign-in"))


def is_without_barriers(page: Page) -> bool:
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    return True


def with_security_key(page: Page) -> None:
    """A key in the browser's own software, which confirms whatever it is asked."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    can = {"hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True}
    session.send("WebAuthn.addVirtualAuthenticator", {"options": {"protocol": "ctap2", "transport": "usb", **can}})


def test_a_passkey_is_added_named_asked_for_and_removed(visit: Visit, guarded: Site, chromium: Browser, without: None) -> None:
    context = chromium.new_context(base_url=guarded.address.replace("127.0.0.1", "localhost"))  # a passkey is made for a name
    page = visit("/sign-in?next=/account", context)
    with_security_key(page)
    sign_in(page, OWNER)
    page.get_by_text("Add a passkey").first.click()
    page.get_by_label("Name, such as the device it is on").fill("Blue key")
    page.keyboard.press("Enter")
    codes = page.locator(".recovery-codes li")
    expect(codes).to_have_count(10)  # it is the first factor
    kept = codes.first.inner_text()
    assert is_without_barriers(page)
    page.get_by_role("button", name="I have kept them").click()
    row = page.get_by_role("list", name="Passkeys").get_by_role("listitem")
    expect(row).to_contain_text("Blue key")
    expect(row).to_contain_text("never used")
    page.get_by_text("Add a passkey").first.click()
    page.get_by_label("Name, such as the device it is on").fill("Again")
    again = page.locator("details", has=page.get_by_role("button", name="Add a passkey"))
    again.get_by_label("A code, or your password").fill("123456")
    page.get_by_role("button", name="Add a passkey").click()
    expect(again.get_by_role("alert")).to_contain_text("neither a code that is good now nor your password")
    again.get_by_label("A code, or your password").fill(PASSWORDS[OWNER])
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("alert").filter(has_text="This device holds a passkey for this account already.")).to_be_visible()
    row.get_by_text("Rename or remove").click()
    row.get_by_label("Name", exact=True).fill("Green key")
    row.get_by_role("button", name="Rename").click()
    expect(row).to_contain_text("Green key")
    assert is_without_barriers(page)
    keep_picture(page, "passkeys-account", 0)

    context.clear_cookies()
    page.goto("/sign-in?next=/orgs/prism/machines")
    sign_in(page, OWNER)
    expect(page.get_by_role("heading", name="Confirm that it is you")).to_be_visible()
    expect(page.get_by_text("authenticator app")).to_have_count(0)  # nor that of this one
    assert is_without_barriers(page)
    keep_picture(page, "passkeys-sign-in", 0)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page).to_have_url(re.compile("/orgs/prism/machines$"))

    context.clear_cookies()
    page.goto("/sign-in?next=/orgs/prism/billing")
    page.get_by_role("button", name="Continue with a passkey").click()  # neither address nor password
    expect(page).to_have_url(re.compile("/orgs/prism/billing$"))
    expect(page.locator(".org-name")).to_have_text("prism")

    page.goto("/account")
    expect(row).to_contain_text("last used")
    row.get_by_text("Rename or remove").click()
    row.get_by_label("A code, or your password").fill(kept)
    row.get_by_role("button", name="Remove it").click()
    expect(page.get_by_role("list", name="Passkeys")).to_have_count(0)
    expect(page.get_by_text("recovery codes left")).to_have_count(0)
    page.goto("/orgs/prism/audit")
    for told in ("Added a passkey", "Renamed a passkey", "Removed a passkey"):
        expect(page.get_by_role("cell", name=told).first).to_be_visible()
    context.close()


def test_a_session_that_was_left_open_sets_up_no_first_factor(visit: Visit, guarded: Site, without: None) -> None:
    page = account(visit, OWNER)
    guarded_sql(guarded, "UPDATE user_session SET created_at = created_at - interval '1 hour'")
    page.reload()
    page.locator("summary", has_text="Set up an authenticator app").click()
    proof = page.locator("details", has=page.get_by_role("button", name="Show its secret")).get_by_label("Your password")
    proof.fill("not the password")
    page.get_by_role("button", name="Show its secret").click()
    expect(page.get_by_role("alert")).to_contain_text("That is not your password")
    assert is_without_barriers(page)
    proof.fill(PASSWORDS[OWNER])
    page.get_by_role("button", name="Show its secret").click()
    expect(page.get_by_alt_text("QR code that holds the secret beside it")).to_be_visible()
    answer = post(guarded, "/auth/enter-by-passkey", credential="[" * 5_000, next="https://evil.example/")
    assert (answer.status, answer.headers["location"]) == (303, "/sign-in?problem=passkey_unknown")


@pytest.mark.parametrize(("is_phone", "is_dark"), [(False, False), (True, True)])
def test_its_pages_have_no_barriers_that_axe_can_find(visit: Visit, guarded: Site, without: None, is_phone: bool, is_dark: bool) -> None:
    page = account(visit, OWNER, is_phone=is_phone, is_dark=is_dark)
    page.get_by_role("button", name="Set up an authenticator app").click()
    expect(page.locator("code.secret")).to_be_visible()
    found = [Axe().run(page)]
    page.get_by_role("button", name="Cancel").click()
    set_up(page)
    found.append(Axe().run(page))
    page.get_by_role("button", name="I have kept them").click()
    page.get_by_text("Switch it off").first.click()
    found.append(Axe().run(page))
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.context.add_cookies([{"name": HALFWAY, "value": with_half(guarded)[HALFWAY], "url": guarded.address}])
    page.goto("/second-factor?problem=code_wrong")
    expect(page.get_by_label("Code")).to_be_visible()
    found.append(Axe().run(page))
    for one in found:
        assert one.violations_count == 0, one.generate_report()
