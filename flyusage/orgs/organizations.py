"""An organization itself: made, renamed, moved to another slug, deleted and brought back. Each is audited in its transaction.

A slug that was left leads on to the new one, in addresses and in events, and nobody else may take it. Deleting hides the
organization from everybody; an owner may undo that for 30 days. Its invoices and its audit stay.
"""

import re
import secrets
from datetime import datetime, timedelta
from unicodedata import normalize

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from flyusage import clock, mail
from flyusage.auth import sessions
from flyusage.orgs import audit, memberships
from flyusage.orgs.acting import Actor
from flyusage.orgs.errors import DeletionFinal, NameInvalid, SlugInvalid, SlugTaken
from flyusage.orgs.models import Membership, Organization, Role
from flyusage.orgs.permissions import Permission, require

UNDO = timedelta(days=30)
LONGEST_NAME = 100
MOST_FORMER = 10
LONGEST_BASE, MOST_ALIKE = 50, 20  # of a slug that is made of a name: what is left is for a number

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def create(session: Session, slug: str, name: str, *, owner: int | None = None, by: Actor) -> int:
    """A new organization, owned by the account `owner` where one is named; its id. For the platform's role.

    Raises SlugInvalid, SlugTaken, NameInvalid.
    """
    kept, called = _free(session, slug, None), _named(name or slug)
    made = Organization(slug=kept, name=called, created_at=clock.now())
    try:
        with session.begin_nested():
            session.add(made)
    except IntegrityError as error:  # somebody else took it a moment ago
        raise _taken(kept) from error
    assert made.id is not None
    if owner is not None:
        session.add(Membership(org_id=made.id, user_id=owner, role=Role.OWNER, created_at=clock.now()))
        session.flush()
    detail = {"slug": kept, "name": called, **({"owner": owner} if owner is not None else {})}
    audit.record(session, made.id, actor=by.name, action="organization.create", subject="organization", detail=detail)
    return made.id


def slug_for(session: Session, name: str) -> str:
    """A slug that is free now, of the letters and digits of `name`: "Prism & Co" gives prism-co, or prism-co-2. Raises NameInvalid."""
    plain = normalize("NFKD", _named(name)).encode("ascii", "ignore").decode().lower()
    base = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:LONGEST_BASE].strip("-") or "organization"
    for candidate in (base, *(f"{base}-{number}" for number in range(2, MOST_ALIKE))):
        try:
            return _free(session, candidate, None)
        except SlugTaken:
            continue
    return f"{base}-{secrets.token_hex(4)}"


def rename(session: Session, org_id: int, name: str, *, by: Actor) -> None:
    """Call the organization something else; its slug stays. Raises NotPermitted, NameInvalid."""
    before = _held(session, org_id, Permission.ORGANIZATION_EDIT, by)
    called = _named(name)
    if called != before.name:
        session.execute(sa.text("UPDATE organization SET name = :name WHERE id = :org"), {"name": called, "org": org_id})
        _record(session, org_id, by, "organization.rename", {"from": before.name, "to": called})


def change_slug(session: Session, org_id: int, slug: str, *, by: Actor) -> None:
    """Move the organization's addresses to another slug; the old one leads there. Raises NotPermitted, SlugInvalid, SlugTaken."""
    before = _held(session, org_id, Permission.ORGANIZATION_EDIT, by)
    kept = _free(session, slug, org_id)
    if kept == before.slug:
        return
    former = session.scalar(
        sa.text("SELECT count(*) FROM former_slug WHERE org_id = :org AND slug <> :slug"), {"org": org_id, "slug": kept}
    )
    if former >= MOST_FORMER:
        raise SlugInvalid(f"This organization has had {MOST_FORMER} other slugs, all of which still lead here. It keeps the present one.")
    try:
        with session.begin_nested():
            session.execute(sa.text("UPDATE organization SET slug = :slug WHERE id = :org"), {"slug": kept, "org": org_id})
    except IntegrityError as error:
        raise _taken(kept) from error
    session.execute(sa.text("DELETE FROM former_slug WHERE org_id = :org AND slug = :slug"), {"org": org_id, "slug": kept})
    session.execute(
        sa.text("INSERT INTO former_slug (org_id, slug, until) VALUES (:org, :slug, :now) ON CONFLICT DO NOTHING"),
        {"org": org_id, "slug": before.slug, "now": clock.now()},
    )
    _record(session, org_id, by, "organization.change_slug", {"from": before.slug, "to": kept})


