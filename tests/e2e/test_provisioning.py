"""An owner connects a directory at the provisioning page; what it does then shows there, among the members and in the audit."""

import re
from collections.abc import Iterator

import httpx
import psycopg
import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import SETTLED, Site, keep_picture, toasted
from guarded_site import OWNER, Visit
from playwright.sync_api import Page, expect

GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"


@pytest.fixture
def unconnected(guarded: Site) -> Iterator[None]:
    """No directory before, or after, and nobody whom one brought."""
    yield
    with psycopg.connect(guarded.settings["FLYUSAGE_MIGRATION_URL"]) as connection:
        connection.execute("DELETE FROM membership WHERE user_id IN (SELECT user_id FROM provisioned_account)")
        for table in ("scim_user", "scim_group", "scim_token", "provisioned_account", "provisioning"):
            connection.execute(f"DELETE FROM {table}")


def token_from(page: Page, name: str) -> str:
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Make a token").click()
    secret = page.locator("#scim-secret")
    expect(secret).to_have_text(re.compile("^flyscim_"))
    return secret.inner_text()


@pytest.mark.parametrize(("is_phone", "is_dark"), [(False, False), (True, True)])
def test_a_directory_is_connected_its_groups_get_roles_and_it_is_cut_off(
    visit: Visit, guarded: Site, unconnected: None, is_phone: bool, is_dark: bool
) -> None:
    page = visit("/orgs/prism/provisioning", who=OWNER, is_phone=is_phone, is_dark=is_dark)
    expect(page.get_by_role("heading", name="Provisioning")).to_be_visible()
    expect(page.get_by_text("No group yet.")).to_be_visible()
    expect(page.locator("#scim-address")).to_have_text(re.compile("/scim/v2$"))
    secret = token_from(page, "okta")
    assert (found := Axe().run(page)).violations_count == 0, found.generate_report()
    keep_picture(page, f"provisioning-made-{is_phone}-{is_dark}", 0)

    email = f"ada-{is_phone}@prism.example".lower()
    with httpx.Client(base_url=f"{guarded.address}/scim/v2", headers={"authorization": f"Bearer {secret}"}) as client:
        ada = client.post("/Users", json={"schemas": [USER], "userName": email, "displayName": "Ada"}).json()
        made = client.post("/Groups", json={"schemas": [GROUP], "displayName": "Engineers", "members": [{"value": ada["id"]}]})
        assert made.status_code == 201
        assert made.json()["meta"]["location"] == f"{guarded.address}/scim/v2/Groups/{made.json()['id']}"
        page.reload()
        assert secret not in page.content()
        expect(page.get_by_text("1 person and 1 group from the directory")).to_be_visible()
        page.get_by_label("Role of Engineers").select_option("developer")
        toasted(page, "Its members' role follows.")
        page.evaluate(SETTLED)  # it fades in
        assert (found := Axe().run(page)).violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        keep_picture(page, f"provisioning-{is_phone}-{is_dark}", 0)

        page.goto("/orgs/prism/members")
        row = page.locator("li, tr").filter(has_text=email).first
        expect(row).to_be_visible()
        page.get_by_role("link", name="Provisioning").first.click()
        token = page.locator(".token-list li").filter(has_text="okta")
        token.get_by_text("Revoke", exact=True).click()
        expect(token).to_contain_text("Who belongs here stays.")
        token.get_by_role("button", name="Revoke it").click()
        expect(token).to_contain_text("revoked")
        assert client.get("/Users").status_code == 401
        page.goto("/orgs/prism/audit")
        expect(page.get_by_role("row", name=re.compile("Provisioned a member")).first).to_contain_text("SCIM token")
