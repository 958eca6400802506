"""What stops with whoever is removed, in words, before anything happens. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from flyusage.alerts.offboarding import Stops
from flyusage.invoices.seats import Seats
from flyusage.orgs.api_tokens import Token
from flyusage.orgs.queries import Person
from flyusage.orgs.seats import SEATED
from flyusage.ui import present
from flyusage.ui.charts.text import visible
from flyusage.ui.pages.members.rows import Heir, LeavingRow
from flyusage.ui.session import OpenOrganization

MOST_SHOWN = 100  # of each kind


@dataclass(frozen=True)
class Leaving:
    """Who leaves, what of theirs stops (by user id), and who could take it over, those first who may."""

    people: Sequence[Person]
    stops: Mapping[int, Stops]
    heirs: Sequence[Person]
    now: datetime


def leaving_row(org: OpenOrganization, leaving: Leaving, held: Seats | None, *, row: int) -> LeavingRow:
    """What removing them does, shown in the row of the person `row`, or with those chosen (0). `held` is None where seats are not counted."""
    people = leaving.people
    is_one = len(people) == 1
    does = f"Remove {visible(people[0].email)}" if is_one else f"Remove {len(people):,} from the organization"
    says = [_loss(org, people)]
    if seats := seats_freed(held, sum(one.role in SEATED for one in people), is_one=is_one):
        says.append(seats)
    if kept := [visible(token.name) for one in people for token in leaving.stops[one.user_id].kept_tokens]:
        says.append(f"The organization's own tokens that they made go on: {', '.join(_first(kept))}.")
    return stopping_row(leaving, id=row, ids=[one.user_id for one in people], title=does, says=says, does=does)


def stopping_row(leaving: Leaving, **said: object) -> LeavingRow:
    """The tokens, mails and views that stop, each with whose it is where several leave, and the heirs; beside them what is `said`."""
    tokens, budgets, views = list[str](), list[str](), list[str]()
    for one in leaving.people:
        stops, email = leaving.stops[one.user_id], visible(one.email)
        whose = "" if len(leaving.people) == 1 else f"{email}: "
        tokens += [f"{whose}{visible(token.name)} ({token.hint}…), {_used(token, leaving.now)}" for token in stops.tokens]
        budgets += [f"{visible(budget.plan.name)}: mails to {email}" for budget in stops.budgets]
        views += [f"{whose}{visible(name)}: deleted without an heir" for name in stops.views]
        views += [f"{whose}{visible(name)}: shared, goes on" for name in stops.kept_views]
    heirs = [Heir(str(heir.user_id), f"{visible(heir.name)}, {visible(heir.email)}") for heir in leaving.heirs]
    shown = {"tokens": _first(tokens), "budgets": _first(budgets), "views": _first(views), "heirs": heirs if budgets or views else []}
    return LeavingRow(**shown, **said)


def _loss(org: OpenOrganization, people: Sequence[Person]) -> str:
    name = visible(people[0].name)
    if len(people) > 1:
        return f"{len(people):,} people lose {org.name} at once: open pages of it close. Their accounts stay, and what they did stays in the audit."
    whom = "You lose" if people[0].user_id == org.by.user_id else f"{name} loses"
    return f"{whom} {org.name} at once: open pages of it close. The account stays, and what it did stays in the audit."


def seats_freed(held: Seats | None, count: int, *, is_one: bool) -> str:
    """What `count` seats that get free do to the next invoice."""
    if held is None or not count:
        return ""
    returned = min(count, held.free + count, held.paid)
    seats = "Their seat" if is_one else present.plural(count, "seat")
    if returned <= 0:
        return f"{seats} {'gets' if count == 1 else 'get'} free."
    if returned < count:
        seats = f"{count:,} seats get free, and {returned:,} of them"
    are, bill = ("is", "bills") if seats == "Their seat" or count == 1 or returned == 1 < count else ("are", "bill")
    return f"{seats} {are} given back and {bill} to today: the next invoice is {held.saved(returned)} lower."


def _first(rows: list[str]) -> list[str]:
    return rows if len(rows) <= MOST_SHOWN else [*rows[:MOST_SHOWN], f"and {len(rows) - MOST_SHOWN:,} more"]


def _used(token: Token, now: datetime) -> str:
    return f"last used {present.ago_text(token.used_at, now)}" if token.used_at else "never used"
