"""The settings page."""

import functools
import operator
from dataclasses import fields

import reflex as rx

from flyusage.invoices.countries import COUNTRIES
from flyusage.ui.components.confirm import confirm
from flyusage.ui.components.field import field, text_field
from flyusage.ui.components.phases import failed, waiting
from flyusage.ui.components.settings_card import settings_card
from flyusage.ui.layout import page
from flyusage.ui.pages.cost_centres.view import section as cost_centres
from flyusage.ui.pages.settings.rows import Profile
from flyusage.ui.pages.settings.state import OrganizationSettings

# A form is keyed by what it shows as kept: when that changes it is drawn anew, and else what somebody is typing stays.
SCREEN = OrganizationSettings.screen
PROFILE = SCREEN.profile
KEPT = functools.reduce(operator.add, [getattr(PROFILE, part.name) + "\n" for part in fields(Profile)])


def settings() -> rx.Component:
    """The whole page."""
    open_ = rx.fragment(
        rx.cond(SCREEN.can_edit, _names(), rx.fragment()),
        rx.cond(SCREEN.can_bill, _billing(), rx.fragment()),
        cost_centres(),
        rx.cond(SCREEN.can_edit, _signing_in(), rx.fragment()),
        _ways_out(),
    )
    return page(
        rx.match(
            OrganizationSettings.phase,
            ("ready", rx.cond(SCREEN.deleted != "", _deleted(), open_)),
            ("failed", failed("Settings cannot be shown", OrganizationSettings.problem, OrganizationSettings.load, icon="settings")),
            waiting("Loading the settings", "part"),
        ),
        title="Settings",
        note=rx.cond(SCREEN.role != "", rx.fragment("You are ", SCREEN.role, " of ", rx.el.bdi(SCREEN.name)), rx.fragment()),
    )


def _names() -> rx.Component:
    rename = rx.el.form(
        text_field("Name", "name", default_value=SCREEN.name, required=True, max_length=100),
        rx.el.button("Rename", type="submit", class_name="button"),
        key=SCREEN.name,
        on_submit=OrganizationSettings.rename,
        class_name="settings-line",
    )
    move = rx.el.form(
        text_field("Slug, as in this page's address and in events", "slug", default_value=SCREEN.slug, required=True, max_length=63),
        rx.el.button("Change the slug", type="submit", class_name="button"),
        key=SCREEN.slug + " ",
        on_submit=OrganizationSettings.change_slug,
        class_name="settings-line",
    )
    former = rx.el.p(
        "Old links and events lead here from: ", rx.el.span(SCREEN.former.join(", "), class_name="mono"), class_name="muted small"
    )
    return settings_card("Organization", "", rename, move, rx.cond(SCREEN.former.length() > 0, former, rx.fragment()))


def _billing() -> rx.Component:
    countries = [rx.el.option("Choose …", value=""), *[rx.el.option(name, value=code) for code, name in COUNTRIES.items()]]
    form = rx.el.form(
        text_field(
            "Legal name", "legal_name", default_value=PROFILE.legal_name, required=True, max_length=200, auto_complete="organization"
        ),
        field(
            "Street and number, up to four lines",
            rx.el.textarea(name="address", default_value=PROFILE.address, rows=2, required=True, class_name="field"),
        ),
        text_field("Postcode", "postcode", default_value=PROFILE.postcode, max_length=40, auto_complete="postal-code"),
        text_field("City", "city", default_value=PROFILE.city, required=True, max_length=200),
        field("Country", rx.el.select(*countries, name="country", default_value=PROFILE.country, required=True, class_name="field")),
        text_field("VAT number, if there is one", "vat_number", default_value=PROFILE.vat_number, max_length=40),
        text_field("Purchase order number, printed on invoices", "purchase_order", default_value=PROFILE.purchase_order, max_length=100),
        field(
            "Invoices are mailed to, one address a line",
            rx.el.textarea(name="emails", default_value=PROFILE.emails, rows=2, class_name="field"),
        ),
        rx.el.div(rx.el.button("Save billing details", type="submit", class_name="button button-primary"), class_name="settings-foot"),
        key=KEPT,
        on_submit=OrganizationSettings.bill_to,
        class_name="settings-form",
    )
    return settings_card("Billing", "The next invoice is made out so. Issued ones stay as they are.", form)


def _signing_in() -> rx.Component:
    ask = confirm(
        "Ask for a second factor …",
        "Members without one, you among them, see nothing of this organization until they have set one up on their account's page. "
        "Their open pages lead there at once.",
        "Ask every member",
        OrganizationSettings.require_second_factor(True),
    )
    lift = confirm(
        "Ask no longer …",
        "Members without a second factor see the organization again. Who has one keeps being asked for it.",
        "Lift the rule",
        OrganizationSettings.require_second_factor(False),
    )
    said = rx.cond(
        SCREEN.requires_second_factor, "Every member signs in with a second factor.", "A password is enough to see this organization."
    )
    sso = rx.link("Single sign-on …", href=f"/orgs/{SCREEN.slug}/sso", class_name="button", underline="none")
    return settings_card(
        "Signing in",
        said,
        rx.el.div(rx.cond(SCREEN.requires_second_factor, lift, ask), rx.cond(SCREEN.owns, sso, rx.fragment()), class_name="draft-ways"),
    )


def _ways_out() -> rx.Component:
    transfer = rx.el.details(
        rx.el.summary("Hand over ownership …", class_name="button"),
        rx.el.form(
            rx.el.p("That member becomes owner, you stay as admin. Only they can give it back."),
            text_field("The member's address", "email", type="email", required=True),
            rx.el.button("Hand over", type="submit", class_name="button button-primary"),
            on_submit=OrganizationSettings.transfer,
            class_name="confirm-says",
        ),
        class_name="confirm",
    )
    leave = confirm(
        "Leave …",
        "You lose this organization at once. To come back, somebody here has to invite you.",
        "Leave the organization",
        OrganizationSettings.leave(SCREEN.slug),
    )
    delete = confirm(
        "Delete …",
        "Everybody loses this organization at once. Its owners can undo that for 30 days; after that nobody can. Usage that is not billed "
        "yet still is, at the month's end, and issued invoices and the audit stay with whoever runs this platform. "
        "Invoices that are open must be paid first.",
        "Delete the organization",
        OrganizationSettings.delete(SCREEN.slug),
    )
    return rx.cond(
        SCREEN.can_leave,
        settings_card(
            "Leave or hand over",
            "",
            rx.el.div(
                rx.cond(SCREEN.owns, transfer, rx.fragment()), leave, rx.cond(SCREEN.owns, delete, rx.fragment()), class_name="draft-ways"
            ),
        ),
        rx.fragment(),
    )


def _deleted() -> rx.Component:
    return rx.el.section(
        rx.el.h2("This organization is deleted", class_name="card-title"),
        rx.el.p("Nobody but its owners can see this page. Until ", SCREEN.deleted, " an owner can bring it back as it was."),
        rx.el.button("Undo the deletion", type="button", on_click=OrganizationSettings.undo_deletion, class_name="button button-primary"),
        class_name="card settings-card",
    )
