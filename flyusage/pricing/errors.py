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
