"""What the page of price books asks and does, and how it is printed. Blocks; call it off the event loop."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from urllib.parse import urlencode

from sqlmodel import Session

from flyusage import clock, db
from flyusage.invoices.wording import times, unit_of
from flyusage.money import CURRENCIES, Currency, format_money, round_half_away
from flyusage.orgs.staff import StaffPermission
from flyusage.periods import DAY, midnight
from flyusage.pricing import drafts
from flyusage.pricing.case_inputs import number
from flyusage.pricing.errors import InputInvalid, VersionUnknown
from flyusage.pricing.listed import ListedPrice
from flyusage.pricing.price_list import terms_told
from flyusage.pricing.rating import plain
from flyusage.pricing.versions import BookEvent, Comparison, PriceChange, Version, compare, events, version_named, versions
from flyusage.ui import present, statements
from flyusage.ui.charts.text import visible
from flyusage.ui.pages.billing.rows import Choosing
from flyusage.ui.pages.staff.prices.rows import ChangeRow, Compared, Screen, VersionRow
from flyusage.ui.pages.what_if.address import Choice, what_if_href
from flyusage.ui.session import first_organization, staff
from flyusage.ui.staff_layout import PRICES
from flyusage.ui.statements import who

MOST_CHANGES, MOST_EVENTS = 200, 12
WORDS = {
    "price_book.create": "made the book", "price_draft.create": "drafted", "price_draft.set": "set a price of",
    "price_draft.remove": "took a price out of", "price_draft.scale": "scaled prices of", "price_draft.discard": "discarded",
    "price_book.publish": "published", "price_experiment.start": "started the experiment", "price_experiment.end": "ended the experiment",
}  # fmt: skip


@dataclass(frozen=True)
class Told:
    """What the page is printed from."""

    versions: Sequence[Version]
    today: date
    comparison: Comparison | None = None
    log: Sequence[BookEvent] = ()
    slug: str = ""


def ask(name: str, beside: str) -> Screen:
    """The versions, and `name` beside another: the one it follows unless `beside` names one. Raises NotPermitted."""
    staff(StaffPermission.READ)
    opened = first_organization()
    with db.platform_transaction() as session:
        found = versions(session)
        chosen = next((one for one in found if one.name == name), None)
        comparison, log = _beside(session, found, chosen, beside), events(session, limit=MOST_EVENTS)
    told = Told(found, clock.now().date(), comparison, log, opened.slug if opened else "")
    return screen(told)


def new_draft(source: str, book: str, day: str, note: str) -> str:
    """Draft a version with the prices of `source`, of its book unless `book` names one; its name. Raises NotPermitted and what drafts raise."""
    by = staff(StaffPermission.PRICES_EDIT)
    try:
        effective_from = date.fromisoformat(day)
    except ValueError as error:
        raise InputInvalid("Choose the day from which the prices are to hold.") from error
    with db.platform_transaction() as session:
        begun = version_named(session, source)
        return drafts.new_draft(session, book or begun.book.slug, effective_from, source=begun, note=note, by=by).name


def scale(name: str, percent: str, pattern: str, scope: str) -> int:
    """Raise a draft's prices by `percent`; how many those were."""
    by = staff(StaffPermission.PRICES_EDIT)
    with db.platform_transaction() as session:
        return drafts.scale_prices(
            session, version_named(session, name), number(percent, "the percentage"), pattern=pattern or "*", scope=scope or None, by=by
        )


def publish(name: str) -> None:
    """Publish a draft, for ever."""
    by = staff(StaffPermission.PRICES_EDIT)
    with db.platform_transaction() as session:
        drafts.publish_draft(session, _draft(session, name), by=by)


def discard(name: str) -> None:
    """Delete a draft."""
    by = staff(StaffPermission.PRICES_EDIT)
    with db.platform_transaction() as session:
        drafts.discard_draft(session, _draft(session, name), by=by)


def _draft(session: Session, name: str) -> Version:
    """The version of exactly that name: a book's name alone is what is in force, which nobody means to change here."""
    found = version_named(session, name)
    if found.name != name:
        raise VersionUnknown(f"There is no version {name[:80]!r}. Reload the page.")
    return found


def _beside(session: Session, found: Sequence[Version], chosen: Version | None, beside: str) -> Comparison | None:
    if chosen is None:
        return None
    named = next((one for one in found if one.name == beside and one.book.currency == chosen.book.currency), None)
    before = named or _followed(found, chosen)
    return compare(session, before, chosen) if before is not None else compare(session, chosen, chosen)


def _followed(found: Sequence[Version], chosen: Version) -> Version | None:
    """The published version of the same book that was in force before it; without one, the list's."""
    published = [one for one in found if one.published_at is not None and one.id != chosen.id and one.book.currency == chosen.book.currency]
    own = [one for one in published if one.book.id == chosen.book.id and one.effective_from < chosen.effective_from]
    return (own or [one for one in published if one.book.id != chosen.book.id] or [None])[-1]


