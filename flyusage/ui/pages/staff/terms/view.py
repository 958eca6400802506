"""The page of terms."""

import reflex as rx
from reflex.vars import Var

from flyusage.pricing.rating import Model
from flyusage.pricing.tax import TaxTreatment
from flyusage.pricing.terms import CpuKind, CreditKind
from flyusage.ui.components.empty import empty_state
from flyusage.ui.components.field import field, text_field
from flyusage.ui.pages.staff.queue.view import choice
from flyusage.ui.pages.staff.terms.rows import OrgRow, TermRow
from flyusage.ui.pages.staff.terms.state import StaffTerms
from flyusage.ui.staff_layout import TERMS, phases, staff_page

SCREEN = StaffTerms.screen
LONGEST = 200


def terms() -> rx.Component:
    """The whole page."""
    return staff_page(
        phases(StaffTerms.phase, rx.cond(SCREEN.slug != "", _organization(), _choose()), StaffTerms.problem, StaffTerms.load),
        here=TERMS,
        title="Terms",
        note="what an organization agreed beside its price book; all of it is audited",
    )


def _choose() -> rx.Component:
    form = rx.el.form(
        text_field("Name or slug", "search", default_value=SCREEN.search, max_length=LONGEST, auto_complete="off"),
        rx.el.button("Search", type="submit", class_name="button"),
        key=SCREEN.search,
        on_submit=StaffTerms.search,
        class_name="settings-line",
    )
    listed = rx.el.ul(rx.foreach(SCREEN.orgs, _org), class_name="receipts", aria_label="Organizations")
    return rx.el.section(
        rx.el.header(
            rx.el.h2("Whose terms", class_name="card-title"), rx.el.span(SCREEN.orgs_note, class_name="card-note"), class_name="card-head"
        ),
        form,
        rx.cond(SCREEN.orgs.length() > 0, listed, rx.el.p("No organization is called so.", class_name="muted small")),
        class_name="card",
        aria_label="Whose terms",
    )


def _org(row: Var[OrgRow]) -> rx.Component:
    return rx.el.li(rx.link(row.slug, href=row.href, class_name="link mono"), rx.el.bdi(row.name, class_name="muted"), key=row.slug)


def _organization() -> rx.Component:
    return rx.fragment(_agreed(), _agreeing())


def _agreed() -> rx.Component:
    head = rx.el.tr(
        rx.el.th("What", scope="col"),
        rx.el.th("Kind", scope="col"),
        rx.el.th("From", scope="col"),
        rx.el.th("Until", scope="col"),
        rx.el.th(rx.el.span("Change", class_name="visually-hidden"), scope="col"),
    )
    table = rx.el.table(rx.el.thead(head), rx.el.tbody(rx.foreach(SCREEN.rows, _term)), class_name="table term-table two-line")
    nothing = empty_state("Nothing else is agreed", "It pays its book's prices. What is agreed below stands here.", icon="handshake")
    return rx.fragment(
        rx.el.section(
            rx.el.header(
                rx.el.h2(rx.el.bdi(SCREEN.name), class_name="card-title"),
                rx.el.span(SCREEN.slug, class_name="card-note mono"),
                rx.link("Other organization", href=TERMS, underline="none", class_name="button button-quiet card-actions"),
                class_name="card-head",
            ),
            rx.el.p(SCREEN.summary, " ", SCREEN.billed, class_name="small"),
            rx.el.p(
                rx.link("Its billing", href=SCREEN.billing_href, class_name="link"),
                " · ",
                rx.link("Its audit", href=SCREEN.audit_href, class_name="link"),
                class_name="small",
            ),
            rx.cond(
                SCREEN.rows.length() > 0,
                rx.el.div(table, class_name="table-box", tab_index=0, role="region", aria_label="What is agreed, past and future too"),
                rx.fragment(),
            ),
            class_name="card",
            aria_label="What is agreed",
        ),
        rx.cond(SCREEN.rows.length() > 0, rx.fragment(), nothing),
    )


