"""The billing page's address: which month, and which invoices below it. Parsed, never trusted. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from urllib.parse import quote, urlencode

from flyusage.invoices.models import State
from flyusage.ui.addresses import month_in

OVERDUE = "overdue"
STATES = {"": "All", State.OPEN: "Open", OVERDUE: "Overdue", State.PAID: "Paid", State.VOID: "Void", State.UNCOLLECTIBLE: "Uncollectible"}
LONGEST_SEARCH = 200
LONGEST_CURSOR = 80


@dataclass(frozen=True)
class Choice:
    """What the address chooses; `month` None is the present one, `after` continues the list of invoices."""

    month: date | None = None
    state: str = ""
    year: int | None = None
    find: str = ""
    after: str = ""

    def at(self, month: date | None) -> "Choice":
        """Another month, the same invoices."""
        return replace(self, month=month)

    def listing(self, **changes: object) -> "Choice":
        """Other invoices, from the newest on, unless `after` says from where."""
        return replace(self, **{"after": "", **changes})


def choice_in(query: Mapping[str, object]) -> Choice:
    """What the address chooses; nonsense chooses nothing."""
    state = query.get("state")
    return Choice(
        month=month_in(query.get("month")),
        state=next((str(known) for known in STATES if known == state), ""),
        year=_year(query.get("year")),
        find=_text(query.get("find"), LONGEST_SEARCH),
        after=_text(query.get("after"), LONGEST_CURSOR),
    )


def billing_href(slug: str, choice: Choice) -> str:
    """The page's address for a choice; what is not chosen is left out."""
    asked = {
        "month": f"{choice.month:%Y-%m}" if choice.month else "",
        "state": choice.state,
        "year": str(choice.year) if choice.year else "",
        "find": choice.find,
        "after": choice.after,
    }
    query = urlencode({name: value for name, value in asked.items() if value})
    return f"/orgs/{quote(slug)}/billing{'?' + query if query else ''}"


def invoice_href(slug: str, number: str) -> str:
    """An invoice's page."""
    return f"/orgs/{quote(slug)}/invoices/{quote(number, safe='')}"


def _text(given: object, longest: int) -> str:
    return given.replace("\0", "").strip()[:longest] if isinstance(given, str) else ""


def _year(given: object) -> int | None:
    january = month_in(f"{given}-01")
    return january.year if january and january.year < date.max.year else None
