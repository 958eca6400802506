"""One line of NDJSON in, a usage event or a refusal out. Pure: no database, no clock of its own."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation
from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from flyusage import periods
from flyusage.config import settings
from flyusage.metering import binary_data, catalog, refusals
from flyusage.metering.errors import Refusal, Refused
from flyusage.metering.usage_event import NO_DETAILS, Details, EventType, UsageEvent, identity_of

__all__ = ["EventType", "Parser", "UsageEvent", "parse_line"]

MAX_LINE_BYTES = 65_536
QUOTE, BACKSLASH = b'"\\'  # as numbers: looked for ten times as fast as bytes of one
MAX_NAME = 1_000
MAX_EARLY = timedelta(minutes=5)
MAX_REPORT_SECONDS = 86_400
MAX_REMEMBERED = 50_000
# Sums over a month of many machines must stay within a bigint; these are far beyond any machine that exists.
MAX_MEMORY_MIB = 16 * 1024 * 1024  # 16 TiB
MAX_GB = 1024 * 1024  # 1 PiB
MAX_REPORT_BYTES = 10**15  # 93 Gbit/s for a day; times 3,600 still a bigint (see spread)

Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d):(\d\d)(?:\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_SECONDS = {f"{second:02d}Z": second for second in range(60)}
_EXACT = Context(prec=80, traps=[Inexact])


class _Where(Struct, gc=False):
    org: str
    app: Name
    region: str


class _Start(_Where):
    vm_size: str
    memory_mb: Annotated[int, Meta(ge=0, le=MAX_MEMORY_MIB)]


class _End(_Where):
    rootfs_gb: Raw | UnsetType = UNSET


class _Volume(_Where):
    gb: Raw


class _VolumeEnd(_Where):
    gb: Raw | UnsetType = UNSET


class _Report(_Where):
    bytes: Annotated[int, Meta(ge=0, le=MAX_REPORT_BYTES)]
    start: str
    end: str


class _Deploy(_Where):
    version: Name


class _Void(_Where):
    source: Name
    id: Name


class _Event(Struct, tag_field="type", gc=False):
    """CloudEvents' attributes. Others are allowed and ignored, as are unknown fields of `data`."""

    specversion: Literal["1.0"]
    id: Name
    source: Name
    time: str
    subject: Name


class _MachineStarted(_Event, tag="flyusage.machine.started"):
    data: _Start


class _MachineStopped(_Event, tag="flyusage.machine.stopped"):
    data: _End


class _MachineDestroyed(_Event, tag="flyusage.machine.destroyed"):
    data: _End


class _VolumeCreated(_Event, tag="flyusage.volume.created"):
    data: _Volume


class _VolumeResized(_Event, tag="flyusage.volume.resized"):
    data: _Volume


class _VolumeDestroyed(_Event, tag="flyusage.volume.destroyed"):
    data: _VolumeEnd


class _Ipv4Allocated(_Event, tag="flyusage.ipv4.allocated"):
    data: _Where


class _Ipv4Released(_Event, tag="flyusage.ipv4.released"):
    data: _Where


class _EgressReported(_Event, tag="flyusage.egress.reported"):
    data: _Report


class _AppDeployed(_Event, tag="flyusage.app.deployed"):
    data: _Deploy


class _EventVoided(_Event, tag="flyusage.event.voided"):
    data: _Void


_AnyEvent = (
    _MachineStarted | _MachineStopped | _MachineDestroyed | _VolumeCreated | _VolumeResized | _VolumeDestroyed
    | _Ipv4Allocated | _Ipv4Released | _EgressReported | _AppDeployed | _EventVoided
)  # fmt: skip
_decode = msgspec.json.Decoder(_AnyEvent).decode


def parse_line(raw: bytes, *, line: int, now: datetime, max_age: int | None = None) -> UsageEvent | Refusal:
    """The event in `raw` (one line, its line break optional), or why it is refused.

    `max_age` is in months before `now`; None takes FLYUSAGE_EVENT_MAX_AGE.
    """
    return _parser(now, max_age).parse(raw, line)


