"""People in an organization: invited, changed and removed on the page, and what each role finds open."""

import json
import re
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.policy import default
from typing import TYPE_CHECKING

import psycopg
import pytest
import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe
from browsing import Site, WarmContexts, barriers, keep_pictures, toasted
from cast import Tenant, add_person
from conftest import copied, pointed_at
from factories import line
from guarded_site import ask, cookie_for, let_in, post, session_of, set_password
from hostile import call, connected, handlers, heard
from mailserver import Mailserver
from mailserver import running as mail_running
from playwright.sync_api import Page, expect
from serving import running, settings_for
from story import prism, rival

from flyusage import db
from flyusage.orgs import organizations
from flyusage.orgs.acting import system
from flyusage.orgs.models import Role

if TYPE_CHECKING:
    from conftest import Server

PASSWORD = "violin oxide parcel thunder"
MANY = 120
PEOPLE = {f"{role}@prism.example": role for role in Role} | {"leaver@prism.example": Role.DEVELOPER, "second@prism.example": Role.DEVELOPER}
NOVA = {"one@nova.example": Role.OWNER, "two@nova.example": Role.ADMIN, "three@nova.example": Role.VIEWER}
VEGA = {"four@vega.example": Role.OWNER, "five@vega.example": Role.VIEWER}
LYRA = {"six@lyra.example": Role.OWNER, "seven@lyra.example": Role.VIEWER}


@pytest.fixture(scope="module")
def mails() -> Iterator[Mailserver]:
    with mail_running() as server:
        yield server


