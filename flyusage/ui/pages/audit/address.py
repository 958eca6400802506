"""The audit page's address: which entries, parsed, never trusted."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import quote, urlencode

from flyusage.orgs.audit import Wanted
from flyusage.ui.addresses import text_in

LONGEST_CHOICE = 100
LAST_ID = 2**63 - 1
FIRST_YEAR, LAST_YEAR = 2000, 9000


@dataclass(frozen=True)
class Choice:
    """An actor and an action as the audit names them (empty: any), days from and to in UTC, both included, and where a page begins."""

    actor: str = ""
    action: str = ""
    since: date | None = None
    until: date | None = None
    before: int | None = None

    @property
    def wanted(self) -> Wanted:
        """Which entries that are."""
        return Wanted(
            actor=self.actor or None,
            action=self.action or None,
            since=datetime.combine(self.since, time(), UTC) if self.since else None,
            until=datetime.combine(self.until + timedelta(days=1), time(), UTC) if self.until else None,
        )

    @property
    def is_filtered(self) -> bool:
        """Whether it leaves any entry out."""
        return self.wanted != Wanted()


def choice_in(query: Mapping[str, object]) -> Choice:
    """What an address (or a form) chooses; nonsense chooses nothing."""
    given = dict(query)
    before = text_in(given, "before", longest=20)
    return Choice(
        actor=_name(given, "actor"),
        action=_name(given, "action"),
        since=_day(text_in(given, "from", longest=20)),
        until=_day(text_in(given, "to", longest=20)),
        before=min(int(before), LAST_ID) if before.isascii() and before.isdecimal() else None,
    )


def audit_href(slug: str, choice: Choice, ending: str = "") -> str:
    """The page's address for a choice, or with an `ending` (.csv, .jsonl) that of its download."""
    asked = {
        "actor": choice.actor,
        "action": choice.action,
        "from": choice.since.isoformat() if choice.since else "",
        "to": choice.until.isoformat() if choice.until else "",
        "before": str(choice.before) if choice.before is not None else "",
    }
    query = urlencode({name: value for name, value in asked.items() if value})
    return f"/orgs/{quote(slug)}/audit{ending}{'?' + query if query else ''}"


def first_page(choice: Choice) -> Choice:
    """The same from the newest entry on."""
    return replace(choice, before=None)


def _name(query: Mapping[str, object], name: str) -> str:
    return text_in(query, name, longest=LONGEST_CHOICE).replace("\0", "")


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if FIRST_YEAR <= found.year <= LAST_YEAR else None
