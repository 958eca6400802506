"""The address holds the whole view, readable: `?show=list_cost&by=region&from=2026-10-01&to=2026-11-01&region=fra,gru&app=!app_22`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from flyusage.periods import Period
from flyusage.pricing.view import View


@dataclass(frozen=True)
class Preset:
    """A named range. `key` is what the address says (`range=this-month`)."""

    key: str
    label: str
    period: Period


def view_from_query(
    params: Mapping[str, str | Sequence[str]], *, now: datetime, history: Period | None
) -> tuple[View, tuple[str, ...]]:
    """The view an address asks for, and a sentence for everything in it that was not taken as written.

    Nothing asked gives `default_view`. `history` is the span of the organization's events.
    """
    raise NotImplementedError


def view_to_query(view: View) -> dict[str, str]:
    """The address's query for `view`, in reading order, defaults left out; `view_from_query` gives the same view back."""
    raise NotImplementedError


def default_view(*, now: datetime, history: Period | None) -> View:
    """List cost by region over the last month with events."""
    raise NotImplementedError


def presets(*, now: datetime, history: Period | None) -> tuple[Preset, ...]:
    """The ranges offered by name, shortest first; all end at or after `now`'s last full hour, except last month."""
    raise NotImplementedError
