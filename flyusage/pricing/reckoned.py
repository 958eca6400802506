"""What a tried case comes to, before it is rounded and taxed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from flyusage.pricing.rating import RatedCharge


@dataclass(frozen=True)
class Reckoned:
    """A case's charge before rounding and tax.

    `tax_basis` stands for the net where tax is not on the rounded one; `taxes` replaces tax altogether where rates are mixed.
    `is_credited`: the promotional credit has lowered the net already.
    `others` are further answers by name; `main` names what a case with one plain answer means. `parts` make a list of the answer.
    """

    net: RatedCharge
    tax_basis: Fraction | None = None
    taxes: RatedCharge | None = None
    is_credited: bool = False
    others: Mapping[str, Fraction] = field(default_factory=dict)
    main: str = ""
    parts: tuple[Fraction, ...] = ()
