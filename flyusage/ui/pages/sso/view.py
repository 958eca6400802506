"""The page of single sign-on."""

import reflex as rx
from reflex.vars import Var

from flyusage.orgs.sso.connections import GIVEN
from flyusage.ui.components.confirm import confirm
from flyusage.ui.components.copy_button import command_line
from flyusage.ui.components.empty import empty_state
from flyusage.ui.components.field import field, text_field
from flyusage.ui.components.phases import failed, waiting
from flyusage.ui.components.settings_card import settings_card
from flyusage.ui.layout import page
from flyusage.ui.pages.sso.rows import DomainRow, Fact, GroupRow, OwnerChoice
from flyusage.ui.pages.sso.state import SingleSignOn

SCREEN = SingleSignOn.screen
SETUP = SCREEN.setup


def sso() -> rx.Component:
    """The whole page."""
    return page(
        rx.match(
            SingleSignOn.phase,
            ("ready", _ready()),
            ("forbidden", _forbidden()),
            ("failed", failed("Single sign-on cannot be shown", SingleSignOn.problem, SingleSignOn.load, icon="key-round")),
            waiting("Loading single sign-on", "part"),
        ),
        title="Single sign-on",
        note="People sign in by your own identity provider (OpenID Connect)",
    )


def _ready() -> rx.Component:
    return rx.fragment(
        rx.el.div(
            rx.cond(SingleSignOn.refusal != "", rx.el.p(SingleSignOn.refusal, class_name="sso-refusal"), rx.fragment()),
            role="alert",
            class_name="sso-said",
        ),
        rx.el.div(
            rx.cond(SingleSignOn.told != "", rx.el.p(SingleSignOn.told, class_name="sso-good"), rx.fragment()),
            role="status",
            class_name="sso-said",
        ),
        rx.cond(
            SCREEN.is_off,
            rx.el.div(
                rx.icon("circle-off", aria_hidden="true"),
                rx.el.span("Whoever runs this installation has switched single sign-on off for your organization. Passwords are let in."),
                class_name="notice",
            ),
            rx.fragment(),
        ),
        rx.cond(SCREEN.tested.says != "", _tested(), rx.fragment()),
        _provider(),
        _domains(),
        rx.cond(SETUP.is_there, rx.fragment(_groups(), _rule()), rx.fragment()),
    )


def _tested() -> rx.Component:
    tested = SCREEN.tested
    return settings_card(
        "What the provider answered",
        "",
        rx.el.p(tested.says, role="status", class_name=rx.cond(tested.is_good, "sso-good", "sso-refusal")),
        rx.cond(tested.facts.length() > 0, rx.el.dl(rx.foreach(tested.facts, _fact), class_name="sso-facts"), rx.fragment()),
    )


def _fact(fact: Var[Fact]) -> rx.Component:
    return rx.el.div(rx.el.dt(fact.name), rx.el.dd(rx.el.bdi(fact.value)))


def _provider() -> rx.Component:
    roles = [rx.el.option("nobody: invite them first", value=""), *[rx.el.option(f"as {role}", value=role.value) for role in GIVEN]]
    form = rx.el.form(
        rx.el.div(rx.el.span("Redirect URI, for the provider's settings"), command_line(SCREEN.redirect_uri), class_name="sso-wide"),
        text_field(
            "Issuer, to the letter as the provider writes it", "issuer", type="url", default_value=SETUP.issuer, required=True, max_length=500,
            placeholder="https://login.example.com", auto_complete="off",
        ),
        text_field("Client id", "client_id", default_value=SETUP.client_id, required=True, max_length=500, auto_complete="off"),
        text_field(
            rx.cond(SETUP.is_there, "Client secret: leave empty to keep the present one", "Client secret"), "secret", type="password",
            max_length=500, auto_complete="off",
        ),
        field(
            "Who was not invited is let in",
            rx.el.select(*roles, name="default_role", default_value=SETUP.default_role, class_name="field"),
        ),
        text_field("Claim that names somebody's groups", "groups_claim", default_value=SETUP.groups_claim, max_length=200),
        text_field(
            "Values of acr that mean a second factor, if amr does not say mfa", "factor_acr", default_value=SETUP.factor_acr, max_length=500,
        ),
        rx.el.div(
            rx.el.button(rx.cond(SETUP.is_there, "Save", "Set up"), type="submit", class_name="button button-primary"),
            class_name="settings-foot",
        ),
        on_submit=SingleSignOn.save,
        class_name="settings-form",
        key=f"{SETUP.issuer} {SETUP.client_id} {SETUP.groups_claim} {SETUP.factor_acr} {SETUP.default_role}",
    )  # fmt: skip
    ways = rx.el.div(
        rx.el.a("Try it", href=f"/orgs/{SCREEN.slug}/sso/test", reload_document=True, class_name="button"),
        confirm(
            "Remove …",
            "Your people sign in by their passwords again; who has none has a link sent to set one. Browsers that signed in by the provider "
            "are signed out. Memberships stay.",
            "Remove single sign-on",
            SingleSignOn.remove,
        ),
        rx.el.span(SCREEN.worked, class_name="muted small"),
        class_name="draft-ways",
    )
    return settings_card("Provider", "", form, rx.cond(SETUP.is_there, ways, rx.fragment()))


