"""People sign in: a server of its own, on which Prism's owner and Rival's owner have accounts."""

import re

import psycopg
import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import DESKTOP, PHONE, Site, barriers, keep_picture, toasted
from guarded_site import ALONE, OUTSIDER, OWNER, PASSWORDS, SESSION, Visit, ask, cookies_of, link_for, post, set_password, sign_in
from hostile import call, connected, handlers, heard
from playwright.sync_api import expect

from flyusage.auth.secrets import digest, new_secret


def test_a_page_asks_who_you_are_and_then_opens(visit: Visit) -> None:
    page = visit("/orgs/prism/usage?by=region")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.get_by_label("Mail address")).to_be_focused()
    page.keyboard.type(OWNER)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORDS[OWNER])
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/orgs/prism/usage.*by=region"))
    expect(page.locator(".org-name")).to_have_text("prism")
    (session,) = (cookie for cookie in page.context.cookies() if cookie["name"] == SESSION)
    assert (session["httpOnly"], session["sameSite"]) == (True, "Lax")
    assert page.evaluate("document.cookie") == ""


def test_everybody_sees_their_own_organizations_only(visit: Visit) -> None:
    page = visit("/", who=OUTSIDER)
    expect(page).to_have_url("/orgs/rival")
    page.goto("/orgs/prism")
    expect(page.get_by_role("heading", name="There is no organization under this address")).to_be_visible()
    expect(page.get_by_text("performance-1x")).to_have_count(0)


def test_who_belongs_nowhere_is_told_so(visit: Visit) -> None:
    page = visit("/", who=ALONE)
    expect(page.get_by_role("heading", name="You belong to no organization yet")).to_be_visible()
    assert Axe().run(page).violations_count == 0


def test_a_wrong_password_says_so_and_keeps_the_address(visit: Visit) -> None:
    page = sign_in(visit("/sign-in?next=/orgs/prism/machines"), OWNER, "not the password")
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    expect(page.get_by_label("Mail address")).to_have_value(OWNER)
    page.get_by_label("Password").fill(PASSWORDS[OWNER])
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url("/orgs/prism/machines")


