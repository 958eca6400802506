"""Ranked bars: name, bar, amount; each line leads to the view it sums up. All bars are one neutral."""

from dataclasses import dataclass

import reflex as rx
from reflex.vars import Var


@dataclass(frozen=True)
class Ranked:
    """A line of a ranking. `width` is CSS (`42.5%` of the largest), `title` the whole name and its share."""

    label: str
    value: str
    width: str
    title: str = ""
    detail: str = ""
    href: str = ""


def ranked_bars(title: str, rows: Var[list[Ranked]], *, more: str | Var[str], more_href: Var[str], empty: str) -> rx.Component:
    """A card of ranked bars. `more` leads to the whole list; `empty` is said where there is nothing to rank."""
    return rx.el.section(
        rx.el.header(
            rx.el.h2(title, class_name="card-title"),
            rx.cond(
                rows.length() > 0,
                rx.link(more, href=more_href, class_name="card-more", underline="none"),
                rx.fragment(),
            ),
            class_name="card-head",
        ),
        rx.cond(
            rows.length() > 0,
            rx.el.div(rx.foreach(rows, _line), class_name="ranked"),
            rx.el.p(empty, class_name="muted small"),
        ),
        class_name="card",
    )


def _line(row: Var[Ranked]) -> rx.Component:
    face = (
        rx.el.span(
            rx.el.bdi(row.label),
            rx.cond(row.detail, rx.el.span(row.detail, class_name="ranked-detail")),
            class_name="cut",
        ),
        rx.el.span(rx.el.span(style={"width": row.width}), class_name="ranked-bar", aria_hidden="true"),
        rx.el.span(row.value, class_name="number"),
    )
    return rx.cond(
        row.href != "",
        rx.link(*face, href=row.href, title=row.title, underline="none"),
        rx.el.div(*face, title=row.title),
    )
