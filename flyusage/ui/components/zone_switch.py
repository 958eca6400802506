"""The choice of the zone that a chart tells its hours in."""

import reflex as rx
from reflex.vars import Var


class ZoneSwitch(rx.Component):
    """Links to the same view in UTC and in the reader's zone; nothing where those are the same, or `at` is empty.

    `minutes` east of UTC are shown now, `href` is the view in UTC, `at` a moment of the chart (ISO 8601): the reader's clocks
    change with the season.
    """

    library = "$/flyusage/zone"
    tag = "ZoneSwitch"
    minutes: Var[int]
    at: Var[str]
    href: Var[str]