@pytest.fixture(scope="module")
def staffed(server: "Server", template: str, mails: Mailserver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The story, somebody in each role who can sign in, and many who cannot."""
    events = tmp_path_factory.mktemp("story") / "events.ndjson"
    events.write_bytes(b"".join(line(event) for event in [*prism(), *rival()]))
    with copied(server, template) as name, pointed_at(server, name):
        settings = settings_for(server, name) | {"FLYUSAGE_SMTP_URL": mails.url, "FLYUSAGE_BASE_URL": "http://usage.example.com"}
        site = Site("", settings)
        site.run("ingest", str(events))
        with db.platform_transaction() as session:
            org = Tenant(session.scalar(sa.text("SELECT id FROM organization WHERE slug = 'prism'")), "prism", "prism")
            for email, role in PEOPLE.items():
                add_person(session, email, org, role)
            for slug, people in (("nova", NOVA), ("vega", VEGA), ("lyra", LYRA)):
                made = organizations.create(session, slug, slug.title(), by=system("test"))
                for email, role in people.items():
                    add_person(session, email, Tenant(made, slug, slug.title()), role)
            for number in range(MANY):
                add_person(session, f"zz-{number:03d}@prism.example", org, Role.VIEWER)
        with running(**settings) as address:
            site = Site(address, settings)
            for email in (*PEOPLE, *NOVA, *VEGA, *LYRA):
                set_password(site, email, PASSWORD)
            yield site


Visit = Callable[..., Page]


@pytest.fixture
def visit(warm: WarmContexts, staffed: Site, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """Opens a path in a context of its own; with `who`, signed in as that role or address."""
    pages: list[Page] = []

    def open_path(path: str, who: str = "", *, is_phone: bool = False, is_dark: bool = False) -> Page:
        page = warm.somebodys(staffed.address, is_phone=is_phone, is_dark=is_dark, is_calm=True)
        pages.append(page)
        if who:
            let_in(page.context, staffed, session_of(staffed, address_of(who), PASSWORD))
        page.goto(path)
        return page

    with warm.forgetting():
        yield open_path
        keep_pictures(pages, f"members-{request.node.name}", is_narrow=False)


def address_of(who: str) -> str:
    return who if "@" in who else f"{who}@prism.example"


def row_of(page: Page, email: str) -> "expect":
    return page.locator(".member-table tbody tr", has_text=email)


def link_in(mails: Mailserver, email: str) -> str:
    """The path of the newest link that was written to an address."""
    got = next(one for one in reversed(mails.got) if one.to == [email])
    text = message_from_bytes(got.content, policy=default).get_body(("plain",)).get_content()
    (found,) = re.findall(r"http://usage\.example\.com(/invitation\?link=\S+)", text)
    return found


def test_the_page_lists_people_with_role_and_last_seen(visit: Visit) -> None:
    page = visit("/orgs/prism/members", "owner")
    expect(page.get_by_text(re.compile(r"^\d{3} people in prism"))).to_be_visible()
    expect(page.locator(".member-table tbody tr")).to_have_count(50)
    mine = row_of(page, "owner@prism.example")
    expect(mine.locator(".tag")).to_have_text("you")
    expect(mine.get_by_label("Role of owner@prism.example")).to_have_value("owner")
    page.get_by_label("Search members").fill("ZZ-01")
    expect(page.locator(".member-table tbody tr")).to_have_count(10)
    expect(page).to_have_url(re.compile("find=ZZ-01"))
    page.goto("/orgs/prism/members?role=admin")
    expect(page.locator(".member-table tbody tr")).to_have_count(1)
    page.goto("/orgs/prism/members?page=3")
    expect(page.get_by_text("3 of 3")).to_be_visible()
    page.goto("/orgs/prism/members?find=nobody-at-all")
    expect(page.get_by_text("Nobody matches")).to_be_visible()


def test_a_role_is_changed_and_the_page_says_so(visit: Visit) -> None:
    page = visit("/orgs/prism/members?find=zz-100", "admin")
    page.get_by_label("Role of zz-100@prism.example").select_option("billing")
    toasted(page, "1 person changed to billing.")
    page.reload()
    expect(page.get_by_label("Role of zz-100@prism.example")).to_have_value("billing")


def test_an_admin_cannot_touch_an_owner_on_the_page(visit: Visit) -> None:
    page = visit("/orgs/prism/members?find=owner@prism", "admin")
    row = row_of(page, "owner@prism.example")
    expect(row).to_be_visible()
    expect(row.locator("select")).to_have_count(0)
    expect(row.get_by_role("checkbox")).to_be_disabled()


def test_removing_says_what_it_does_and_the_open_page_of_who_is_removed_goes_dark(visit: Visit) -> None:
    theirs = visit("/orgs/prism/usage?by=region", "leaver")
    expect(theirs.locator(".org-name")).to_have_text("prism")
    expect(theirs.get_by_text("dfw").first).to_be_visible()
    page = visit("/orgs/prism/members?find=leaver", "owner")
    page.get_by_text("Remove …").click()
    expect(page.get_by_text("loses prism at once")).to_be_visible()
    page.get_by_role("button", name="Remove leaver@prism.example", exact=True).click()
    toasted(page, "1 person removed.")
    expect(theirs.get_by_text("dfw")).to_have_count(0)
    expect(theirs.get_by_role("heading", name="There is no organization under this address")).to_be_visible()


def test_a_lower_role_closes_what_it_may_not_see_on_an_open_page(visit: Visit) -> None:
    theirs = visit("/orgs/prism/machines", "second")
    expect(theirs.get_by_text("batch-0")).to_be_visible()
    page = visit("/orgs/prism/members?find=second", "owner")
    page.get_by_label("Role of second@prism.example").select_option("billing")
    toasted(page, "1 person changed to billing.")
    expect(theirs.get_by_text("batch-0")).to_have_count(0)
    expect(theirs.get_by_role("link", name="Members")).to_be_visible()
    expect(theirs.get_by_role("link", name="Machines", exact=True)).to_have_count(0)


def test_several_are_changed_and_removed_together_by_keys_alone(visit: Visit) -> None:
    page = visit("/orgs/prism/members?find=zz-11", "owner")
    for number in (110, 111, 112):
        box = page.get_by_label(f"Choose zz-{number}@prism.example")
        box.focus()
        page.keyboard.press("Space")
        expect(box).to_be_checked()
    expect(page.get_by_text("3 chosen")).to_be_visible()
    page.get_by_label("Change the role of those chosen").select_option("developer")
    toasted(page, "3 people changed to developer.")
    page.get_by_label("Choose zz-110@prism.example").click()
    page.get_by_label("Choose zz-111@prism.example").click()
    expect(page.get_by_text("2 chosen")).to_be_visible()
    page.locator(".bulk").get_by_role("button", name="Remove …").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("form", name="Remove 2 from the organization")).to_contain_text("2 people lose prism at once")
    assert barriers(page) == []
    page.get_by_role("button", name="Remove 2 from the organization").click()
    toasted(page, "2 people removed.")
    expect(page.locator(".member-table tbody tr")).to_have_count(8)


def test_people_are_invited_join_with_a_new_account_and_an_invitation_is_taken_back(visit: Visit, mails: Mailserver) -> None:
    page = visit("/orgs/prism/members", "owner")
    page.get_by_label("Mail addresses").fill("Ada <ada@new.example>, bob@new.example\nviewer@prism.example\nno-address")
    page.locator("select[name=role]").first.select_option("viewer")
    page.get_by_role("button", name="Send invitations").click()
    outcomes = page.locator(".outcomes li")
    expect(outcomes).to_have_text(
        [
            "ada@new.example is invited as viewer; the mail is on its way.",
            "bob@new.example is invited as viewer; the mail is on its way.",
            "viewer@prism.example belongs to it already.",
            "no-address is no mail address; it should look like name@example.com.",
        ]
    )
    theirs = visit(link_in(mails, "ada@new.example"))
    expect(theirs.get_by_role("heading", name="Join prism")).to_be_visible()
    assert Axe().run(theirs).violations_count == 0
    theirs.get_by_label("Your name").fill("Ada")
    theirs.get_by_label("A password").fill(PASSWORD)
    theirs.get_by_role("button", name="Make an account and join").click()
    expect(theirs).to_have_url("/orgs/prism")
    expect(theirs.locator(".org-name")).to_have_text("prism")
    again = visit(link_in(mails, "ada@new.example"))
    expect(again.get_by_role("heading", name="This invitation is over")).to_be_visible()
    first = link_in(mails, "bob@new.example")
    page.get_by_role("button", name="Send again to bob@new.example").click()
    toasted(page, "bob@new.example is invited as viewer; the mail is on its way.")
    expect(visit(first).get_by_role("heading", name="This invitation is over")).to_be_visible()
    page.get_by_role("button", name="Take back the invitation of bob@new.example").click()
    toasted(page, "The invitation of bob@new.example is taken back.")
    expect(visit(link_in(mails, "bob@new.example")).get_by_role("heading", name="This invitation is over")).to_be_visible()


def test_an_invitation_is_for_its_address_only(visit: Visit, staffed: Site, mails: Mailserver) -> None:
    staffed.run("users", "create", "eve@new.example")
    set_password(staffed, "eve@new.example", PASSWORD)
    staffed.run("members", "invite", "prism", "eve@new.example", "--role", "billing")
    path = link_in(mails, "eve@new.example")
    other = visit(path, "viewer")
    expect(other.get_by_text("You are signed in as viewer@prism.example")).to_be_visible()
    forged = post(
        staffed,
        "/auth/accept-invitation",
        {"cookie": cookie_for(staffed, "viewer@prism.example", PASSWORD)},
        link=path.partition("link=")[2],
    )
    assert "problem=invitation_for_another" in forged.headers["location"]
    stranger = post(
        staffed, "/auth/accept-invitation", link=path.partition("link=")[2], name="Mallory", password="copper meadow lantern seven"
    )
    assert "problem=invitation_for_another" in stranger.headers["location"]
    page = visit(path)
    page.get_by_role("link", name="Sign in to accept").click()
    expect(page.get_by_label("Mail address")).to_have_value("eve@new.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Accept the invitation").click()
    expect(page).to_have_url("/orgs/prism")


def test_over_the_seats_is_a_choice_and_the_next_invoice_says_what_it_costs(visit: Visit, staffed: Site) -> None:
    page = visit("/orgs/prism/members", "owner")
    expect(page.get_by_role("button", name="Send invitations")).to_be_visible()
    taken = seats_of(staffed)["used"]
    staffed.run("members", "seats", "prism", "--included", str(taken + 1), "--price", "10")
    page.reload()
    page.get_by_label("Mail addresses").fill(" ".join(f"seat-{number}@new.example" for number in range(20)))
    page.get_by_role("button", name="Send invitations").click()
    expect(page.get_by_text("19 seats are missing")).to_be_visible()
    expect(page.get_by_text("Add 19 at $10.00 a month each ($101.33 for the rest of this month)")).to_be_visible()  # 190 × 16 / 30
    expect(page.get_by_label("Mail addresses")).to_have_value(re.compile("seat-19@new.example"))  # to be sent in a role that takes no seat
    page.get_by_role("button", name="Add 19 seats and go on").click()
    expect(page.locator(".outcomes li")).to_have_count(20)
    expect(page.get_by_label("Mail addresses")).to_have_value("")
    panel = page.get_by_label("Seats", exact=True)
    expect(panel).to_contain_text(f"{taken + 20}")
    expect(panel).to_contain_text("$101.33for seats on the November invoice, before tax; $190.00 a month after that")
    page.goto("/orgs/prism/billing")
    expect(page.get_by_text("Additional seats")).to_be_visible()
    expect(page.get_by_text("$101.33").first).to_be_visible()
    staffed.run("members", "seats", "prism", "--included", "1000", "--price", "10")


def seats_of(staffed: Site) -> dict:
    return json.loads(staffed.told("members", "seats", "prism", "--included", "1000", "--price", "10", "--json"))


def test_a_list_is_compared_and_applied_at_once(visit: Visit, staffed: Site) -> None:
    staffed.run("members", "invite", "prism", "stays@new.example", "goes@new.example", "--role", "viewer")
    page = visit("/orgs/prism/members", "owner")
    page.get_by_text("Match a list").click()
    everybody = [
        row[0] for row in addresses_in(staffed) if row[0] not in ("zz-001@prism.example", "zz-002@prism.example", "goes@new.example")
    ]
    page.get_by_label("Everybody who should belong here").fill("\n".join([*everybody, "joins@new.example"]))
    page.get_by_label("Role of joiners").select_option("viewer")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_text(f"1 joiner, 2 leavers, {len(everybody)} unchanged.")).to_be_visible()
    expect(page.get_by_text("Leaving: zz-001@prism.example, zz-002@prism.example")).to_be_visible()
    expect(page.get_by_text("1 invitation taken back: goes@new.example.")).to_be_visible()
    page.get_by_text("Apply …").click()
    page.get_by_role("button", name="Invite 1, remove 2, take invitations back").click()
    expect(page.locator(".outcomes li")).to_have_text(["joins@new.example is invited as viewer; the mail is on its way."])
    assert {row[0] for row in addresses_in(staffed)} == {*everybody, "joins@new.example"}


def addresses_in(staffed: Site) -> list[tuple]:
    """Of Prism's people and open invitations."""
    return asked_of(
        staffed,
        """SELECT u.email FROM membership m JOIN user_account u ON u.id = m.user_id JOIN organization o ON o.id = m.org_id WHERE o.slug = 'prism'
           UNION SELECT email FROM invitation WHERE accepted_at IS NULL AND revoked_at IS NULL ORDER BY 1""",
    )


def test_it_moves_and_old_links_lead_on(visit: Visit, staffed: Site) -> None:
    page = visit("/orgs/vega/settings", "four@vega.example")
    page.get_by_label("Name", exact=True).fill("Vega Inc.")
    with page.expect_navigation():  # the page loads anew: every part of it says the name
        page.get_by_role("button", name="Rename").click()
    expect(page.locator(".org-name")).to_have_text("Vega Inc.")
    page.get_by_label("Slug").fill("prism")
    page.get_by_role("button", name="Change the slug").click()
    expect(page.get_by_text("prism is, or was, another organization's slug. Choose another.")).to_be_visible()
    page.get_by_label("Slug").fill("vega-inc")
    page.get_by_role("button", name="Change the slug").click()
    expect(page).to_have_url("/orgs/vega-inc/settings")
    expect(page.get_by_text("Old links and events lead here from: vega")).to_be_visible()
    page.goto("/orgs/vega/members?role=viewer")
    expect(page).to_have_url("/orgs/vega-inc/members?role=viewer")
    expect(page.locator(".member-table tbody tr")).to_have_count(1)
    cookie = cookie_for(staffed, "four@vega.example", PASSWORD)
    assert ask(staffed, "/orgs/vega/members.csv", cookie=cookie).status == 200
    page.goto("/orgs/vega-inc/settings")
    page.get_by_label("Slug").fill("vega")
    page.get_by_role("button", name="Change the slug").click()
    expect(page).to_have_url("/orgs/vega/settings")


def test_a_second_factor_is_asked_of_every_member_once_the_owner_says_so(visit: Visit, staffed: Site) -> None:
    theirs, page = visit("/orgs/lyra/members", "seven@lyra.example"), visit("/orgs/lyra/settings", "six@lyra.example")
    expect(theirs.locator(".member-table tbody tr")).to_have_count(2)
    page.get_by_text("Ask for a second factor …").click()
    expect(page.get_by_text("see nothing of this organization until they have set one up")).to_be_visible()
    page.get_by_role("button", name="Ask every member").click()
    for one in (theirs, page):
        expect(one).to_have_url(re.compile("/account"))
    assert ask(staffed, "/orgs/lyra/members.csv", cookie=cookie_for(staffed, "seven@lyra.example", PASSWORD)).status != 200


def test_invoices_are_made_out_to_what_billing_enters(visit: Visit) -> None:
    page = visit("/orgs/prism/settings", "billing")
    expect(page.get_by_role("button", name="Rename")).to_have_count(0)
    for label, text in (
        ("Legal name", "Prism GmbH"), ("Street and number", "Lindenallee 1\n2. Stock"), ("Postcode", "10115"), ("City", "Berlin"),
        ("VAT number", "DE999999999"), ("Purchase order", "PO-7"), ("Invoices are mailed to", "ap@prism.example\nbo@prism.example"),
    ):  # fmt: skip
        page.locator(".settings-form label", has_text=re.compile(f"^{label}")).locator("input, textarea").fill(text)
    page.locator("select[name=country]").select_option("DE")
    page.get_by_role("button", name="Save billing details").click()
    expect(page.get_by_text("is not a VAT number of DE")).to_be_visible()
    expect(page.get_by_label("Legal name")).to_have_value("Prism GmbH")
    page.get_by_label("VAT number").fill("DE 136 695 976")
    page.get_by_role("button", name="Save billing details").click()
    toasted(page, "Kept.")
    page.reload()
    expect(page.get_by_label("VAT number")).to_have_value("DE136695976")
    expect(page.get_by_label("Invoices are mailed to")).to_have_value("ap@prism.example\nbo@prism.example")
    assign_apps_to_cost_centres(page)


def assign_apps_to_cost_centres(page: Page) -> None:
    """By keyboard alone; in the month chosen, as a file says, and so in the explorer."""
    card = page.get_by_role("region", name="Cost centres", exact=True)
    rows = card.locator("tbody tr")
    expect(rows.filter(has_text="web")).to_contain_text("Unassigned")
    card.get_by_role("combobox", name="Month").select_option("2026-10")
    expect(card.get_by_text("Cost centre in October 2026")).to_be_visible()
    card.get_by_label("Choose web").press("Space")
    expect(card.get_by_text("1 chosen, from October 2026 on")).to_be_visible()
    card.get_by_label("Cost centre of those chosen").fill("Shop & Söhne")
    card.get_by_label("Cost centre of those chosen").press("Enter")
    expect(rows.filter(has_text="web")).to_contain_text("Shop & Söhnesince Oct 2026")
    expect(card.get_by_text("1 chosen")).to_have_count(0)
    card.get_by_text("Take in a list …").click()
    given = b"app,cost_centre,from_month\napi,Data,2026-10\nsecret,Data,2026-10\n"
    card.locator("input[type=file]").set_input_files({"name": "centres.csv", "mimeType": "text/csv", "buffer": given})
    card.get_by_role("button", name="Assign as listed").click()
    expect(card.get_by_text("1 assigned, 0 already so, 1 refused. New: Data.")).to_be_visible()
    expect(card.get_by_text("line 3: No app of prism is called 'secret'; an app is known from its first event on.")).to_be_visible()
    card.get_by_placeholder("Search app or cost centre").fill("söhne")
    expect(rows).to_have_count(1)
    page.goto("/orgs/prism/usage?by=cost_centre&range=2026-10")
    expect(page.get_by_role("row", name=re.compile("Shop & Söhne"))).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("Data"))).to_be_visible()


