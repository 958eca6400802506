"""Why an app or a region costs what is not usual: which meter it is, and which machines began or ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlmodel import Session

from flyusage.alerts.detecting import ALL, Key
from flyusage.metering.models import HOURS
from flyusage.periods import HOUR, Period
from flyusage.pricing.database import Binds, fetch
from flyusage.pricing.question import Question
from flyusage.pricing.scope import MACHINE
from flyusage.pricing.weights import weight

MOST_NAMED = 5
WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Cause:
    """`sku` makes up most of it. `count` machines began (or ended) to run, by `app_count` apps; `machines` names the costliest (first) of them."""

    sku: str = ""
    is_rise: bool = True
    count: int = 0
    app_count: int = 0
    machines: tuple[str, ...] = field(default=())

    def plain(self) -> dict[str, Any]:
        """As it is kept and sent."""
        return {**vars(self), "machines": list(self.machines)}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Cause":
        """From what `plain` gave; empty for what is not known yet."""
        return cls(**{**plain, "machines": tuple(plain["machines"])}) if plain else cls()

    def words(self, *, with_names: bool) -> str:
        """A sentence; machines by name only for who may see single ones."""
        if not self.count:
            return f"Most of it is {self.sku}." if self.sku else ""
        one = self.count == 1
        subject = f"{self.count:,} {'machine' if one else 'machines'}" + (f" of {self.app_count:,} apps" if self.app_count > 1 else "")
        named = (
            f": {', '.join(self.machines)}{' and more' if self.count > len(self.machines) else ''}" if with_names and self.machines else ""
        )
        what = f", most of it {self.sku}" if self.sku else ""
        return f"{subject} {'started' if self.is_rise else 'stopped'}{named}{what}."


def cause_of(session: Session, question: Question, key: Key, span: Period, *, is_rise: bool, is_traffic: bool = False) -> Cause:
    """What began (or ended) to run in `span` and the hour before it, at `key`; of traffic, which kind of it.

    Which machines sent it is not kept by day; that some started meanwhile would be no cause.
    """
    most = _most(session, question, key, span, is_rise=is_rise, is_traffic=is_traffic)
    if is_traffic:
        return Cause(most, is_rise)
    app, region = key
    binds = Binds({"org": question.org_id, "machine": MACHINE, "app": app, "region": region})
    place = f"(:app = {ALL} OR i.app_id = :app) AND (:region = {ALL} OR i.region_id = :region)"
    since, until = binds.add(span.start - HOUR, "timestamptz"), binds.add(span.end, "timestamptz")
    edge = "started_at" if is_rise else "stopped_at"
    rows = fetch(
        session,
        f"""WITH edge AS (
              SELECT i.resource_id, i.app_id, max({weight(question, 0, binds)}) AS w FROM usage_interval i
              WHERE i.org_id = :org AND i.{edge} >= {since} AND i.{edge} < {until} AND {place}
                AND i.sku_id IN (SELECT id FROM sku WHERE meter = 'machine')
              GROUP BY 1, 2)
            SELECT r.name, count(*) OVER () AS machines, (SELECT count(DISTINCT app_id) FROM edge) AS apps
            FROM edge JOIN resource r ON r.org_id = :org AND r.id = edge.resource_id AND r.kind = :machine
            ORDER BY edge.w DESC, r.name LIMIT {MOST_NAMED}""",
        binds,
    )
    count, apps = (rows[0][1], rows[0][2]) if rows else (0, 0)
    return Cause(most, is_rise, count, apps, tuple(row[0] for row in rows))


def _most(session: Session, question: Question, key: Key, span: Period, *, is_rise: bool, is_traffic: bool) -> str:
    """The sku (of traffic, or of all else) that differs most from the same hour a week before, in the hour before the last."""
    at = span.end - HOUR
    binds = Binds({"org": question.org_id, "app": key[0], "region": key[1]})
    egress = binds.add([one.id for one in question.reference.skus.values() if one.meter == "egress"], "smallint[]")
    column, now, before = HOURS[at.hour], binds.add(at.date(), "date"), binds.add((at - WEEK).date(), "date")
    rows = fetch(
        session,
        f"""SELECT sku_id, sum(CASE WHEN day = {now} THEN {column} ELSE -{column} END * {weight(question, 0, binds)}) AS change
            FROM usage_day WHERE org_id = :org AND day IN ({now}, {before}) AND (sku_id = ANY ({egress})) = {binds.add(is_traffic, "boolean")}
              AND (:app = {ALL} OR app_id = :app)
              AND (:region = {ALL} OR region_id = :region) GROUP BY 1 ORDER BY 2 {"DESC" if is_rise else "ASC"} LIMIT 1""",
        binds,
    )
    return question.reference.skus[rows[0][0]].code if rows and (rows[0][1] > 0) is is_rise else ""