def test_signing_out_elsewhere_darkens_every_open_page(visit: Visit) -> None:
    first, second = visit("/", who=OWNER), visit("/", who=OWNER)
    expect(first.locator(".org-name")).to_have_text("prism")
    expect(second.locator(".org-name")).to_have_text("prism")
    account = first.context.new_page()  # whatever shows something, not an organization's pages alone
    account.goto("/account")
    expect(account.get_by_text("This browser")).to_be_visible()
    told_again = first.context.new_page()  # as where two handlers find nobody signed in, and the later one comes to the sign-in page
    told_again.goto("/orgs/prism/members")
    expect(told_again.locator(".org-name")).to_have_text("prism")
    told_again.evaluate("history.replaceState(history.state, '', '/sign-in?next=%2Forgs%2Fprism%2Fmembers')")
    second.goto("/account")
    second.get_by_role("button", name="Sign out everywhere else").click()
    toasted(second, "Signed out in ")
    expect(first.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(account.get_by_role("heading", name="Sign in")).to_be_visible()
    assert told_again.evaluate("location.search") == "?next=%2Forgs%2Fprism%2Fmembers"
    expect(second.get_by_text("This browser")).to_be_visible()


def test_signing_out_ends_the_session_and_the_way_back_shows_nothing(visit: Visit) -> None:
    page = visit("/", who=OWNER)
    expect(page.locator(".org-name")).to_have_text("prism")
    cookies = page.context.cookies()
    page.goto("/account")
    page.get_by_role("button", name="Sign out", exact=True).last.click()
    expect(page.get_by_role("status")).to_have_text("You are signed out.")
    page.goto("/orgs/prism")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.context.add_cookies(cookies)  # pyright: ignore[reportArgumentType] a thief who kept it
    page.goto("/orgs/prism")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_link_sets_a_password_once(visit: Visit, guarded: Site) -> None:
    link = link_for(guarded, OWNER)
    path = link[link.index("/set-password") :]
    page = visit(path)
    expect(page.get_by_label("New password")).to_be_focused()
    for look in (DESKTOP, PHONE):
        page.set_viewport_size(look)
        assert barriers(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.get_by_label("New password").fill("password123")
    page.get_by_role("button", name="Set password").click()
    expect(page.get_by_role("alert")).to_contain_text("too easy to guess")
    page.get_by_label("New password").fill(PASSWORDS[OWNER])
    page.get_by_role("button", name="Set password").click()
    expect(page).to_have_url("/orgs/prism")
    again = visit(path)  # says so before anybody thinks a password up
    expect(again.get_by_role("alert")).to_contain_text("has been used")
    expect(again.get_by_label("New password")).to_have_count(0)
    answer = post(guarded, "/auth/set-password", link=link.partition("link=")[2], password=PASSWORDS[OWNER])
    assert answer.headers["location"].startswith("/forgot?problem=link_spent")
    again.get_by_role("link", name="Have a new link sent").click()
    expect(again.get_by_role("heading", name="Have a link sent")).to_be_visible()


@pytest.mark.parametrize("onward", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "\x00/x"])
def test_nobody_is_sent_to_a_strangers_page(guarded: Site, onward: str) -> None:
    answer = post(guarded, "/auth/sign-in", email=OWNER, password=PASSWORDS[OWNER], next=onward)
    assert (answer.status, answer.headers["location"]) == (303, "/")


def test_a_planted_session_is_never_taken_over(guarded: Site) -> None:
    planted = cookies_of(post(guarded, "/auth/sign-in", email=OUTSIDER, password=PASSWORDS[OUTSIDER]))[SESSION]
    answer = post(guarded, "/auth/sign-in", {"cookie": f"{SESSION}={planted}"}, email=OWNER, password=PASSWORDS[OWNER])
    assert cookies_of(answer)[SESSION] != planted
    assert ask(guarded, "/", cookie=f"{SESSION}={planted}").headers["location"].startswith("/sign-in")


def test_other_sites_cannot_post_and_forms_are_short(guarded: Site) -> None:
    assert post(guarded, "/auth/sign-in", {"origin": "https://evil.example"}, email=OWNER, password="x").status == 403
    assert post(guarded, "/auth/sign-out", {"origin": "null"}).status == 403
    assert ask(guarded, "/auth/sign-in", data=b"x" * 20_000, content_type="application/x-www-form-urlencoded").status == 413
    assert ask(guarded, "/auth/sign-in", data=b"{}", content_type="application/json").status == 415
    assert ask(guarded, "/auth/sign-in", data=b"\xff=%ff", content_type="application/x-www-form-urlencoded").status == 400
    assert ask(guarded, "/auth/sign-out").status in (404, 405)


@pytest.mark.parametrize("path", ["/orgs/prism/usage.csv", "/"])
@pytest.mark.parametrize("cookie", ["", f"{SESSION}=", f"{SESSION}=forged", f'{SESSION}="\\073;', "x" * 5000])
def test_plain_addresses_give_nothing_to_nobody(guarded: Site, path: str, cookie: str) -> None:
    answer = ask(guarded, path, cookie=cookie)
    assert (answer.status, answer.headers["location"].partition("?")[0]) == (303, "/sign-in")


def test_an_outsider_downloads_nothing(guarded: Site) -> None:
    cookie = f"{SESSION}={cookies_of(post(guarded, '/auth/sign-in', email=OUTSIDER, password=PASSWORDS[OUTSIDER]))[SESSION]}"
    assert ask(guarded, "/orgs/prism/usage.csv", cookie=cookie).status == 404
    assert ask(guarded, "/orgs/rival/usage.csv", cookie=cookie).status == 200


def test_asking_for_a_link_tells_nothing_about_who_has_an_account(guarded: Site) -> None:
    asked = [post(guarded, "/auth/forgot", email=email) for email in (OWNER, "nobody@prism.example")]
    answers = {(one.status, one.headers["location"]) for one in asked}
    assert answers == {(303, "/sign-in?problem=link_sent")}


def link_sent_to(guarded: Site, email: str) -> str:
    """The path of a link to make an account by, as its mail has it."""
    secret = new_secret()
    with psycopg.connect(guarded.settings["FLYUSAGE_MIGRATION_URL"]) as connection:
        row = (digest(secret), email, guarded.settings["FLYUSAGE_CLOCK"])
        connection.execute(
            """INSERT INTO sign_up (secret_sha256, email, made_at, ends_at)
               SELECT %s, %s, at, at + interval '1 day' FROM (SELECT %s::timestamptz AS at)""",
            row,
        )
    return f"/new-account?link={secret}"


def test_the_password_is_changed_on_the_accounts_page(visit: Visit, guarded: Site) -> None:
    page, other = visit("/account", who=ALONE), visit("/account", who=ALONE)
    expect(other.get_by_role("heading", name="Where you are signed in")).to_be_visible()

    def change(present: str, wanted: str) -> None:
        page.get_by_label("Your password of now").fill(present)
        page.get_by_label("A new one of 10 characters or more").fill(wanted)
        with page.expect_navigation():
            page.get_by_role("button", name="Change the password").click()

    page.get_by_text("Change the password", exact=True).first.click()
    change("nobody knows this one", "copper ladder violin nine")
    expect(page.get_by_role("alert")).to_have_text(re.compile("not your password of now"))
    change(PASSWORDS[ALONE], "!!!gerard!!!")
    expect(page.get_by_role("alert")).to_have_text(re.compile("known from a breach"))
    try:
        change(PASSWORDS[ALONE], "copper ladder violin nine")
        expect(page.get_by_role("status").filter(has_text="Your password is changed")).to_be_visible()
        other.reload()
        expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
        keep_picture(page, "account-password", 0)
    finally:
        set_password(guarded, ALONE, PASSWORDS[ALONE])


@pytest.mark.parametrize("is_narrow_and_dark", [False, True])
def test_somebody_makes_an_account_and_an_organization_by_the_keyboard_alone(visit: Visit, guarded: Site, is_narrow_and_dark: bool) -> None:
    who = f"nora{is_narrow_and_dark:d}@new.example"
    page = visit("/sign-in", is_phone=is_narrow_and_dark, is_dark=is_narrow_and_dark)
    page.get_by_role("link", name="Make an account").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/sign-up"))
    expect(page.get_by_label("Mail address")).to_be_focused()
    assert Axe().run(page).violations_count == 0
    keep_picture(page, "sign-up", int(is_narrow_and_dark))
    page.keyboard.type(who)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("in the server's log, as no mail server is set up")
    assert Axe().run(page).violations_count == 0
    page.goto(link_sent_to(guarded, who))
    expect(page.get_by_label("Your name")).to_be_focused()
    page.keyboard.type("Nora <b>New</b>")
    page.keyboard.press("Tab")
    page.keyboard.type("password123")
    page.keyboard.press("Tab")
    page.keyboard.type(f"Nora & Co {is_narrow_and_dark:d}")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("too easy to guess")
    expect(page.get_by_label("Your name")).to_have_value("Nora <b>New</b>")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    keep_picture(page, "new-account", int(is_narrow_and_dark))
    page.get_by_label("A password of").fill("walnut oxide lantern parcel")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"/orgs/nora-co-{is_narrow_and_dark:d}")
    expect(page.locator(".org-name")).to_have_text(f"Nora & Co {is_narrow_and_dark:d}")
    again = visit("/new-account?link=x")
    expect(again.get_by_role("alert")).to_contain_text("has been used")
    expect(again.get_by_role("link", name="Have a new link sent")).to_be_visible()


