"""The story as a demonstration: its people may be entered as, by a click or a post."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from browsing import Site
from conftest import copied
from factories import line
from serving import running, settings_for
from story import prism

if TYPE_CHECKING:
    from conftest import Server

SETTLE = """
from flyusage import db
from flyusage.config import settings
from flyusage.demo import people
with db.platform_transaction() as session:
    people.settle(session, settings().data_dir)
"""


@contextmanager
def demonstrating(server: "Server", template: str, folder: Path) -> Iterator[Site]:
    """A server of Prism's story in which only the demonstration's people have accounts."""
    (folder / "events.ndjson").write_bytes(b"".join(line(event) for event in prism()))
    with copied(server, template) as name:
        settings = settings_for(server, name) | {"FLYUSAGE_DATA_DIR": str(folder)}
        subprocess.run([sys.executable, "-c", SETTLE], env=os.environ | settings, check=True)
        Site("", settings).run("ingest", str(folder / "events.ndjson"))
        with running(**settings) as address:
            yield Site(address, settings)
