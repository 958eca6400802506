"""The demonstration's own people, one for each role, so that everything can be looked at as each would see it.

They are there only while nobody else can sign in: a real installation's first account ends the doors that stand open for them,
and what is made from then on belongs to nobody of theirs.
"""

import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.auth import accounts, passwords
from flyusage.orgs import audit, staff
from flyusage.orgs.acting import system
from flyusage.orgs.audit import NewEntry
from flyusage.orgs.models import Role, StaffRole
from flyusage.orgs.queries import OrganizationEntry, directory

SIGN_INS_FILE = "demo-sign-ins.json"
WORDS = 4
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that are mistaken for another
_LETTERS_IN_A_WORD = 5


@dataclass(frozen=True)
class DemoPerson:
    """Somebody of the demonstration: a member in `role` of every organization, or without one the platform's staff.

    `note` says what that is for.
    """

    email: str
    name: str
    role: Role | None
    note: str


PEOPLE = (
    DemoPerson("owner@demo.example", "Olive Okafor", Role.OWNER, "everything in an organization"),
    DemoPerson("admin@demo.example", "Adam Lindqvist", Role.ADMIN, "everything but deleting it and how people sign in"),
    DemoPerson("developer@demo.example", "Devi Raman", Role.DEVELOPER, "usage and spend, machine by machine"),
    DemoPerson("billing@demo.example", "Bianca Moreau", Role.BILLING, "money, invoices and tax data"),
    DemoPerson("viewer@demo.example", "Vito Almeida", Role.VIEWER, "looks, changes nothing"),
    DemoPerson("staff@demo.example", "Sana Castillo", None, "the platform's staff: price books, closing, payments"),
)
ADDRESSES = tuple(person.email for person in PEOPLE)


def settle(session: Session, data_dir: Path) -> str | None:
    """Let the demonstration's people in where nobody else can be, and give them the organizations without members.

    Answers the password they share, None where somebody else has an account: it is no demonstration any more. The password is
    random, kept in the data folder for its user's eyes only, and made anew when it is not theirs. Needs the platform's role.
    """
    if has_others(session):
        return None
    session.execute(sa.text("LOCK TABLE user_account IN SHARE ROW EXCLUSIVE MODE"))
    kept = dict(
        session.execute(sa.text("SELECT email, password_hash FROM user_account WHERE email = ANY(:ours)"), {"ours": [*ADDRESSES]}).all()
    )
    password = _password_in(data_dir / SIGN_INS_FILE)
    is_theirs = password is not None and passwords.verify(password, kept.get(PEOPLE[0].email))[0]
    if password is None or not is_theirs:
        password = "-".join("".join(secrets.choice(_LETTERS) for _ in range(_LETTERS_IN_A_WORD)) for _ in range(WORDS))
        _keep(data_dir / SIGN_INS_FILE, password)
    for person in PEOPLE:
        found = accounts.find(session, person.email) or accounts.create(session, person.email, name=person.name, is_verified=True)
        if not is_theirs:
            accounts.set_password(session, found.user_id, password)
        if person.role is None:
            staff.grant(session, person.email, StaffRole.BILLING, by=system("demo"))
    adopt(session)
    return password


def adopt(session: Session) -> None:
    """Give organizations that nobody belongs to the demonstration's people, one in each role, while there is nobody else."""
    ours = dict(session.execute(sa.text("SELECT email, id FROM user_account WHERE email = ANY(:ours)"), {"ours": [*ADDRESSES]}).all())
    if not ours or has_others(session):
        return
    peopled = set(session.scalars(sa.text("SELECT DISTINCT org_id FROM membership")))
    added = [
        {"org_id": org.id, "user_id": ours[person.email], "role": person.role.value, "now": clock.now(), "email": person.email}
        for org in directory(session)
        if org.id not in peopled
        for person in PEOPLE
        if person.role is not None and person.email in ours
    ]
    if not added:
        return
    session.execute(
        sa.text(
            """INSERT INTO membership (org_id, user_id, role, created_at) VALUES (:org_id, :user_id, :role, :now)
               ON CONFLICT DO NOTHING"""
        ),
        added,
    )
    audit.record_many(
        session,
        [
            NewEntry(one["org_id"], "system:demo", "members.add", f"user:{one['user_id']}", {"email": one["email"], "role": one["role"]})
            for one in added
        ],
    )


def leave(session: Session, org: OrganizationEntry) -> None:
    """End what `adopt` gave the demonstration's people in an organization that is real and gets an owner of its own."""
    if org.is_synthetic:
        return
    gone = session.execute(
        sa.text(
            """DELETE FROM membership m USING user_account u
               WHERE m.org_id = :org_id AND u.id = m.user_id AND u.email = ANY(:ours) RETURNING u.id, u.email, m.role"""
        ),
        {"org_id": org.id, "ours": [*ADDRESSES]},
    ).all()
    audit.record_many(
        session,
        [NewEntry(org.id, "system:demo", "members.remove", f"user:{user}", {"email": email, "role": role}) for user, email, role in gone],
    )


def has_others(session: Session) -> bool:
    """Whether anybody else has an account here."""
    return bool(session.scalar(sa.text("SELECT EXISTS (SELECT FROM user_account WHERE email <> ALL(:ours))"), {"ours": [*ADDRESSES]}))


def open_doors(session: Session) -> list[DemoPerson]:
    """Who may be entered as without a password: the demonstration's people, while nobody else has an account.

    Whoever has set up a second factor is asked for it, and so is entered by the password only.
    """
    if has_others(session):
        return []
    there = set(
        session.scalars(
            sa.text(
                """SELECT email FROM user_account u WHERE password_hash IS NOT NULL AND disabled_at IS NULL
                   AND NOT EXISTS (SELECT FROM second_factor f WHERE f.user_id = u.id AND f.confirmed_at IS NOT NULL)"""
            )
        )
    )
    return [person for person in PEOPLE if person.email in there]


def _password_in(path: Path) -> str | None:
    with suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads(path.read_text(encoding="utf-8"))["password"]
        return found if isinstance(found, str) else None
    return None


def _keep(path: Path, password: str) -> None:
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump({"addresses": ADDRESSES, "password": password}, file, indent=2)
