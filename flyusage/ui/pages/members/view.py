"""The members page: who belongs here, who is invited, and what each role may do."""

import reflex as rx
from reflex.vars import Var

from flyusage.ui.components.app_choice import app_choice, app_editor
from flyusage.ui.components.confirm import confirm
from flyusage.ui.components.field import field
from flyusage.ui.components.permission_table import permission_table
from flyusage.ui.components.phases import failed, waiting
from flyusage.ui.layout import page
from flyusage.ui.pages.members.rows import InvitationRow, LeavingRow, MemberRow, OutcomeRow, RoleLink
from flyusage.ui.pages.members.state import LONGEST_PASTE, Members

SCREEN = Members.screen


def members() -> rx.Component:
    """The whole page."""
    csv = rx.el.a("Members (CSV)", href=SCREEN.csv_href, download=True, reload_document=True, class_name="button")
    directory = rx.el.a("Provisioning", href=SCREEN.directory_href, class_name="button")
    return page(
        rx.match(
            Members.phase,
            ("ready", _ready()),
            ("failed", failed("Members cannot be shown", Members.problem, Members.load, icon="users")),
            waiting("Loading who belongs here", "part", "row"),
        ),
        title="Members",
        note=rx.cond(Members.phase == "ready", SCREEN.note, ""),
        actions=rx.cond(
            Members.phase == "ready", rx.fragment(rx.cond(SCREEN.directory_href, directory, rx.fragment()), csv), rx.fragment()
        ),
    )


def _ready() -> rx.Component:
    return rx.fragment(
        rx.cond(SCREEN.seats.used != "", _seats(), rx.fragment()),
        rx.el.div(rx.cond(Members.short.count > 0, _short(), rx.fragment()), role="status"),
        rx.cond(SCREEN.can_manage, _invite(), rx.fragment()),
        _people(),
        rx.cond(SCREEN.waiting.length() > 0, _waiting(), rx.fragment()),
        rx.cond(SCREEN.can_manage, _roster(), rx.fragment()),
        permission_table(),
    )


def _seats() -> rx.Component:
    seats = SCREEN.seats
    return rx.el.section(
        _tile("Seats used", seats.used, seats.used_note),
        _tile("Included", seats.included, "in the subscription"),
        _tile("Paid", seats.paid, seats.price),
        _tile("Next invoice", seats.invoice, seats.invoice_note),
        rx.cond(
            seats.spare > 0,
            rx.el.div(
                confirm("Give back …", seats.spare_says, f"Give back {seats.spare}", Members.give_back(seats.spare)), class_name="tile"
            ),
            rx.fragment(),
        ),
        class_name="card tiles",
        aria_label="Seats",
    )


def _tile(label: str, value: Var[str], note: str | Var[str]) -> rx.Component:
    return rx.el.div(
        rx.el.p(label, class_name="tile-label"),
        rx.el.p(value, class_name="tile-value"),
        rx.el.p(note, class_name="tile-note"),
        class_name="tile",
    )


def _short() -> rx.Component:
    """Over the limit: a choice, never a dead end."""
    return rx.el.div(
        rx.icon("armchair", aria_hidden="true"),
        rx.el.div(
            rx.el.p(Members.short.says),
            rx.el.div(
                rx.el.button(
                    Members.short.does, type="button", on_click=Members.add_seats(Members.short.count), class_name="button button-primary"
                ),
                rx.el.button("Not now", type="button", on_click=Members.add_none, class_name="button"),
                class_name="short-ways",
            ),
        ),
        class_name="notice",
    )


