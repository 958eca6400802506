"""What a page's address and its events say beside the organization: parsed, never trusted."""

from collections.abc import Iterable
from datetime import date, datetime
from urllib.parse import unquote

from flyusage.pricing.urls import parse_zone

LONGEST_NAME = 1000
LONGEST_PAGE = 9  # digits
LONGEST_ZONE = 20


def machine_in(path: str) -> str:
    """The machine in `/orgs/{slug}/machines/{machine}`; empty where there is none."""
    return _named_in(path, "machines")


def invoice_in(path: str) -> str:
    """The invoice's number in `/orgs/{slug}/invoices/{number}`; empty where there is none."""
    return _named_in(path, "invoices")


def month_in(text: object) -> date | None:
    """The first day of `2026-10`; None for anything else."""
    if not isinstance(text, str) or len(text) != len("2026-10") or not text.isascii():
        return None
    try:
        return datetime.strptime(text, "%Y-%m").date()  # noqa: DTZ007 a month of the calendar has no zone
    except ValueError:
        return None


def zone_in(text: object) -> int:
    """Minutes east of UTC from `05:30`; 0 for anything else."""
    return parse_zone(text[:LONGEST_ZONE]) or 0 if isinstance(text, str) else 0


def page_in(text: object) -> int:
    """A page number from 1; 1 for anything else."""
    if not isinstance(text, str) or not (text.isascii() and text.isdecimal()):
        return 1
    return max(1, int(text[:LONGEST_PAGE]))


def id_in(text: object) -> int | None:
    """A row's id or a line's position as a browser sends it, of nine digits at most; None for anything else."""
    is_one = isinstance(text, str) and text.isascii() and text.isdecimal() and len(text) <= LONGEST_PAGE
    return int(text) if is_one else None


def text_in(given: object, name: str, *, longest: int = LONGEST_NAME) -> str:
    """The text under `name` in what a browser sent, cut at `longest`; empty for anything that is no text in a mapping."""
    found = given.get(name) if isinstance(given, dict) else None
    return found[:longest] if isinstance(found, str) else ""


def typed_in(given: object, names: Iterable[str], *, longest: int = LONGEST_NAME) -> dict[str, str]:
    """What somebody typed into a form's fields, by `names`, each as `text_in` without the blanks around it and without NUL."""
    return {name: text_in(given, name, longest=longest).replace("\0", "").strip() for name in names}


def _named_in(path: str, collection: str) -> str:
    parts = path.split("/")
    return unquote(parts[4])[:LONGEST_NAME] if len(parts) > 4 and parts[3] == collection else ""
