"""The story as a demonstration: its people may be entered as, by a click or a post."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from browsing import Site
from conftest import chosen, copied
from factories import line
from serving import running, settings_for
from story import prism

from flyusage import db
from flyusage.config import settings
from flyusage.demo import people

if TYPE_CHECKING:
    from conftest import Server


def settle(site: Site) -> None:
    """Give the site a demonstration's people."""
    with chosen(site.settings), db.platform_transaction() as session:
        people.settle(session, settings().data_dir)


@contextmanager
def demonstrating(server: "Server", template: str, folder: Path) -> Iterator[Site]:
    """A server of Prism's story in which only the demonstration's people have accounts."""
    (folder / "events.ndjson").write_bytes(b"".join(line(event) for event in prism()))
    with copied(server, template) as name:
        site = Site("", settings_for(server, name) | {"FLYUSAGE_DATA_DIR": str(folder)})
        settle(site)
        site.run("ingest", str(folder / "events.ndjson"))
        with running(**site.settings) as address:
            yield Site(address, site.settings)
