"""Correcting an invoice as staff: told first, done as told. A file of its own, since what it does to the invoice cannot be undone."""

from typing import TYPE_CHECKING

import billed_site
import pytest

from flyusage import clock, db
from flyusage.invoices.errors import AmountInvalid, CreditTooLarge, StateForbids
from flyusage.pricing.errors import InputMissing
from flyusage.ui.pages.staff.invoices import question as correcting

if TYPE_CHECKING:
    from conftest import Database


@pytest.fixture(scope="module")
def number(shared_database: "Database") -> str:
    return billed_site.fill()


def told(number: str) -> tuple[object, ...]:
    """What a correction changes: the invoice, how many documents, credits, audit entries and tasks there are, and the series' counter."""
    counts = "SELECT count(*) FROM invoice UNION ALL SELECT count(*) FROM credit_grant UNION ALL SELECT count(*) FROM audit_event"
    with db.platform_transaction() as opened:
        run = opened.connection().exec_driver_sql
        row = run("SELECT state, balance_minor FROM invoice WHERE number = %(n)s", {"n": number}).one()
        return (
            *row,
            *run(f"{counts} UNION ALL SELECT count(*) FROM outbox UNION ALL SELECT sum(last) FROM invoice_counter").scalars(),
        )


def test_a_credit_note_is_told_first_and_issued_as_told_and_what_cannot_be_says_why(number: str) -> None:
    with clock.freeze(billed_site.ISSUED_AT):
        before, shown = told(number), correcting.ask(number, "").opened
        assert (shown.void_says, bool(shown.give_up_says), shown.left) == ("", True, "$167.58")  # a part of it is paid
        typed = {"what": "lines", "line_1": "10.00", "reason": "A <b>wrong</b> size"}
        wanted, plan = correcting.plan(number, typed)
        assert told(number) == before  # nothing was done
        # 10.00 net and 19 % of it; 149.42 less 100.00 paid is 49.42, of which 37.52 is left.
        assert plan.says == [
            "$10.00 net and $1.90 tax are given back: $11.90.", "$11.90 is set off against PRISM-000001; $37.52 of it is left to pay.",
        ]  # fmt: skip
        other, _ = correcting.plan(number, {"what": "amount", "amount": "10", "reason": "late"})
        assert correcting.issue(wanted)[0] == "PRISM-C000001 is issued."
        assert told(number)[:2] == ("open", 3752)
        with pytest.raises(StateForbids, match="paid or credited meanwhile"):
            correcting.issue(other)
        assert correcting.ask(number, "").opened.left == "$157.58"
        with pytest.raises(InputMissing, match="Say why"):
            correcting.plan(number, {"what": "all", "reason": " "})
        with pytest.raises(AmountInvalid, match="beside at least one line"):
            correcting.plan(number, {"what": "lines", "line_1": "", "line_x": "5", "reason": "x"})
        with pytest.raises(CreditTooLarge, match="net left to give back"):
            correcting.plan(number, {"what": "amount", "amount": "1000", "reason": "x"})
        with pytest.raises(StateForbids, match="Issue a credit note instead"):
            correcting.void(number, {"reason": "x"})
        assert correcting.give_up(number, {"reason": "insolvent"}) == f"{number} is given up."
        shown = correcting.ask(number, "").opened
    assert (shown.state, shown.give_up_says, shown.void_says) == ("Uncollectible", "", "")