def test_ownership_is_handed_over_somebody_leaves_and_it_is_deleted_and_brought_back(visit: Visit) -> None:
    page = visit("/orgs/nova/settings", "one@nova.example")
    page.get_by_text("Leave …").click()
    page.get_by_role("button", name="Leave the organization").click()
    expect(page.get_by_text("An organization keeps an owner who can sign in.")).to_be_visible()
    page.get_by_text("Hand over ownership …").click()
    page.get_by_label("The member's address").fill("two@nova.example")
    page.get_by_role("button", name="Hand over", exact=True).click()
    expect(page).to_have_url("/orgs/nova/members")  # where the page leaves for once it is done
    page.goto("/orgs/nova/settings")
    expect(page.get_by_text("You are admin of")).to_be_visible()
    expect(page.get_by_text("Delete …")).to_have_count(0)
    theirs, third = visit("/orgs/nova/settings", "two@nova.example"), visit("/orgs/nova/members", "three@nova.example")
    expect(third.locator(".member-table tbody tr")).to_have_count(3)
    theirs.get_by_text("Delete …").click()
    theirs.get_by_role("button", name="Delete the organization").click()
    expect(theirs.get_by_role("heading", name="This organization is deleted")).to_be_visible()
    expect(theirs.get_by_text("Until Dec 15, 2026 an owner can bring it back")).to_be_visible()
    expect(third.locator(".member-table")).to_have_count(0)
    expect(theirs.locator(".nav a")).to_have_text(["Settings"])
    theirs.goto("/welcome")
    theirs.get_by_role("link", name="deleted; you can bring it back").click()
    theirs.get_by_role("button", name="Undo the deletion").click()
    expect(theirs.get_by_role("heading", name="Leave or hand over")).to_be_visible()
    page.goto("/orgs/nova/settings")
    page.get_by_text("Leave …").click()
    page.get_by_role("button", name="Leave the organization").click()
    expect(page.get_by_role("heading", name="You belong to no organization yet")).to_be_visible()


