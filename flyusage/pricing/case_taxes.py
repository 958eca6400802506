"""Cases of tax: on one net, on lines of several rates, or inside a gross."""

from fractions import Fraction

from flyusage.money import Currency
from flyusage.pricing.case_inputs import Inputs
from flyusage.pricing.errors import InputInvalid, InputMissing
from flyusage.pricing.rating import ZERO, Step, charge, plain, rounded
from flyusage.pricing.reckoned import Reckoned
from flyusage.pricing.settling import tax_inside, tax_on

CATEGORIES = ("S", "AE", "E", "Z", "O", "G", "K")


def reckon_vat(inputs: Inputs, currency: Currency) -> Reckoned:
    """Tax on one net, or on the lines of each rate together; a line without a rate of its own has the case's."""
    whole = tax_percent(inputs)
    if inputs.has("gross"):
        return _vat_inside(inputs, whole, currency)
    lines = [(_line_net(one), tax_percent(one, whole)) for one in inputs.objects("lines", of_numbers="net")]
    if lines and inputs.has("net", "amount"):
        raise InputInvalid("net and lines both say what is taxed; give one.")
    nets: dict[Fraction, Fraction] = {}
    for amount, percent in lines or [(_line_net(inputs), whole)]:
        nets[percent] = nets.get(percent, ZERO) + rounded(charge([Step("net", amount)]), currency).amount
    credit = rounded(charge([Step("credit", inputs.amount("promotional_credit", default=ZERO))]), currency).amount
    if credit and len(nets) > 1:
        raise InputInvalid("promotional_credit lowers one net; here are several rates, so say which net is lowered by how much.")
    net = charge([Step(f"Net at {plain(percent)} %", amount) for percent, amount in nets.items()])
    if credit:
        ((percent, amount),) = nets.items()
        taken = min(credit, max(ZERO, amount))
        nets, net = {percent: amount - taken}, net.then(Step(f"Promotional credit of {plain(credit)}", -taken))
    taxes = charge(
        [Step(f"{plain(percent)} % tax on {plain(amount)}", tax_on(amount, percent, currency)) for percent, amount in nets.items()]
    )
    return Reckoned(net, taxes=taxes, is_credited=True)


def _line_net(inputs: Inputs) -> Fraction:
    """A net as it is given, or a quantity at a price."""
    if inputs.has("net", "amount"):
        return inputs.number("net", "amount")
    if not inputs.has("qty", "quantity"):
        raise InputMissing("net is missing; or qty and unit.")
    return inputs.number("qty", "quantity") * inputs.number("unit", "unit_amount", "unit_price", "price")


def _vat_inside(inputs: Inputs, percent: Fraction, currency: Currency) -> Reckoned:
    """One gross that the tax is inside of: the tax is rounded, the net is what it leaves."""
    if inputs.has("net", "amount") or inputs.has("lines") or inputs.has("promotional_credit"):
        raise InputInvalid("gross is an amount with the tax inside; neither net, lines nor promotional_credit go with it.")
    gross = rounded(charge([Step("Gross", inputs.number("gross"))]), currency)
    tax = tax_inside(gross.amount, percent, currency)
    text = f"{plain(percent)} % tax inside {plain(gross.amount)}"
    return Reckoned(gross.then(Step(text, -tax)), taxes=charge([Step(text, tax)]), is_credited=True)


def tax_percent(inputs: Inputs, default: Fraction = ZERO) -> Fraction:
    """The rate of a net; none where the customer accounts for the tax, or nobody does."""
    percent, category = inputs.amount("tax_pct", "vat_pct", default=default), inputs.text("category", default="S").upper()
    if category not in CATEGORIES:
        raise InputInvalid(f"category is one of {', '.join(CATEGORIES)}, as EN 16931 has them.")
    is_free = [inputs.flag("reverse_charge", default=False), inputs.flag("exempt", "tax_exempt", default=False), category != "S"]
    return ZERO if any(is_free) else percent
