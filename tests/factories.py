"""Usage events as they arrive: dicts to change at will, and NDJSON lines.

lines(started("m1", "2026-10-01T00:00:00Z"), stopped("m1", "2026-10-01T01:00:00Z"))
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

Event = dict[str, Any]

SOURCE = "/hosts/dfw-01"


def started(machine: str, at: str, *, vm_size: str = "performance-1x", memory_mb: int = 2048, **common: Any) -> Event:
    """A machine starts; performance-1x with its preset 2,048 MB unless told."""
    return event("machine.started", machine, at, {"vm_size": vm_size, "memory_mb": memory_mb}, **common)


def stopped(machine: str, at: str, *, rootfs_gb: float | None = None, **common: Any) -> Event:
    """A machine stops and keeps `rootfs_gb` of root filesystem."""
    return event("machine.stopped", machine, at, {} if rootfs_gb is None else {"rootfs_gb": rootfs_gb}, **common)


def destroyed(machine: str, at: str, **common: Any) -> Event:
    """A machine is gone."""
    return event("machine.destroyed", machine, at, {}, **common)


def volume_created(volume: str, at: str, *, gb: float = 10, **common: Any) -> Event:
    """A volume of `gb` GB (1,024 MiB each)."""
    return event("volume.created", volume, at, {"gb": gb}, **common)


def volume_resized(volume: str, at: str, *, gb: float, **common: Any) -> Event:
    """A volume gets another size."""
    return event("volume.resized", volume, at, {"gb": gb}, **common)


def volume_destroyed(volume: str, at: str, **common: Any) -> Event:
    """A volume is gone."""
    return event("volume.destroyed", volume, at, {}, **common)


def ipv4_allocated(address: str, at: str, **common: Any) -> Event:
    """A dedicated address is taken."""
    return event("ipv4.allocated", address, at, {}, **common)


def ipv4_released(address: str, at: str, **common: Any) -> Event:
    """A dedicated address is given back."""
    return event("ipv4.released", address, at, {}, **common)


def egress_reported(machine: str, start: str, end: str, *, count: int, at: str | None = None, **common: Any) -> Event:
    """`count` bytes left between `start` and `end`; reported at `end` unless told."""
    return event("egress.reported", machine, at or end, {"bytes": count, "start": start, "end": end}, **common)


def deployed(app: str, at: str, *, version: str = "v1", **common: Any) -> Event:
    """An app's version goes out."""
    return event("app.deployed", app, at, {"version": version}, app=app, **common)


def voided(withdrawn: Event, at: str, **common: Any) -> Event:
    """`withdrawn` is taken back."""
    data = {"source": withdrawn["source"], "id": withdrawn["id"]}
    where = {name: withdrawn["data"][name] for name in ("org", "app", "region")}
    return event("event.voided", withdrawn["subject"], at, data, **{**where, **common})


def event(
    kind: str, subject: str, at: str, data: dict[str, Any], *, org: str = "prism", app: str = "web", region: str = "dfw", **envelope: Any
) -> Event:
    """An event of `flyusage.<kind>`. `envelope` sets `id`, `source` or any other field of the envelope.

    Its id follows from what it says, so that the same call gives the same event.
    """
    made = {
        "specversion": "1.0",
        "source": SOURCE,
        "type": f"flyusage.{kind}",
        "time": at,
        "subject": subject,
        "data": {"org": org, "app": app, "region": region, **data},
        **envelope,
    }
    return {"id": hashlib.blake2b(_json(made), digest_size=8).hexdigest(), **made}


def line(one: Event) -> bytes:
    """The event as a line of NDJSON, line feed included."""
    return _json(one) + b"\n"


def lines(*events: Event) -> list[bytes]:
    """The events as lines of NDJSON, in the order given."""
    return [line(one) for one in events]


def ingest(events: Iterable[Event], **options: Any) -> Any:
    """Take the events in as an operator's file would be; returns the IngestResult. `options` are Ingest's."""
    from flyusage.metering.ingest import Ingest

    return Ingest(**options).run([line(one) for one in events], name="test")


def _json(value: Event) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
