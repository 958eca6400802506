"""A statement: product, region, line, each line opening its working. The draft and an issued invoice look alike."""

from dataclasses import dataclass, field

import reflex as rx
from reflex.vars import Var

from flyusage.ui.components.copy_button import copy_button

MOST_WRITTEN = 10_000  # characters of a question, as `invoices.questions` takes them


@dataclass(frozen=True)
class WorkingStep:
    """A step of a working: what was done, and the exact amount it came to."""

    text: str
    amount: str


@dataclass(frozen=True)
class LineQuestion:
    """What somebody asked about a line, and staff's answer, if there is one yet. `tone` is open or ok."""

    note: str
    asked: str
    state: str
    tone: str
    answer: str = ""
    answered: str = ""


@dataclass(frozen=True)
class StatementLine:
    """A line and why it is what it is. `where` is its region where no heading above it names it; `taken`, from which lines.

    `source` says where the price is from (`source_href` shows its history), `unit` what the steps are in. What has no usage has no `evidence_href`.
    A line of an issued invoice has a `position`, its working and evidence to save, and `questions` (`open_count` wait for an answer).
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
    source_href: str = ""
    evidence_href: str = ""
    command: str = ""
    position: str = ""
    json_href: str = ""
    zip_href: str = ""
    questions: list[LineQuestion] = field(default_factory=list)
    asked: str = ""


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


def statement_lines(products: Var[list[StatementProduct]], on_question: rx.EventHandler | None = None) -> rx.Component:
    """The lines by product and region with subtotals; each opens "Why this amount".

    With `on_question` each can be questioned: it gets the form's `position` and `note`.
    """
    return rx.el.div(
        rx.el.div(
            rx.el.span("Line"),
            rx.el.span("Quantity", class_name="number"),
            rx.el.span("Unit price", class_name="number"),
            rx.el.span("Amount", class_name="number"),
            class_name="statement-grid statement-columns",
            aria_hidden="true",
        ),
        rx.foreach(products, lambda product: _product(product, on_question)),
        class_name="statement",
    )


def reckoning(totals: Var[list[StatementTotal]]) -> rx.Component:
    """From the sum of all lines to what is due."""
    return rx.el.dl(rx.foreach(totals, _total), class_name="reckoning")


def _product(product: Var[StatementProduct], on_question: rx.EventHandler | None) -> rx.Component:
    return rx.el.section(
        rx.el.header(rx.el.h3(product.name), rx.el.span(product.amount, class_name="number"), class_name="statement-product"),
        rx.foreach(product.regions, lambda region: _region(region, on_question)),
        key=product.name,
    )


def _region(region: Var[StatementRegion], on_question: rx.EventHandler | None) -> rx.Component:
    lines = rx.foreach(region.lines, lambda line: _line(line, on_question))
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


def _line(line: Var[StatementLine], on_question: rx.EventHandler | None) -> rx.Component:
    small = rx.el.span(
        rx.cond(line.where != "", rx.el.span(line.where), rx.fragment()),
        rx.cond(line.days != "", rx.el.span(line.days), rx.fragment()),
        rx.cond(line.asked != "", rx.el.span(line.asked, class_name="tag"), rx.fragment()),
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
        _why(line, on_question),
        class_name="statement-line",
        key=line.key,
        custom_attrs={"data-line": line.key},
    )


def _why(line: Var[StatementLine], on_question: rx.EventHandler | None) -> rx.Component:
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
            rx.cond(
                line.source_href != "",
                rx.link(line.source, href=line.source_href, class_name="link"),
                rx.cond(line.source != "", rx.el.span(line.source, class_name="muted"), rx.fragment()),
            ),
            rx.cond(
                line.evidence_href != "",
                rx.link("Exactly this usage in the explorer", href=line.evidence_href, class_name="link"),
                rx.fragment(),
            ),
            _saved("Working (JSON)", line.json_href),
            _saved("Evidence (zip)", line.zip_href),
            rx.cond(line.command != "", copy_button(line.command, "Copy as command"), rx.fragment()),
            class_name="why-ways",
        ),
        _questions(line, on_question) if on_question is not None else rx.fragment(),
        class_name="statement-why",
    )


def _saved(label: str, href: Var[str]) -> rx.Component:
    return rx.cond(href != "", rx.el.a(label, href=href, download=True, reload_document=True, class_name="link"), rx.fragment())


def _questions(line: Var[StatementLine], on_question: rx.EventHandler) -> rx.Component:
    """What was asked about the line, and the form for more. The form says its line itself: a handler of each line would be a hook of each."""
    asked = rx.el.ul(rx.foreach(line.questions, _question), class_name="line-questions", aria_label="Questions on this line")
    form = rx.el.form(
        rx.el.input(type="hidden", name="position", value=line.position),
        rx.el.textarea(
            name="note",
            required=True,
            max_length=MOST_WRITTEN,
            rows=3,
            placeholder="What would you like to know?",
            aria_label="Your question on this line",
            class_name="field",
        ),
        rx.el.div(
            rx.el.span("Everybody who may read this invoice sees it; the audit keeps it.", class_name="muted tiny"),
            rx.el.button("Send the question", type="submit", class_name="button button-primary"),
            class_name="form-foot",
        ),
        on_submit=on_question,
        reset_on_submit=True,
        class_name="question-form",
    )
    return rx.fragment(
        rx.cond(line.questions.length() > 0, asked, rx.fragment()),
        rx.el.details(rx.el.summary("Question this line", class_name="link"), form, class_name="question-new"),
    )


def _question(question: Var[LineQuestion]) -> rx.Component:
    answer = rx.el.div(
        rx.el.bdi(question.answer, class_name="written"),
        rx.el.span(question.answered, class_name="muted tiny"),
        class_name="question-answer",
    )
    return rx.el.li(
        rx.el.bdi(question.note, class_name="written"),
        rx.el.span(
            rx.el.span(question.state, class_name="state", custom_attrs={"data-tone": question.tone}),
            rx.el.span(question.asked, class_name="muted"),
            class_name="question-state tiny",
        ),
        rx.cond(question.answer != "", answer, rx.fragment()),
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
