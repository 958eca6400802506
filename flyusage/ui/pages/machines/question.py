"""The machines list's questions to the database, answered ready to print. Blocks; call it off the event loop."""

from collections.abc import Mapping, Sequence

from sqlmodel import Session

from flyusage import clock, db
from flyusage.metering.machines import running_machines
from flyusage.periods import HOUR, Period, floor_hour, month_period
from flyusage.pricing import explorer
from flyusage.pricing.books import book_of
from flyusage.pricing.machines import MachineCost, top_machines
from flyusage.ui.addresses import page_in
from flyusage.ui.pages.machines.rows import Screen
from flyusage.ui.pages.machines.screen import PAGE_LENGTH, STATES, Choice, Listed, screen
from flyusage.ui.session import OpenOrganization, open_organization

EVERY = 1_000_000


def choice_in(query: Mapping[str, object]) -> Choice:
    """What the address chooses; nonsense chooses nothing."""
    find, state = query.get("find"), query.get("state")
    return Choice(
        find=find.replace("\0", "")[:200] if isinstance(find, str) else "",
        state=next((known for known in STATES if known == state), "all"),
        page=page_in(query.get("page")),
    )


def ask(slug: str, choice: Choice) -> Screen | None:
    """A page of machines; None before the first event or for no such organization."""
    org = open_organization(slug)
    if org is None:
        return None
    with db.transaction(org.id) as session:
        return _answer(session, org, choice)


def _answer(session: Session, org: OpenOrganization, choice: Choice) -> Screen | None:
    now, history = clock.now(), explorer.history(session, org.id)
    if history is None:
        return None
    month = month_period(min(now, history.end))
    period = Period(month.start, min(month.end, floor_hour(now) + HOUR))
    running = running_machines(session, org.id)
    found = _matching(top_machines(session, org.id, period, limit=EVERY, now=now), choice, running)
    page = min(choice.page, max(1, -(-len(found) // PAGE_LENGTH)))
    shown = found[(page - 1) * PAGE_LENGTH : page * PAGE_LENGTH]
    currency = book_of(session, org.id).currency
    listed = Listed(month.start.date(), currency, shown, len(found), running, is_current=now in month)
    return screen(org.slug, listed, choice)


def _matching(costs: Sequence[MachineCost], choice: Choice, running: frozenset[str]) -> list[MachineCost]:
    wanted = choice.find.casefold()
    return [
        one
        for one in costs
        if (choice.state == "all" or (one.name in running) == (choice.state == "running"))
        and (not wanted or any(wanted in text.casefold() for text in (one.name, one.app, one.region, one.vm_size)))
    ]
