"""Usage events as quantities, for the second biller: plain, slow, and sharing no code with the product."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from reference_bill import DAY, MEMORY, Quantities, largest_remainder

HOUR = timedelta(hours=1)
# Events of one subject and second: what ends comes before what begins, and a volume is there before it is resized.
RANK = {"stopped": 0, "destroyed": 1, "released": 1, "started": 2, "created": 2, "allocated": 2, "resized": 3}
NEEDS_OPEN = ("stopped", "resized")  # they change nothing where nothing runs


@dataclass(frozen=True)
class Meter:
    """What is counted from a moment on: `capacity` base units a second."""

    size: str
    sku: str
    capacity: int


def quantities(events: Iterable[dict[str, Any]], until: datetime, presets: dict[str, int]) -> Quantities:
    """Base units that `events`, in any order and as often as they come, say were used before `until`."""
    known = {(one["source"], one["id"]): one for one in events}
    withdrawn = {(one["data"]["source"], one["data"]["id"]) for one in known.values() if one["type"].endswith("event.voided")}
    of: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for identity, one in known.items():
        family = {"machine": "machine", "egress": "machine", "volume": "volume", "ipv4": "ipv4"}.get(one["type"].split(".")[1])
        if family and identity not in withdrawn:
            of[family, one["subject"]].append(one)
    found: Quantities = defaultdict(int)
    for history in of.values():
        history.sort(key=lambda one: (_when(one["time"]), RANK.get(_verb(one), 4), one["source"], one["id"]))
        _replay(history, until, presets, found)
    return found


def _replay(history: list[dict[str, Any]], until: datetime, presets: dict[str, int], found: Quantities) -> None:
    """One subject's life. It keeps the app and region of its earliest event; what says otherwise does not count."""
    app, region = history[0]["data"]["app"], history[0]["data"]["region"]
    since, meters, is_running, size = until, [], False, "none"
    starts: list[tuple[datetime, str]] = []
    for one in [*history, None]:
        at = min(_when(one["time"]), until) if one else until
        verb, data = (_verb(one), one["data"]) if one else ("", {})
        if one and ((data["app"], data["region"]) != (app, region) or verb == "reported" or (verb in NEEDS_OPEN and not is_running)):
            continue
        for meter in meters:
            _count(meter, region, since, at, found)
        if verb == "started":
            size = data["vm_size"]
            starts.append((at, size))
            meters = [Meter(size, f"machine.{size}", 1), Meter(size, MEMORY, max(0, data["memory_mb"] - presets[size]))]
        elif verb == "stopped":
            meters = [Meter(size, "machine.rootfs_stopped", int(data.get("rootfs_gb", 0) * 1024))]
        else:
            meters = {"created": _volume, "resized": _volume, "allocated": _address}.get(verb, lambda _: [])(data)
        since, is_running = at, verb in ("started", "created", "resized", "allocated")
    for one in history:
        if _verb(one) == "reported" and (one["data"]["app"], one["data"]["region"]) == (app, region):
            _spread(one["data"], region, starts, found)


def _volume(data: dict[str, Any]) -> list[Meter]:
    return [Meter("none", "volume", int(data["gb"] * 1024))]


def _address(_: dict[str, Any]) -> list[Meter]:
    return [Meter("none", "ipv4.dedicated", 1)]


def _count(meter: Meter, region: str, start: datetime, end: datetime, found: Quantities) -> None:
    while start < end and meter.capacity:
        midnight = datetime(start.year, start.month, start.day, tzinfo=UTC) + DAY
        found[meter.sku, region, meter.size, start.date()] += int((min(end, midnight) - start).total_seconds()) * meter.capacity
        start = midnight


def _spread(report: dict[str, Any], region: str, starts: list[tuple[datetime, str]], found: Quantities) -> None:
    """Egress bytes over the hours they overlap, under the size that ran at the report's end."""
    start, end = _when(report["start"]), _when(report["end"])
    size = next((size for at, size in reversed(starts) if at < end), "none")
    hours = [start.replace(minute=0, second=0)]
    while hours[-1] + HOUR < end:
        hours.append(hours[-1] + HOUR)
    seconds = [int((min(end, hour + HOUR) - max(start, hour)).total_seconds()) for hour in hours]
    for hour, count in zip(hours, largest_remainder(report["bytes"], seconds), strict=True):
        found["egress.public", region, size, hour.date()] += count


def _verb(event: dict[str, Any]) -> str:
    return event["type"].rsplit(".", 1)[1]


def _when(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC).replace(microsecond=0)