NAVIGATION = {
    "owner": [
        "Overview",
        "Explorer",
        "Saved views",
        "Machines",
        "Billing",
        "Budgets",
        "Alerts",
        "Prices",
        "What if",
        "Members",
        "Audit",
        "API tokens",
        "Settings",
    ],
    "developer": [
        "Overview",
        "Explorer",
        "Saved views",
        "Machines",
        "Budgets",
        "Alerts",
        "Prices",
        "What if",
        "Members",
        "API tokens",
        "Settings",
    ],
    "billing": ["Overview", "Explorer", "Saved views", "Billing", "Budgets", "Alerts", "Prices", "What if", "Members", "Audit", "Settings"],
    "viewer": ["Overview", "Explorer", "Saved views", "Machines", "Budgets", "Alerts", "Prices", "What if", "Members", "Settings"],
}


@pytest.mark.parametrize("role", NAVIGATION)
def test_the_navigation_shows_what_the_role_can_open(visit: Visit, role: str) -> None:
    page = visit("/orgs/prism/members", role)
    expect(page.locator(".nav a")).to_have_text(NAVIGATION[role])
    expect(page.get_by_role("button", name="Send invitations")).to_have_count(1 if role == "owner" else 0)
    expect(page.get_by_label("Role of viewer@prism.example")).to_have_count(1 if role == "owner" else 0)


