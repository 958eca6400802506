"""Prices tried before they are prices: cases from a file, each answered with its working and compared with what is expected."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from flyusage.errors import FlyusageError
from flyusage.logs import harmless
from flyusage.money import Currency, round_half_away, to_minor
from flyusage.pricing.case_inputs import Inputs, number
from flyusage.pricing.case_kinds import reckon
from flyusage.pricing.case_taxes import tax_percent
from flyusage.pricing.errors import AnswerUnknown, CasesUnreadable, InputInvalid
from flyusage.pricing.export import adding_up
from flyusage.pricing.rating import ZERO, RatedCharge, Step, charge, plain, rounded
from flyusage.pricing.reckoned import Reckoned
from flyusage.pricing.settling import tax_inside, with_tax

Answer = str | dict[str, str] | list[str]
PERCENTS = ("discount_pct",)
PERCENT_PLACES, QUANTITY_PLACES = 2, 12
MOST_DIGITS = 1000  # of a whole number in JSON; longer ones are no amounts


@dataclass(frozen=True)
class Answered:
    """A case and its answer, in whole minor units (`7.00`), or the error that it has none.

    `working` sums to what is owed: the gross where there is tax, less what prepaid credits paid. `matches` compares as numbers; None where nothing is
    expected. `ignored` are inputs that its kind does not know.
    """

    id: str
    kind: str
    answer: Answer | None = None
    working: tuple[Step, ...] = ()
    expected: Any = None
    matches: bool | None = None
    ignored: tuple[str, ...] = ()
    error: FlyusageError | None = None

    @property
    def is_good(self) -> bool:
        """Whether it is answered, and as expected where something is."""
        return self.error is None and self.matches is not False


def read_cases(text: str) -> list[Any]:
    """The cases of a JSON text: a list, or a single case. Numbers are kept exactly. Raises CasesUnreadable."""
    try:
        found = json.loads(text, parse_float=_decimal_or_text, parse_int=_whole_or_text, parse_constant=str, object_pairs_hook=_once)
    except CasesUnreadable:
        raise
    except (ValueError, RecursionError) as error:
        raise CasesUnreadable(f"The cases are not JSON ({harmless(str(error)[:200])}). A list of {{id, kind, input}} is.") from error
    if isinstance(found, dict):
        found = found["cases"] if isinstance(found.get("cases"), list) else [found]
    if not isinstance(found, list):
        raise CasesUnreadable("The cases are no list. A list of {id, kind, input} is.")
    return found


def answer_all(cases: Iterable[Any]) -> list[Answered]:
    """Every case answered, in order. What is wrong with one is its error and stops no other."""
    return [_answer(case, place) for place, case in enumerate(cases, 1)]


def printable(one: Answered) -> dict[str, Any]:
    """An answer as JSON; the printed amounts of a working sum to the printed total."""
    if one.error is not None:
        return {"id": one.id, "kind": one.kind, "error": {"code": one.error.code, "message": one.error.sentence}}
    made: dict[str, Any] = {"id": one.id, "kind": one.kind, "answer": one.answer, "working": _printed(one.working)}
    if one.matches is not None:
        made |= {"expected": one.expected, "matches": one.matches}
    return made | ({"ignored": list(one.ignored)} if one.ignored else {})


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, refused where it says one name twice: JSON would keep the last and say nothing."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, _ in pairs if [one for one, _ in pairs].count(name) > 1)
        raise CasesUnreadable(f"{harmless(twice[:60])!r} stands twice in one object; nobody can tell which counts.")
    return found


def _encodable(value: Any) -> str:
    """`value` as text that can be written; JSON's escapes can name half a character."""
    return str(value).encode("utf-8", "backslashreplace").decode()


def _decimal_or_text(written: str) -> Decimal | str:
    """A JSON number as it is written; one beyond every decimal stays a text, for its own case to refuse."""
    try:
        return Decimal(written)
    except InvalidOperation:
        return written


def _whole_or_text(written: str) -> int | str:
    return int(written) if len(written) <= MOST_DIGITS else written


def _answer(case: Any, place: int) -> Answered:
    given = case if isinstance(case, dict) else {}
    id_, kind = _encodable(given.get("id", f"#{place}")), _encodable(given.get("kind", ""))
    try:
        if not isinstance(case, dict) or not isinstance(given.get("input"), dict):
            raise InputInvalid("A case is an object with id, kind and input, an object.")
        return _answered(id_, kind, Inputs(given["input"]), given.get("expected"))
    except FlyusageError as error:
        return Answered(id_, kind, error=error)


