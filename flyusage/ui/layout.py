"""The page frame: navigation, the organization's header, the freshness footer, and the theme's switch."""

import reflex as rx
from reflex.vars import Var


NAVIGATION = (
    ("Overview", "house", ""),
    ("Explorer", "chart-line", "/usage"),
    ("Machines", "server", "/machines"),
)


class OrganizationLink(rx.Component):
    """A link to a page of the open organization; `to` is what follows /orgs/{slug}."""

    library = "$/flyusage/frame"
    tag = "OrganizationLink"
    to: Var[str]


class Navigation(rx.Component):
    """The side navigation, behind one button on a phone."""

    library = "$/flyusage/frame"
    tag = "Navigation"
    header: Var[rx.Component]


def page(*content: rx.Component, title: str | Var[str], note: str | Var[str] = "", actions: rx.Component | None = None) -> rx.Component:
    """A whole page: the frame around `content`, under a heading with an optional note and buttons at its right."""
    return rx.el.div(
        rx.el.a("Skip to content", href="#content", class_name="skip-link"),
        _navigation(),
        rx.el.main(
            rx.el.header(
                rx.el.h1(title),
                rx.el.p(note, class_name="page-note"),
                rx.el.div(actions or rx.fragment(), class_name="page-actions"),
                class_name="page-head",
            ),
            *content,
            id="content",
            tab_index=-1,
        ),
        class_name="page",
    )


def _navigation() -> rx.Component:
    return Navigation.create(
        rx.el.nav(*[_link(*entry) for entry in NAVIGATION], class_name="nav", aria_label="Pages"),
        rx.el.footer(class_name="side-foot"),
        header=rx.el.div("flyusage", class_name="org"),
    )


def _link(label: str, icon: str, to: str) -> rx.Component:
    return OrganizationLink.create(rx.icon(icon, size=16), rx.el.span(label), to=to, class_name="nav-link")