def test_billing_lands_on_billing_and_finds_no_machine(visit: Visit, staffed: Site) -> None:
    page = visit("/", "billing")
    expect(page).to_have_url("/orgs/prism/billing")
    page.goto("/orgs/prism/machines")
    expect(page.get_by_text("Your role does not hold the permission machines.read")).to_be_visible()
    page.goto("/orgs/prism/machines/batch-0")
    expect(page.get_by_text("Your role does not hold the permission machines.read")).to_be_visible()
    page.goto("/orgs/prism/usage?by=machine")
    expect(page.get_by_text("Your role does not hold the permission machines.read")).to_be_visible()
    expect(page.get_by_text("batch-0")).to_have_count(0)
    cookie = cookie_for(staffed, "billing@prism.example", PASSWORD)
    for path in ("/orgs/prism/usage.csv?by=machine", "/orgs/prism/usage.csv?by=app&machine=batch-0"):
        assert ask(staffed, path, cookie=cookie).status == 403
    assert ask(staffed, "/orgs/prism/usage.csv?by=app", cookie=cookie).status == 200


def test_members_are_saved_as_csv_by_those_inside(staffed: Site) -> None:
    assert ask(staffed, "/orgs/prism/members.csv", cookie=cookie_for(staffed, "viewer@prism.example", PASSWORD)).status == 200
    assert ask(staffed, "/orgs/rival/members.csv", cookie=cookie_for(staffed, "owner@prism.example", PASSWORD)).status == 404
    assert ask(staffed, "/orgs/prism/members.csv").status == 303


