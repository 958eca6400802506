"""What can stand in the way of issuing, correcting or paying an invoice."""

from flyusage.errors import FlyusageError


class InvoiceUnknown(FlyusageError):
    """No invoice, line or question has that number."""

    code = "invoice_unknown"
    status = 404


class AlreadyIssued(FlyusageError):
    """The month has its invoice."""

    code = "already_issued"
    status = 409


class PeriodOpen(FlyusageError):
    """The month, or the grace window for late events after it, is not over."""

    code = "period_open"
    status = 409


class RollupBehind(FlyusageError):
    """Quantities of the month are still being rolled up."""

    code = "rollup_behind"
    status = 409


class DecisionNeeded(FlyusageError):
    """Something about the month is out of the ordinary, and nobody has released it."""

    code = "decision_needed"
    status = 409


class OnHold(FlyusageError):
    """Somebody holds the month's invoice back."""

    code = "on_hold"
    status = 409


class NothingToBill(FlyusageError):
    """The month comes to zero, and zero invoices are not issued here."""

    code = "nothing_to_bill"
    status = 409


class StateForbids(FlyusageError):
    """The invoice's state does not allow this."""

    code = "state_forbids"
    status = 409


class CreditTooLarge(FlyusageError):
    """More than what is left to be given back."""

    code = "credit_too_large"
    status = 422


class AmountInvalid(FlyusageError):
    """An amount, a line or a date that cannot be meant."""

    code = "amount_invalid"
    status = 422


class DocumentPending(FlyusageError):
    """The invoice is issued; its PDF is still being made."""

    code = "document_pending"
    status = 503


class NothingBilled(FlyusageError):
    """A month in which nothing was used, and of which nothing was issued."""

    code = "nothing_billed"
    status = 404


class SellerInvalid(FlyusageError):
    """A seller that no invoice could print."""

    code = "seller_invalid"
    status = 422


class BookRefused(FlyusageError):
    """A price book that the organization cannot change to."""

    code = "book_refused"
    status = 409


class MonthBilled(FlyusageError):
    """Something to charge in a month whose invoice is issued."""

    code = "month_billed"
    status = 409
