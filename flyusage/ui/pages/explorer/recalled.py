"""What the server still knows of the usage that a page shows, for another measure or chart of the same: how long it may, and of whom.

Who may see what is asked anew for each answer. What is recalled was found for a reader who may see just the same, and is let go as soon
as an event, an hour's close, a price or anything in the organization's audit has come since: all that could change a number.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from time import monotonic

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.periods import Period
from flyusage.pricing.asking import Known
from flyusage.ui import live
from flyusage.ui.session import OpenOrganization

KEPT_SECONDS = 30.0  # "now" moves meanwhile
MOST_KEPT = 8


@dataclass(frozen=True)
class Recalled:
    """A moment of an organization, and what is known of it then, which remembers what has been found of its usage."""

    now: datetime
    history: Period | None
    known: Known


_kept: dict[Hashable, tuple[float, Hashable, Recalled]] = {}
_counting = Lock()


def stamp_of(session: Session, org: OpenOrganization) -> Hashable | None:
    """What is another one as soon as a number of the organization may be; None where nothing may be recalled.

    A reader of some apps alone sees no audit, by which a change of cost centres or of agreed prices is known.
    """
    heard = live.heard_of(org.id)
    if heard is None or org.apps is not None:
        return None
    return (heard, *session.execute(_STAMP, {"org": org.id}).one())


def recall(org: OpenOrganization, of: Hashable, stamp: Hashable | None) -> Recalled | None:
    """What is kept `of` a question of the organization, of no other stamp and for its reader's permissions."""
    since, stamped, kept = _kept.get((org.id, org.permissions, of), (0.0, None, None))
    if kept is None or stamp is None or stamped != stamp:
        return None
    age = max(monotonic() - since, abs((clock.now() - kept.now).total_seconds()))
    return kept if age < KEPT_SECONDS else None


def keep(org: OpenOrganization, of: Hashable, stamp: Hashable | None, recalled: Recalled) -> None:
    """Keep it under its stamp, the newest few of all organizations."""
    if stamp is None:
        return
    with _counting:
        _kept.pop((org.id, org.permissions, of), None)
        while len(_kept) >= MOST_KEPT:
            _kept.pop(next(iter(_kept)))
        _kept[(org.id, org.permissions, of)] = (monotonic(), stamp, recalled)


_STAMP = sa.text(
    """SELECT (SELECT CAST(state AS text) FROM rollup_state state WHERE org_id = :org),
              (SELECT max(id) FROM audit_event WHERE org_id = :org),
              (SELECT count(published_at) FROM price_book_version), (SELECT max(published_at) FROM price_book_version),
              (SELECT sum(hashtext(CAST(tried AS text))) FROM price_experiment tried)"""
)
