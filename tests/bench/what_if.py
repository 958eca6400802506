"""How long a what-if takes: three months of 10,000 machines under a draft, moved, resized, and with a reservation."""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from time import perf_counter

from sqlmodel import Session

from flyusage import db
from flyusage.orgs.acting import system
from flyusage.periods import Period, add_months, month_start
from flyusage.pricing import drafts
from flyusage.pricing.buying import book_on
from flyusage.pricing.simulate import Reserved, WhatIf, simulate
from flyusage.pricing.versions import Version, version_named
from tests.bench.database import Measured
from tests.bench.report import Row, spread

TIMES, MONTHS = 12, 3
BY = system("bench")


@dataclass(frozen=True)
class Asked:
    """A question by what it is called."""

    name: str
    what: WhatIf


def measure(measured: Measured) -> tuple[list[Row], dict[str, object]]:
    """Each question of the last three whole months, milliseconds; the draft is rolled back."""
    end = month_start(measured.history.end)
    period = Period(add_months(end, -MONTHS), end)
    with db.platform_transaction() as session, session.begin_nested() as made:
        figures = {
            one.name: [_seconds(session, measured.org_id, period, one.what) for _ in range(TIMES)] for one in _questions(session, measured)
        }
        made.rollback()
    rows = [Row(f"what if {name}, 3 months, p95", spread(taken)["p95"], 1000, "ms") for name, taken in figures.items()]  # type: ignore[arg-type]
    return rows, {name: spread(taken) for name, taken in figures.items()}


def _questions(session: Session, measured: Measured) -> list[Asked]:
    draft = _draft(session, measured)
    reserved = Reserved("dfw", "performance", Fraction(16_800), Fraction(2_000))
    return [
        Asked("under a draft", WhatIf(draft)),
        Asked("in another region", WhatIf(moves={"dfw": "iad"})),
        Asked("of a smaller size", WhatIf(resizes={"performance-8x": "performance-4x"})),
        Asked("of a larger size", WhatIf(resizes={"performance-1x": "performance-2x"})),
        Asked("with a reservation", WhatIf(reservations=(reserved,))),
    ]


def _draft(session: Session, measured: Measured) -> Version:
    slug = book_on(session, measured.org_id, measured.history.end.date()).slug
    made = drafts.new_draft(session, slug, date(2090, 1, 1), source=version_named(session, slug), by=BY)
    drafts.scale_prices(session, made, Fraction(5), pattern="machine.*", by=BY)
    return made


def _seconds(session: Session, org_id: int, period: Period, what: WhatIf) -> float:
    began = perf_counter()
    assert simulate(session, org_id, period, what).before
    return (perf_counter() - began) * 1000