def _term(row: Var[TermRow]) -> rx.Component:
    """The forms say their agreement themselves: a handler of each would be a hook of each."""
    ending = rx.el.form(
        rx.el.input(type="hidden", name="key", value=row.key),
        text_field("Its last day (UTC)", "day", type="date", required=True),
        rx.el.button("Let it end", type="submit", class_name="button"),
        on_submit=StaffTerms.end,
        class_name="settings-line",
    )
    undoing = rx.el.form(
        rx.el.input(type="hidden", name="key", value=row.key),
        rx.el.p(row.undo_says),
        rx.el.button(row.undo, type="submit", class_name="button button-primary"),
        on_submit=StaffTerms.take_back,
        class_name="term-undo",
    )
    change = rx.el.details(
        rx.el.summary("Change …", class_name="button button-quiet", aria_label="Change …: " + row.what),
        rx.el.div(rx.cond(row.can_end, ending, rx.fragment()), undoing, class_name="confirm-says"),
        class_name="confirm",
    )
    return rx.el.tr(
        rx.el.th(rx.el.bdi(row.what), scope="row"),
        rx.el.td(rx.el.span(row.kind, class_name="state", custom_attrs={"data-tone": row.tone})),
        rx.el.td(row.since, class_name="nowrap"),
        rx.el.td(rx.cond(row.until != "", row.until, "–"), class_name="nowrap"),
        rx.el.td(rx.cond(row.undo != "", change, rx.fragment())),
        key=row.key,
    )


def _agreeing() -> rx.Component:
    form = rx.el.form(
        rx.el.input(type="hidden", name="agree", value=SCREEN.agree),
        rx.match(
            SCREEN.agree,
            ("price", _fields(*_price())),
            ("discount", _fields(*_discount())),
            ("credit", _fields(*_credit())),
            ("fee", _fields(*_fee())),
            ("charge", _fields(*_charge())),
            ("reservation", _fields(*_reservation())),
            ("limit", _fields(*_limit())),
            ("book", _fields(_select("Price book", "book", SCREEN.books, SCREEN.book))),
            _fields(*_tax()),
        ),
        rx.cond(StaffTerms.refusal != "", rx.el.p(StaffTerms.refusal, role="alert", class_name="form-refusal"), rx.fragment()),
        rx.el.div(rx.el.button("Agree", type="submit", class_name="button button-primary"), class_name="settings-foot"),
        key=SCREEN.slug + " " + SCREEN.agree + " " + StaffTerms.agreed.to_string(),
        on_submit=StaffTerms.agree,
        class_name="term-form",
    )
    return rx.el.section(
        rx.el.header(
            rx.el.h2("Agree", class_name="card-title"),
            rx.el.span("amounts in ", SCREEN.currency, ", days in UTC", class_name="card-note"),
            class_name="card-head",
        ),
        rx.el.div(rx.foreach(SCREEN.kinds, choice), class_name="segments", role="group", aria_label="What is agreed"),
        rx.el.p(SCREEN.says, class_name="small muted"),
        form,
        class_name="card",
        aria_label="Agree",
    )


def _fields(*controls: rx.Component) -> rx.Component:
    return rx.el.div(*controls, class_name="what-if-form")


def _amount(label: str, name: str, *, required: bool = False) -> rx.Component:
    return text_field(label, name, required=required, max_length=40, input_mode="decimal", class_name="number", auto_complete="off")


def _day(label: str, name: str, value: str | Var[str] = "") -> rx.Component:
    return text_field(label, name, type="date", default_value=value)


def _says(placeholder: str, *, required: bool = False) -> rx.Component:
    return text_field("The invoice calls it", "description", required=required, max_length=LONGEST, placeholder=placeholder)


def _select(label: str, name: str, choices: Var[list[str]], value: str | Var[str] = "") -> rx.Component:
    return field(label, rx.el.select(rx.foreach(choices, _option), name=name, default_value=value, class_name="field"))


def _chosen(label: str, name: str, choices: dict[str, str], value: Var[str] | None = None) -> rx.Component:
    options = [rx.el.option(said, value=one) for one, said in choices.items()]
    chosen = next(iter(choices)) if value is None else value
    return field(label, rx.el.select(*options, name=name, default_value=chosen, class_name="field"))


