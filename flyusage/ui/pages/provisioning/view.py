"""The provisioning page."""

import reflex as rx
from reflex.vars import Var

from flyusage.orgs.api_tokens import LONGEST_NAME
from flyusage.orgs.provisioning import DEFAULT_ROLES, GROUP_ROLES
from flyusage.ui.components.confirm import confirm
from flyusage.ui.components.copy_button import copy_text_of
from flyusage.ui.components.empty import empty_state
from flyusage.ui.components.field import field, text_field
from flyusage.ui.components.phases import failed
from flyusage.ui.components.shown_once import shown_once
from flyusage.ui.layout import page
from flyusage.ui.pages.provisioning.question import NO_ROLE
from flyusage.ui.pages.provisioning.rows import GroupRow, TokenRow
from flyusage.ui.pages.provisioning.state import SHOWN_IN, ProvisioningPage

SCREEN = ProvisioningPage.screen
ADDRESS_IN = "scim-address"


def provisioning() -> rx.Component:
    """The whole page."""
    return page(
        rx.match(ProvisioningPage.phase, ("ready", _ready()), ("forbidden", _forbidden()), ("failed", _failed()), _skeleton()),
        title="Provisioning",
        note=rx.cond(ProvisioningPage.phase == "ready", SCREEN.note, ""),
    )


def _ready() -> rx.Component:
    return rx.fragment(_secret(), _address(), _tokens(), _roles())


def _secret() -> rx.Component:
    says = "This is the only time the secret is shown. Enter it in your directory as the bearer token."
    return shown_once("Copy it now: ", ProvisioningPage.secret_name, says, SHOWN_IN, ProvisioningPage.forget)


def _address() -> rx.Component:
    return _card(
        "Your directory adds people here, and takes them out",
        "SCIM 2.0",
        rx.el.p(
            "Enter this address and a token in Okta, Microsoft Entra or another directory. Whoever it makes inactive or deletes loses "
            "membership, open pages and tokens at once. The last owner stays.",
            class_name="muted provisioning-says",
        ),
        rx.el.div(
            rx.el.code(SCREEN.address, id=ADDRESS_IN, class_name="token-secret"),
            copy_text_of(ADDRESS_IN, "Copy the address"),
            class_name="token-copy",
        ),
        rx.el.p(
            "Somebody without an account gets one, and a mail to set its password. Somebody who has an account already gets an invitation: "
            "a directory takes no account over, changes no password, and renames nobody who belongs to other organizations too.",
            class_name="muted small provisioning-says",
        ),
    )


def _tokens() -> rx.Component:
    form = rx.el.form(
        text_field(
            "Name", "name", required=True, max_length=LONGEST_NAME, placeholder="which directory, such as okta", auto_complete="off"
        ),
        rx.el.button("Make a token", type="submit", class_name="button button-primary"),
        on_submit=ProvisioningPage.create,
        reset_on_submit=True,
        class_name="settings-line",
    )
    refusal = rx.cond(
        ProvisioningPage.refusal != "", rx.el.p(ProvisioningPage.refusal, role="alert", class_name="token-refusal"), rx.fragment()
    )
    return _card(
        "Tokens",
        "a token lasts until it is revoked",
        form,
        refusal,
        rx.cond(SCREEN.tokens.length() > 0, rx.el.ul(rx.foreach(SCREEN.tokens, _token), class_name="token-list"), rx.fragment()),
    )


def _token(row: Var[TokenRow]) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.div(
                rx.el.bdi(row.name, class_name="strong"),
                rx.el.code(row.hint, class_name="muted small"),
                rx.el.span(row.state, class_name="state", custom_attrs={"data-tone": row.tone}),
                class_name="token-head",
            ),
            rx.el.div(row.used, " · ", row.made, class_name="muted small"),
            class_name="token-text",
        ),
        rx.cond(row.is_active, confirm("Revoke", row.warning, "Revoke it", ProvisioningPage.revoke(row.id)), rx.fragment()),
        key=row.id.to_string(),
    )


def _roles() -> rx.Component:
    default = rx.el.select(
        *[rx.el.option(role.value, value=role.value) for role in DEFAULT_ROLES],
        value=SCREEN.default_role,
        on_change=ProvisioningPage.choose_default,
        class_name="field",
    )
    none = rx.el.p(
        "No group yet. Those that your directory sends appear here, each to be given a role.", class_name="muted provisioning-says"
    )
    return _card(
        "Roles",
        "the most powerful of somebody's groups holds; nobody becomes owner by one",
        rx.el.div(field("Whom no group gives a role becomes", default), class_name="provisioning-default"),
        rx.cond(SCREEN.groups.length() > 0, rx.el.ul(rx.foreach(SCREEN.groups, _group), class_name="token-list"), none),
        rx.cond(SCREEN.more != "", rx.el.p(SCREEN.more, class_name="muted small"), rx.fragment()),
    )


def _group(row: Var[GroupRow]) -> rx.Component:
    role = rx.el.select(
        rx.el.option("no role of its own", value=NO_ROLE),
        *[rx.el.option(role.value, value=role.value) for role in GROUP_ROLES],
        value=row.role,
        on_change=lambda chosen: ProvisioningPage.map_group(row.id, chosen),
        aria_label="Role of " + row.name,
        class_name="field",
    )
    return rx.el.li(
        rx.el.div(rx.el.bdi(row.name, class_name="strong"), rx.el.span(row.members, class_name="muted small"), class_name="token-text"),
        role,
        key=row.id + ProvisioningPage.turn.to_string(),
    )


def _card(title: str, note: str, *content: rx.Component) -> rx.Component:
    return rx.el.section(
        rx.el.header(rx.el.h2(title, class_name="card-title"), rx.el.span(note, class_name="card-note"), class_name="card-head"),
        *content,
        class_name="card provisioning-card",
        aria_label=title,
    )


def _forbidden() -> rx.Component:
    return empty_state("Provisioning is set up by owners", ProvisioningPage.problem, icon="users")


def _failed() -> rx.Component:
    return failed("The directory's settings could not be read", ProvisioningPage.problem, ProvisioningPage.load)


def _skeleton() -> rx.Component:
    return rx.el.div(rx.el.div(class_name="skeleton token-waiting"), aria_busy="true", aria_label="Loading")
