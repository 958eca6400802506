"""What stops when somebody leaves an organization, and who takes it over.

A budget is the organization's and goes on; what stops are the mails to whoever left, unless an heir gets them. So are shared views;
somebody's own are deleted, unless an heir gets them. Personal tokens stop by themselves, with the membership that they hang on.
"""

from collections.abc import Collection
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock, db
from flyusage.alerts import budgets, saved_views
from flyusage.alerts.budgets import Budget
from flyusage.alerts.models import budget
from flyusage.invoices import seats
from flyusage.orgs import api_tokens, audit, memberships
from flyusage.orgs.acting import Actor
from flyusage.orgs.api_tokens import Token
from flyusage.orgs.errors import MemberUnknown
from flyusage.orgs.permissions import Permission


@dataclass(frozen=True)
class Stops:
    """What stops with a member: their working `tokens`, the last used first, and the mails of `budgets` that tell them.

    `kept_tokens` are the organization's own that they made: those go on. `views` are the names of the saved views that are deleted,
    `kept_views` of those that are shared and go on.
    """

    tokens: tuple[Token, ...]
    budgets: tuple[Budget, ...]
    kept_tokens: tuple[Token, ...]
    views: tuple[str, ...] = ()
    kept_views: tuple[str, ...] = ()


def stops(session: Session, org_id: int, user_id: int) -> Stops:
    """What removing the member stops. In the organization's own transaction. Raises MemberUnknown."""
    return stops_with(session, org_id, [user_id])[user_id]


def stops_with(session: Session, org_id: int, leaving: Collection[int]) -> dict[int, Stops]:
    """As `stops`, of several members (user ids): by whose it is, in as many questions as for one."""
    emails = _addresses(session, leaving)
    working = [one for one in api_tokens.tokens(session, org_id) if one.state == "active"]
    working.sort(key=lambda one: (one.used_at is None, _ago(one)))
    planned = budgets.budgets(session, org_id)
    owned = saved_views.owned_by(session, org_id, leaving)
    return {
        user_id: Stops(
            tokens=tuple(one for one in working if one.user_id == user_id),
            budgets=tuple(one for one in planned if email in one.plan.recipients),
            kept_tokens=tuple(one for one in working if one.user_id is None and one.created_by == f"user:{user_id}"),
            views=tuple(name for owner, name, is_shared in owned if owner == user_id and not is_shared),
            kept_views=tuple(name for owner, name, is_shared in owned if owner == user_id and is_shared),
        )
        for user_id, email in emails.items()
    }


def hand_over(session: Session, org_id: int, leaving: Collection[int], heir: int | None, *, by: Actor) -> int:
    """Take the addresses of `leaving` (user ids) out of every budget's recipients, the heir's in their place; how many that changed.

    Their saved views become the heir's; without one, those that are shared go on and the others are deleted.

    In the transaction that removes them, before it does; whoever leaves by themselves needs no permission to. Raises NotPermitted, and
    MemberUnknown for an heir who is none or leaves too.
    """
    if set(leaving) != {by.user_id} or heir is not None:
        by.may(Permission.MEMBERS_MANAGE)
    addresses = set(_addresses(session, leaving).values())
    taking = None if heir is None else _address(session, heir)
    if taking in addresses:
        raise MemberUnknown("Who leaves cannot take over. Choose somebody who stays.")
    saved_views.inherit(session, org_id, leaving, heir, by=by)
    return _hand_over(session, org_id, addresses, taking, None, by=by)


def hand_over_unasked(session: Session, org_id: int, leaving: int, *, by: Actor) -> int:
    """The same for somebody of whom nobody said who takes over: they leave by themselves, or their directory takes them out.

    A budget that tells others too goes on telling them; one that would tell nobody any more tells the owner who has been here longest.
    Their shared views go on, their own ones are deleted.
    """
    address, owner = _address(session, leaving), session.scalar(sa.text(_OLDEST_OWNER), {"leaving": leaving})
    saved_views.inherit(session, org_id, [leaving], None, by=by)
    return _hand_over(session, org_id, {address}, None, owner, by=by)


def _hand_over(
    session: Session, org_id: int, addresses: AbstractSet[str], taking: str | None, else_nobody: str | None, *, by: Actor
) -> int:
    """Take `addresses` out, `taking` in their place in each; `else_nobody` only where nobody is left."""
    changed = 0
    for one in budgets.budgets(session, org_id):
        told = one.plan.recipients
        if not addresses & set(told):
            continue
        after = [each for each in told if each not in addresses]
        if taking is not None and taking not in after:
            after.append(taking)
        if not after and else_nobody is not None:
            after.append(else_nobody)
        session.execute(sa.update(budget).where(budget.c.org_id == org_id, budget.c.id == one.id).values(recipients=after))
        detail = {"name": one.plan.name, "before": {"recipients": list(told)}, "after": {"recipients": after}}
        audit.record(session, org_id, actor=by.name, action="budget.change", subject=f"budget:{one.id}", detail=detail)
        changed += 1
    return changed


def leave(org_id: int, *, by: Actor) -> None:
    """Take oneself out, and out of every budget's recipients, those of apps too that one does not see: in a transaction of its own.

    An owner takes over what would tell nobody any more.

    Raises as `memberships.leave`.
    """
    with db.transaction(org_id) as session, seats.kept(session, org_id, by=by):
        if by.role is not None and by.user_id is not None:
            hand_over_unasked(session, org_id, by.user_id, by=by)
        memberships.leave(session, org_id, by=by)


def _address(session: Session, user_id: int) -> str:
    return _addresses(session, [user_id])[user_id]


def _addresses(session: Session, users: Collection[int]) -> dict[int, str]:
    asked = sa.text("SELECT user_id, email FROM people_of_organization(CAST(:users AS int[])) ORDER BY email")
    found = {row.user_id: row.email for row in session.execute(asked, {"users": list(users)})}
    if set(users) - found.keys():
        raise MemberUnknown("That person does not belong to this organization, or no longer. Load the page again.")
    return found


_OLDEST_OWNER = """
SELECT email FROM people_of_organization(NULL) WHERE role = 'owner' AND user_id <> :leaving ORDER BY joined_at, user_id LIMIT 1"""


def _ago(one: Token) -> float:
    return (clock.now() - one.used_at).total_seconds() if one.used_at else 0.0
