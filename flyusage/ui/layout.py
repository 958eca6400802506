"""The page frame: navigation, the organization's header, freshness, and the theme's switch around a page's content."""

import reflex as rx
from reflex.style import color_mode, set_color_mode
from reflex.vars import Var

from flyusage.ui.components.commands import commands
from flyusage.ui.frame import Frame, OrganizationChoice

PERMITTED = {
    "Usage": (
        ("Overview", "house", ""),
        ("Explorer", "chart-line", "/usage"),
        ("Saved views", "bookmark", "/views"),
        ("Machines", "server", "/machines"),
    ),
    "Money": (
        ("Billing", "receipt-text", "/billing", "/invoices"),
        ("Budgets", "piggy-bank", "/budgets"),
        ("Alerts", "bell-ring", "/alerts"),
        ("Prices", "tags", "/prices"),
        ("What if", "flask-conical", "/what-if"),
    ),
    "Organization": (
        ("Members", "users", "/members", "/provisioning"),
        ("Audit", "scroll-text", "/audit"),
        ("API tokens", "key-round", "/tokens"),
        ("Settings", "settings", "/settings", "/sso"),
    ),
}


class OrganizationLink(rx.Component):
    """A link to a page of the open organization; `to` is what follows /orgs/{slug}, `also` other beginnings it stands for."""

    library = "$/flyusage/frame"
    tag = "OrganizationLink"
    to: Var[str]
    also: Var[list[str]]


class SkipLink(rx.Component):
    """Leads a keyboard past the navigation, to the content."""

    library = "$/flyusage/frame"
    tag = "SkipLink"


class Navigation(rx.Component):
    """The side column. On a phone its first child stays, the rest waits behind one button."""

    library = "$/flyusage/frame"
    tag = "Navigation"


class Ago(rx.Component):
    """How long ago a moment (ISO 8601) was, counting on; the exact moment on hover. `now` is the server's present."""

    library = "$/flyusage/frame"
    tag = "Ago"
    moment: Var[str]
    now: Var[str]


class CopyAs(rx.Component):
    """What a page shows as a command and as a request to the API, made of its address; nothing where it has neither."""

    library = "$/flyusage/copy_as"
    tag = "CopyAs"


def page(*content: rx.Component, title: str | Var[str], note: str | Var[str] = "", actions: rx.Component | None = None) -> rx.Component:
    """A whole page: the frame around `content`, under a heading with an optional note and buttons at its right.

    An address that names no organization shows that, instead of the content.
    """
    shown = rx.fragment(
        rx.el.header(
            rx.el.h1(title),
            rx.el.p(note, class_name="page-note"),
            rx.el.div(actions, class_name="page-actions") if actions is not None else rx.fragment(),
            class_name="page-head",
        ),
        _visit_notice(),
        _scope_notice(),
        _stale_notice(),
        *content,
        CopyAs.create(class_name="copy-as"),
    )
    return rx.el.div(
        SkipLink.create("Skip to content", class_name="skip-link"),
        _side(),
        rx.el.main(rx.cond(Frame.is_missing, _no_organization(), shown), id="content", tab_index=-1),
        class_name="page",
    )


def not_found(title: str | Var[str], explanation: str | Var[str], *ways_on: rx.Component) -> rx.Component:
    """What a page shows when its address names something unknown: what happened, and where to go."""
    return rx.el.section(rx.el.h2(title), rx.el.p(explanation), rx.el.div(*ways_on, class_name="page-actions"), class_name="card empty")


def _side() -> rx.Component:
    return Navigation.create(
        _organization(),
        rx.cond(
            Frame.is_missing,
            rx.fragment(),
            rx.fragment(
                commands(Frame.header.pages),
                rx.el.nav(
                    *[_group(name, entries) for name, entries in PERMITTED.items()],
                    class_name="nav",
                    aria_label="Pages",
                ),
            ),
        ),
        rx.el.footer(
            rx.cond(Frame.header.freshness != "", _freshness(), rx.fragment()), _staff(), _reader(), theme_button(), class_name="side-foot"
        ),
    )


def _group(name: str, entries: tuple[tuple[str, ...], ...]) -> rx.Component:
    """Pages of one kind, a little apart from the others; its name is for who hears them."""
    links = [rx.cond(Frame.header.pages.contains(entry[2]), _link(*entry), rx.fragment()) for entry in entries]
    return rx.el.div(*links, class_name="nav-group", role="group", aria_label=name)