def _answered(id_: str, kind: str, inputs: Inputs, expected: Any) -> Answered:
    currency = inputs.currency()
    reckoned = reckon(kind, inputs, currency)
    percent = tax_percent(inputs)
    if inputs.has("promotional_credit") and reckoned.tax_basis is not None:
        raise InputInvalid("promotional_credit lowers a net before it is taxed; this kind has its tax from what is given.")
    has_tax = inputs.has("tax_pct", "vat_pct") or reckoned.taxes is not None
    credit = ZERO if reckoned.is_credited else inputs.amount("promotional_credit", default=ZERO)
    net = _less(rounded(reckoned.net, currency), credit, "Promotional credit", currency)
    if inputs.flag("tax_inclusive", "inclusive", default=False):
        net, reckoned = _net_of_tax_inside(net, reckoned, percent, currency)
    gross = net + reckoned.taxes if reckoned.taxes else with_tax(net, percent, currency, basis=reckoned.tax_basis) if percent else net
    due = _less(gross, inputs.amount("prepaid_credit", default=ZERO), "Paid before by credit", currency)
    ignored = tuple(inputs.unknown())
    named = {**_named(reckoned, net, gross, currency), "due": f"{round_half_away(due.amount, currency.exponent):f}"}
    main = reckoned.main or ("due" if inputs.has("prepaid_credit") else "gross" if has_tax else "net")
    if reckoned.parts:
        answer: Answer = [f"{round_half_away(one, currency.exponent):f}" for one in reckoned.parts]
    else:
        answer = _shaped(named, expected, main=main, has_tax=has_tax)
    return Answered(id_, kind, answer, due.steps, expected, None if expected is None else _matches(answer, expected), ignored)


def _net_of_tax_inside(owed: RatedCharge, reckoned: Reckoned, percent: Fraction, currency: Currency) -> tuple[RatedCharge, Reckoned]:
    """Prices that hold their tax: what is owed is the gross, the tax is rounded, the net is what it leaves."""
    if reckoned.taxes is not None or reckoned.tax_basis is not None:
        raise InputInvalid("tax_inclusive goes with a price; a vat case gives gross instead of net.")
    tax, text = tax_inside(owed.amount, percent, currency), f"{plain(percent)} % tax inside {plain(owed.amount)}"
    return owed.then(Step(text, -tax)), replace(reckoned, taxes=charge([Step(text, tax)]))


def _less(owed: RatedCharge, credit: Fraction, text: str, currency: Currency) -> RatedCharge:
    """What a credit leaves to be paid; it takes no more than there is."""
    taken = min(Fraction(to_minor(credit, currency), 10**currency.exponent), max(ZERO, owed.amount))
    return owed.then(Step(f"{text} of {plain(credit)}", -taken)) if taken else owed


def _named(reckoned: Reckoned, net: RatedCharge, gross: RatedCharge, currency: Currency) -> dict[str, str]:
    """Every answer that a case may ask for."""
    amounts = {**reckoned.others, "net": net.amount, "tax": gross.amount - net.amount, "gross": gross.amount}
    places = dict.fromkeys(PERCENTS, PERCENT_PLACES) | {"quantity": QUANTITY_PLACES}
    return {name: f"{round_half_away(amount, places.get(name, currency.exponent)):f}" for name, amount in amounts.items()}


def _shaped(named: Mapping[str, str], expected: Any, *, main: str, has_tax: bool) -> Answer:
    """In the shape of what is expected; where nothing is, net, tax and gross, or the one amount."""
    if isinstance(expected, dict):
        if missing := [name for name in expected if name not in named]:
            raise AnswerUnknown(f"{harmless(str(missing[0])[:60])} is not answered; {', '.join(sorted(named))} are.")
        if not expected:
            raise InputInvalid("expected names no amount.")
        return {name: named[name] for name in expected}
    if expected is None and main == "due":
        return {name: named[name] for name in ("net", "tax", "gross", "due")}
    if expected is None and main not in ("net", "gross"):
        return {main: named[main]}
    if expected is None and has_tax:
        return {name: named[name] for name in ("net", "tax", "gross")}
    return named[main]


def _matches(answer: Answer, expected: Any) -> bool:
    if isinstance(answer, list):
        given = expected if isinstance(expected, list) else [expected]
        return [Fraction(one) for one in answer] == [number(one, f"expected[{place}]") for place, one in enumerate(given)]
    if isinstance(answer, dict):
        return all(Fraction(value) == number(expected[name], f"expected {name}") for name, value in answer.items())
    return Fraction(answer) == number(expected, "expected")


def _printed(steps: tuple[Step, ...]) -> list[dict[str, str]]:
    amounts = adding_up([step.amount for step in steps], sum((step.amount for step in steps), ZERO))
    return [{"text": step.text, "amount": _bare(amount), **_factors(step)} for step, amount in zip(steps, amounts, strict=True)]


def _factors(step: Step) -> dict[str, str]:
    if step.quantity is None or step.unit_amount is None:
        return {}
    factors = {"quantity": _decimal(step.quantity), "unit_amount": _decimal(step.unit_amount)}
    return factors | ({"per_quantity": str(step.per_quantity)} if step.per_quantity != 1 else {})


def _decimal(value: Fraction) -> str:
    return _bare(f"{round_half_away(value, QUANTITY_PLACES):f}")


def _bare(decimal: str) -> str:
    whole, _, decimals = decimal.partition(".")
    return f"{whole}.{decimals.rstrip('0')}".rstrip(".")