def _invite() -> rx.Component:
    form = rx.el.form(
        field(
            "Mail addresses, as many as you like: one a line, or with commas between",
            rx.el.textarea(
                name="addresses",
                required=True,
                rows=3,
                max_length=LONGEST_PASTE,
                placeholder="ada@example.com, bob@example.com",
                class_name="field",
            ),
        ),
        rx.el.div(
            field("Role", rx.el.select(rx.foreach(SCREEN.roles, _option), name="role", default_value="developer", class_name="field")),
            app_choice(SCREEN.apps),
            class_name="invite-foot",
        ),
        rx.el.div(rx.el.button("Send invitations", type="submit", disabled=Members.is_sending, class_name="button button-primary")),
        on_submit=Members.invite,
        reset_on_submit=False,  # what was pasted stays until it went out
        key=Members.batch.to_string(),
        class_name="invite-form",
    )
    return rx.el.section(
        rx.el.header(
            rx.el.h2("Invite people", class_name="card-title"),
            rx.el.span("Each gets a link by mail, good once, for 7 days, for that address only.", class_name="card-note"),
            class_name="card-head",
        ),
        form,
        rx.el.div(
            rx.cond(Members.outcomes.length() > 0, rx.el.ul(rx.foreach(Members.outcomes, _outcome), class_name="outcomes"), rx.fragment()),
            role="status",
        ),
        class_name="card",
        aria_label="Invite people",
    )


def _option(role: Var[str]) -> rx.Component:
    return rx.el.option(role, value=role)


def _outcome(row: Var[OutcomeRow]) -> rx.Component:
    return rx.el.li(rx.el.bdi(row.email, class_name="strong"), " ", row.text, ".", custom_attrs={"data-tone": row.tone})


def _people() -> rx.Component:
    tools = rx.el.div(
        rx.el.input(
            type="search",
            placeholder="Search name or address",
            aria_label="Search members",
            default_value=SCREEN.find,
            on_change=Members.search.debounce(200),
            custom_attrs={"data-search": ""},
            max_length=200,
            class_name="field",
        ),
        rx.el.div(rx.foreach(SCREEN.links, _link), class_name="segments", role="group", aria_label="Role"),
        rx.el.span(SCREEN.count, class_name="count", role="status"),
        class_name="machine-tools",
    )
    nobody = rx.el.div(
        rx.el.p("Nobody matches", class_name="strong"), rx.el.p(SCREEN.empty_next, class_name="muted"), class_name="empty is-small"
    )
    return rx.el.section(
        tools,
        rx.cond(Members.chosen.length() > 0, _bulk(), rx.fragment()),
        rx.cond(SCREEN.rows.length() > 0, _table(), nobody),
        class_name="card",
        aria_label="People",
    )


def _link(link: Var[RoleLink]) -> rx.Component:
    return rx.link(link.label, href=link.href, aria_current=rx.cond(link.is_current, "true", "false"), underline="none")


def _bulk() -> rx.Component:
    count, is_asked = Members.chosen.length(), (Members.leaving.id == 0) & (Members.leaving.ids.length() > 0)
    return rx.el.div(
        rx.el.span(count, " chosen", class_name="strong", role="status"),
        rx.el.select(
            rx.el.option("Change role to …", value=""),
            rx.foreach(SCREEN.roles, _option),
            value="",
            on_change=Members.change_chosen,
            aria_label="Change the role of those chosen",
            class_name="field",
        ),
        rx.el.button(
            "Remove …", type="button", aria_expanded=is_asked, on_click=Members.ask_to_remove_chosen, class_name="button",
        ),
        rx.el.button("Choose nobody", type="button", on_click=Members.choose_none, class_name="button button-quiet"),
        rx.cond(is_asked, _leaving(), rx.fragment()),
        class_name="bulk",
    )  # fmt: skip


def _table() -> rx.Component:
    head = rx.el.tr(
        rx.cond(SCREEN.can_manage, rx.el.th(rx.el.span("Chosen", class_name="visually-hidden"), scope="col"), rx.fragment()),
        rx.el.th("Name", scope="col"),
        rx.el.th("Role and apps", scope="col"),
        rx.el.th("Last seen", scope="col"),
        rx.cond(SCREEN.can_manage, rx.el.th(rx.el.span("Remove", class_name="visually-hidden"), scope="col"), rx.fragment()),
    )
    table = rx.el.table(rx.el.thead(head), rx.el.tbody(rx.foreach(SCREEN.rows, _row)), class_name="table member-table two-line")
    return rx.fragment(
        rx.el.div(table, class_name="table-box", tab_index=0, role="region", aria_label="Members, by address"),
        rx.cond(
            SCREEN.pages != "",
            rx.el.nav(_way("Previous", SCREEN.previous_href), rx.el.span(SCREEN.pages), _way("Next", SCREEN.next_href),
                      class_name="pager", aria_label="Pages of members"),
            rx.fragment(),
        ),
    )  # fmt: skip


