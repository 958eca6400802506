"""How far back an organization's history is whole, while older days still come in or wait to be added up."""

from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Session

from flyusage.metering.rollup_state import CHANNEL
from flyusage.periods import DAY, Period, midnight

FEW_DAYS = 7  # as few to add up again are a correction: until then they are read as they were


@dataclass(frozen=True)
class HistoryLoad:
    """Days from `whole_from` on are complete. Of the rest `percent` is done: in, or with all of it in, added up."""

    whole_from: date
    percent: int
    is_arriving: bool

    @property
    def sentence(self) -> str:
        """What happens, and how far it is."""
        return f"Older history is still {'loading' if self.is_arriving else 'being added up'}: {self.percent} %."

    def covers(self, period: Period) -> bool:
        """Whether all of `period` is complete."""
        return period.start >= midnight(self.whole_from)


def history_load(session: Session, org_id: int) -> HistoryLoad | None:
    """How far the organization's history is loaded; None where it is whole."""
    row = session.execute(sa.text(f"SELECT {COLUMNS} FROM rollup_state AS state WHERE org_id = :org"), {"org": org_id}).one_or_none()
    return None if row is None else load_of(*row)


def load_of(
    whole_from: date | None, percent: int | None, waiting: int, last_waiting: date | None, first: datetime | None, through: datetime | None
) -> HistoryLoad | None:
    """The same from the values of COLUMNS."""
    if whole_from is not None:
        return HistoryLoad(whole_from, percent or 0, is_arriving=True)
    if waiting <= FEW_DAYS or last_waiting is None or first is None or through is None:
        return None
    days = len(list(Period(min(first, through), through).days()))
    return HistoryLoad(last_waiting + DAY, max(0, days - waiting) * 100 // max(1, days), is_arriving=False)


def note_load(session: Session, org_id: int, whole_from: date, percent: int) -> None:
    """Days before `whole_from` are still being loaded, of all of them `percent` is in. For whoever loads newest first."""
    _note(session, org_id, whole_from, min(percent, 99))


def note_whole(session: Session, org_id: int) -> None:
    """The history is all there."""
    _note(session, org_id, None, None)


def _note(session: Session, org_id: int, whole_from: date | None, percent: int | None) -> None:
    session.execute(sa.text(_NOTE), {"org": org_id, "from": whole_from, "percent": percent, "channel": CHANNEL, "text": str(org_id)})


COLUMNS = """
state.whole_from, state.loaded_percent, (SELECT count(*) FROM dirty_day d WHERE d.org_id = state.org_id) AS waiting_days,
(SELECT max(day) FROM dirty_day d WHERE d.org_id = state.org_id) AS last_waiting_day, state.first_event_at, state.rolled_through"""
_NOTE = """
INSERT INTO rollup_state AS state (org_id, whole_from, loaded_percent) VALUES (:org, CAST(:from AS date), CAST(:percent AS smallint))
ON CONFLICT (org_id) DO UPDATE SET whole_from = excluded.whole_from, loaded_percent = excluded.loaded_percent
RETURNING pg_notify(:channel, :text)"""