ADDRESSES = (
    "/orgs/prism/members",
    "/orgs/prism/machines",
    "/orgs/prism/machines/batch-0",
    "/orgs/prism/usage?by=machine",
    "/orgs/prism/billing",
)
HOSTILE = ("web", 1, -1, None, True, "x" * 5000, ["a"], {"addresses": "mallory@evil.example", "role": "owner"})


@pytest.mark.parametrize("role", ["developer", "billing", "viewer"])
def test_every_handler_called_in_a_role_changes_nobody_and_tells_only_what_it_may(staffed: Site, role: str) -> None:
    cookie, before = cookie_for(staffed, address_of(role), PASSWORD), people_in(staffed)
    with connected(staffed.address, cookie=cookie) as client:
        for handler, parameters in sorted(handlers().items()):
            if handler.endswith((".sign_out", ".sign_out_others")):
                continue  # of one's own devices, which anybody may
            for path in ADDRESSES:
                for given in HOSTILE if parameters and "members" in handler else HOSTILE[:1]:
                    call(client, handler, path, dict.fromkeys(parameters, given))
        shown = ('"name":"prism"', "members.manage", *(["api-0", "invoices.read"] if role != "billing" else []))
        told = heard(client, seconds=3, until=lambda said: all(one in said for one in shown))
        members = next(one for one in handlers() if one.endswith("members.load"))
        call(client, members, "/orgs/prism/members", {})
        last = heard(client, seconds=1, until=lambda said: address_of(role) in said)
        assert address_of(role) in last  # they are still who they were, and were asked to the end
    assert people_in(staffed) == before
    assert [one for one in shown if one not in told] == []
    assert ("api-0" if role == "billing" else "What you owe") not in told