def delete(session: Session, org_id: int, *, by: Actor) -> datetime:
    """Hide the organization from everybody, at once; until when an owner may undo it. Raises NotPermitted.

    `invoices.dissolving` refuses it first where something is to be paid.
    """
    _held(session, org_id, Permission.ORGANIZATION_DELETE, by)
    now = clock.now()
    session.execute(sa.text("UPDATE organization SET deleted_at = coalesce(deleted_at, :now) WHERE id = :org"), {"now": now, "org": org_id})
    _record(session, org_id, by, "organization.delete", {"undo_until": (now + UNDO).isoformat()})
    sessions.ask_who_is_left(session)
    return now + UNDO


def undo_deletion(session: Session, org_id: int, *, by: Actor) -> None:
    """Bring the organization back as it was. Raises NotPermitted, and DeletionFinal after 30 days."""
    before = _held(session, org_id, Permission.ORGANIZATION_DELETE, by)
    if before.deleted_at is None:
        return
    if clock.now() >= before.deleted_at + UNDO:
        raise DeletionFinal(f"This was deleted more than {UNDO.days} days ago and cannot be undone.")
    session.execute(sa.text("UPDATE organization SET deleted_at = NULL WHERE id = :org"), {"org": org_id})
    _record(session, org_id, by, "organization.undo_deletion", {"deleted_at": before.deleted_at.isoformat()})
    sessions.ask_who_is_left(session)


def deleted_at(session: Session, org_id: int) -> datetime | None:
    """When it was deleted; None for one that is not."""
    return session.scalar(sa.text("SELECT deleted_at FROM organization WHERE id = :org"), {"org": org_id})


def _held(session: Session, org_id: int, permission: Permission, by: Actor) -> sa.Row:
    """The organization's row, locked, for whoever may do `permission` at this moment. Raises NotPermitted."""
    memberships.lock(session, org_id)
    standing = memberships.present_role(session, org_id, by)
    if standing is not None:
        require(standing, permission)
    return session.execute(sa.text("SELECT slug, name, deleted_at FROM organization WHERE id = :org"), {"org": org_id}).one()


def _free(session: Session, slug: str, org_id: int | None) -> str:
    """The slug as kept, unless it can be none, or once was another organization's."""
    kept = slug.strip().lower()
    if not _SLUG.fullmatch(kept):
        raise SlugInvalid("A slug has 1 to 63 of a-z, 0-9 and -, and does not begin with -.")
    present = session.scalar(sa.text("SELECT id FROM organization_by_slug(:slug)"), {"slug": kept})
    owner = session.scalar(sa.text("SELECT org_id FROM former_slug_of(:slug)"), {"slug": kept})  # last: it may be left just now
    if owner not in (None, org_id) or present not in (None, org_id):
        raise _taken(kept)
    return kept


def _named(name: str) -> str:
    called = " ".join("".join(one for one in name if one.isprintable()).split())
    if not 0 < len(called) <= LONGEST_NAME:
        raise NameInvalid(f"A name has 1 to {LONGEST_NAME} characters.")
    if mail.reads_as_link(called):  # in a mail that we send
        raise NameInvalid("A name is no web address. Leave it out.")
    return called


def _taken(slug: str) -> SlugTaken:
    return SlugTaken(f"{slug} is, or was, another organization's slug. Choose another.")


def _record(session: Session, org_id: int, by: Actor, action: str, detail: dict[str, str]) -> None:
    audit.record(session, org_id, actor=by.name, action=action, subject="organization", detail=detail)
