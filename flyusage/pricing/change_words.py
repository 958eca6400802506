"""What changed, in words: "+412 machines since Oct 17, 14:00". Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction

from flyusage.money import round_half_away
from flyusage.periods import floor_day
from flyusage.pricing.split import Split
from flyusage.pricing.steps import Step

MINUS = "−"
BYTES_PER_GB = 10**9
MIB_PER_GB = 1024
METER_WORDS = {
    "volume": "GB of volumes",
    "extra_memory": "GB of extra memory",
    "rootfs": "GB of stopped root filesystems",
    "ipv4": "IPv4 addresses",
}


@dataclass(frozen=True)
class Shift:
    """What moved inside a contributor: the size (or region) that lost most machine time, and the one that gained most."""

    lost: str
    gained: str


@dataclass(frozen=True)
class Story:
    """Everything the words are chosen from. Means are per moment: machines, GB, addresses; egress is GB in all."""

    before: Fraction
    after: Fraction
    split: Split
    machines_before: Fraction
    machines_after: Fraction
    step: Step | None
    step_at: datetime | None
    shift: Shift | None
    price_steps: Sequence[date]
    meter: str
    meter_before: Fraction
    meter_after: Fraction


def words(story: Story) -> str:
    """One short clause: what made most of the difference, and since when where one moment says it."""
    if story.before == 0 and story.after:
        return f"new{_since(story.step_at)}"
    if story.after == 0 and story.before:
        return f"gone{_since(story.step_at)}"
    parts = {"price": abs(story.split.price), "mix": abs(story.split.mix), "amount": abs(story.split.amount)}
    largest = max(parts, key=lambda part: (parts[part], part))
    if not parts[largest]:
        return "unchanged"
    if largest == "price":
        return _price(story)
    if largest == "mix" and story.shift:
        return f"moved from {story.shift.lost} to {_short(story.shift.gained, story.shift.lost)}"
    return _amount(story)


def _price(story: Story) -> str:
    if story.price_steps:
        return "price step, " + " and ".join(f"{day:%b} {day.day}" for day in list(story.price_steps)[-2:])
    return f"prices {_percent(story.split.price / (story.after - story.split.price))}" if story.after != story.split.price else "prices"


def _amount(story: Story) -> str:
    if story.meter != "machine":
        return _other_meter(story)
    if story.step and story.step_at and _agree(story.step, story):
        return f"{_machines(story.step.size)}{_since(story.step_at)}"
    change = story.machines_after - story.machines_before
    return f"{_machines(float(change))} on average"


def _agree(step: Step, story: Story) -> bool:
    """A step the other way than the difference would contradict it."""
    return (step.size > 0) == (story.after > story.before)


def _machines(change: float) -> str:
    """`+412 machines`, `118 fewer machines`; below one, with a decimal."""
    size = abs(change)
    shown = f"{round(size):,}" if size >= 1 else f"{size:.1f}"
    noun = "machine" if shown == "1" else "machines"
    return f"+{shown} {noun}" if change > 0 else f"{shown} fewer {noun}"


def _other_meter(story: Story) -> str:
    change = story.meter_after - story.meter_before
    sign = "+" if change > 0 else MINUS
    if story.meter == "egress":
        return f"{sign}{_bytes(abs(change))} of egress"
    amount = round_half_away(abs(change), 0 if abs(change) >= 10 else 1)
    return f"{sign}{amount:,} {METER_WORDS.get(story.meter, story.meter)} on average"


def _bytes(gigabytes: Fraction) -> str:
    for unit, scale in (("PB", 10**6), ("TB", 10**3), ("GB", 1)):
        if gigabytes >= scale:
            return f"{round_half_away(gigabytes / scale, 1):,} {unit}"
    return f"{round_half_away(gigabytes * 1000, 1):,} MB"


def _since(moment: datetime | None) -> str:
    if moment is None:
        return ""
    clock = "" if moment == floor_day(moment) else f", {moment:%H:%M}"
    return f" since {moment:%b} {moment.day}{clock}"


def _short(gained: str, lost: str) -> str:
    """`performance-8x` to `12x`: what both begin with is said once."""
    family, dash, size = gained.rpartition("-")
    return size if dash and lost.startswith(f"{family}-") else gained


def _percent(ratio: Fraction) -> str:
    shown = round_half_away(ratio * 100, 1)
    return f"{'+' if shown > 0 else MINUS}{abs(shown).normalize():f} %"
