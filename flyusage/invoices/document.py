"""Everything an invoice or a credit note prints, as text, dates and minor units: all that its PDF and its XML are made of.

A document holds no key into the database and asks nothing; its JSON is the snapshot that an issued invoice keeps. One that
does not add up cannot be constructed, so neither page nor XML ever shows a total that its lines do not give.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cache, lru_cache
from typing import Any, Literal

import msgspec

from flyusage.money import Currency, round_half_away

Kind = Literal["invoice", "credit_note"]
Page = Literal["a4", "letter"]

STANDARD, ZERO_RATED, EXEMPT, REVERSE_CHARGE, OUTSIDE_SCOPE = "S", "Z", "E", "AE", "O"
TAX_CATEGORIES = (STANDARD, ZERO_RATED, EXEMPT, REVERSE_CHARGE, OUTSIDE_SCOPE)
LOGO_BYTES = 512 * 1024
LOGO_BEGINNINGS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
REPLACEMENT = "\ufffd"

TaxKey = tuple[str, Decimal]


class _Printed:
    """Text is kept as given, but for what no page, XML or JSONB can hold (NUL, control codes, halves of a pair): `\ufffd`."""

    def __post_init__(self) -> None:
        for name in _names(type(self)):
            value = getattr(self, name)
            if isinstance(value, str):
                if not (value.isascii() and value.isprintable()) and (kept := holdable(value)) is not value:
                    object.__setattr__(self, name, kept)
            elif isinstance(value, tuple) and any(isinstance(part, str) for part in value):
                object.__setattr__(self, name, tuple(holdable(part) if isinstance(part, str) else part for part in value))
        self._check()

    def _check(self) -> None:
        """Raise ValueError for what contradicts itself."""


@dataclass(frozen=True)
class Party(_Printed):
    """Seller or buyer. `lines` are what stands above the town (street, building); `country` is its ISO 3166 code of two letters.

    `subdivision` is the state or province where addresses name one, `registration_number` that of the companies' register,
    `tax_number` what a tax office uses beside the VAT number.
    """

    name: str
    lines: tuple[str, ...] = ()
    postcode: str = ""
    city: str = ""
    country: str = ""
    vat_number: str | None = None
    email: str | None = None
    subdivision: str | None = None
    registration_number: str | None = None
    tax_number: str | None = None

    def _check(self) -> None:
        _require(bool(self.name.strip()), "a party needs a name")
        _require(re.fullmatch(r"([A-Z]{2})?", self.country) is not None, f"{self.country!r} is no country of two capital letters")


@dataclass(frozen=True, kw_only=True)
class DocumentLine(_Printed):
    """A line of the invoice: `quantity` of `unit` over the days of `period` (both billed) came to `amount_minor`, tax not included.

    `group` is the product, `subgroup` the region, empty where there is none. `unit_price` is in the currency's major unit for
    `per_quantity` of `unit`, and `per` says that in words ("per hour"); None where quantity times price does not tell the amount.
    `detail` is small print below the description. `is_allowance`: a discount (negative) or a surcharge (positive) on the whole
    invoice, no thing delivered.
    """

    position: int
    group: str
    subgroup: str
    description: str
    quantity: Decimal
    unit: str
    unit_price: Decimal | None
    per: str
    period: tuple[date, date]
    amount_minor: int
    tax_category: str
    tax_percent: Decimal
    per_quantity: int = 1
    detail: str = ""
    is_allowance: bool = False

    def _check(self) -> None:
        where = f"line {self.position}"
        _require(self.position > 0, where, ": positions count from 1")
        _require(bool(self.description.strip()), where, " says nothing")
        _require(self.quantity.is_finite(), where, ": ", self.quantity, " is no quantity")
        _require(self.unit_price is None or self.unit_price.is_finite(), where, ": ", self.unit_price, " is no price")
        _require(self.per_quantity > 0, where, ": a price is for one unit or more")
        _require(self.period[0] <= self.period[1], where, " ends before it begins")
        _check_tax(where, self.tax_key)

    @property
    def tax_key(self) -> TaxKey:
        """What lines taxed alike have in common."""
        return self.tax_category, self.tax_percent


@dataclass(frozen=True)
class DocumentTax(_Printed):
    """Tax on all lines of one category and rate: `percent` of `basis_minor`, rounded once. `reason` says why it is none."""

    category: str
    percent: Decimal
    basis_minor: int
    tax_minor: int
    reason: str = ""

    def _check(self) -> None:
        where = f"tax {self.category} {self.percent} %"
        _check_tax(where, self.key)
        _require(
            abs(self.tax_minor - self.rounded_minor) <= 1, f"{where} of {self.basis_minor} is {self.rounded_minor}, not {self.tax_minor}"
        )
        has_reason = bool(self.reason.strip())
        _require(has_reason or self.category in (STANDARD, ZERO_RATED), f"{where} needs a reason")
        _require(not has_reason or self.category != STANDARD, f"{where} has no reason")

    @property
    def key(self) -> TaxKey:
        """What its lines have in common."""
        return self.category, self.percent

    @property
    def rounded_minor(self) -> int:
        """The tax on its basis, rounded once. Credit notes may be one unit off it, so that together they give back all of a tax."""
        return int(round_half_away(Fraction(self.basis_minor) * Fraction(self.percent) / 100, 0))


@dataclass(frozen=True)
class Bank(_Printed):
    """Where to pay, and the reference by which the payment is found again."""

    iban: str
    bic: str | None
    reference: str
    bank_name: str | None = None

    def _check(self) -> None:
        _require(bool(self.iban.strip() and self.reference.strip()), "a bank account needs its number and a reference")


@dataclass(frozen=True, kw_only=True)
class Document(_Printed):
    """An invoice or credit note as it is printed.

    All amounts are minor units of `currency`. `period` names the first and the last day billed. A credit note's amounts are what
    is given back, as positive numbers (its lines mirror those of the invoice it `refers_to`: number and date); it has no due date.
    `prepaid_minor` was paid before, by credits that count as payments. `logo` is a PNG or JPEG of at most 512 KiB.
    `demo_label` ("Sample: an invented company") marks every page of what nobody owes.
    """

    kind: Kind
    number: str
    issued_on: date
    due_on: date | None
    period: tuple[date, date]
    currency: Currency
    seller: Party
    buyer: Party
    lines: tuple[DocumentLine, ...]
    net_minor: int
    taxes: tuple[DocumentTax, ...]
    tax_minor: int
    gross_minor: int
    prepaid_minor: int
    due_minor: int
    payment_terms: str = ""
    bank: Bank | None = None
    purchase_order: str | None = None
    refers_to: tuple[str, date] | None = None
    notes: tuple[str, ...] = ()
    logo: bytes | None = field(default=None, repr=False)
    page: Page = "a4"
    demo_label: str | None = None

    def _check(self) -> None:
        _require(bool(self.number.strip()), "a document needs a number")
        _require(self.period[0] <= self.period[1], "a document's period ends before it begins")
        _require(self.kind in ("invoice", "credit_note"), f"{self.kind!r} is neither invoice nor credit note")
        _require(self.page in ("a4", "letter"), f"{self.page!r} is no page size")
        _require(self.kind == "invoice" or self.due_on is None, "a credit note is not due")
        _require(self.due_on is None or self.due_on >= self.issued_on, "a document is due before it is issued")
        _require(self.logo is None or self.logo.startswith(LOGO_BEGINNINGS), "a logo is a PNG or a JPEG")
        _require(self.logo is None or len(self.logo) <= LOGO_BYTES, f"a logo is at most {LOGO_BYTES // 1024} KiB")
        positions = [line.position for line in self.lines]
        _require(positions == sorted(set(positions)), "positions rise from line to line")
        self._check_sums()

    def _check_sums(self) -> None:
        _add_up("net", self.net_minor, (line.amount_minor for line in self.lines))
        _add_up("tax", self.tax_minor, (tax.tax_minor for tax in self.taxes))
        if self.kind == "invoice":
            for tax in self.taxes:
                _add_up(f"tax {tax.category} {tax.percent} %", tax.tax_minor, (tax.rounded_minor,))
        _add_up("gross", self.gross_minor, (self.net_minor, self.tax_minor))
        _add_up("due", self.due_minor, (self.gross_minor, -self.prepaid_minor))
        _require(0 <= self.prepaid_minor <= self.gross_minor, "a document is never negative; what remains becomes a credit note")
        bases: dict[TaxKey, int] = {}
        for line in self.lines:
            bases[line.tax_key] = bases.get(line.tax_key, 0) + line.amount_minor
        given = {tax.key: tax.basis_minor for tax in self.taxes}
        _require(len(given) == len(self.taxes), "a tax rate stands once")
        _require(bases == given, f"taxes rest on {_bases_text(given)}, lines on {_bases_text(bases)}")

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values: decimals as text, dates as ISO 8601, the logo as base64. `from_json` gives the same document."""
        return msgspec.json.decode(msgspec.json.encode(self))

    @classmethod
    def from_json(cls, snapshot: Mapping[str, Any]) -> "Document":
        """The document that `to_json` gave. Fields added since take their default.

        Raises ValueError for a field that is missing, unknown or of another type, and for sums that do not add up.
        """
        try:
            document = msgspec.convert(dict(snapshot), cls)
        except msgspec.ValidationError as error:
            raise ValueError(f"This is no document's JSON: {error}") from error
        strange = _difference(snapshot, document.to_json(), "document")
        _require(strange is None, f"{strange} is not as a document's JSON has it")
        return document