def _link(label: str, icon: str, to: str, *also: str) -> rx.Component:
    return OrganizationLink.create(
        rx.icon(icon, size=16, aria_hidden="true"), rx.el.span(label), to=to, also=list(also), class_name="nav-link"
    )


def _organization() -> rx.Component:
    header = Frame.header
    face = (
        rx.el.span(header.mark, class_name="org-mark", aria_hidden="true"),
        rx.el.span(rx.el.span(header.name, class_name="org-name"), rx.el.span(header.note, class_name="org-note"), class_name="org-text"),
    )
    menu = rx.dropdown_menu.root(
        rx.dropdown_menu.trigger(
            rx.el.button(*face, rx.icon("chevrons-up-down", size=14, aria_hidden="true"), class_name="org", type="button")
        ),
        rx.dropdown_menu.content(rx.foreach(Frame.organizations, _organization_choice), align="start"),
        modal=False,
    )
    return rx.cond(Frame.organizations.length() > 1, menu, rx.el.header(*face, class_name="org"))


def _organization_choice(choice: OrganizationChoice) -> rx.Component:
    link = rx.el.a(
        choice.name, rx.cond(choice.note, rx.el.span(choice.note, class_name="muted tiny"), rx.fragment()), href=f"/orgs/{choice.slug}"
    )
    return rx.dropdown_menu.item(link, as_child=True)


def _freshness() -> rx.Component:
    header = Frame.header
    return rx.el.div(
        rx.el.span(class_name="fresh-dot", aria_hidden="true"),
        rx.el.span(header.freshness, title=header.closed_hours),
        rx.cond(
            header.last_event_at,
            rx.el.span("newest event ", Ago.create(moment=header.last_event_at, now=header.now)),
            rx.fragment(),
        ),
        class_name="fresh",
        custom_attrs={"data-tone": header.tone},
    )


def _stale_notice() -> rx.Component:
    notice = rx.el.div(rx.icon("clock-alert", aria_hidden="true"), rx.el.span(Frame.header.stale_notice), class_name="notice")
    return rx.cond(Frame.header.stale_notice, notice, rx.fragment())


def _visit_notice() -> rx.Component:
    notice = rx.el.div(
        rx.icon("shield", aria_hidden="true"), rx.el.span(Frame.header.visit_notice), class_name="notice is-visit", role="status"
    )
    return rx.cond(Frame.header.visit_notice, notice, rx.fragment())


def _scope_notice() -> rx.Component:
    notice = rx.el.p(rx.icon("lock-keyhole", size=14, aria_hidden="true"), rx.el.span(Frame.header.scope_notice), class_name="scope-notice")
    return rx.cond(Frame.header.scope_notice, notice, rx.fragment())


def _reader() -> rx.Component:
    """Who is signed in, and the way to their account (a whole page load: it lies outside the organization)."""
    link = rx.el.a(
        rx.icon("circle-user-round", size=16, aria_hidden="true"),
        rx.el.bdi(Frame.reader),
        href="/account",
        title="Your account, and where you are signed in",
        class_name="theme-button",
    )
    return rx.cond(Frame.reader, link, rx.fragment())


def _staff() -> rx.Component:
    """The way to the platform's own pages, for those who may see them."""
    link = rx.link(
        rx.icon("shield", size=14, aria_hidden="true"), "Staff", href="/staff/close", underline="none", class_name="theme-button"
    )
    return rx.cond(Frame.is_staff, link, rx.fragment())


def theme_button() -> rx.Component:
    """Switches between light, dark and the system's theme."""
    following = rx.match(color_mode, ("light", "dark"), ("dark", "system"), "light")
    return rx.el.button(
        rx.match(color_mode, ("light", rx.icon("sun")), ("dark", rx.icon("moon")), rx.icon("monitor")),
        rx.match(color_mode, ("light", "Light theme"), ("dark", "Dark theme"), "Theme follows the system"),
        type="button",
        class_name="theme-button",
        title="Change the theme",
        on_click=set_color_mode(following),
    )


def _no_organization() -> rx.Component:
    known = rx.foreach(Frame.organizations, lambda choice: rx.el.a(choice.name, href=f"/orgs/{choice.slug}", class_name="button"))
    return rx.fragment(
        rx.el.header(rx.el.h1("Not found"), class_name="page-head"),
        not_found(
            "There is no organization under this address",
            "It may have another name, or its events have not been loaded yet. These are the ones you can open:",
            known,
        ),
    )
