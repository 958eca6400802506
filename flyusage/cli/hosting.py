"""What `serve` and `demo` share: one server per data folder, a database that is ready, and a worker beside the server."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
import typer

from flyusage import db, embedded, schema, server, tracing
from flyusage.auth import accounts
from flyusage.cli import bootstrap, child, instance
from flyusage.config import settings, unknown_variables

_log = structlog.get_logger(__name__)


@contextmanager
def claimed(host: str, port: int) -> Iterator[instance.Instance | None]:
    """The right to serve on `port` from this data folder, with a database that is ready.

    Raises AlreadyRunning, PortTaken, NotLoopback, SchemaMismatch and whatever else keeps a server from starting, each
    before anything is changed.
    """
    for name, nearest in unknown_variables().items():
        _log.warning("a variable means nothing to this flyusage", variable=name, nearest=nearest)
    could_have_users = not settings().is_embedded or embedded.is_made(settings().data_dir)
    with database_ready(lambda: server.listen(host, port, has_sign_in=could_have_users).close()) as held:
        if not _has_sign_in():
            server.refuse_other_than_loopback(host)
        yield held


@contextmanager
def database_ready(check: Callable[[], None] = lambda: None) -> Iterator[instance.Instance | None]:
    """Nobody else serves from this data folder, and the database is ready; `check` runs between the two.

    The embedded database is made and migrated here; any other must be at this code's schema, and has no folder to hold.
    """
    if not settings().is_embedded:
        check()
        schema.require_known()
        yield None
        return
    embedded.require_writable(settings().data_dir)
    with instance.only(settings().data_dir) as held:
        check()
        bootstrap.prepare()
        yield held


def run(
    held: instance.Instance | None, host: str, port: int, *, say: Callable[[str], None], on_stop: Callable[[], None] = lambda: None
) -> None:
    """Serve until Ctrl-C or SIGTERM, with the worker beside; `say` gets the address once pages can be loaded.

    `on_stop` is called before the worker is waited for, so that what else runs beside ends at the same time.
    """

    def ready(address: str) -> None:
        if held is not None:
            held.announce(address)
        say(address)

    tracing.start("server")
    if tracing.is_on():
        db.reset()  # its pool was made before spans were asked for
    with child.kept_running(["worker", "--beside"]):
        server.serve(host, port, has_sign_in=_has_sign_in(), on_ready=ready)
        typer.echo("Stopping.")
        on_stop()
    tracing.stop()
    db.close()


def _has_sign_in() -> bool:
    with db.lookup_transaction() as session:
        return accounts.is_anybody(session)
