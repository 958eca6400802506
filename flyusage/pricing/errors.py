"""What a person can do something about when asking for prices and usage."""

from flyusage.errors import FlyusageError


class PriceBookPublished(FlyusageError):
    """A published version was about to be changed."""

    code = "price_book_published"
    status = 409


class PriceBookMissing(FlyusageError):
    """An organization's price book does not exist, or none is loaded."""

    code = "price_book_missing"
    status = 503


class PriceInvalid(FlyusageError):
    """A price that could rate nothing: tiers out of order, a negative amount, a package without a size."""

    code = "price_invalid"
    status = 422


class ViewInvalid(FlyusageError):
    """A view that cannot be taken as written."""

    code = "view_invalid"
    status = 422


class TierMissing(FlyusageError):
    """A quantity beyond the last tier."""

    code = "tier_missing"
    status = 422


class QuantityNegative(FlyusageError):
    """A quantity below zero, which no price rates."""

    code = "quantity_negative"
    status = 422


class VatNumberInvalid(FlyusageError):
    """A VAT number that cannot be one of its country."""

    code = "vat_number_invalid"


class TermsInvalid(FlyusageError):
    """Something that cannot be agreed as asked."""

    code = "terms_invalid"


class TermsUnknown(FlyusageError):
    """No agreement of the organization has that number."""

    code = "terms_unknown"
    status = 404


class CreditSpent(FlyusageError):
    """A credit no longer holds what was to be taken from it."""

    code = "credit_spent"
    status = 409


class SellerMissing(FlyusageError):
    """Nobody sells on that day."""

    code = "seller_missing"
    status = 503


class PeriodInvalid(FlyusageError):
    """A part of a period that is none."""

    code = "period_invalid"
    status = 422


class PresetUnknown(FlyusageError):
    """A machine size or region that the published list does not price."""

    code = "preset_unknown"
    status = 404


class CasesUnreadable(FlyusageError):
    """A file of cases that is not there, not JSON, or not a list."""

    code = "cases_unreadable"


class KindUnknown(FlyusageError):
    """A case of a kind that nothing here rates."""

    code = "kind_unknown"
    status = 422


class InputMissing(FlyusageError):
    """A case without something its kind needs."""

    code = "input_missing"
    status = 422


class InputInvalid(FlyusageError):
    """A case with something that cannot be read as what it is meant to be."""

    code = "input_invalid"
    status = 422


class AnswerUnknown(FlyusageError):
    """A case expects something that its kind does not answer."""

    code = "answer_unknown"
    status = 422


class SkuUnknown(FlyusageError):
    """A price of something that is not sold."""

    code = "sku_unknown"
    status = 404


class DraftRefused(FlyusageError):
    """What was asked of a draft cannot be: its date is taken or past, its book holds another currency."""

    code = "draft_refused"
    status = 409


class VersionUnknown(FlyusageError):
    """No version, or no price, goes by that name."""

    code = "version_unknown"
    status = 404


class SimulationRefused(FlyusageError):
    """A what-if that makes no sense: an unknown region or size, another currency, a range that is not over."""

    code = "simulation_refused"
    status = 422


class ExperimentRefused(FlyusageError):
    """An experiment that cannot be: in the past, in two at once, without anybody or without prices."""

    code = "experiment_refused"
    status = 409


class ExperimentUnknown(FlyusageError):
    """No experiment goes by that name."""

    code = "experiment_unknown"
    status = 404