class Parser:
    """Parses lines at one moment; events must lie between `max_age` months before `now` and five minutes after it."""

    def __init__(self, now: datetime, max_age: int | None = None) -> None:
        months = settings().event_max_age if max_age is None else max_age
        if months < now.year * 12 - 1970 * 12:
            self.oldest = int(periods.add_months(now, -months).timestamp())
        else:
            self.oldest = 0
        self.latest = int((now + MAX_EARLY).timestamp())
        self._months = months
        self._regions = catalog.region_codes()
        self._sizes = catalog.size_names()
        self._orgs: set[str] = set()
        self._minutes: dict[str, int] = {}

    def parse(self, raw: bytes, line: int) -> UsageEvent | Refusal:
        """The event in `raw`, or why it is refused."""
        raw = raw.rstrip(b"\r\n")
        try:
            return self._event(raw, line)
        except Refused as refused:
            return Refusal(line, refused.code, refused.sentence, raw, refusals.org_named(raw))

    def _event(self, raw: bytes, line: int) -> UsageEvent:
        if len(raw) > MAX_LINE_BYTES:
            raise Refused("too_long", "The line is over 64 KiB; send one event per line.")
        try:
            wire = _decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            if binary_data.MARK in raw:
                refusals.inspect(raw)
            plain = binary_data.unpacked(raw)
            if plain is None:
                raise refusals.explain(raw, error) from None
            return self._event(plain, line)
        kind, quotes, has_option, details_of = _TYPES[type(wire)]
        data = wire.data
        beyond = raw.count(QUOTE) - quotes
        if BACKSLASH in raw or (beyond and not (beyond == 2 and has_option is not None and has_option(data))):
            refusals.inspect(raw)
        time = self._moment(wire.time, "time")
        if data.org not in self._orgs:
            self._admit(data.org)
        if data.region not in self._regions:
            raise Refused("unknown_region", f"data.region names no region ({data.region[:40]!r}); use a code such as iad.")
        return UsageEvent(
            line, data.org, identity_of(wire.source, wire.id), kind, time, wire.source, wire.id, wire.subject, data.app, data.region,
            *details_of(self, data, time),
        )  # fmt: skip

    def _started(self, data: _Start, _time: int) -> Details:
        if data.vm_size not in self._sizes:
            raise Refused("unknown_size", f"data.vm_size names no size ({data.vm_size[:40]!r}); use a name such as shared-cpu-1x.")
        return data.vm_size, data.memory_mb, None, None, None, None, None, None, None

    def _stopped(self, data: _End, _time: int) -> Details:
        mib = 0 if data.rootfs_gb is UNSET else _mib(bytes(data.rootfs_gb), "data.rootfs_gb")
        return None, None, mib, None, None, None, None, None, None

    def _destroyed(self, data: _End, time: int) -> Details:
        self._stopped(data, time)  # a root filesystem ends with its machine: checked, then ignored
        return NO_DETAILS

    def _volume(self, data: _Volume, _time: int) -> Details:
        mib = _mib(bytes(data.gb), "data.gb")
        return None, None, mib, None, None, None, None, None, None

    def _volume_destroyed(self, data: _VolumeEnd, _time: int) -> Details:
        if data.gb is not UNSET:
            _mib(bytes(data.gb), "data.gb")
        return NO_DETAILS

    def _plain(self, _data: _Where, _time: int) -> Details:
        return NO_DETAILS

    def _deployed(self, data: _Deploy, _time: int) -> Details:
        return None, None, None, None, None, None, data.version, None, None

    def _voided(self, data: _Void, _time: int) -> Details:
        return None, None, None, None, None, None, None, data.source, data.id

    def _reported(self, data: _Report, time: int) -> Details:
        start, end = self._moment(data.start, "data.start"), self._moment(data.end, "data.end")
        if not start < end <= time:
            raise Refused("invalid_report", "data.start must lie before data.end, at least a second, and data.end not after time.")
        if end - start > MAX_REPORT_SECONDS:
            raise Refused("invalid_report", "The report spans more than 24 hours; send one per day or shorter.")
        return None, None, None, data.bytes, start, end, None, None, None

    def _admit(self, org: str) -> None:
        if not _SLUG.fullmatch(org):
            raise Refused(
                "invalid_org",
                "data.org is not an organization's name: 1 to 63 of a-z, 0-9 and -, not beginning with -.",
            )
        if len(self._orgs) < MAX_REMEMBERED:
            self._orgs.add(org)

    def _moment(self, text: str, field: str) -> int:
        """Seconds since 1970. The common form, "2026-10-01T00:00:07Z", comes from the minute that it shares with others."""
        minute, second = self._minutes.get(text[:17]), _SECONDS.get(text[17:])
        if minute is not None and second is not None:
            return minute + second
        moment = _seconds(text, field)
        if moment > self.latest:
            raise Refused("time_in_future", f"{field} is more than 5 minutes ahead of now; check the sender's clock.")
        if moment < self.oldest:
            raise Refused(
                "time_too_old",
                f"{field} is more than {self._months} months ago; raise FLYUSAGE_EVENT_MAX_AGE to take it.",
            )
        if second is not None and moment - second >= self.oldest and moment - second + 59 <= self.latest:
            if len(self._minutes) >= MAX_REMEMBERED:
                self._minutes.clear()
            self._minutes[text[:17]] = moment - second
        return moment


