"""A page before any organization: a card in the middle with a plain form, as sign-in has it."""

from typing import Any

import reflex as rx
from reflex.vars import Var

from flyusage.auth import accounts, passwords
from flyusage.ui.components.plain_form import plain_form


def door_card(
    title: str | Var[str],
    note: str | Var[str],
    *content: rx.Component,
    problem: Var[str],
    is_good: Var[bool] | bool = False,
    is_known: Var[bool],
) -> rx.Component:
    """The whole page. `problem` says why a form came back, or (`is_good`) what went well; `content` waits until it `is_known`."""
    return rx.el.main(
        rx.el.section(
            rx.el.p(rx.el.span("f", class_name="org-mark", aria_hidden="true"), "flyusage", class_name="door-mark"),
            rx.el.h1(title, class_name="door-title"),
            rx.el.p(note, class_name="muted"),
            rx.cond(
                problem,
                rx.el.p(
                    problem,
                    role=rx.cond(is_good, "status", "alert"),
                    class_name=rx.cond(is_good, "door-told", "door-problem"),
                ),
            ),
            # Only once the address is read: a form that is filled in later would lose what was typed meanwhile.
            rx.cond(is_known, rx.fragment(*content), rx.el.div(class_name="door-waiting", aria_hidden="true")),
            class_name="card door-card",
        ),
        id="content",
        class_name="door-page",
    )


def door_form(action: str, *fields: rx.Component, submit: str, other: rx.Component | None = None) -> rx.Component:
    """A form that the browser itself posts to `action`; `other` is a second button, which may lead elsewhere."""
    button = rx.el.button(submit, type="submit", class_name="button button-primary")
    return plain_form(*fields, button, *([] if other is None else [other]), action=action, class_name="door-form")


def door_field(label: str, *, name: str, **given: Any) -> rx.Component:
    """A field with its name above it, that must be filled in unless it is not `required`."""
    given = {"default_value": "", "required": True} | given
    shown: dict[str, str | bool | int | Var[str]] = given
    return rx.el.label(rx.el.span(label), rx.el.input(id=f"field-{name}", name=name, class_name="input", **shown))


def account_fields(email: Var[str], name: Var[str]) -> tuple[rx.Component, ...]:
    """What a new account is made of: `name` and `password`. The address stands hidden before them, for who keeps passwords."""
    return (
        rx.el.input(type="email", value=email, read_only=True, auto_complete="username", hidden=True, aria_label="Mail address"),
        door_field("Your name", name="name", auto_complete="name", default_value=name, auto_focus=True, max_length=accounts.LONGEST_NAME),
        door_field(
            f"A password of {passwords.SHORTEST} characters or more",
            name="password",
            type="password",
            auto_complete="new-password",
            min_length=passwords.SHORTEST,
        ),
    )
