"""What happens to the demo company, and when: all invented, and dated backwards from the moment it is first filled.

Every moment is whole seconds since 1970. What would lie before the company's first day is left out.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from flyusage import periods

HOUR = 3600
DAY = 86_400

RETIRED_REGION = "zrh"
SUCCESSOR_REGION = "fra"
OUTAGE_REGION = "fra"
OUTAGE_NEIGHBOURS = ("ams", "cdg", "lhr")
LATE_REGION = "syd"
RUNAWAY_APP = "forecasts-worker"
MIGRATING_APPS = ("tracking-api", "routing-api")
MIGRATES_FROM, MIGRATES_TO = "performance-4x", "performance-2x"
MACHINES_PER_MIGRATED = 1.5
PRICE_STEP_PERCENT = 4


@dataclass(frozen=True)
class Span:
    """`[start, end)` in seconds since 1970."""

    start: int
    end: int

    def holds(self, moment: int) -> bool:
        """Whether `moment` lies inside."""
        return self.start <= moment < self.end


@dataclass(frozen=True)
class Story:
    """The company's first moment and the events of its life.

    `outage`: a region is dark. `runaway`: an app without a ceiling on its autoscaling. `migration`: two apps move to smaller
    machines, region by region. `retired_on`: the last machines should have left the invented region. `price_step_on`: an
    invented price applies from this midnight. `late`: a region's hosts were cut off, their events arrive days later.
    """

    begins: int
    outage: Span | None
    runaway: Span | None
    migration: Span | None
    retired_on: date | None
    price_step_on: date | None
    late: Span | None


def company_story(now: datetime, months: int) -> Story:
    """The demo company's story, ending at `now` (aware UTC) after `months` calendar months."""
    begins = seconds(periods.floor_day(periods.add_months(now, -months)))
    today = periods.floor_day(now)
    retired = periods.month_start(now - timedelta(days=150))
    step = periods.month_start(now - timedelta(days=10))

    def span(days_ago: float, hours: float) -> Span | None:
        start = seconds(today - timedelta(days=days_ago))
        return Span(start, start + int(hours * HOUR)) if start >= begins else None

    return Story(
        begins=begins,
        outage=span(9 - 13 / 24, 4.35),
        runaway=span(16 - 22 / 24, 34.5),
        migration=span(95, 20 * 24),
        retired_on=retired.date() if seconds(retired) >= begins + 60 * DAY else None,
        price_step_on=step.date() if seconds(step) > begins else None,
        late=span(3 + 2 / 24, 30),
    )


def quiet_story(now: datetime, months: int) -> Story:
    """A company to which nothing special happens."""
    begins = seconds(periods.floor_day(periods.add_months(now, -months)))
    return Story(begins, None, None, None, None, None, None)


def seconds(moment: datetime) -> int:
    """Whole seconds since 1970, floored."""
    return int(moment.timestamp() // 1)


def moment_of(epoch: int) -> datetime:
    """The aware UTC moment of `epoch`."""
    return datetime.fromtimestamp(epoch, UTC)
