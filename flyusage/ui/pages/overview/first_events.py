"""What leads an organization to its first event, for whoever may send it, and for whoever runs the installation. Pure."""

import json
import shlex
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from flyusage.metering.usage_event import TYPE_NAMES, EventType
from flyusage.orgs.permissions import Permission
from flyusage.ui.present import pinned_text
from flyusage.ui.session import OpenOrganization

OPERATOR_COMMANDS = ("flyusage ingest events.ndjson", "flyusage demo")
MACHINE = {"app": "hello", "region": "iad", "vm_size": "performance-1x", "memory_mb": 2048}


@dataclass(frozen=True)
class FirstEvents:
    """What the empty overview offers. `kind`: `send` by a token, `ask` somebody who may, or `operate` the installation."""

    kind: Literal["send", "ask", "operate"] = "ask"
    organization: str = ""
    request: str = ""
    commands: list[str] = field(default_factory=list)


def first_events(org: OpenOrganization, address: str, now: datetime) -> FirstEvents:
    """The way on for the reader of `org`; commands name the `address` at which its pages are."""
    if {Permission.EVENTS_WRITE, Permission.TOKENS_MANAGE} <= org.permissions:
        commands = [f"flyusage login {shlex.quote(address)}", "flyusage ingest events.ndjson"]
        return FirstEvents("send", org.name, _request(org.slug, address, now), commands)
    if org.by.role is None and not org.is_visited:  # nobody can sign in yet: whoever reaches the server runs it
        return FirstEvents("operate", org.name)
    return FirstEvents("ask", org.name)


def _request(slug: str, address: str, now: datetime) -> str:
    """A request of two events, a machine that ran for the last hour, so that what is tried costs some cents and goes on costing nothing.

    Identities hold the moment: copied later it is another hour of another machine, and sent twice it counts once.
    """
    began, tried = now - timedelta(hours=1), f"try-{now:%Y%m%d%H%M%S}"
    events = [
        {
            "specversion": "1.0", "id": f"{tried}-{each}", "source": "/first", "type": TYPE_NAMES[kind], "time": pinned_text(moment),
            "subject": tried, "data": {"org": slug, **MACHINE},
        }
        for each, kind, moment in (("start", EventType.MACHINE_STARTED, began), ("stop", EventType.MACHINE_STOPPED, now))
    ]  # fmt: skip
    body = ",\n ".join(_two_lines(event) for event in events)
    return " \\\n  ".join(
        (
            f"curl {shlex.quote(f'{address}/api/v1/events')}",
            '-H "Authorization: Bearer $FLYUSAGE_TOKEN"',
            '-H "Content-Type: application/cloudevents-batch+json"',
            f"--data-binary {shlex.quote(f'[{body}]')}",
        )
    )


def _two_lines(event: dict[str, object]) -> str:
    written = json.dumps(event)
    return written.replace(', "time"', ',\n  "time"', 1)
