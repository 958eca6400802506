"""What the account's page shows of a second factor, and the forms that change it."""

from typing import Any

import reflex as rx
from reflex.vars import Var

from flyusage.auth import passkeys, passwords
from flyusage.ui.components.copy_button import copy_button
from flyusage.ui.components.passkey import add_passkey
from flyusage.ui.pages.second_factor.state import PROOF, PasskeyRow, SecondFactorPage


def section() -> rx.Component:
    """What the account's page shows of it."""
    page = SecondFactorPage
    return rx.el.section(
        rx.el.h2("Second factor"),
        rx.cond(
            page.is_asked & ~page.is_on,
            rx.el.p(
                "What you wanted to open asks for a second factor. Set one up here, then go back.", class_name="door-told", role="status"
            ),
        ),
        rx.cond(page.problem != "", rx.el.p(page.problem, class_name="door-problem", role="alert")),
        rx.match(
            True,
            (page.codes.length() > 0, _codes()),
            (page.secret != "", _setup()),
            rx.fragment(
                rx.cond(page.is_on, _codes_left(), rx.fragment()),
                rx.el.h3("Authenticator app"),
                rx.cond(page.is_app_on, _on(), _off()),
                rx.el.h3("Passkeys"),
                _passkeys(),
            ),
        ),
        class_name="account-part",
        aria_label="Second factor",
    )


def _off() -> rx.Component:
    return rx.fragment(
        rx.el.p("Not set up. With one, signing in takes your password and a code that an app on your phone shows.", class_name="muted"),
        rx.cond(
            SecondFactorPage.is_proof_asked,
            rx.el.details(
                rx.el.summary("Set up an authenticator app"),
                _proving("Show its secret", SecondFactorPage.begin, "button", asked=SecondFactorPage.proof_label),
            ),
            rx.el.form(
                rx.el.button("Set up an authenticator app", type="submit", class_name="button button-primary"),
                on_submit=SecondFactorPage.begin,
                class_name="account-actions",
            ),
        ),
    )


def _setup() -> rx.Component:
    page = SecondFactorPage
    return rx.fragment(
        rx.el.p("Scan this with your authenticator app, or type the secret into it. Then enter the six digits it shows."),
        rx.el.div(
            rx.el.img(src=page.picture, alt="QR code that holds the secret beside it", class_name="qr"),
            rx.el.div(
                rx.el.p("The secret, for an app that cannot scan:", class_name="muted small"),
                rx.el.code(page.secret, class_name="secret"),
                copy_button(page.secret, "Copy the secret"),
                rx.el.form(
                    _field("Code that the app shows", "code", input_mode="numeric", auto_complete="one-time-code", max_length=10),
                    rx.el.button("Switch on", type="submit", class_name="button button-primary"),
                    on_submit=page.confirm,
                    class_name="door-form",
                ),
                class_name="qr-side",
            ),
            class_name="qr-box",
        ),
        rx.el.div(rx.el.button("Cancel", type="button", class_name="button", on_click=page.done), class_name="account-actions"),
    )


def _codes() -> rx.Component:
    page = SecondFactorPage
    return rx.fragment(
        rx.el.p(
            rx.el.span("Keep these recovery codes. ", class_name="strong"),
            "They are shown this once. Each signs you in once, should you lose the phone. Other browsers were signed out.",
        ),
        rx.el.ul(rx.foreach(page.codes, _code), class_name="recovery-codes"),
        rx.el.div(
            copy_button(page.codes.join("\n"), "Copy all ten"),
            rx.el.button("I have kept them", type="button", class_name="button button-primary", on_click=page.done),
            class_name="account-actions",
        ),
    )


def _code(code: Var[str]) -> rx.Component:
    return rx.el.li(rx.el.code(code))


def _codes_left() -> rx.Component:
    page = SecondFactorPage
    return rx.fragment(
        rx.el.p(rx.el.span("On. ", class_name="strong"), page.left, "."),
        rx.el.details(
            rx.el.summary("New recovery codes"),
            rx.el.p("The ones you have will be good for nothing.", class_name="muted small"),
            _proving("Make new codes", page.renew, "button"),
        ),
    )


def _on() -> rx.Component:
    alone = "Your password alone will sign you in, and organizations that ask for a second factor will be closed to you."
    return rx.fragment(
        rx.el.p("Set up: its codes sign you in after your password.", class_name="muted"),
        rx.el.details(
            rx.el.summary("Switch it off"),
            rx.el.p(
                rx.cond(SecondFactorPage.passkeys.length() > 0, "Your passkeys go on being asked for.", alone), class_name="muted small"
            ),
            _proving("Switch it off", SecondFactorPage.stop, "button button-danger"),
        ),
    )


def _passkeys() -> rx.Component:
    rows = SecondFactorPage.passkeys
    return rx.fragment(
        rx.el.p(
            "A key that this device, your phone or a security key holds. It cannot be copied off by a false page, and signs you in "
            "without your password where the device asks for your finger, face or PIN.",
            class_name="muted",
        ),
        rx.cond(rows.length() > 0, rx.el.ul(rx.foreach(rows, _passkey), class_name="passkey-list", aria_label="Passkeys"), rx.fragment()),
        rx.el.details(
            rx.el.summary("Add a passkey"),
            add_passkey(SecondFactorPage.add_passkey, asks_proof=SecondFactorPage.is_proof_asked, proof_label=SecondFactorPage.proof_label),
        ),
    )


def _passkey(row: Var[PasskeyRow]) -> rx.Component:
    which = rx.el.input(type="hidden", name="passkey", value=row.id.to_string(), read_only=True)
    rename = rx.el.form(
        which,
        _field("Name", "name", default_value=row.name, max_length=passkeys.LONGEST_NAME, auto_complete="off", key=row.name),
        rx.el.button("Rename", type="submit", class_name="button"),
        on_submit=SecondFactorPage.rename_passkey,
        class_name="door-form",
    )
    return rx.el.li(
        rx.el.div(rx.el.bdi(row.name, class_name="strong"), rx.el.span(row.note, class_name="muted small"), class_name="device-text"),
        rx.el.details(
            rx.el.summary("Rename or remove", aria_label="Rename or remove " + row.name),
            rename,
            rx.el.p("Removed, it signs nobody in any more.", class_name="muted small"),
            _proving("Remove it", SecondFactorPage.remove_passkey, "button button-danger", which),
        ),
        key=row.id.to_string(),
    )


def _proving(label: str, handler: Any, class_name: str, *hidden: rx.Component, asked: str | Var[str] = PROOF) -> rx.Component:
    return rx.el.form(
        *hidden,
        _field(asked, "proof", type="password", auto_complete="one-time-code", max_length=passwords.LONGEST),
        rx.el.button(label, type="submit", class_name=class_name),
        on_submit=handler,
        reset_on_submit=True,
        class_name="door-form",
    )


def _field(label: str | Var[str], name: str, **given: Any) -> rx.Component:
    return rx.el.label(rx.el.span(label), rx.el.input(name=name, required=True, class_name="input", **given))