def people_in(staffed: Site) -> list[tuple]:
    members = asked_of(staffed, "SELECT org_id, user_id, role FROM membership ORDER BY 1, 2")
    return members + asked_of(staffed, "SELECT id, email, accepted_at, revoked_at FROM invitation ORDER BY 1")


def asked_of(staffed: Site, query: str) -> list[tuple]:
    with psycopg.connect(staffed.settings["FLYUSAGE_MIGRATION_URL"]) as connection:
        return connection.execute(query).fetchall()  # pyright: ignore[reportArgumentType] the test's own words


@pytest.mark.parametrize(("is_phone", "is_dark"), [(False, False), (True, True)])
def test_the_settings_have_no_barriers_that_axe_can_find(visit: Visit, is_phone: bool, is_dark: bool) -> None:
    page = visit("/orgs/prism/settings", "owner", is_phone=is_phone, is_dark=is_dark)
    expect(page.get_by_role("button", name="Save billing details")).to_be_visible()
    page.get_by_label("Choose every app of this page").click()
    page.get_by_text("Take in a list …").click()
    page.get_by_text("Hand over ownership …").click()
    page.get_by_text("Delete …").click()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("is_phone", [False, True])
def test_the_page_has_no_barriers_that_axe_can_find(visit: Visit, is_phone: bool) -> None:
    page = visit("/orgs/prism/members?role=owner", "owner", is_phone=is_phone)
    expect(row_of(page, "owner@prism.example")).to_be_visible()
    page.get_by_text("What each role may do").click()
    page.get_by_label("Choose owner@prism.example").click()
    expect(page.get_by_text("1 chosen")).to_be_visible()
    assert barriers(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
