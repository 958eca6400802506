"""Who issues the invoices: named by the platform, checked by printing with it before anything depends on it."""

from dataclasses import replace
from datetime import timedelta

from sqlmodel import Session
from stdnum import bic, iban
from stdnum.exceptions import ValidationError

from flyusage.invoices import einvoice, pdf
from flyusage.invoices.document import LOGO_BEGINNINGS, Document, Party
from flyusage.invoices.errors import SellerInvalid
from flyusage.invoices.printing import seller_party
from flyusage.money import EUR
from flyusage.orgs.acting import Actor
from flyusage.pricing.agreements import set_seller
from flyusage.pricing.tax import Seller
from flyusage.pricing.versions import record

LOGO_BYTES = 32 * 1024  # each issued invoice keeps its own copy
LONGEST = 200


def name_seller(session: Session, new: Seller, *, by: Actor) -> Seller:
    """Let `new` issue invoices for what is complete from `new.starts_on` on; as kept, numbers written together. Logged.

    Issued invoices keep the seller that they were issued by. Raises VatNumberInvalid, and SellerInvalid for what no invoice could
    print: a missing name or address, an account that is none, a logo that is no picture.
    """
    by.is_no_member("The seller is named")
    kept = set_seller(session, _checked(new))
    told = {
        "name": kept.name,
        "country": kept.country,
        "vat_number": kept.vat_number,
        "iban": kept.iban,
        "logo_bytes": len(kept.logo or b""),
    }
    record(session, by=by, action="seller.name", subject=f"seller:{kept.starts_on}", detail=told)
    return kept


def gaps(seller: Seller) -> list[str]:
    """What EN 16931 demands of a seller and this one lacks, in sentences; an invoice of it is then no e-invoice."""
    return [one for one in einvoice.gaps(_sample(seller)) if "seller" in one.lower()]


def _checked(new: Seller) -> Seller:
    missing = [
        what for what, text in (("a name", new.name), ("an address", "".join(new.address_lines)), ("a town", new.city)) if not text.strip()
    ]
    if missing:
        raise SellerInvalid(f"An invoice needs {' and '.join(missing)} of its seller.")
    if max(map(len, (new.name, new.city, new.postcode, *new.address_lines))) > LONGEST:
        raise SellerInvalid(f"A line of the seller's address has at most {LONGEST} characters.")
    if not (len(new.country) == 2 and new.country.isascii() and new.country.isupper()):
        raise SellerInvalid("Name the seller's country by its two letters (ISO 3166): DE, FR, US.")
    if "@" not in new.email:
        raise SellerInvalid("The seller's mail address is where customers answer to, such as billing@example.com.")
    account = _account(new)
    if new.logo is not None:
        _refuse_logo(new)
    return account


def _account(new: Seller) -> Seller:
    try:
        number = iban.validate(new.iban) if new.iban else None
        bank = bic.validate(new.bic) if new.bic else None
    except ValidationError as error:
        raise SellerInvalid(f"The bank account is none: {str(error)[:1].lower()}{str(error)[1:]} Correct its IBAN or BIC.") from error
    return replace(new, iban=number, bic=bank)


def _refuse_logo(new: Seller) -> None:
    """Raise SellerInvalid for a logo that would stop every invoice."""
    assert new.logo is not None
    if not new.logo.startswith(LOGO_BEGINNINGS) or len(new.logo) > LOGO_BYTES:
        raise SellerInvalid(f"A logo is a PNG or JPEG of at most {LOGO_BYTES // 1024} KiB.")
    try:
        pdf.render(_sample(new))
    except Exception as error:
        raise SellerInvalid("The logo cannot be printed; the picture may be damaged. Save it anew as PNG.") from error


def _sample(seller: Seller) -> Document:
    """An invoice over nothing, with everything of the seller on it."""
    day = seller.starts_on
    return Document(
        kind="invoice", number="SAMPLE", issued_on=day, due_on=day + timedelta(days=14), period=(day, day), currency=EUR,
        seller=seller_party(seller), buyer=Party(name="Sample"), lines=(), net_minor=0, taxes=(), tax_minor=0, gross_minor=0,
        prepaid_minor=0, due_minor=0, payment_terms="Nothing is to be paid.", logo=seller.logo,
    )  # fmt: skip
