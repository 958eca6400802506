"""The machines list's questions to the database, answered ready to print. Blocks; call it off the event loop."""

from collections.abc import Mapping

from sqlmodel import Session

from flyusage import clock, db
from flyusage.metering.machines import billed_machines, running_of
from flyusage.orgs.permissions import Permission
from flyusage.periods import HOUR, Period, floor_hour, month_period
from flyusage.pricing import explorer
from flyusage.pricing.books import book_of
from flyusage.pricing.machines import top_machines
from flyusage.pricing.view import Dimension, Filter
from flyusage.ui.addresses import page_in
from flyusage.ui.pages.machines.rows import Screen
from flyusage.ui.pages.machines.screen import LAST_PAGE, PAGE_LENGTH, STATES, Choice, Listed, screen
from flyusage.ui.session import OpenOrganization, open_organization


def choice_in(query: Mapping[str, object]) -> Choice:
    """What the address chooses; nonsense chooses nothing."""
    find, state = query.get("find"), query.get("state")
    return Choice(
        find=find.replace("\0", "")[:200] if isinstance(find, str) else "",
        state=next((known for known in STATES if known == state), "all"),
        page=page_in(query.get("page")),
    )


def ask(slug: str, choice: Choice) -> Screen | None:
    """A page of machines; None before the first event or for no such organization. Raises NotPermitted."""
    org = open_organization(slug, Permission.MACHINES_READ)
    if org is None:
        return None
    with db.transaction(org.id, apps=org.apps) as session:
        return _answer(session, org, choice)


def _answer(session: Session, org: OpenOrganization, choice: Choice) -> Screen | None:
    now, history = clock.now(), explorer.history(session, org.id)
    if history is None:
        return None
    month = month_period(min(now, history.end))
    period = Period(month.start, min(month.end, floor_hour(now) + HOUR))
    is_running = None if choice.state == "all" else choice.state == "running"
    names = billed_machines(session, org.id, month.start.date(), find=choice.find, is_running=is_running)
    pages = min(LAST_PAGE, max(1, -(-len(names) // PAGE_LENGTH)))
    page = min(choice.page, pages)
    filters = (Filter(Dimension.MACHINE, tuple(names)),) if choice.find or is_running is not None else ()
    costs = top_machines(session, org.id, period, filters=filters, limit=page * PAGE_LENGTH, now=now) if names else []
    shown = costs[(page - 1) * PAGE_LENGTH :]
    listed = Listed(
        month=month.start.date(),
        currency=book_of(session, org.id).currency,
        machines=shown,
        count=len(names),
        running=running_of(session, org.id, [one.name for one in shown]),
        is_current=now in month,
    )
    return screen(org.slug, listed, choice)