@pytest.mark.parametrize("is_phone", [False, True])
@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/sign-in?problem=sign_in_refused", "form.door-form"),
        ("/forgot", "form.door-form"),
        ("/set-password?link=x", ".door-foot a[href='/forgot']"),
    ],
)
def test_the_forms_have_no_barriers_that_axe_can_find(visit: Visit, path: str, shown: str, is_phone: bool) -> None:
    page = visit(path, is_phone=is_phone)
    expect(page.locator(shown).first).to_be_visible()
    assert barriers(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("is_dark", [False, True])
def test_the_account_has_no_barriers_that_axe_can_find(visit: Visit, is_dark: bool) -> None:
    page = visit("/account", who=OWNER, is_phone=is_dark, is_dark=is_dark)
    expect(page.get_by_text("This browser")).to_be_visible()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


PRISMS = (
    "/orgs/prism", "/orgs/prism/usage", "/orgs/prism/machines/batch-0", "/orgs/prism/billing", "/orgs/prism/invoices/PRISM-000001", "/staff/close",
)  # fmt: skip
API = ("/api/v1", "/api", "/api/docs")  # asks for a token itself (tests/api walks its routes); the reference is the same for everybody
PUBLIC = (
    "/healthz",
    "/readyz",
    "/metrics",  # to this machine itself, or with its own token
    "/webhooks/stripe",
    "/auth/sign-in",
    "/auth/enter-demo",
    "/auth/second-factor",
    "/auth/passkey-options",
    "/auth/passkey",
    "/auth/new-passkey",
    "/auth/entry-options",
    "/auth/enter-by-passkey",
    "/scim/v2/{path:path}",
    "/auth/sign-out",
    "/auth/forgot",
    "/auth/set-password",
    "/auth/accept-invitation",
    "/auth/change-password",
    "/auth/sso",
    "/auth/sso/callback",
    "/mail/stop",  # by the sealed link of a mail
    "/auth/sso/sign-out",
    "/auth/sso/signed-out",
    "/auth/sso/back-channel",  # what is sent there is signed
    "/auth/sign-up",
    "/auth/new-account",
    "/orgs/{slug}/invoices",  # leads to a page, which asks
    "/staff",
    *API,
)


def heard_of_prism(guarded: Site, cookie: str) -> str:
    """What a client with this cookie hears when it calls every handler at every address of Prism's."""
    said = []
    for handler, parameters in sorted(handlers().items()):
        with connected(guarded.address, cookie=cookie) as client:
            for path in PRISMS:
                call(client, handler, path, dict.fromkeys(parameters, "web"))
            said.append(heard(client, seconds=0.1))
    return "\n".join(said)


def test_no_handler_tells_nobody_anything(guarded: Site) -> None:
    said = heard_of_prism(guarded, "")
    assert "/sign-in" in said
    for known in ('"dfw"', '"gru"', '"name":"prism"', "web-0", "performance-1x", "list cost"):
        assert known not in said


def test_no_handler_tells_an_outsider_anything(guarded: Site) -> None:
    said = heard_of_prism(
        guarded, f"{SESSION}={cookies_of(post(guarded, '/auth/sign-in', email=OUTSIDER, password=PASSWORDS[OUTSIDER]))[SESSION]}"
    )
    assert '"rival"' in said  # their own menu
    for known in ('"dfw"', '"gru"', '"name":"prism"', "performance-1x"):
        assert known not in said


def test_every_plain_address_that_is_not_public_asks_to_sign_in(guarded: Site) -> None:
    import flyusage.flyusage as pages

    routes = [route for route in pages.app.api_transformer.routes if route.path not in PUBLIC]  # pyright: ignore[reportAttributeAccessIssue, reportOptionalMemberAccess]
    assert len(routes) >= 8
    for route in routes:
        path = re.sub(r"\{\w+(:\w+)?\}", "2026", route.path.replace("{slug}", "prism"))
        answer = ask(guarded, path)
        assert (path, answer.status, (answer.headers["location"] or "").partition("?")[0]) == (path, 303, "/sign-in")