def _way(label: str, href: Var[str]) -> rx.Component:
    return rx.cond(href != "", rx.link(label, href=href, underline="none", class_name="button"), rx.fragment())


def _row(row: Var[MemberRow]) -> rx.Component:
    tick = rx.el.input(
        type="checkbox", checked=Members.chosen.contains(row.id), on_change=lambda _: Members.choose(row.id), disabled=~row.can_change,
        aria_label=f"Choose {row.email}",
    )  # fmt: skip
    role = rx.el.select(
        rx.foreach(SCREEN.roles, _option),
        value=row.role,
        on_change=lambda role: Members.change_role(row.id, role),
        aria_label=f"Role of {row.email}",
        class_name="field",
    )
    apps = rx.fragment(
        rx.cond(
            row.can_limit,
            rx.el.button(
                row.sees, type="button", title=row.sees_title, aria_label=f"Apps of {row.email}: {row.sees}", on_click=Members.choose_apps(row.id),
                aria_expanded=Members.granting == row.id, class_name="member-sees link small",
            ),
            rx.cond(row.sees != "", rx.el.span(row.sees, title=row.sees_title, class_name="member-sees muted small"), rx.fragment()),
        ),
        rx.cond(
            Members.granting == row.id, app_editor(SCREEN.apps, row.app_ids, f"{row.name} sees", Members.grant_apps), rx.fragment()
        ),
    )  # fmt: skip
    removing = rx.fragment(
        rx.el.button(
            "Remove …", type="button", aria_label=f"Remove {row.email} …", aria_expanded=Members.leaving.id == row.id,
            on_click=Members.ask_to_remove(row.id), class_name="button",
        ),
        rx.cond(Members.leaving.id == row.id, _leaving(), rx.fragment()),
    )  # fmt: skip
    return rx.el.tr(
        rx.cond(SCREEN.can_manage, rx.el.td(tick, class_name="tick"), rx.fragment()),
        rx.el.th(
            rx.el.bdi(row.name, class_name="strong"),
            rx.cond(row.is_you, rx.el.span("you", class_name="tag"), rx.fragment()),
            rx.cond(
                row.has_second_factor, rx.el.span("two-factor", class_name="tag", title="Signs in with a second factor"), rx.fragment()
            ),
            rx.cond(
                row.signs_in_by_provider,
                rx.el.span("SSO", class_name="tag", title="Signs in by the organization's provider"),
                rx.fragment(),
            ),
            rx.el.bdi(row.email, class_name="muted member-address"),
            scope="row",
        ),
        rx.el.td(rx.cond(row.can_change, role, row.role), apps, class_name="member-role"),
        rx.el.td(rx.el.span(row.seen, title=row.seen_title), class_name="member-seen"),
        rx.cond(SCREEN.can_manage, rx.el.td(rx.cond(row.can_change, removing, rx.fragment()), class_name="member-remove"), rx.fragment()),
        key=row.id,
    )


def _leaving() -> rx.Component:
    """What stops, who takes over, and the button that does it."""
    leaving = Members.leaving
    return rx.el.form(
        rx.foreach(leaving.says, rx.el.p),
        _stops(leaving),
        rx.el.button(leaving.does, type="submit", class_name="button button-primary"),
        on_submit=Members.remove,
        class_name="confirm-says leaving",
        aria_label=leaving.title,
    )


