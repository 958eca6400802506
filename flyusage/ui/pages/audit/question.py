"""The audit page's questions to the database, answered ready to print. Blocks; call it off the event loop."""

import re

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import db
from flyusage.orgs import audit
from flyusage.orgs.permissions import Permission
from flyusage.orgs.queries import names_of
from flyusage.ui.pages.audit.address import Choice
from flyusage.ui.pages.audit.rows import Screen
from flyusage.ui.pages.audit.screen import PAGE_LENGTH, Found, screen
from flyusage.ui.session import OpenOrganization, open_organization

_ACCOUNT = re.compile(r"(?:user|staff):(\d{1,9})")


def ask(slug: str, choice: Choice) -> Screen | None:
    """A page of the audit; None for no such organization. Raises NotPermitted."""
    org = open_organization(slug, Permission.AUDIT_READ)
    if org is None:
        return None
    with db.transaction(org.id, apps=org.apps) as session:
        found = audit.entries(session, org.id, choice.wanted, limit=PAGE_LENGTH + 1, before_id=choice.before)
        actors, actions = audit.actors_and_actions(session, org.id)
        count, head = _head(session)
    shown = found[:PAGE_LENGTH]
    names = _names(org, [*actors, *(one.subject for one in shown)])
    return screen(slug, choice, Found(shown, len(found) > PAGE_LENGTH, names, actors, actions, count, head))


def _head(session: Session) -> tuple[int, str]:
    row = session.execute(sa.text("SELECT position, encode(sha256, 'hex') FROM audit_head")).one_or_none()
    return (row[0], row[1]) if row is not None else (0, "")


def _names(org: OpenOrganization, said: list[str]) -> dict[int, str]:
    """Names of members, for readers who may know who they are."""
    if Permission.MEMBERS_READ not in org.permissions:
        return {}
    ids = {int(match[1]) for one in said if (match := _ACCOUNT.fullmatch(one))}
    with db.platform_transaction() as session:
        return names_of(session, org.id, ids) if ids else {}
