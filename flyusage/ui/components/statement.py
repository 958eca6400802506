"""A statement: product, region, line, each line opening its working. The draft and an issued invoice look alike."""

from dataclasses import dataclass, field

import reflex as rx
from reflex.vars import Var

from flyusage.ui.components.copy_button import copy_button


@dataclass(frozen=True)
class WorkingStep:
    """A step of a working: what was done, and the exact amount it came to."""

    text: str
    amount: str


@dataclass(frozen=True)
class StatementLine:
    """A line and why it is what it is. `where` is its region where no heading above it names it; `taken`, from which lines.

    `source` says where the price is from, `unit` what the steps are in. What has no usage has no `evidence_href`.
    """

    key: str
    description: str
    where: str
    days: str
    quantity: str
    price: str
    amount: str
    is_reduction: bool = False
    steps: list[WorkingStep] = field(default_factory=list)
    total: str = ""
    unit: str = ""
    taken: list[WorkingStep] = field(default_factory=list)
    source: str = ""
    evidence_href: str = ""
    command: str = ""


@dataclass(frozen=True)
class StatementRegion:
    """Lines of one region. Without a `name` they stand directly under their product."""

    name: str
    count: str
    amount: str
    is_open: bool
    lines: list[StatementLine] = field(default_factory=list)


@dataclass(frozen=True)
class StatementProduct:
    """A product with its subtotal."""

    name: str
    amount: str
    regions: list[StatementRegion] = field(default_factory=list)


@dataclass(frozen=True)
class StatementTotal:
    """A line of the reckoning from net to due. `note` is small print; the last one is `is_due`."""

    label: str
    amount: str
    note: str = ""
    is_strong: bool = False
    is_due: bool = False


def statement_lines(products: Var[list[StatementProduct]]) -> rx.Component:
    """The lines by product and region with subtotals; each opens "Why this amount"."""
    return rx.el.div(
        rx.el.div(
            rx.el.span("Line"),
            rx.el.span("Quantity", class_name="number"),
            rx.el.span("Unit price", class_name="number"),
            rx.el.span("Amount", class_name="number"),
            class_name="statement-grid statement-columns",
            aria_hidden="true",
        ),
        rx.foreach(products, _product),
        class_name="statement",
    )


def reckoning(totals: Var[list[StatementTotal]]) -> rx.Component:
    """From the sum of all lines to what is due."""
    return rx.el.dl(rx.foreach(totals, _total), class_name="reckoning")


def _product(product: Var[StatementProduct]) -> rx.Component:
    return rx.el.section(
        rx.el.header(rx.el.h3(product.name), rx.el.span(product.amount, class_name="number"), class_name="statement-product"),
        rx.foreach(product.regions, _region),
        key=product.name,
    )


def _region(region: Var[StatementRegion]) -> rx.Component:
    lines = rx.foreach(region.lines, _line)
    grouped = rx.el.details(
        rx.el.summary(
            rx.icon("chevron-right", size=14, aria_hidden="true"),
            rx.el.span(region.name, class_name="cut"),
            rx.el.span(region.count, class_name="muted tiny"),
            rx.el.span(region.amount, class_name="number"),
        ),
        lines,
        open=region.is_open,
        class_name="statement-region",
    )
    return rx.el.div(rx.cond(region.name != "", grouped, rx.fragment(lines)), key=region.name)


def _line(line: Var[StatementLine]) -> rx.Component:
    small = rx.el.span(
        rx.cond(line.where != "", rx.el.span(line.where), rx.fragment()),
        rx.cond(line.days != "", rx.el.span(line.days), rx.fragment()),
        class_name="statement-small",
    )
    return rx.el.details(
        rx.el.summary(
            rx.el.span(
                rx.icon("chevron-right", size=14, aria_hidden="true"),
                rx.el.span(rx.el.bdi(line.description), small, class_name="statement-text"),
                class_name="statement-what",
            ),
            rx.el.span(line.quantity, class_name="number statement-quantity"),
            rx.el.span(line.price, class_name="number statement-price muted"),
            rx.el.span(line.amount, class_name=rx.cond(line.is_reduction, "number strong down", "number strong")),
            class_name="statement-grid",
            title="Why this amount",
        ),
        _why(line),
        class_name="statement-line",
        key=line.key,
        custom_attrs={"data-line": line.key},
    )


def _why(line: Var[StatementLine]) -> rx.Component:
    return rx.el.div(
        rx.el.p(rx.el.span("Why this amount", class_name="strong"), " ", rx.el.span(line.unit, class_name="muted"), class_name="small"),
        rx.el.table(
            rx.el.caption("Each step and the exact amount it comes to", class_name="visually-hidden"),
            rx.el.tbody(rx.foreach(line.steps, _step)),
            rx.el.tfoot(rx.el.tr(rx.el.th(line.total, scope="row"), rx.el.td(line.amount, class_name="number"))),
            class_name="working",
        ),
        rx.cond(
            line.taken.length() > 0,
            rx.el.table(rx.el.caption("Taken from"), rx.el.tbody(rx.foreach(line.taken, _step)), class_name="working"),
            rx.fragment(),
        ),
        rx.el.div(
            rx.cond(line.source != "", rx.el.span(line.source, class_name="muted"), rx.fragment()),
            rx.cond(
                line.evidence_href != "",
                rx.link("Exactly this usage in the explorer", href=line.evidence_href, class_name="link"),
                rx.fragment(),
            ),
            rx.cond(line.command != "", copy_button(line.command, "Copy as command"), rx.fragment()),
            class_name="why-ways",
        ),
        class_name="statement-why",
    )


def _step(step: Var[WorkingStep]) -> rx.Component:
    return rx.el.tr(rx.el.th(rx.el.bdi(step.text), scope="row"), rx.el.td(step.amount, class_name="number"))


def _total(total: Var[StatementTotal]) -> rx.Component:
    return rx.el.div(
        rx.el.dt(total.label),
        rx.el.dd(total.amount, class_name="number"),
        rx.cond(total.note != "", rx.el.dd(total.note, class_name="reckoning-note"), rx.fragment()),
        custom_attrs={"data-strong": rx.cond(total.is_strong, "true", "false"), "data-due": rx.cond(total.is_due, "true", "false")},
    )
