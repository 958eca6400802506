"""Everybody who could ask for something of Prism's, each with a session: members by role, strangers of every kind, and nobody."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from cast import Person, add_person, make_cast
from factories import ingest
from pyotp.totp import TOTP
from sqlmodel import Session
from story import prism

from flyusage import clock, db
from flyusage.auth import accounts, second_factor
from flyusage.orgs import memberships, permissions
from flyusage.orgs import staff as orgs_staff
from flyusage.orgs.acting import system
from flyusage.orgs.models import Role, StaffRole
from flyusage.ui import session as session_module

PASSWORD = "violin oxide parcel thunder"
STAFF = {"support": StaffRole.SUPPORT, "staff for money": StaffRole.BILLING, "operator": StaffRole.OPERATOR}


@dataclass(frozen=True)
class World:
    """Sessions by who has them: roles by their names; `outsider` owns Rival; `leaver`, an owner, was taken out after signing in;
    those of STAFF are staff, with a second factor, and no members. `victim` is the id of a viewer.
    """

    secrets: dict[str, str]
    victim: int


def gathered() -> World:
    """Prism with its events, and everybody signed in."""
    with db.platform_transaction() as session:
        cast = make_cast(session)
    ingest([*prism()])
    with db.platform_transaction() as session:
        people = {role.value: add_person(session, f"{role}@prism.example", cast.prism, role) for role in Role if role is not Role.OWNER}
        people |= {"owner": cast.owner, "outsider": cast.outsider}
        people["leaver"] = add_person(session, "leaver@prism.example", cast.prism, Role.OWNER)
        for name, role in STAFF.items():
            people[name] = add_person(session, f"{role}@fly.example", cast.rival, Role.VIEWER)
            orgs_staff.grant(session, f"{role}@fly.example", role, by=system("tests"))
        for person in people.values():
            accounts.set_password(session, person.user_id, PASSWORD)
    secrets = {name: accounts.sign_in(one.email, PASSWORD, address="::1", device="") for name, one in people.items()}
    with db.platform_transaction() as session:
        for name in STAFF:
            _have_second_factor(session, people[name])
    with db.transaction(cast.prism.id) as session:
        memberships.remove(session, cast.prism.id, people["leaver"].user_id, by=system("tests"))
    return World(secrets | {"nobody": "", "made-up": "x" * 43}, people["viewer"].user_id)


def _have_second_factor(session: Session, person: Person) -> None:
    app = TOTP(second_factor.begin(session, person.user_id, person.email).secret)
    second_factor.confirm(session, person.user_id, app.at(clock.now()))


def noting_what_is_asked(patch: pytest.MonkeyPatch) -> list[Any]:
    """The permissions that are asked for from now on, in order: by pages, by verbs, and of staff."""
    found: list[Any] = []
    for module, name in ((session_module.OpenOrganization, "require"), (permissions, "may"), (session_module, "require_staff")):
        patch.setattr(module, name, _noting(found, getattr(module, name)))
    return found


def _noting(found: list[Any], real: Callable[..., Any]) -> Callable[..., Any]:
    def asks(who: object, permission: object) -> object:
        found.append(permission)
        return real(who, permission)

    return asks


WHOSE = {
    "org_id": "WHERE org_id = (SELECT id FROM organization WHERE slug = 'prism')",
    "user_id": "WHERE user_id IN (SELECT m.user_id FROM membership m JOIN organization o ON o.id = m.org_id WHERE o.slug = 'prism')",
}


def digest(*, of_prism: bool = True) -> dict[str, str | None]:
    """What every table holds: of Prism and its members where rows are somebody's, else of everybody. But for how often was tried."""
    with db.owner_engine().connect() as connection:
        columns: dict[str, list[str]] = {}
        for table, column in connection.execute(sa.text(_COLUMNS)):
            columns.setdefault(table, []).append(column)
        told = {}
        for table, names in columns.items():
            known = {"organization": "WHERE slug = 'prism'", "user_account": WHOSE["user_id"].replace("WHERE user_id", "WHERE id")}
            whose = known[table] if table in known else next((WHOSE[one] for one in WHOSE if one in names), "")
            whose = whose if of_prism else ""
            query = f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t {whose}"
            told[table] = (connection.execute(sa.text(query)).fetchone() or (None,))[0]
        return told


_COLUMNS = """SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
              WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> 'rate_counter'"""
