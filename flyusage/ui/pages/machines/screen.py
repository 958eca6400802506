"""The list of machines, printed. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal
from urllib.parse import quote, urlencode

from flyusage.money import CURRENCIES, format_money
from flyusage.pricing.machines import MachineCost
from flyusage.ui import present
from flyusage.ui.charts.text import visible
from flyusage.ui.pages.explorer.paths import machine_href
from flyusage.ui.pages.machines.rows import MachineRow, Screen, StateLink

PAGE_LENGTH = 50
LAST_PAGE = 40  # past two thousand machines a search is quicker than paging
State = Literal["all", "running", "stopped"]
STATES: dict[State, str] = {"all": "All", "running": "Running", "stopped": "Stopped"}


@dataclass(frozen=True)
class Choice:
    """What the address chooses."""

    find: str = ""
    state: State = "all"
    page: int = 1


@dataclass(frozen=True)
class Listed:
    """One page of machines: `count` match, `running` holds the names of those that run."""

    month: date
    currency: str
    machines: Sequence[MachineCost]
    count: int
    running: frozenset[str]
    is_current: bool


def list_href(slug: str, choice: Choice) -> str:
    """The list's address for a choice; what is not chosen is left out."""
    asked = {
        "find": choice.find,
        "state": "" if choice.state == "all" else choice.state,
        "page": "" if choice.page < 2 else str(choice.page),
    }
    query = urlencode({name: value for name, value in asked.items() if value})
    return f"/orgs/{quote(slug)}/machines{'?' + query if query else ''}"


def screen(slug: str, listed: Listed, choice: Choice) -> Screen:
    """Everything the list shows."""
    pages = min(LAST_PAGE, max(1, -(-listed.count // PAGE_LENGTH)))
    page = min(choice.page, pages)
    month = f"{listed.month:%B}"
    so_far = f"{month} so far" if listed.is_current else f"{month} {listed.month.year}"
    return Screen(
        note=f"by list cost in {so_far}",
        rows=[_row(slug, one, listed) for one in listed.machines],
        states=[StateLink(label, list_href(slug, Choice(choice.find, state)), state == choice.state) for state, label in STATES.items()],
        count=present.plural(listed.count, "machine"),
        find=choice.find,
        cost_title=f"{month} cost",
        ids="\n".join(one.name for one in listed.machines),
        ids_label=f"Copy {present.plural(len(listed.machines), 'id')}",
        pages=f"{page:,} of {pages:,}",
        order=_order(listed.count),
        previous_href=list_href(slug, Choice(choice.find, choice.state, page - 1)) if page > 1 else "",
        next_href=list_href(slug, Choice(choice.find, choice.state, page + 1)) if page < pages else "",
        **_empty(listed, choice, so_far),
    )


def _order(count: int) -> str:
    most = LAST_PAGE * PAGE_LENGTH
    return "Costliest first." if count <= most else f"The costliest {most:,} of {count:,}; search for the others."


def _row(slug: str, one: MachineCost, listed: Listed) -> MachineRow:
    is_running = one.name in listed.running
    return MachineRow(
        name=one.name,
        label=visible(one.name),
        app=visible(one.app),
        region=one.region,
        size=one.vm_size,
        state="running" if is_running else "stopped",
        is_running=is_running,
        hours=present.number_text(one.machine_hours),
        cost="unpriced" if one.is_unpriced and not one.list_cost else format_money(one.list_cost, CURRENCIES[listed.currency]),
        href=machine_href(slug, one.name),
    )


def _empty(listed: Listed, choice: Choice, so_far: str) -> dict[str, str]:
    if listed.count:
        return {}
    if choice.find:
        return {
            "empty_title": "No machine matches",
            "empty_next": "Ids, apps, regions and sizes are searched; try a shorter part of one.",
        }
    if choice.state != "all":
        return {"empty_title": f"No machine is {choice.state}", "empty_next": f"None of those billed in {so_far} is."}
    return {
        "empty_title": f"No machine was billed in {so_far}",
        "empty_next": "Ingest events, or choose another month in the explorer.",
    }