def _option(one: Var[str]) -> rx.Component:
    return rx.el.option(one, value=one)


def _sku(label: str) -> rx.Component:
    options = rx.el.select(rx.el.option("–", value=""), rx.foreach(SCREEN.skus, _option), name="sku", class_name="field")
    return field(label, options)


def _price() -> tuple[rx.Component, ...]:
    models = {one.value: one.value.replace("_", " ") for one in (Model.PER_UNIT, Model.GRADUATED, Model.VOLUME, Model.PACKAGE)}
    return (
        _sku("What is priced"),
        _select("Where", "scope", SCREEN.scopes, "global"),
        _amount("Amount for one unit, or package", "amount"),
        text_field("Unit", "unit", max_length=60, placeholder="as its book's price"),
        _day("From", "since", SCREEN.month + "-01"),
        _day("Until, that day left out", "until"),
        _amount("Units free each month", "free"),
        _amount("At least, each month", "minimum"),
        _amount("At most, each month", "maximum"),
        _chosen("Model", "model", models),
        _amount("Units in a package", "package_size"),
        text_field(
            "Tiers, as JSON", "tiers", max_length=2000, placeholder='[{"up_to": 10, "unit": "0.1"}, {"up_to": null, "unit": "0.08"}]'
        ),
        text_field("Note", "note", max_length=LONGEST),
    )


def _discount() -> tuple[rx.Component, ...]:
    return (
        _amount("Percent off", "percent"),
        _amount("or an amount off, each month", "amount"),
        text_field("First month", "first_month", default_value=SCREEN.month, max_length=7, placeholder="2026-10"),
        text_field("For so many months", "months", max_length=3, input_mode="numeric", placeholder="until withdrawn"),
        _sku("Only off"),
        _says("Discount"),
    )


def _credit() -> tuple[rx.Component, ...]:
    kinds = {CreditKind.PROMOTIONAL.value: "promotional, before tax", CreditKind.PREPAID.value: "prepaid, pays the total"}
    return (
        _amount("Amount", "amount", required=True),
        _chosen("Kind", "kind", kinds),
        _day("Expires at the beginning of", "expires"),
        _says("Credit"),
    )


def _fee() -> tuple[rx.Component, ...]:
    return (
        _says("Support plan", required=True),
        _amount("Amount for one, each month", "amount"),
        _amount("How many", "quantity"),
        _sku("or its book's price of"),
        _day("First day charged", "since", SCREEN.today),
        _day("Last day charged", "until"),
    )


def _charge() -> tuple[rx.Component, ...]:
    return (_says("Migration", required=True), _amount("Amount", "amount", required=True), _day("Day", "since", SCREEN.today))


def _reservation() -> tuple[rx.Component, ...]:
    return (
        _select("Region", "region", SCREEN.regions),
        _chosen("CPU kind", "cpu", {one.value: one.value for one in CpuKind}),
        _amount("Paid up front", "upfront", required=True),
        _amount("Credit of each month", "monthly", required=True),
        text_field("For so many months", "months", max_length=3, input_mode="numeric", placeholder="12"),
        _day("From", "since", SCREEN.month + "-01"),
    )


def _limit() -> tuple[rx.Component, ...]:
    return (
        _amount("At least, each month", "minimum"),
        _amount("At most, each month", "maximum"),
        _day("From", "since", SCREEN.next_month),
        _day("Until, that day left out", "until"),
    )


def _tax() -> tuple[rx.Component, ...]:
    treatments = {
        TaxTreatment.STANDARD.value: "by its country and VAT number",
        TaxTreatment.EXEMPT.value: "exempt",
        TaxTreatment.ZERO_RATED.value: "zero-rated",
        TaxTreatment.OUTSIDE_SCOPE.value: "outside the scope",
    }
    return (
        _chosen("Taxed", "treatment", treatments, SCREEN.tax),
        text_field("Why, as its invoices say", "reason", max_length=LONGEST),
    )
