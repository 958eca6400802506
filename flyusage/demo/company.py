"""The demo company's apps and where they run: names, sizes, regions, cost centres. Invented; the same seed, the same company."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from random import Random

from flyusage.demo import story
from flyusage.demo.story import DAY, Story
from flyusage.metering import catalog
from flyusage.periods import midnight

FLEETS_PER_VM = 0.45
AFTER_ALL = 1 << 40  # an end that never comes
HORIZON = 400 * DAY  # beyond the first fill: how far releases are planned, so that the company can live on
FIRST_DAYS = 9 * DAY  # in which the company moves in
FOUNDED_LATER = 1.04  # machines that apps founded later do not run before, made up for by all
RESIZED_SHARE = 0.25

DOMAINS = (
    "tracking", "routing", "dispatch", "manifest", "customs", "forecasts", "billing", "fleet", "depot", "quotes", "labels", "returns",
    "pricing", "search", "maps", "identity", "notify", "payments", "partners", "telemetry", "media", "docs", "ledger", "catalog",
    "support", "insights",
)  # fmt: skip
COST_CENTRES = {
    "Core Logistics": ("tracking", "routing", "dispatch"),
    "Customs & Trade": ("customs", "manifest"),
    "Machine Learning": ("forecasts",),
    "Finance Systems": ("billing", "ledger"),
    "Fleet & Depots": ("fleet", "depot"),
    "Sales Engineering": ("quotes", "pricing"),
    "Customer Apps": ("labels", "returns", "notify"),
    "Discovery": ("search", "maps", "catalog"),
    "Security & Identity": ("identity",),
    "Payments & Partners": ("payments", "partners"),
    "Data & Insights": ("telemetry", "insights"),
    "Content & Care": ("media", "support"),
}  # 'docs' belongs to nobody: it shows as Unassigned
# How much runs where, busiest first; an app that needs few regions takes them from the front of its own shuffle.
REGION_WEIGHTS = {
    "iad": 14, "fra": 10, "ewr": 9, "lhr": 9, "sjc": 8, "ams": 6, "ord": 6, "nrt": 6, "sin": 6, "lax": 5, "cdg": 5, "dfw": 5, "syd": 4,
    "gru": 4, "bom": 3, "yyz": 3, "arn": 2, "jnb": 1,
    story.RETIRED_REGION: 3,
}  # fmt: skip
LONGITUDES = {row["code"]: float(row["lon"]) for row in catalog.facts("regions.csv")} | {story.RETIRED_REGION: 8.5}


class Style(Enum):
    """How a fleet follows demand: machines that stop for the night, that are destroyed, nightly batches, or none of it."""

    STOPPING = "stopping"
    REPLACING = "replacing"
    NIGHTLY = "nightly"
    STATEFUL = "stateful"


# The share of its time that an elastic machine runs, over a week.
ELASTIC_MEAN = {Style.STOPPING: 0.33, Style.REPLACING: 0.33, Style.NIGHTLY: 0.07, Style.STATEFUL: 0.0}


@dataclass(frozen=True)
class Group:
    """One kind of process of an app. `share` of the app's machines; the first groups of a role are the most important."""

    name: str
    size: str
    share: float
    style: Style
    elastic: float = 0.0
    memory_mib: int | None = None
    volume_gb: int = 0
    rootfs_gb: int = 0


@dataclass(frozen=True)
class RoleOfApp:
    """A kind of app: how large, in how many regions, how often released, and its processes."""

    weight: float
    regions: int
    days_per_release: float
    egress_gb_per_vm_day: float
    groups: tuple[Group, ...]


