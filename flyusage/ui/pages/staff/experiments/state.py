"""The state of experiments with prices, and what it asks the database."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Literal
from urllib.parse import urlencode

import reflex as rx

from flyusage import clock, db
from flyusage.errors import FlyusageError
from flyusage.orgs.staff import StaffPermission
from flyusage.pricing import experiments, typed
from flyusage.pricing.books import LIST, all_books
from flyusage.pricing.errors import InputInvalid
from flyusage.pricing.experiments import Experiment, Plan
from flyusage.ui import browser, present
from flyusage.ui.addresses import typed_in
from flyusage.ui.charts.text import visible
from flyusage.ui.session import staff
from flyusage.ui.staff_layout import REVENUE

LONGEST, LONGEST_LIST = 200, 4000
MOST_NOTICE = 365
FIELDS = ("name", "base", "book", "starts_on", "ends_on", "percent", "orgs", "left_out", "notice", "note")


@dataclass(frozen=True)
class ExperimentRow:
    """An experiment. `tone` is ok (runs), open (to come) or quiet; `end` is the button that returns everybody, `end_says` what it does."""

    slug: str
    books: str
    who: str
    since: str
    until: str
    cohorts: str
    note: str
    state: str
    tone: str
    revenue_href: str
    end: str
    end_says: str


@dataclass(frozen=True)
class Screen:
    """Everything the page shows."""

    rows: list[ExperimentRow] = field(default_factory=list)
    books: list[str] = field(default_factory=list)
    tomorrow: str = ""
    base: str = LIST
    notice: str = str(experiments.NOTICE_DAYS)


class StaffExperiments(rx.State):
    """Experiments with prices. `phase` is loading, ready or failed; `started` counts those begun here, so that the form begins anew."""

    phase: Literal["loading", "ready", "failed"] = "loading"
    screen: Screen = Screen()
    problem: str = ""
    refusal: str = ""
    started: int = 0

    @rx.event
    async def load(self):
        """Show every experiment, the latest first."""
        self.refusal = ""
        try:
            self.screen = await asyncio.to_thread(_ask)
            self.phase = "ready"
        except FlyusageError as error:
            self.phase, self.problem, self.screen = "failed", error.sentence, Screen()

    @rx.event
    async def start(self, form: dict[str, Any]):
        """Start what the form plans; a refusal stands in the form, and what was typed stays."""
        said = typed_in(form, FIELDS, longest=LONGEST_LIST)
        try:
            sentence = await asyncio.to_thread(_start, said)
        except FlyusageError as error:
            self.refusal = error.sentence
            return
        self.refusal, self.started = "", self.started + 1
        self.screen = await asyncio.to_thread(_ask)
        yield browser.toast("success", sentence, detail="Those who take part are told by mail before.")

    @rx.event
    async def end(self, confirmed: str):
        """Return everybody of the experiment that was `confirmed` to the prices they had."""
        if isinstance(confirmed, str):
            sentence = await asyncio.to_thread(_end, confirmed[:LONGEST].replace("\0", ""))
            self.screen = await asyncio.to_thread(_ask)
            yield browser.toast("success", sentence)


def _ask() -> Screen:
    """Raises NotPermitted."""
    staff(StaffPermission.READ)
    with db.platform_transaction() as session:
        known = experiments.experiments(session)
        counted = [tuple(map(len, experiments.cohorts(session, one))) for one in known]
        return screen_of(known, counted, [one.slug for one in all_books(session)], clock.now().date())


def _start(said: dict[str, str]) -> str:
    """Raises NotPermitted, InputInvalid, ExperimentRefused and OrganizationUnknown."""
    by = staff(StaffPermission.PRICES_EDIT)
    plan = Plan(
        slug=said["name"],
        book=said["book"],
        starts_on=_day(said["starts_on"], "The first day"),
        ends_on=_day(said["ends_on"], "The day after the last") if said["ends_on"] else None,
        base=said["base"] or LIST,
        percent=round(typed.decimal(said["percent"], "The percentage"), 4) if said["percent"] else None,
        orgs=_named(said["orgs"]),
        left_out=_named(said["left_out"]),
        notice_days=_notice(said["notice"]),
        note=said["note"],
    )
    with db.platform_transaction() as session:
        made = experiments.start(session, plan, by=by)
        part, rest = experiments.cohorts(session, made)
    everybody = present.plural(len(part) + len(rest), "organization")
    return f"{len(part):,} of {everybody} buy at {visible(made.book.name)} from {present.date_text(made.starts_on)} on."


def _end(slug: str) -> str:
    """Raises NotPermitted, ExperimentUnknown and ExperimentRefused."""
    by = staff(StaffPermission.PRICES_EDIT)
    with db.platform_transaction() as session:
        ended = experiments.end(session, slug, by=by)
    if ended.was_cancelled or ended.ends_on is None:
        return f"{ended.slug} never begins."
    return f"{ended.slug} ends on {present.date_text(ended.ends_on)}, 00:00 UTC."


def screen_of(known: Sequence[Experiment], counted: Sequence[tuple[int, ...]], books: Sequence[str], today: date) -> Screen:
    """The page, printed. `counted`: how many take part and how many do not, for each. Pure."""
    rows = [_row(one, part, rest, today) for one, (part, rest) in zip(known, counted, strict=True)]
    return Screen(rows, list(books), f"{today + timedelta(days=1)}")


def who(one: Experiment) -> str:
    """Whom an experiment is for, in words."""
    said = [f"{one.percent.normalize():f} % of its buyers"] if one.percent is not None else []
    said += [f"{len(one.named)} named"] if one.named else []
    said += [f"{len(one.left_out)} left out"] if one.left_out else []
    return ", ".join(said)


def _row(one: Experiment, part: int, rest: int, today: date) -> ExperimentRow:
    state, tone = _state(one, today)
    is_last_day = one.ends_on == today + timedelta(days=1) and one.starts_on <= today
    can_end = tone != "quiet" and not is_last_day
    returns = (
        f"{one.slug} then never begins. Who was told by mail that it does is told that it does not."
        if one.starts_on > today
        else f"{present.plural(part, 'organization')} buy from {one.base.name} again from tomorrow, "
        f"{present.date_text(today + timedelta(days=1))}, 00:00 UTC on, "
        "and are told by mail. Days that are over keep their prices. It cannot be started again under this name."
    )
    return ExperimentRow(
        slug=one.slug,
        books=f"{one.base.slug} → {one.book.slug}",
        who=who(one),
        since=present.date_text(one.starts_on),
        until=present.date_text(one.ends_on) if one.ends_on else "until it is ended",
        cohorts=f"{part:,} in, {rest:,} not",
        note=visible(one.note),
        state=state,
        tone=tone,
        revenue_href=f"{REVENUE}?{urlencode({'experiment': one.slug})}",
        end="End it" if can_end else "",
        end_says=visible(returns),
    )


def _state(one: Experiment, today: date) -> tuple[str, str]:
    if one.was_cancelled:
        return "Never began", "quiet"
    if one.ends_on is not None and one.ends_on <= today:
        return "Over", "quiet"
    return ("To come", "open") if one.starts_on > today else ("Runs", "ok")


def _day(text: str, label: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputInvalid(f"{label} is no day. Choose one, as 2026-10-01.") from error


def _named(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.replace(",", " ").split()))


def _notice(text: str) -> int:
    if not text:
        return experiments.NOTICE_DAYS
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(MOST_NOTICE)) and int(text) <= MOST_NOTICE):
        raise InputInvalid(f"Days of notice are a whole number from 0 to {MOST_NOTICE}.")
    return int(text)
