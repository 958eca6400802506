"""The tokens page."""

import reflex as rx
from reflex.vars import Var

from flyusage.orgs.api_tokens import DEFAULT_DAYS, LONGEST_NAME
from flyusage.ui.components.app_choice import app_choice
from flyusage.ui.components.confirm import confirm
from flyusage.ui.components.empty import empty_state
from flyusage.ui.components.field import field, text_field
from flyusage.ui.components.phases import failed
from flyusage.ui.components.shown_once import shown_once
from flyusage.ui.layout import page
from flyusage.ui.pages.tokens.state import DAYS, MINE, OURS, SHOWN_IN, ScopeChoice, TokenRow, Tokens


def tokens() -> rx.Component:
    """The whole page."""
    return page(
        rx.match(Tokens.phase, ("ready", _ready()), ("forbidden", _forbidden()), ("failed", _failed()), _skeleton()),
        title="API tokens",
        note=Tokens.note,
        actions=rx.el.a("API reference", href="/api/docs", reload_document=True, class_name="button"),
    )


def _ready() -> rx.Component:
    return rx.fragment(_secret(), _form(), rx.cond(Tokens.rows.length() > 0, _list(), _none()))


def _secret() -> rx.Component:
    says = "This is the only time the secret is shown. Keep it where your program keeps its secrets, never in its code."
    return shown_once("Copy it now: ", Tokens.secret_name, says, SHOWN_IN, Tokens.forget)


def _form() -> rx.Component:
    whose = rx.el.select(
        rx.el.option("mine: never more than my role holds", value=MINE),
        rx.el.option("the organization's: stays when I leave", value=OURS),
        name="kind",
        class_name="field",
    )
    days = rx.el.select(
        *[rx.el.option(f"{number} days", value=str(number)) for number in DAYS],
        name="days",
        default_value=str(DEFAULT_DAYS),
        class_name="field",
    )
    form = rx.el.form(
        text_field("Name", "name", required=True, max_length=LONGEST_NAME, placeholder="what it is for, such as ci", auto_complete="off"),
        field("Whose", whose),
        field("Lasts", days),
        rx.el.fieldset(
            rx.el.legend("It may"), rx.el.div(rx.foreach(Tokens.scopes, _scope), class_name="token-scopes"), class_name="token-may"
        ),
        rx.el.div(app_choice(Tokens.apps, legend="Of", every="every app I may see"), class_name="token-may"),
        rx.cond(Tokens.refusal != "", rx.el.p(Tokens.refusal, role="alert", class_name="token-refusal"), rx.fragment()),
        rx.el.button("Make a token", type="submit", class_name="button button-primary"),
        on_submit=Tokens.create,
        reset_on_submit=False,
        class_name="token-form",
    )
    return rx.el.section(rx.el.header(rx.el.h2("A new token", class_name="card-title"), class_name="card-head"), form, class_name="card")


def _scope(scope: Var[ScopeChoice]) -> rx.Component:
    return rx.el.label(
        rx.el.input(type="checkbox", name=scope.name, value="on"),
        rx.el.span(rx.el.code(scope.name), " ", rx.el.span(scope.says, class_name="muted")),
        class_name="token-scope",
    )


def _list() -> rx.Component:
    return rx.el.section(
        rx.el.header(rx.el.h2("Tokens", class_name="card-title"), class_name="card-head"),
        rx.el.ul(rx.foreach(Tokens.rows, _row), class_name="token-list"),
        class_name="card",
    )


def _row(row: Var[TokenRow]) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.div(
                rx.el.bdi(row.name, class_name="strong"),
                rx.el.code(row.hint, class_name="muted small"),
                rx.el.span(row.state, class_name="state", custom_attrs={"data-tone": row.tone}),
                class_name="token-head",
            ),
            rx.el.div("of ", rx.el.bdi(row.whose), " · ", row.used, " · ", row.made, " · ends ", row.expires, class_name="muted small"),
            rx.el.div(row.scopes, class_name="muted small"),
            class_name="token-text",
        ),
        rx.cond(row.is_active, confirm("Revoke", row.warning, "Revoke it", Tokens.revoke(row.id)), rx.fragment()),
        key=row.id.to_string(),
    )


def _none() -> rx.Component:
    return empty_state("No token yet", "A program shows one to the API instead of signing in. Make the first above.", icon="key-round")


def _forbidden() -> rx.Component:
    return empty_state(
        "Tokens are made by members who may",
        Tokens.problem,
        commands=("flyusage tokens create ORG --name ci --scope usage.read",),
        icon="key-round",
    )


def _failed() -> rx.Component:
    return failed("The tokens could not be read", Tokens.problem, Tokens.load)


def _skeleton() -> rx.Component:
    return rx.el.div(rx.el.div(class_name="skeleton token-waiting"), aria_busy="true", aria_label="Loading")