def screen(told: Told) -> Screen:
    """The whole page, printed. Pure."""
    chosen = told.comparison.after if told.comparison else None
    return Screen(
        versions=[_version(one, told, is_current=one == chosen) for one in reversed(told.versions)],
        sources=[one.name for one in reversed(told.versions)],
        tomorrow=f"{(midnight(told.today) + DAY):%Y-%m-%d}",
        compared=_compared(told, told.comparison) if told.comparison else Compared(),
        log=[_event(one) for one in told.log],
    )


def prices_href(name: str, beside: str = "") -> str:
    """The page with a version opened."""
    return f"{PRICES}?{urlencode({'version': name} | ({'beside': beside} if beside else {}), safe='@')}"


def _version(one: Version, told: Told, *, is_current: bool) -> VersionRow:
    in_force = _in_force(told, one)
    state = "Draft" if one.published_at is None else "In force" if in_force else "To come" if one.effective_from > told.today else "Past"
    return VersionRow(
        name=one.name,
        href=PRICES if is_current else prices_href(one.name),
        state=state,
        tone="open" if state in ("Draft", "To come") else "ok" if in_force else "quiet",
        prices=f"{one.price_count:,}",
        currency=one.book.currency,
        note=visible(one.note) if one.note else "",
        is_current=is_current,
    )


def _in_force(told: Told, one: Version) -> bool:
    past = [
        each
        for each in told.versions
        if each.book.id == one.book.id and each.published_at is not None and each.effective_from <= told.today
    ]
    return bool(past) and past[-1].id == one.id


def _compared(told: Told, found: Comparison) -> Compared:
    after, before, currency = found.after, found.before, CURRENCIES[found.after.book.currency]
    changes = [*found.changed, *found.added, *found.removed]
    is_alone, is_draft = before.id == after.id, after.published_at is None
    day = present.date_text(after.effective_from)
    others = [one for one in told.versions if one.id != after.id and one.book.currency == after.book.currency]
    return Compared(
        name=after.name,
        title=f"{after.name}{' (draft)' if is_draft else ''}" + ("" if is_alone else f" beside {before.name}"),
        beside=[Choosing(one.name, prices_href(after.name, one.name), one.id == before.id) for one in others],
        summary="There is no other version in this currency to hold it against." if is_alone else _summary(found),
        rows=[_change(one, currency) for one in changes[:MOST_CHANGES]],
        note=f"the first {MOST_CHANGES} of {len(changes):,}; `flyusage prices draft compare` prints all"
        if len(changes) > MOST_CHANGES
        else "",
        is_draft=is_draft,
        what_if_href=what_if_href(told.slug, Choice(version=after.name, everyone=True)) if told.slug else "",
        publish_says=f"Everybody who buys from {after.book.slug} pays these {after.price_count:,} prices from {day}, 00:00 UTC on. "
        "A published version stays for ever: to change it, another is published for a later day.",
        discard_says=f"The draft and its {after.price_count:,} prices are deleted. The log keeps what they were.",
    )


def _summary(found: Comparison) -> str:
    parts = [(len(found.changed), "changed"), (len(found.added), "new"), (len(found.removed), "gone")]
    said = ", ".join(f"{count:,} {word}" for count, word in parts if count)
    return f"{said}." if said else "The prices are the same."


def _change(one: PriceChange, currency: Currency) -> ChangeRow:
    percent = one.percent
    is_more = percent is not None and percent > 0
    shown = "" if percent is None else f"{'+' if is_more else present.MINUS}{plain(Fraction(abs(round_half_away(percent, 2))))} %"
    word = "new" if one.before is None else "gone" if one.after is None else "other terms" if percent is None else shown
    return ChangeRow(
        one.sku,
        one.scope,
        _price(one.before, currency),
        _price(one.after, currency),
        word,
        present.tone(percent) if percent is not None else "same",
    )


def _price(listed: ListedPrice | None, currency: Currency) -> str:
    if listed is None:
        return "–"
    unit, terms = unit_of(listed.unit), terms_told(listed.price)
    if unit.times == 1:
        said = statements.price_text(listed.amount, unit.per, currency)
    else:
        said = f"{format_money(times(listed.amount, unit.times), currency, places=max(4, currency.exponent))} {unit.per}"
    dates = [
        f"from {present.date_text(listed.effective_from)}" if listed.effective_from else "",
        f"to {present.date_text(listed.effective_to)}" if listed.effective_to else "",
    ]
    return ", ".join(filter(None, (said, visible(terms) if terms else "", *dates)))


def _event(one: BookEvent) -> str:
    return f"{_moment(one.at)}: {who(one.actor)} {WORDS.get(one.action, one.action)} {visible(one.subject)}"


def _moment(at: datetime) -> str:
    return f"{present.moment_text(at)} UTC"
