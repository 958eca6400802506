"""From events to intervals: the rules, said plainly, one event at a time.

Production derives in SQL (`derivation.py`), by the set. This is the same in Python: the text to read when a rule is in
doubt, and what tests and verification hold the other against. Moments are whole seconds since 1970, UTC.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from flyusage.metering.usage_event import KIND_OF, EventType, ResourceKind, UsageEvent, identity_of

NO_SIZE_NAME = "none"


@dataclass(frozen=True)
class Interval:
    """A stretch of one sku's use by one subject.

    `capacity` is 1 for machines and addresses, MiB for volumes and root filesystems, and bytes, spread over the whole
    interval, for egress. `extra_mib` is a machine's memory beyond its preset. An open interval has no `stopped_at`.
    """

    org: str
    kind: ResourceKind
    subject: str
    app: str
    region: str
    sku: str
    vm_size: str
    started_at: int
    stopped_at: int | None
    capacity: int = 1
    extra_mib: int = 0
    is_inferred: bool = False


@dataclass(frozen=True, order=True)
class Finding:
    """What derivation has to say about one event."""

    org: str
    identity: bytes
    code: str


@dataclass
class Derived:
    """Intervals (a list, since two egress reports may be equal) and findings."""

    intervals: list[Interval] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def derive(events: Iterable[UsageEvent], preset_mib: Mapping[str, int]) -> Derived:
    """Intervals and findings of a set of events, in whatever order they come. `preset_mib` is the memory of each size.

    The events are one ledger's: no two of an organization share an identity.
    """
    events = list(events)
    voided = {(e.org, identity_of(e.voided_source, e.voided_id)) for e in events if e.voided_source and e.voided_id}
    lives: dict[tuple[str, ResourceKind, str], list[UsageEvent]] = defaultdict(list)
    for event in events:
        kind = KIND_OF.get(EventType(event.type))
        if kind is not None and (event.org, event.identity) not in voided:
            lives[event.org, kind, event.subject].append(event)
    derived = Derived()
    for (_, kind, _), life in lives.items():
        life.sort(key=lambda event: (event.time, event.type, event.source, event.id))
        _RULES[kind](_Life(life, preset_mib, derived))
    return derived


class _Use(NamedTuple):
    """What is used while an interval lasts."""

    sku: str
    vm_size: str = NO_SIZE_NAME
    capacity: int = 1
    extra_mib: int = 0


class _Life:
    """One subject's events in order, those that contradict its home already reported and set aside."""

    def __init__(self, events: list[UsageEvent], preset_mib: Mapping[str, int], derived: Derived) -> None:
        self.home = events[0]
        self.preset_mib = preset_mib
        self._derived = derived
        self.events = []
        for event in events:
            has_home = KIND_OF[EventType(event.type)] != ResourceKind.IPV4
            if has_home and (event.app, event.region) != (self.home.app, self.home.region):
                self.find(event, "contradicting_home")
            else:
                self.events.append(event)

    def find(self, event: UsageEvent, code: str) -> None:
        """Report something about `event`."""
        self._derived.findings.append(Finding(event.org, event.identity, code))

    def add(self, opened: UsageEvent, until: int | None, use: _Use, *, start: int | None = None, is_inferred: bool = False) -> None:
        """An interval from `opened` (or `start`) on; one of no length vanishes."""
        start = opened.time if start is None else start
        if until is None or until > start:
            kind = KIND_OF[EventType(opened.type)]
            where = (opened.org, kind, opened.subject, opened.app, opened.region)
            self._derived.intervals.append(Interval(*where, use.sku, use.vm_size, start, until, use.capacity, use.extra_mib, is_inferred))


def _machine(life: _Life) -> None:
    """Runs and root filesystems of stopped machines, then egress."""
    now: UsageEvent | None = None  # what opened what is open
    use: _Use | None = None
    runs: list[tuple[int, int | None, str]] = []

    def end(until: int | None, *, is_inferred: bool = False) -> None:
        if now is not None and use is not None:
            life.add(now, until, use, is_inferred=is_inferred)
            if now.type == EventType.MACHINE_STARTED:
                runs.append((now.time, until, use.vm_size))

    for event in life.events:
        is_running = now is not None and now.type == EventType.MACHINE_STARTED
        if event.type == EventType.MACHINE_STARTED:
            if is_running:
                life.find(event, "inferred_stop")
            end(event.time, is_inferred=is_running)
            now, use = event, _run(event, life.preset_mib)
        elif event.type == EventType.MACHINE_STOPPED and not is_running:
            life.find(event, "orphan_stop")  # and what rests goes on resting
        elif event.type in (EventType.MACHINE_STOPPED, EventType.MACHINE_DESTROYED):
            end(event.time)
            is_resting = event.type == EventType.MACHINE_STOPPED and event.capacity_mib
            rest = _Use("machine.rootfs_stopped", use.vm_size, event.capacity_mib or 0) if use else None
            now, use = (event, rest) if is_resting else (None, None)
    end(None)
    _egress(life, runs)


def _run(start: UsageEvent, preset_mib: Mapping[str, int]) -> _Use:
    size = start.vm_size or NO_SIZE_NAME
    return _Use(f"machine.{size}", size, extra_mib=max((start.memory_mib or 0) - preset_mib[size], 0))


def _egress(life: _Life, runs: Collection[tuple[int, int | None, str]]) -> None:
    """Each report stands for itself, under the size that ran in the second before its end."""
    for event in life.events:
        if event.type == EventType.EGRESS_REPORTED and event.report_start is not None and event.report_end is not None:
            end = event.report_end
            size = next((size for start, until, size in runs if start < end and (until is None or end <= until)), NO_SIZE_NAME)
            life.add(event, end, _Use("egress.public", size, event.bytes or 0), start=event.report_start)


def _volume(life: _Life) -> None:
    held: UsageEvent | None = None

    def end(until: int | None, *, is_inferred: bool = False) -> None:
        if held is not None:
            life.add(held, until, _Use("volume", capacity=held.capacity_mib or 0), is_inferred=is_inferred)

    for event in life.events:
        match event.type:
            case EventType.VOLUME_CREATED:
                if held is not None:
                    life.find(event, "inferred_stop")
                end(event.time, is_inferred=True)
                held = event
            case EventType.VOLUME_RESIZED if held is None:
                life.find(event, "orphan_resize")
            case EventType.VOLUME_RESIZED:
                end(event.time)
                held = event
            case EventType.VOLUME_DESTROYED:
                if held is None:
                    life.find(event, "orphan_stop")
                end(event.time)
                held = None
    end(None)


def _ipv4(life: _Life) -> None:
    """An address has no home: it may be released by one app and allocated by another."""
    held: UsageEvent | None = None
    for event in life.events:
        is_allocation = event.type == EventType.IPV4_ALLOCATED
        if is_allocation == (held is not None):
            life.find(event, "inferred_stop" if is_allocation else "orphan_stop")
        if held is not None:
            life.add(held, event.time, _Use("ipv4.dedicated"), is_inferred=is_allocation)
        held = event if is_allocation else None
    if held is not None:
        life.add(held, None, _Use("ipv4.dedicated"))


_RULES: Mapping[ResourceKind, Callable[[_Life], None]] = {
    ResourceKind.MACHINE: _machine,
    ResourceKind.VOLUME: _volume,
    ResourceKind.IPV4: _ipv4,
}