ROLES = {
    "api": RoleOfApp(1.3, 11, 10, 3.0, (
        Group("app", "performance-2x", 0.46, Style.REPLACING, 0.17), Group("worker", "shared-cpu-4x", 0.26, Style.REPLACING, 0.10),
        Group("stream", "shared-cpu-2x", 0.14, Style.STOPPING, 0.35, rootfs_gb=2),
        Group("cron", "shared-cpu-1x", 0.05, Style.NIGHTLY, 0.3), Group("search", "performance-1x", 0.09, Style.REPLACING, 0.0),
    )),
    "web": RoleOfApp(1.1, 12, 9, 9.0, (
        Group("app", "shared-cpu-2x", 0.50, Style.REPLACING, 0.22),
        Group("assets", "shared-cpu-1x", 0.22, Style.STOPPING, 0.5, rootfs_gb=1),
        Group("render", "performance-1x", 0.18, Style.REPLACING, 0.15), Group("preview", "shared-cpu-4x", 0.10, Style.REPLACING, 0.0),
    )),
    "worker": RoleOfApp(1.2, 8, 13, 0.0, (
        Group("default", "performance-1x", 0.46, Style.REPLACING, 0.16), Group("light", "shared-cpu-2x", 0.26, Style.REPLACING, 0.06),
        Group("heavy", "performance-4x", 0.11, Style.NIGHTLY, 0.6), Group("bulk", "shared-cpu-8x", 0.11, Style.NIGHTLY, 0.4),
        Group("index", "performance-8x", 0.06, Style.REPLACING, 0.0),
    )),
    "edge": RoleOfApp(0.9, 17, 17, 14.0, (
        Group("proxy", "shared-cpu-1x", 0.60, Style.REPLACING, 0.14), Group("tls", "shared-cpu-2x", 0.40, Style.REPLACING, 0.06, 1024),
    )),
    "cache": RoleOfApp(0.35, 10, 30, 0.0, (
        Group("cache", "performance-1x", 0.55, Style.REPLACING, 0.0, 6144), Group("queue", "shared-cpu-4x", 0.25, Style.REPLACING, 0.0),
        Group("pubsub", "shared-cpu-8x", 0.20, Style.REPLACING, 0.0),
    )),
    "db": RoleOfApp(0.35, 7, 400, 0.0, (
        Group("primary", "performance-4x", 0.40, Style.STATEFUL, 0.0, 16384, 200),
        Group("replica", "performance-2x", 0.60, Style.STATEFUL, 0.0, None, 120),
    )),
}  # fmt: skip
# Some fleets are given the next size, up or down, at some time.
NEXT_SIZE = {
    "shared-cpu-1x": "shared-cpu-2x", "shared-cpu-2x": "shared-cpu-4x", "shared-cpu-4x": "shared-cpu-6x", "shared-cpu-6x": "shared-cpu-8x",
    "shared-cpu-8x": "shared-cpu-4x", "performance-1x": "shared-cpu-8x", "performance-2x": "performance-1x",
    "performance-4x": "performance-6x", "performance-8x": "performance-10x",
}  # fmt: skip


@dataclass(frozen=True)
class App:
    """An app; `releases` and `restarts` are the moments at which its machines are replaced or restarted, in order."""

    name: str
    role: str
    home: str
    begins: int
    releases: tuple[int, ...]
    restarts: tuple[int, ...]

    @property
    def domain(self) -> str:
        """What the app is about: the first word of its name."""
        return self.name.partition("-")[0]


@dataclass(frozen=True)
class Fleet:
    """The machines of one app, region and size. `base` run always, `elastic` more at the height of the day (both means)."""

    key: str
    app: App
    region: str
    group: Group
    size: str
    memory_mib: int
    base: float
    elastic: float
    begins: int
    ends: int = AFTER_ALL
    egress_gb_per_day: float = 0.0
    has_address: bool = False


