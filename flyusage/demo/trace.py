"""A public cluster trace as usage events: real machine lifecycles for someone who has nothing of their own to load.

Reads the 2025 DLRM trace (one row per instance) or the 2023 openb pod list of Alibaba's clusterdata. Start and stop times,
app names, vCPUs, memory and disk are the trace's own. It has no regions, and its machines are larger than our sizes, so a
region and a size are assigned by the fixed rules below. The 31 days are laid on October 2026, UTC. The same file always
gives the same bytes, and an event keeps its id for ever, so that loading twice changes nothing.
"""

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from flyusage.errors import FlyusageError

ORIGIN = datetime(2026, 10, 1, tzinfo=UTC)
RAN_BEFORE = datetime(2026, 9, 20, tzinfo=UTC)  # the trace does not say since when its first machines ran
POD_SPEEDUP = 5  # the pod list spans 149 days
REGIONS = (
    "iad", "ewr", "lhr", "fra", "ams", "cdg", "arn", "nrt", "sin", "syd", "gru", "jnb", "bom", "sjc", "lax", "ord", "dfw", "yyz",
)  # fmt: skip
PERFORMANCE_VCPUS = (1, 2, 4, 6, 8, 10, 12, 14, 16)
TYPE_ORDER = ("machine.started", "volume.created", "machine.stopped", "machine.destroyed", "volume.destroyed")


class TraceUnreadable(FlyusageError):
    """The file is none of the traces that are known here."""

    code = "trace_unreadable"
    status = 422


class Instance(NamedTuple):
    """A row of the trace. Seconds from the trace's start; None: ran before it, or still runs after it."""

    name: str
    app: str
    vcpus: float
    memory_gib: float
    disk_gib: float
    starts: float | None
    stops: float | None


def convert(path: Path | str, *, org: str = "prism") -> Iterator[bytes]:
    """NDJSON lines of usage events in order of time, then type, then subject. Raises TraceUnreadable, or OSError."""
    made = [event for instance in _instances(Path(path)) for event in _events(instance, org)]
    made.sort(key=lambda event: (event["time"], TYPE_ORDER.index(event["type"].removeprefix("flyusage.")), event["subject"]))
    for event in made:
        yield json.dumps(event, separators=(",", ":")).encode() + b"\n"


def _events(instance: Instance, org: str) -> Iterator[dict[str, Any]]:
    """The life of a machine and its disk; nothing for an instance that ended before it began."""
    began = RAN_BEFORE if instance.starts is None else ORIGIN + timedelta(seconds=round(instance.starts))
    ended = None if instance.stops is None else ORIGIN + timedelta(seconds=round(instance.stops))
    if ended is not None and ended <= began:
        return
    machine = f"{_number(org + instance.name):016x}"[:14]
    volume = f"vol_{machine}"
    region = _region_of(instance.app, instance.name)
    source = f"/hosts/{region}-{_number(machine) % 40:02d}"
    event = partial(_event, source, {"org": org, "app": instance.app, "region": region})
    size, memory_mib = _size_of(instance.vcpus, instance.memory_gib)
    yield event("machine.started", began, machine, vm_size=size, memory_mb=memory_mib)
    if instance.disk_gib:
        yield event("volume.created", began, volume, gb=int(instance.disk_gib))
    if ended is not None:
        yield event("machine.stopped", ended, machine)
        yield event("machine.destroyed", ended, machine)
        if instance.disk_gib:
            yield event("volume.destroyed", ended, volume)


def _event(source: str, where: Mapping[str, str], kind: str, moment: datetime, subject: str, **data: object) -> dict[str, Any]:
    """An event whose id follows from what happened to whom and when."""
    time = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "specversion": "1.0",
        "id": f"{_number(f'{kind}:{subject}:{time}'):016x}",
        "source": source,
        "type": f"flyusage.{kind}",
        "time": time,
        "subject": subject,
        "data": {**where, **data},
    }


def _region_of(app: str, machine: str) -> str:
    """An app lives in one to six regions, five apart in the list; each of its machines in one of them."""
    spread = 1 + _number(f"{app}/spread") % 6
    return REGIONS[(_number(app) + _number(machine) % spread * 5) % len(REGIONS)]


def _size_of(vcpus: float, memory_gib: float) -> tuple[str, int]:
    """The size nearest to an eighth of the machine (up to 4 vCPUs: a shared one) and its memory: MiB in steps of 256."""
    if vcpus <= 4:
        count = next(count for count in (1, 2, 4) if vcpus <= count)
        return f"shared-cpu-{count}x", _memory(memory_gib * 64, 256 * count, 2048 * count)
    count = min(PERFORMANCE_VCPUS, key=lambda count: abs(count - vcpus / 8))
    return f"performance-{count}x", _memory(memory_gib * 128, 2048 * count, 8192 * count)


def _memory(mib: float, least: int, most: int) -> int:
    return min(max(round(mib / 256) * 256, least), most)


def _number(text: str) -> int:
    """A stable 64-bit number for a text."""
    return int.from_bytes(sha256(text.encode()).digest()[:8], "big")


def _instances(path: Path) -> Iterator[Instance]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        read = _reader(rows.fieldnames or (), path)
        for row in rows:
            try:
                instance = read(row)
            except (ValueError, KeyError, TypeError) as error:
                raise TraceUnreadable(f"{path}, line {rows.line_num}: {error}. Take the trace as it was published.") from error
            if instance is not None:
                yield instance


def _reader(columns: object, path: Path) -> Callable[[dict[str, str]], Instance | None]:
    names = set(columns)  # type: ignore[call-overload]
    if {"instance_sn", "app_name", "creation_time", "deletion_time"} <= names:
        return _dlrm_instance
    if {"name", "pod_phase", "cpu_milli", "scheduled_time", "deletion_time"} <= names:
        return _pod
    raise TraceUnreadable(
        f"{path} is not a trace that flyusage knows. Take disaggregated_DLRM_trace.csv (2025) or openb_pod_list_default.csv (2023)"
        " of Alibaba's clusterdata; events of your own go in with `flyusage ingest`."
    )


def _dlrm_instance(row: dict[str, str]) -> Instance:
    start, stop = row["creation_time"], row["deletion_time"]
    return Instance(
        row["instance_sn"],
        row["app_name"],
        float(row["cpu_request"]),
        float(row["memory_request"]),
        float(row["disk_request"] or 0),
        float(start) if start else None,
        float(stop) if stop else None,
    )


def _pod(row: dict[str, str]) -> Instance | None:
    """A pod that ran; the list has no apps, so that sixty teams are made up from the names."""
    if row["pod_phase"] == "Pending" or not row["scheduled_time"]:
        return None
    team = f"team-{_number(row['name'][:-2]) % 60:02d}"
    starts, stops = float(row["scheduled_time"]) / POD_SPEEDUP, float(row["deletion_time"]) / POD_SPEEDUP
    return Instance(row["name"], team, int(row["cpu_milli"]) / 1000, int(row["memory_mib"]) / 1024, 0.0, starts, stops)