def _domains() -> rx.Component:
    form = rx.el.form(
        text_field(
            "Domain of your people's addresses", "domain", required=True, max_length=253, placeholder="example.com", auto_complete="off"
        ),
        rx.el.button("Add", type="submit", class_name="button"),
        on_submit=SingleSignOn.claim,
        reset_on_submit=True,
        class_name="settings-line",
    )
    return settings_card(
        "Domains",
        "Only addresses of a domain that you prove to be yours are let in by your provider.",
        rx.el.ul(rx.foreach(SCREEN.domains, _domain), class_name="sso-list"),
        form,
    )


def _domain(row: Var[DomainRow]) -> rx.Component:
    record = rx.el.div(
        rx.el.p("Make this TXT record in the domain's DNS, then check:", class_name="muted small"),
        command_line(row.record),
        command_line(row.text),
        class_name="sso-record",
    )
    again = confirm(
        "Check again …",
        "If the record is gone, the proof is too, and your provider lets nobody of this domain in until it is back.",
        "Check now",
        SingleSignOn.check(row.domain),
    )
    check = rx.el.button(
        "Check now", type="button", aria_label=f"Check {row.domain} now", on_click=SingleSignOn.check(row.domain), class_name="button"
    )
    gone = confirm(
        "Remove …", "Its people sign in as anybody does, by their passwords.", f"Remove {row.domain}", SingleSignOn.give_up(row.domain)
    )
    return rx.el.li(
        rx.el.div(
            rx.el.span(row.domain, class_name="strong"),
            rx.el.span(row.state, class_name="muted small", custom_attrs={"data-tone": row.tone}),
            class_name="sso-name",
        ),
        rx.el.div(rx.cond(row.is_verified, again, check), gone, class_name="draft-ways"),
        rx.cond(row.is_verified, rx.fragment(), record),
        key=row.domain,
    )


def _groups() -> rx.Component:
    form = rx.el.form(
        text_field("Group, as the provider sends it", "group", required=True, max_length=500, auto_complete="off"),
        field(
            "Role", rx.el.select(*[rx.el.option(role.value, value=role.value) for role in reversed(GIVEN)], name="role", class_name="field")
        ),
        rx.el.button("Add", type="submit", class_name="button"),
        on_submit=SingleSignOn.map_group,
        reset_on_submit=True,
        class_name="settings-line",
    )
    return settings_card(
        "Groups",
        "With any group here, the provider decides roles at each sign-in: the most powerful of somebody's groups, else as who was not "
        "invited. Owners stay owners, and no group makes one.",
        rx.el.ul(rx.foreach(SCREEN.groups, _group), class_name="sso-list"),
        form,
    )


def _group(row: Var[GroupRow]) -> rx.Component:
    return rx.el.li(
        rx.el.div(rx.el.bdi(row.name, class_name="strong"), rx.el.span(row.role, class_name="muted small"), class_name="sso-name"),
        rx.el.button(
            "Remove",
            type="button",
            aria_label=f"Remove the group {row.name}",
            on_click=SingleSignOn.unmap_group(row.name),
            class_name="button",
        ),
        key=row.name,
    )


def _rule() -> rx.Component:
    keeps = field(
        "Owner who may still use password and second factor, for the day the provider fails",
        rx.el.select(
            rx.el.option("nobody yet", value=""),
            rx.foreach(SCREEN.owners, _owner),
            value=SCREEN.break_glass,
            on_change=SingleSignOn.name_break_glass,
            class_name="field",
        ),
    )
    enforce = confirm("Make it the rule …", SCREEN.says_enforce, "Everybody must use single sign-on", SingleSignOn.enforce)
    release = confirm("Lift the rule …", "Passwords are let in again, for those who have one.", "Let passwords in", SingleSignOn.release)
    said = rx.cond(
        SCREEN.is_enforced,
        "Everybody with an address of your verified domains must sign in by the provider.",
        "A password is let in too.",
    )
    ways = rx.cond(
        SCREEN.is_enforced,
        release,
        rx.cond(SCREEN.missing != "", rx.el.p(SCREEN.missing, class_name="muted small"), enforce),
    )
    return settings_card("Rule", said, keeps, rx.el.div(ways, class_name="draft-ways"))


def _owner(choice: Var[OwnerChoice]) -> rx.Component:
    return rx.el.option(choice.label, value=choice.value)


def _forbidden() -> rx.Component:
    return empty_state("Single sign-on is set up by owners", SingleSignOn.problem, icon="key-round")