def _has_rootfs(data: _End) -> bool:
    return data.rootfs_gb is not UNSET


def _has_gb(data: _VolumeEnd) -> bool:
    return data.gb is not UNSET


# Type, how many quotation marks a line of exactly the required fields holds, whether the optional one is there too (None: there is
# none), and what the type adds. A line with more quotation marks has a field that we do not know, or one twice.
_TYPES: dict[type, tuple[int, int, Callable[[Any], bool] | None, Callable[[Parser, Any, int], Details]]] = {
    _MachineStarted: (int(EventType.MACHINE_STARTED), 44, None, Parser._started),  # noqa: SLF001 a table of its own methods
    _MachineStopped: (int(EventType.MACHINE_STOPPED), 38, _has_rootfs, Parser._stopped),  # noqa: SLF001
    _MachineDestroyed: (int(EventType.MACHINE_DESTROYED), 38, _has_rootfs, Parser._destroyed),  # noqa: SLF001
    _VolumeCreated: (int(EventType.VOLUME_CREATED), 40, None, Parser._volume),  # noqa: SLF001
    _VolumeResized: (int(EventType.VOLUME_RESIZED), 40, None, Parser._volume),  # noqa: SLF001
    _VolumeDestroyed: (int(EventType.VOLUME_DESTROYED), 38, _has_gb, Parser._volume_destroyed),  # noqa: SLF001
    _Ipv4Allocated: (int(EventType.IPV4_ALLOCATED), 38, None, Parser._plain),  # noqa: SLF001
    _Ipv4Released: (int(EventType.IPV4_RELEASED), 38, None, Parser._plain),  # noqa: SLF001
    _EgressReported: (int(EventType.EGRESS_REPORTED), 48, None, Parser._reported),  # noqa: SLF001
    _AppDeployed: (int(EventType.APP_DEPLOYED), 42, None, Parser._deployed),  # noqa: SLF001
    _EventVoided: (int(EventType.EVENT_VOIDED), 46, None, Parser._voided),  # noqa: SLF001
}


@lru_cache(maxsize=4)
def _parser(now: datetime, max_age: int | None) -> Parser:
    return Parser(now, max_age)


def _seconds(text: str, field: str) -> int:
    """Seconds since 1970 of an RFC 3339 moment, fractions dropped. The first branch is the common form, without a regex."""
    try:
        if len(text) == 20 and text[19] == "Z" and text[10] == "T" and text[4] == text[7] == "-" and text[13] == text[16] == ":":
            return int(datetime.fromisoformat(text).timestamp())
    except ValueError:
        pass  # 23:59:60, or nonsense: the long way tells
    match = _MOMENT.fullmatch(text)
    if match:
        day, minute, second, offset = match.groups()
        is_leap = second == "60"
        try:
            whole = datetime.fromisoformat(f"{day}T{minute}:{'59' if is_leap else second}{offset.upper()}").astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        else:
            if not is_leap or (whole.hour, whole.minute) == (23, 59):
                return int(whole.timestamp()) + is_leap  # a leap second counts as the midnight after it, as in POSIX
    raise Refused("invalid_time", f"{field} is not an RFC 3339 moment with an offset, such as 2026-10-01T00:00:07Z.")


@lru_cache(maxsize=1_000)  # machines come with few sizes of disk
def _mib(text: bytes, field: str) -> int:
    """Whole MiB in a number of GB (1,024 MiB), exact: 0.5 is 512, 0.1 is refused."""
    if not (text[:1].isdigit() or text[:1] == b"-"):
        raise Refused("wrong_type", f"{field} must be a number of GB.")
    try:
        gb = Decimal(int(text)) if text.isdigit() and len(text) <= 7 else Decimal(text.decode())
    except InvalidOperation:  # JSON allows exponents that no decimal has
        gb = Decimal("Infinity")
    if not 0 <= gb <= MAX_GB:
        raise Refused("quantity_out_of_range", f"{field} must lie between 0 and {MAX_GB} GB.")
    try:
        mib = _EXACT.multiply(gb, Decimal(1024))
    except Inexact:
        mib = Decimal("0.1")
    if mib != mib.to_integral_value():
        raise Refused("quantity_not_whole", f"{field} must be a whole number of MiB (a GB is 1,024 MiB).")
    return int(mib)
