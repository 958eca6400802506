"""The seller page's state, and what it asks the database."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Any, Literal

import reflex as rx

from flyusage import clock, db
from flyusage.errors import FlyusageError
from flyusage.invoices.selling import gaps, name_seller
from flyusage.orgs.staff import StaffPermission
from flyusage.pricing.errors import InputInvalid
from flyusage.pricing.tax import Seller
from flyusage.pricing.terms import sellers
from flyusage.ui import browser, present
from flyusage.ui.addresses import typed_in
from flyusage.ui.charts.text import visible
from flyusage.ui.session import staff

LONGEST = 1000


@dataclass(frozen=True)
class SellerForm:
    """Who issues invoices, as the form shows it; address lines one a line. `keep_logo` is "on" where the logo stays."""

    starts_on: str = ""
    name: str = ""
    address: str = ""
    postcode: str = ""
    city: str = ""
    country: str = ""
    email: str = ""
    vat_number: str = ""
    tax_number: str = ""
    registration: str = ""
    iban: str = ""
    bic: str = ""
    keep_logo: str = ""


@dataclass(frozen=True)
class SellerRow:
    """Who sold, sells or will. `tone` is ok (now), open (to come) or quiet."""

    since: str
    name: str
    place: str
    vat_number: str
    account: str
    state: str
    tone: str
    missing: str


@dataclass(frozen=True)
class Screen:
    """Everything the page shows. `form` holds the latest seller, as the one to begin from; `month` the first day it could begin."""

    rows: list[SellerRow] = field(default_factory=list)
    form: SellerForm = SellerForm()
    has_logo: bool = False


class StaffSeller(rx.State):
    """Who issues the invoices. `phase` is loading, ready or failed."""

    phase: Literal["loading", "ready", "failed"] = "loading"
    screen: Screen = Screen()
    problem: str = ""
    refusal: str = ""

    @rx.event
    async def load(self):
        """Show everybody who sold or will."""
        self.refusal = ""
        try:
            self.screen = await asyncio.to_thread(_ask)
            self.phase = "ready"
        except FlyusageError as error:
            self.phase, self.problem, self.screen = "failed", error.sentence, Screen()

    @rx.event
    async def name(self, form: dict[str, Any]):
        """Let whom the form names issue invoices; a refusal stands in the form, and what was typed stays."""
        said = SellerForm(**typed_in(form, (one.name for one in fields(SellerForm)), longest=LONGEST))
        try:
            await asyncio.to_thread(_name, said)
        except FlyusageError as error:
            self.refusal = error.sentence
            return
        self.refusal = ""
        self.screen = await asyncio.to_thread(_ask)
        yield browser.toast("success", f"{visible(said.name)} issues invoices.", detail="Issued ones stay as they are.")


def _ask() -> Screen:
    """Raises NotPermitted."""
    staff(StaffPermission.READ)
    with db.platform_transaction() as session:
        return screen_of(sellers(session), clock.now().date())


def screen_of(known: Sequence[Seller], today: date) -> Screen:
    """The page, printed, the latest seller first. Pure."""
    selling = max((one.starts_on for one in known if one.starts_on <= today), default=None)
    last = max(known, key=lambda one: one.starts_on, default=None)
    return Screen(
        rows=[_row(one, today, is_now=one.starts_on == selling) for one in reversed(known)],
        form=_form(last, today) if last else SellerForm(starts_on=f"{today.replace(day=1)}"),
        has_logo=last is not None and last.logo is not None,
    )


def _row(one: Seller, today: date, *, is_now: bool) -> SellerRow:
    state, tone = ("Now", "ok") if is_now else ("To come", "open") if one.starts_on > today else ("Before", "quiet")
    return SellerRow(
        since=present.date_text(one.starts_on),
        name=visible(one.name),
        place=visible(f"{one.postcode} {one.city}, {one.country}".strip()),
        vat_number=visible(one.vat_number or "–"),
        account=visible(one.iban or "–"),
        state=state,
        tone=tone,
        missing=" ".join(gaps(one)),
    )


def _form(one: Seller, today: date) -> SellerForm:
    """The latest seller's own words; of the invented one, none, since nobody means to keep them."""
    month = f"{max(today.replace(day=1), one.starts_on)}"
    if one.is_demo:
        return SellerForm(starts_on=f"{today.replace(day=1)}")
    told = {name: getattr(one, name) or "" for name in SellerForm.__dataclass_fields__ if name not in ("starts_on", "address", "keep_logo")}
    return SellerForm(starts_on=month, address="\n".join(one.address_lines), keep_logo="on" if one.logo else "", **told)


def _name(said: SellerForm) -> None:
    """Raises NotPermitted, InputInvalid, SellerInvalid and VatNumberInvalid."""
    by = staff(StaffPermission.SELLER_NAME)
    try:
        starts_on = date.fromisoformat(said.starts_on)
    except ValueError as error:
        raise InputInvalid("Choose the first day that the seller issues invoices for.") from error
    lines = tuple(line.strip() for line in said.address.splitlines() if line.strip())
    optional = {name: getattr(said, name) or None for name in ("vat_number", "tax_number", "registration", "iban", "bic")}
    with db.platform_transaction() as session:
        known = sellers(session)
        logo = known[-1].logo if known and said.keep_logo else None
        new = Seller(starts_on, said.name, lines, said.postcode, said.city, said.country, said.email, logo=logo, **optional)
        name_seller(session, new, by=by)
