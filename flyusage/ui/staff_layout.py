"""The frame around staff's pages: the whole installation instead of an organization."""

import reflex as rx
from reflex.vars import Var

from flyusage.ui.components.phases import failed, waiting
from flyusage.ui.layout import CopyAs, Navigation, SkipLink, theme_button

PRICES, CLOSE, QUEUE, REVENUE, QUESTIONS = "/staff/prices", "/staff/close", "/staff/payments", "/staff/revenue", "/staff/questions"
TERMS, EXPERIMENTS, BANK, SELLER = "/staff/terms", "/staff/experiments", "/staff/bank", "/staff/seller"
INVOICES = "/staff/invoices"
PAGES = {
    "Pricing": (
        ("Price books", "book-open", PRICES),
        ("Experiments", "flask-conical", EXPERIMENTS),
        ("Terms", "handshake", TERMS),
    ),
    "Billing": (
        ("Close a month", "calendar-check", CLOSE),
        ("Invoices", "receipt-text", INVOICES),
        ("Payment queue", "list-ordered", QUEUE),
        ("Bank payments", "landmark", BANK),
    ),
    "Installation": (
        ("Revenue", "chart-column", REVENUE),
        ("Questions", "message-circle-question-mark", QUESTIONS),
        ("Seller", "store", SELLER),
    ),
}


def staff_page(
    *content: rx.Component, here: str, title: str | Var[str], note: str | Var[str] = "", actions: rx.Component | None = None
) -> rx.Component:
    """A whole page of staff's, at the address `here`."""
    head = rx.el.header(
        rx.el.h1(title),
        rx.el.p(note, class_name="page-note"),
        rx.el.div(actions, class_name="page-actions") if actions is not None else rx.fragment(),
        class_name="page-head",
    )
    return rx.el.div(
        SkipLink.create("Skip to content", class_name="skip-link"),
        Navigation.create(
            rx.el.header(
                rx.el.span("S", class_name="org-mark", aria_hidden="true"),
                rx.el.span(
                    rx.el.span("Staff", class_name="org-name"),
                    rx.el.span("the whole installation", class_name="org-note"),
                    class_name="org-text",
                ),
                class_name="org",
            ),
            rx.el.nav(
                *[
                    rx.el.div(
                        *[_link(*entry, is_here=entry[2] == here) for entry in entries],
                        class_name="nav-group",
                        role="group",
                        aria_label=name,
                    )
                    for name, entries in PAGES.items()
                ],
                class_name="nav",
                aria_label="Pages",
            ),
            rx.el.footer(
                rx.el.a(rx.icon("arrow-left", size=14, aria_hidden="true"), "Organizations", href="/welcome", class_name="theme-button"),
                theme_button(),
                class_name="side-foot",
            ),
        ),
        rx.el.main(head, *content, CopyAs.create(class_name="copy-as"), id="content", tab_index=-1),
        class_name="page",
    )


def phases(phase: Var[str], ready: rx.Component, problem: Var[str], load: rx.EventHandler) -> rx.Component:
    """A staff page's content: while it loads, once it is there, and what went wrong."""
    return rx.fragment(
        rx.match(phase, ("ready", ready), ("failed", failed("This cannot be shown", problem, load)), waiting("Loading", "part", "row"))
    )


def _link(label: str, icon: str, href: str, *, is_here: bool) -> rx.Component:
    here = {"aria_current": "page"} if is_here else {}
    return rx.link(
        rx.icon(icon, size=16, aria_hidden="true"), rx.el.span(label), href=href, underline="none", class_name="nav-link", **here
    )