def _stops(leaving: Var[LeavingRow]) -> rx.Component:
    """What stops, and who takes it over."""
    heir = rx.el.select(
        rx.el.option("Nobody: they stop", value=""),
        rx.foreach(leaving.heirs, lambda one: rx.el.option(one.name, value=one.id)),
        name="heir",
        class_name="field",
    )
    return rx.fragment(
        rx.cond(leaving.tokens.length() > 0, _stopping("Their tokens stop", leaving.tokens), rx.fragment()),
        rx.cond(leaving.budgets.length() > 0, _stopping("Their budgets' mails stop, or go to an heir", leaving.budgets), rx.fragment()),
        rx.cond(leaving.views.length() > 0, _stopping("Their saved views", leaving.views), rx.fragment()),
        rx.cond(leaving.heirs.length() > 0, field("Who takes over", heir), rx.fragment()),
    )


def _stopping(title: str, rows: Var[list[str]]) -> rx.Component:
    return rx.el.div(rx.el.p(title, class_name="strong"), rx.el.ul(rx.foreach(rows, lambda one: rx.el.li(rx.el.bdi(one)))))


def _waiting() -> rx.Component:
    return rx.el.section(
        rx.el.header(
            rx.el.h2("Invited", class_name="card-title"),
            rx.el.span("Nobody has taken these places yet.", class_name="card-note"),
            class_name="card-head",
        ),
        rx.el.ul(rx.foreach(SCREEN.waiting, _invitation), class_name="invitations"),
        class_name="card",
        aria_label="Invited",
    )


def _invitation(row: Var[InvitationRow]) -> rx.Component:
    ways = rx.el.span(
        rx.el.button(
            "Send again", type="button", aria_label=f"Send again to {row.email}", on_click=Members.resend(row.id), class_name="button"
        ),
        rx.el.button(
            "Take back",
            type="button",
            aria_label=f"Take back the invitation of {row.email}",
            on_click=Members.revoke(row.id),
            class_name="button button-quiet",
        ),
        class_name="invitation-ways",
    )
    return rx.el.li(
        rx.el.span(
            rx.el.bdi(row.email, class_name="strong"),
            rx.el.span(row.role, " · ", row.note, class_name=rx.cond(row.is_over, "small up", "muted small")),
            class_name="device-text",
        ),
        rx.cond(row.can_change, ways, rx.fragment()),
        key=row.id,
    )


def _roster() -> rx.Component:
    form = rx.el.form(
        field(
            "Everybody who should belong here",
            rx.el.textarea(name="addresses", required=True, rows=4, max_length=LONGEST_PASTE, class_name="field"),
        ),
        rx.el.div(
            field(
                "Role of joiners",
                rx.el.select(rx.foreach(SCREEN.roles, _option), name="role", default_value="developer", class_name="field"),
            ),
            rx.el.button("Compare", type="submit", class_name="button"),
            class_name="invite-foot",
        ),
        on_submit=Members.compare,
        class_name="invite-form",
    )
    found = Members.roster
    shown = rx.el.div(
        rx.el.p(found.summary, class_name="strong"),
        rx.cond(found.joiners.length() > 0, rx.el.p("Joining: ", rx.el.bdi(found.joiners.join(", "))), rx.fragment()),
        rx.cond(found.leavers.length() > 0, rx.el.p("Leaving: ", rx.el.bdi(found.leavers.join(", "))), rx.fragment()),
        rx.foreach(found.notes, lambda note: rx.el.p(note, class_name="muted")),
        rx.cond(
            found.does != "",
            rx.el.details(
                rx.el.summary("Apply …", class_name="button"),
                rx.el.form(
                    rx.el.p("All of it happens at once, or nothing. Who leaves loses the organization at once; joiners get a mail."),
                    _stops(found.stops),
                    rx.el.input(type="hidden", name="digest", value=found.digest, read_only=True),
                    rx.el.button(found.does, type="submit", class_name="button button-primary"),
                    on_submit=Members.apply,
                    class_name="confirm-says leaving",
                ),
                class_name="confirm",
            ),
            rx.fragment(),
        ),
        class_name="roster",
    )
    return rx.el.details(
        rx.el.summary(
            rx.el.span("Match a list", class_name="card-title"),
            " ",
            rx.el.span("Paste who should belong here; see who joins and leaves before anything happens.", class_name="card-note"),
            class_name="card-summary",
        ),
        form,
        rx.el.div(rx.cond(found.digest != "", shown, rx.fragment()), role="status"),
        class_name="card",
    )
