"""What series are called: from the ids SQL groups by to the keys views name and the words people read."""

from collections.abc import Iterable

import sqlalchemy as sa
from sqlmodel import Session

from flyusage.metering.cost_centres import UNASSIGNED
from flyusage.pricing.question import Question
from flyusage.pricing.view import Dimension

EVERYTHING = "Everything"


def labels(session: Session, question: Question, series: Iterable[int]) -> dict[int, tuple[str, str]]:
    """Series id → (key, label)."""
    ids, reference, names = list(series), question.reference, question.names
    match question.group_by:
        case Dimension.REGION:
            return {one: (reference.regions[one].code, reference.regions[one].name) for one in ids}
        case Dimension.CONTINENT:
            return {one: (reference.continents[one - 1], reference.continents[one - 1]) for one in ids}
        case Dimension.APP:
            return {one: (names.apps[one], names.apps[one]) for one in ids}
        case Dimension.COST_CENTRE:
            return {one: (name := names.centres.names.get(one, UNASSIGNED), name) for one in ids}
        case Dimension.VM_SIZE:
            return {one: (reference.sizes[one].name, reference.sizes[one].name if one else "No machine") for one in ids}
        case Dimension.SKU:
            return {one: (reference.skus[one].code, reference.skus[one].title) for one in ids}
        case Dimension.MACHINE:
            rows = session.execute(
                sa.text("SELECT id, name FROM resource WHERE org_id = :org AND id = ANY(:ids)"), {"org": question.org_id, "ids": ids}
            )
            return {row.id: (row.name, row.name) for row in rows}
        case _:
            return dict.fromkeys(ids, ("", EVERYTHING))
