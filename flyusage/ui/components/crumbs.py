"""The way down to where a page is, with the way back up."""

from dataclasses import dataclass

import reflex as rx
from reflex.vars import Var


@dataclass(frozen=True)
class Step:
    """A step of the way; the last has no `href`: it is here."""

    label: str
    href: str = ""


def way_down(steps: Var[list[Step]]) -> rx.Component:
    """Breadcrumbs."""
    return rx.el.nav(rx.el.ol(rx.foreach(steps, _step)), aria_label="Where you are", class_name="crumbs")


def _step(step: Var[Step]) -> rx.Component:
    label = rx.el.bdi(step.label)
    here = rx.el.span(label, aria_current="page", title=step.label)
    return rx.el.li(rx.cond(step.href != "", rx.link(label, href=step.href, title=step.label, underline="none"), here))
