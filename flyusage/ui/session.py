"""Who is looking, and at which organization: the one seam between sign-in and everything that is shown.

Once anybody can sign in (`flyusage users create`), everybody must, and sees the organizations they belong to, as far as their
role there goes. Before that the server listens on loopback only (`server.py` refuses anything else), and whoever reaches it may
read: the organization is the one in the address, and `/` opens the one in which most recently something happened.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock, db
from flyusage.auth import second_factor, sessions
from flyusage.auth.errors import SecondFactorNeeded
from flyusage.auth.secrets import digest
from flyusage.orgs.acting import Actor, member, note_refusal, system
from flyusage.orgs.errors import NotPermitted
from flyusage.orgs.models import Role, StaffRole
from flyusage.orgs.organizations import UNDO
from flyusage.orgs.permissions import PERMISSIONS, Permission, within_apps
from flyusage.orgs.staff import STAFF_PERMISSIONS, StaffPermission, record_visit, require_staff, roles_of
from flyusage.ui.reader import present_reader, present_secret, signed_in

LOOPBACK = system("loopback")

READING = frozenset(
    {
        Permission.USAGE_READ,
        Permission.USAGE_EXPORT,
        Permission.MACHINES_READ,
        Permission.PRICES_READ,
        Permission.INVOICES_READ,
        Permission.MEMBERS_READ,
        Permission.AUDIT_READ,
    }
)

LONGEST_NOTED = 100
MOST_ASKED = 50  # each is a transaction of its own; who has more arrives at one of the first


@dataclass(frozen=True)
class OpenOrganization:
    """The organization a page shows: what a handler needs to ask questions about it, and what the present reader may do there.

    `by` is the present reader as the audit names them and as verbs judge them. `apps` are the ids of those granted to them, None: all.
    Every transaction of a page says them (`db.transaction`), and what is kept between questions is kept by them.
    """

    id: int
    slug: str
    name: str
    is_synthetic: bool
    permissions: frozenset[Permission] = frozenset()
    by: Actor = LOOPBACK
    is_visited: bool = False  # by the platform's staff, who only look
    apps: frozenset[int] | None = None

    def require(self, permission: Permission) -> None:
        """Raise NotPermitted for a reader whose role here does not hold `permission`."""
        if permission not in self.permissions:
            note_refusal(self.by.name, permission, where=self.slug)
            raise NotPermitted(f"Your role does not hold the permission {permission}. Ask an owner of {self.name} for a role that does.")


def slug_in(path: str) -> str:
    """The organization's slug in a page's path, `/orgs/{slug}/…`; empty where there is none."""
    parts = path.split("/")
    return parts[2] if len(parts) > 2 and parts[1] == "orgs" else ""


def permitted(org_id: int) -> frozenset[Permission]:  # noqa: ARG001 tests say otherwise for one organization
    """What whoever reaches the server may do in an organization while nobody can sign in: read everything."""
    return READING


def open_organization(slug: object, needs: Permission | None = None) -> OpenOrganization | None:
    """The organization that the present reader may see under `slug`; None where there is none, or none of theirs.

    Raises SignInNeeded, NotPermitted without `needs`, and SecondFactorNeeded where the organization asks for one. Ask again in
    every handler: a handler can be called without its page ever having been loaded, with any argument. Blocks on the database:
    call it off the event loop.
    """
    if not isinstance(slug, str) or "\0" in slug:
        return None
    found = next(iter(_known(slug)), None) or _visited(slug)
    if found is None and slug:
        note_refusal(_name(), "organization.open", where=slug[:LONGEST_NOTED])
    if found is not None and needs is not None:
        found.require(needs)
    return found


def _name() -> str:
    """The present reader as the audit names them."""
    with db.lookup_transaction() as session:
        reader = signed_in(session)
        return "nobody" if reader is None else f"user:{reader.user_id}"


def _known(slug: str | None = None) -> list[OpenOrganization]:
    """The present reader's organizations, or the one of them with this slug. Raises SignInNeeded."""
    with db.lookup_transaction() as session:
        rows = _opened(session, slug)
        if not rows and present_reader(session) is None:
            source = "organization_directory()" if slug is None else "organization_by_slug(:slug)"
            rows = session.execute(
                sa.text(f"SELECT id, slug, name, is_synthetic FROM {source}"), {"slug": slug} if slug is not None else {}
            )
            return [OpenOrganization(*row, permitted(row.id)) for row in rows]
        mine = [row for row in rows if row.id is not None]
        if slug is not None and mine and mine[0].is_closed:
            raise SecondFactorNeeded(f"{mine[0].name} asks its members for a second factor. Set one up on your account's page.")
        return [_of_member(row) for row in mine]