@cache
def _names(kind: type) -> tuple[str, ...]:
    """The fields that hold text, by what they say they hold."""
    return tuple(each.name for each in fields(kind) if "str" in str(each.type))


@lru_cache(10_000)  # names of regions and the like come on every line
def holdable(text: str) -> str:
    """`text` with each character that no page, XML 1.0 or JSONB can hold replaced by `\ufffd`; line ends become spaces."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_holdable_character, text))


def _holdable_character(character: str) -> str:
    if character in "\t\n\r\u2028\u2029\x85":
        return " "
    is_strange = unicodedata.category(character) in ("Cc", "Cs") or ord(character) & 0xFFFE == 0xFFFE or "\ufdd0" <= character <= "\ufdef"
    return REPLACEMENT if is_strange else character


def _check_tax(where: str, key: TaxKey) -> None:
    category, percent = key
    if category not in TAX_CATEGORIES:
        raise ValueError(f"{where}: {category!r} is none of the tax categories {', '.join(TAX_CATEGORIES)}")
    is_sound = percent.is_finite() and (0 < percent < 100 if category == STANDARD else percent == 0)
    _require(is_sound, where, ": ", percent, " % is no rate of category ", category)


def _add_up(name: str, total: int, parts: Iterable[int]) -> None:
    summed = sum(parts)
    _require(total == summed, f"{name} is {total}, its parts give {summed}")


def _bases_text(bases: Mapping[TaxKey, int]) -> str:
    return ", ".join(f"{category} {percent} %: {basis}" for (category, percent), basis in sorted(bases.items())) or "nothing"


def _difference(given: Any, kept: Any, where: str) -> str | None:
    """Where `given` says something that `kept` does not, None where all of it was understood."""
    if isinstance(given, Mapping) and isinstance(kept, Mapping):
        unknown = sorted(given.keys() - kept.keys())
        if unknown:
            return f"{where}.{unknown[0]}"
        return next(filter(None, (_difference(value, kept[key], f"{where}.{key}") for key, value in given.items())), None)
    if isinstance(given, (list, tuple)) and isinstance(kept, (list, tuple)) and len(given) == len(kept):
        pairs = enumerate(zip(given, kept, strict=True))
        return next(filter(None, (_difference(one, other, f"{where}[{n}]") for n, (one, other) in pairs)), None)
    return None if type(given) is type(kept) and given == kept else where


def _require(holds: bool, *said: object) -> None:
    """Raise ValueError with `said`, put together only then: a close checks by the million."""
    if not holds:
        raise ValueError("".join(map(str, said)))