def apps_for(vms: int) -> int:
    """How many of the 156 apps a company of `vms` machines has."""
    return max(2, min(len(DOMAINS) * len(ROLES), vms // 12))


def plan_fleets(vms: int, tale: Story, *, seed: int, anchor: int) -> list[Fleet]:
    """The fleets of a company of `vms` machines on average, their apps' releases known for 400 days after `anchor`."""
    chance = Random(f"{seed}/company")
    every, count = [(domain, role) for role in ROLES for domain in DOMAINS], apps_for(vms)
    names = [every[i * len(every) // count] for i in range(count)]
    weights = {name: ROLES[name[1]].weight * chance.lognormvariate(0, 0.75) for name in names}
    whole = sum(weights.values())
    fleets = []
    for name in names:
        app = _app(name, tale, seed=seed, anchor=anchor)
        fleets += _fleets_of(app, vms * FOUNDED_LATER * weights[name] / whole, tale, seed=seed, anchor=anchor)
    return fleets


def _app(name: tuple[str, str], tale: Story, *, seed: int, anchor: int) -> App:
    chance = Random(f"{seed}/app/{name}")
    domain, role = name
    home = _by_weight(chance, set())
    begins = tale.begins + int(chance.random() * FIRST_DAYS)
    if chance.random() < 0.12 and f"{domain}-{role}" not in (story.RUNAWAY_APP, *story.MIGRATING_APPS):
        begins += int(chance.random() * (anchor - begins) * 0.6) // DAY * DAY  # founded later
    days = ROLES[role].days_per_release * chance.uniform(0.75, 1.35)
    return App(
        name=f"{domain}-{role}",
        role=role,
        home=home,
        begins=begins,
        releases=tuple(_working_moments(chance, begins, anchor + HORIZON, days)),
        restarts=tuple(_working_moments(chance, begins, anchor + HORIZON, 5.5 if days < 100 else 35)),
    )


def _working_moments(chance: Random, begins: int, until: int, days: float) -> Iterator[int]:
    """Moments about `days` apart, on working days between 08:00 and 17:00 UTC."""
    moment = begins + int(chance.random() * days * DAY)
    while True:
        midnight = moment // DAY * DAY
        weekday = (midnight // DAY + 3) % 7  # 1970 began on a Thursday
        midnight += max(0, 7 - weekday) * DAY if weekday > 4 else 0
        moment = midnight + int(chance.uniform(8, 17) * 3600)
        if moment > until:
            return
        if moment > begins + DAY:
            yield moment
        moment += int(days * DAY * chance.uniform(0.5, 1.5))


def _by_weight(chance: Random, taken: set[str]) -> str:
    left = {code: weight for code, weight in REGION_WEIGHTS.items() if code not in taken and code != story.RETIRED_REGION}
    return chance.choices(list(left), list(left.values()))[0]


def _fleets_of(app: App, vms: float, tale: Story, *, seed: int, anchor: int) -> list[Fleet]:
    """As many fleets as `vms` machines can fill, the app's main group in its home region first."""
    chance = Random(f"{seed}/fleets/{app.name}")
    role = ROLES[app.role]
    regions = _regions_of(chance, app, role, has_retired=tale.retired_on is not None)
    places = [(region, group) for group in role.groups for region in regions]
    places = places[: max(1, round(vms * FLEETS_PER_VM))]
    weights = [group.share * REGION_WEIGHTS[region] ** 0.7 * chance.uniform(0.6, 1.4) for region, group in places]
    whole = sum(weights)
    fleets = []
    for (region, group), weight in zip(places, weights, strict=True):
        count = vms * weight / whole
        fleet = _fleet(app, region, group, count / (1 + group.elastic * ELASTIC_MEAN[group.style]), chance)
        fleets += _with_moves(fleet, tale, chance=chance, anchor=anchor)
    return [_with_egress(fleet, fleets, role) for fleet in fleets]


def _regions_of(chance: Random, app: App, role: RoleOfApp, *, has_retired: bool) -> list[str]:
    regions = [app.home]
    count = max(1, min(len(REGION_WEIGHTS) - 1, round(role.regions * chance.uniform(0.7, 1.3))))
    while len(regions) < count:
        regions.append(_by_weight(chance, set(regions)))
    if has_retired and role.egress_gb_per_vm_day and chance.random() < 0.6:
        regions.insert(min(4, len(regions)), story.RETIRED_REGION)
    return regions


def _fleet(app: App, region: str, group: Group, base: float, chance: Random) -> Fleet:
    """The fleet as it would be if nothing ever moved it."""
    standard = included_memory(group.size)
    return Fleet(
        key=f"{app.name}/{region}/{group.name}",
        app=app,
        region=region,
        group=group,
        size=group.size,
        memory_mib=group.memory_mib or (standard * 2 if chance.random() < 0.08 else standard),
        base=base,
        elastic=base * group.elastic,
        begins=app.begins + int(chance.random() * DAY),
        has_address=group.name in ("app", "proxy") and chance.random() < 0.15,
    )


def _with_moves(fleet: Fleet, tale: Story, *, chance: Random, anchor: int) -> Iterator[Fleet]:
    """The fleet, or two of them, one after the other, where it leaves a retired region or is given another size."""
    when, is_resized = chance.random(), chance.random() < RESIZED_SHARE
    if fleet.region == story.RETIRED_REGION and tale.retired_on is not None:
        leaves = story.seconds(midnight(tale.retired_on)) - int((1 + 34 * when) * DAY)
        if leaves > fleet.begins:
            yield replace(fleet, ends=leaves)
        yield replace(fleet, key=f"{fleet.key}/moved", region=story.SUCCESSOR_REGION, begins=max(leaves, fleet.begins) - 3600)
    elif fleet.app.name in story.MIGRATING_APPS and fleet.group.name == "app" and tale.migration is not None:
        moment = tale.migration.start + int(when * (tale.migration.end - tale.migration.start))
        larger = _sized(fleet, story.MIGRATES_FROM)
        yield replace(larger, ends=moment)
        after = _sized(fleet, story.MIGRATES_TO)
        yield replace(after, key=f"{fleet.key}/migrated", begins=moment - 900, base=fleet.base * story.MACHINES_PER_MIGRATED)
    elif is_resized and fleet.group.style != Style.STATEFUL and fleet.begins < anchor - 60 * DAY:
        moment = fleet.begins + int((anchor - fleet.begins) * (0.1 + 0.85 * when))
        yield replace(fleet, ends=moment)
        yield replace(_sized(fleet, NEXT_SIZE[fleet.size]), key=f"{fleet.key}/resized", begins=moment - 600)
    else:
        yield fleet


def _sized(fleet: Fleet, size: str) -> Fleet:
    """The fleet in another size, with the memory that comes with it."""
    return replace(fleet, size=size, memory_mib=included_memory(size))


def _with_egress(fleet: Fleet, fleets: list[Fleet], role: RoleOfApp) -> Fleet:
    """One fleet per app and region reports the egress of all that run beside it."""
    if not role.egress_gb_per_vm_day or fleet.group != role.groups[0]:
        return fleet
    beside = [other for other in fleets if other.region == fleet.region and other.begins <= fleet.begins + DAY < other.ends]
    return replace(fleet, egress_gb_per_day=role.egress_gb_per_vm_day * sum(other.base for other in beside))


def included_memory(size: str) -> int:
    """MiB that a size includes."""
    return _MEMORY[size]


_MEMORY = {row["name"]: int(row["memory_mb_default"]) for row in catalog.facts("vm_sizes.csv")}
