"""The prices page's address: where, on which day, what is searched, whose history. Parsed, never trusted. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from urllib.parse import quote, urlencode

LONGEST = 100


@dataclass(frozen=True)
class Choice:
    """What the address chooses; `on` None is today, no region is all of them, `sku` opens its history."""

    region: str = ""
    on: date | None = None
    find: str = ""
    sku: str = ""

    def with_(self, **changes: object) -> "Choice":
        """Another choice."""
        return replace(self, **changes)


def choice_in(query: Mapping[str, object]) -> Choice:
    """What the address chooses; nonsense chooses nothing."""
    return Choice(_text(query.get("region")), _day(query.get("on")), _text(query.get("find")), _text(query.get("sku")))


def prices_href(slug: str, choice: Choice) -> str:
    """The page's address for a choice; what is not chosen is left out."""
    asked = {"region": choice.region, "on": choice.on.isoformat() if choice.on else "", "find": choice.find, "sku": choice.sku}
    query = urlencode({name: value for name, value in asked.items() if value})
    return f"/orgs/{quote(slug)}/prices{'?' + query if query else ''}"


def _text(given: object) -> str:
    return given.replace("\0", "").strip()[:LONGEST] if isinstance(given, str) else ""


def _day(given: object) -> date | None:
    try:
        found = date.fromisoformat(given) if isinstance(given, str) else None
    except ValueError:
        return None
    return found if found and found.isoformat() == given else None  # not every way that ISO 8601 has of writing it
