"""Whether a VAT number can be one: its shape and check digits, by country. Nobody is asked whether the company exists."""

from functools import cache

from stdnum.ch import vat as swiss
from stdnum.eu import vat as european
from stdnum.exceptions import ValidationError
from stdnum.gb import vat as british
from stdnum.no import mva as norwegian

from flyusage.pricing.errors import VatNumberInvalid

EU = frozenset({
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL",
    "PT", "RO", "SE", "SI", "SK",
})  # fmt: skip
CHECKED = EU | {"GB", "CH", "NO"}
GREECE = "EL"  # what Greek numbers begin with instead of GR


def checked(country: str, number: str) -> str:
    """The number written together, behind its country's letters (`DE136695976`, `EL094259216`, `CHE107787577MWST`).

    Countries without a check here keep theirs as written. Raises VatNumberInvalid.
    """
    written = "".join(number.split()).upper()
    try:
        return _compact(country, written)
    except ValidationError as error:
        raise VatNumberInvalid(
            f"{number[:40]!r} is not a VAT number of {country}: {_lower_first(str(error))} Correct it, or leave it out if there is none."
        ) from error


@cache
def is_valid(country: str, number: str) -> bool:
    """Whether the number passes its country's check; False where there is no check for the country."""
    if country not in CHECKED:
        return False
    try:
        checked(country, number)
    except VatNumberInvalid:
        return False
    return True


def _compact(country: str, written: str) -> str:
    if country in EU:
        prefix = GREECE if country == "GR" else country
        bare = written.removeprefix(country) if written.startswith(country) else written.removeprefix(prefix)
        return prefix + european.validate(prefix + bare)[2:]
    if country == "GB":
        prefix = "XI" if written.startswith("XI") else "GB"
        return prefix + british.validate(written.removeprefix(prefix))
    if country == "CH":
        return swiss.validate(written)
    if country == "NO":
        return "NO" + norwegian.validate(written.removeprefix("NO"))
    return written


def _lower_first(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
