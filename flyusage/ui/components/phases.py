"""What a page is while its answer is on the way, and when none came."""

from typing import Literal

import reflex as rx
from reflex.vars import Var

from flyusage import db
from flyusage.ui.components.empty import empty_state
from flyusage.ui.components.home_link import home_link


class ComesBack(rx.Component):
    """Loads the page anew once the server is ready again; for where it could not answer since its database was away."""

    library = "$/flyusage/again"
    tag = "ComesBack"


def comes_back(problem: Var[str]) -> rx.Component:
    """A word that the page does so by itself, where `problem` says that the database is away."""
    return rx.cond(
        problem == db.AWAY,
        ComesBack.create(rx.el.p("This page loads by itself as soon as it answers.", role="status")),
        rx.fragment(),
    )


def waiting(says: str, *parts: Literal["part", "row"]) -> rx.Component:
    """The page's shape, shown after 150 ms: cards as high as a part of a page or as its table. `says` is for who cannot see them."""
    return rx.el.div(
        rx.el.span(says, class_name="visually-hidden", role="status"),
        *[rx.el.div(class_name=f"card skeleton-card is-{part}") for part in parts],
        class_name="waiting waiting-stack",
        aria_busy="true",
    )


def failed(title: str, problem: Var[str], load: rx.EventHandler, *, icon: str = "plug-zap") -> rx.Component:
    """`problem` is the sentence of what went wrong; its button asks again by `load`, unless it is the role that is short of it.

    Where the sentence sends to the account's page or to signing in, a link leads there.
    """
    again = rx.cond(
        problem.contains("Your role does not hold"),
        home_link("To the first page", class_name="button button-primary"),
        rx.el.button("Try again", type="button", class_name="button button-primary", on_click=load),
    )
    account = rx.cond(problem.contains("(/account)"), rx.el.a("Your account", href="/account", class_name="button"), rx.fragment())
    sign_in = rx.cond(problem.contains("You are not signed in"), rx.el.a("Sign in", href="/sign-in", class_name="button"), rx.fragment())
    return empty_state(title, problem, again, account, sign_in, icon=icon, more=comes_back(problem))
