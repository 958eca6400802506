"""`flyusage backup` and `flyusage restore`: the whole database as one file, in pg_dump's own format."""

import os
import re
import subprocess
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit, urlunsplit

import sqlalchemy as sa
import typer

from flyusage import db, schema
from flyusage.cli import bootstrap
from flyusage.cli.output import agreed
from flyusage.cli.whole import beside
from flyusage.errors import FlyusageError
from flyusage.logs import harmless
from flyusage.orgs import audit, queries
from flyusage.postgres_programs import program

SECTIONS = ("--format=custom", "--compress=6")


class BackupFailed(FlyusageError):
    """The file could not be written or read whole."""

    code = "backup_failed"
    status = 503


class DatabaseNotEmpty(FlyusageError):
    """A restore would mix two installations."""

    code = "database_not_empty"
    status = 409


def backup(file: Annotated[Path, typer.Argument(metavar="FILE", help="Written whole or not at all; an older one is replaced.")]) -> None:
    """Save the whole database, of one moment, while everything goes on.

    The file holds every organization's figures and people: keep it as secret as the database. The key that encrypts authenticator
    apps' secrets is not in it; keep FLYUSAGE_SECRET_KEY (or the file in the data folder) beside it.

    Example: flyusage backup flyusage.dump
    """
    if file.exists() and not file.is_file():  # a device would be replaced by the backup, and gone
        raise BackupFailed(f"{harmless(str(file))} is no file that a backup could replace. Name another file.")
    bootstrap.be_ready()
    try:
        with beside(file.resolve(), mode=0o600) as part:
            _run("pg_dump", *SECTIONS, f"--file={part}")
    except OSError as error:
        raise BackupFailed(f"{file} cannot be written ({error.strerror}). Name another file.") from error
    typer.echo(f"{file}, {file.stat().st_size:,} bytes, schema {schema.known_version()}")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="As `flyusage backup` wrote it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Fill a database without organizations with what a backup holds, bring it to this version's schema and verify its audit.

    A database with any organization is refused. Exit code 1 where the audit's chain does not hold.

    Example: flyusage restore flyusage.dump --yes
    """
    if not file.is_file():
        raise BackupFailed(f"There is no file {harmless(str(file))}. `flyusage backup FILE` writes one.")
    _run("pg_restore", "--list", str(file), has_database=False)
    bootstrap.prepare()
    _refuse_full()
    if not yes:
        agreed(f"Put what {file} holds in the place of this empty database?")
        _refuse_full()  # somebody may have begun while the question stood there
    schema.downgrade("base")
    with schema.owner_session() as session:
        session.execute(sa.text("DROP TABLE IF EXISTS alembic_version"))
    db.reset()
    _run("pg_restore", "--no-owner", f"--role={db.OWNER_ROLE}", "--single-transaction", str(file))
    bootstrap.prepare()
    broken = _verify()
    if broken:
        raise BackupFailed(f"The audit of {', '.join(broken)} does not hold in the file. `flyusage audit verify` says where.")


def _refuse_full() -> None:
    with db.lookup_transaction() as session:
        known = queries.directory(session)
    if known:
        named = ", ".join(one.slug for one in known[:3]) + (" …" if len(known) > 3 else "")
        raise DatabaseNotEmpty(
            f"This database holds organizations ({named}). Restore into a new one: set FLYUSAGE_DATABASE_URL or FLYUSAGE_DATA_DIR."
        )


def _verify() -> list[str]:
    """The organizations whose audit is not what was written; a line for all others."""
    with db.lookup_transaction() as session:
        known = queries.directory(session)
    broken, count = [], 0
    for one in known:
        with db.transaction(one.id) as session:
            verdict = audit.verify(session, one.id)
        count += verdict.count
        broken += [one.slug] if verdict.broken is not None else []
    typer.echo(f"{len(known):,} organizations, {count:,} audit entries, schema {schema.known_version()}")
    return broken


def _run(name: str, *arguments: str, has_database: bool = True) -> None:
    """One of Postgres' own programs, in the migration login's name; its password never stands among the arguments."""
    command, environment = [program(name), *arguments], dict(os.environ)
    if has_database:
        parts = urlsplit(db.migration_url())
        if parts.password is not None:
            environment["PGPASSWORD"] = parts.password
        host = parts.netloc.rpartition("@")[2]
        bare = urlunsplit(parts._replace(netloc=f"{parts.username}@{host}" if parts.username else host))
        command.append(f"--dbname={bare}")
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if ran.returncode:
        said = re.sub(r"^pg_\w+: (error: )?", "", (ran.stderr.strip().splitlines() or ["no reason given"])[0])
        raise BackupFailed(
            f"{name} says: {harmless(said[:300])}. FLYUSAGE_MIGRATION_URL must be a login that may read and make every table."
        )
