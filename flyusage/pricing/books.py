"""Price books: which price is in force when and where. Published versions never change."""

from dataclasses import dataclass

from sqlmodel import Session


@dataclass(frozen=True)
class PriceBook:
    """What an organization buys from; one currency. `is_synthetic` marks invented prices."""

    id: int
    slug: str
    name: str
    currency: str
    is_synthetic: bool


def load_list_prices(session: Session) -> None:
    """Bring the price book `list` (USD) to the packaged facts: five published versions of 2024. Repeating it changes nothing."""
    raise NotImplementedError


def publish(session: Session, book_id: int) -> None:
    """Publish the book's open versions, for ever, and expand its prices per region and day."""
    raise NotImplementedError


def book_of(session: Session, org_id: int) -> PriceBook:
    """The book the organization buys from; `list` unless it subscribes to another. Raises PriceBookMissing."""
    raise NotImplementedError
