"""A month as files for other tools and for finance: on an invoice's page and on that of billing."""

from dataclasses import dataclass
from datetime import date
from urllib.parse import quote

import reflex as rx
from reflex.vars import Var


@dataclass(frozen=True)
class MonthFile:
    """A file: what it is, what it is for, and where."""

    label: str
    note: str
    href: str


def month_files(slug: str, month: date) -> list[MonthFile]:
    """The files of a month, by app and day; machines and hours are the command line's and the API's. Pure."""
    base = f"/orgs/{quote(slug)}/billing/{month:%Y-%m}"
    return [
        MonthFile("By cost centre (PDF)", "one page to file", f"{base}/cost-centres.pdf"),
        MonthFile("By cost centre (CSV)", "a line per app; sums to the net", f"{base}/cost-centres.csv"),
        MonthFile("FOCUS 1.2 (CSV)", "every charge by day, for cost tools", f"{base}/focus.csv"),
        MonthFile("FOCUS 1.2 (Parquet)", "the same with exact decimals", f"{base}/focus.parquet"),
    ]


def month_files_card(files: Var[list[MonthFile]], month: Var[str]) -> rx.Component:
    """Whole page loads: the browser saves what it gets and stays where it is."""
    return rx.el.section(
        rx.el.header(
            rx.el.h2(month, " as files", class_name="card-title"),
            rx.el.span("for finance and for other tools", class_name="card-note"),
            class_name="card-head",
        ),
        rx.el.ul(rx.foreach(files, _file), class_name="month-files"),
        class_name="card",
        aria_label="The month as files",
    )


def _file(file: Var[MonthFile]) -> rx.Component:
    return rx.el.li(
        rx.el.a(
            rx.icon("download", aria_hidden="true"), file.label, href=file.href, download=True, reload_document=True, class_name="link"
        ),
        rx.el.span(file.note, class_name="muted small"),
    )