def _opened(session: Session, slug: str | None) -> Sequence[sa.Row[Any]]:
    """The present reader's session beside each organization of theirs, or beside none; nothing where they are not signed in.

    In one question, since it comes before every answer.
    """
    secret, now = present_secret(), clock.now()
    if not secret:
        return []
    asked = {"secret": digest(secret), "now": now, "idle": sessions.IDLE, "slug": slug, "gone": now - UNDO}
    rows = session.execute(_OPENED, asked).all()
    if rows:
        sessions.was_seen(session, rows[0].session_id, rows[0].seen_at)
    return rows


def _visited(slug: str) -> OpenOrganization | None:
    """Somebody else's organization, as the platform's staff may see it: to read, and with a word in both logs. None for anybody else."""
    with db.platform_transaction() as session:
        reader = present_reader(session)
        if reader is None or not second_factor.is_on(session, reader.user_id):
            return None
        if not any(StaffPermission.READ in STAFF_PERMISSIONS[role] for role in roles_of(session, reader.user_id)):
            return None
        row = session.execute(
            sa.text("SELECT id, slug, name, is_synthetic FROM organization WHERE slug = :slug"), {"slug": slug}
        ).one_or_none()
        if row is None:
            return None
        by = Actor(f"staff:{reader.user_id}", Role.VIEWER)  # a viewer's role, so that no verb takes them for a job
        record_visit(session, row.id, row.slug, by=by)
        return OpenOrganization(*row, READING, by, is_visited=True)


def _of_member(row: sa.Row[Any]) -> OpenOrganization:
    """An organization as its member sees it; by name alone while it waits for their second factor.

    Of one that is deleted, an owner may undo that, and see nothing else.
    """
    may = PERMISSIONS[Role(row.role)] if row.deleted_at is None else frozenset({Permission.ORGANIZATION_DELETE})
    apps = None if row.app_ids is None else frozenset(row.app_ids)
    may = frozenset() if row.is_closed else within_apps(may, apps)
    return OpenOrganization(row.id, row.slug, row.name, row.is_synthetic, may, member(row.user_id, Role(row.role)), apps=apps)


# An address may say a slug that was left; what is deleted is an owner's alone, for a while. A provider's second factor counts for its own.
_OPENED = sa.text("SELECT * FROM opened_by(:secret, :now, :idle, :slug, :gone)")


@dataclass(frozen=True)
class Person:
    """The present reader beside any organization: what to call them (empty while nobody can sign in), and their roles as staff."""

    name: str
    by: Actor
    staff_roles: frozenset[StaffRole]
    has_second_factor: bool = True  # whoever runs the installation, on loopback, needs none


def present_person() -> Person:
    """Who is reading. Raises SignInNeeded. Blocks on the database.

    Who is staff is decided here and nowhere else. Until anybody can sign in, whoever reaches this server's loopback address runs
    it and holds every role; then it is whom `flyusage staff grant` named.
    """
    with db.platform_transaction() as session:
        reader = present_reader(session)
        if reader is None:
            return Person("", LOOPBACK, frozenset(StaffRole))
        return Person(
            reader.name, Actor(f"staff:{reader.user_id}"), roles_of(session, reader.user_id), second_factor.is_on(session, reader.user_id)
        )


def is_staff(needs: StaffPermission = StaffPermission.READ) -> bool:
    """Whether the present reader may do that in the whole platform. Raises SignInNeeded."""
    person = present_person()
    return person.has_second_factor and any(needs in STAFF_PERMISSIONS[role] for role in person.staff_roles)


def staff(needs: StaffPermission) -> Actor:
    """The present reader as staff. Ask in every handler, as for members.

    Raises NotPermitted without a role that holds `needs`, SecondFactorNeeded for staff without a second factor.
    """
    person = present_person()
    if not any(needs in STAFF_PERMISSIONS[role] for role in person.staff_roles):
        note_refusal(person.by.name, needs, where="staff")
    require_staff(person.staff_roles, needs)
    if not person.has_second_factor:
        raise SecondFactorNeeded(
            "Staff sign in with a second factor, and your account has none. Set one up on your account's page (/account), then come back."
        )
    return person.by


def open_organizations() -> list[OpenOrganization]:
    """Every organization that the present reader may open, the first one first. Raises SignInNeeded. Blocks on the database."""
    return _known()


def first_organization() -> OpenOrganization | None:
    """Where somebody arrives who has not chosen: the real organization with the newest event, else the demonstration.

    Without either, the only one there is; None where there are none, or several of which none has an event. Blocks on the
    database.
    """
    known = [one for one in open_organizations() if Permission.USAGE_READ in one.permissions]  # none that is deleted
    last = {each: _last_event_at(each) for each in [one for one in known if not one.is_synthetic][:MOST_ASKED]}
    alive = [(at, each) for each, at in last.items() if at is not None]
    if alive:
        return max(alive, key=lambda one: one[0])[1]
    demonstrations = [each for each in known if each.is_synthetic]
    return demonstrations[0] if demonstrations else known[0] if len(known) == 1 else None


def _last_event_at(org: OpenOrganization) -> datetime | None:
    with db.transaction(org.id, apps=org.apps) as session:
        return session.scalar(sa.text("SELECT last_event_at FROM rollup_state"))
