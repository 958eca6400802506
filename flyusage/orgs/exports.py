"""What is taken away as a file is told in the audit, whichever way it was taken: by a page, the API or a command."""

from collections.abc import Collection, Mapping

from flyusage import db
from flyusage.orgs import audit
from flyusage.orgs.acting import Actor

LONGEST_NOTED = 500


def note_export(
    org_id: int, what: str, detail: Mapping[str, str], *, by: Actor, subject: str = "", apps: Collection[int] | None = None
) -> None:
    """Keep in the audit that `by` takes `what` (usage, invoice, members, audit) away: of `subject`, or `what` as a whole.

    Call it once the answer is made and before its first byte is sent: what could not be made was not taken. In a transaction of its
    own, so that no read holds the audit's chain for as long as it takes.
    """
    with db.transaction(org_id, apps=apps) as session:
        told = {name: text[:LONGEST_NOTED] for name, text in detail.items()}
        audit.record(session, org_id, actor=by.name, action=f"{what}.export", subject=subject or what, detail=told)
