"""The mail that says, once and a week before, that an API token ends: whoever depends on it makes another in time."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock, mail_page
from flyusage.mail import Letter

BEFORE = timedelta(days=7)
ENDS = "token"  # what its task's action begins with; then comes the token's number
AT_ONCE = 1000


@dataclass(frozen=True)
class Ending:
    """A token that ends, and whom to tell: its member, or who made the organization's own, or else the owners. Nobody for one that works no more."""

    name: str
    hint: str
    organization: str
    expires_at: datetime
    to: tuple[str, ...]


def ending(session: Session) -> list[dict[str, object]]:
    """Tasks for the outbox: of tokens that end within a week, and were not told of. Needs the platform's role."""
    now = clock.now()
    rows = session.execute(sa.text(_ENDING), {"now": now, "until": now + BEFORE, "limit": AT_ONCE})
    return [{"org_id": row.org_id, "kind": "mail", "invoice_id": 0, "action": f"{ENDS} {row.id}"} for row in rows]


def told_of(session: Session, org_id: int, token_id: int) -> Ending | None:
    """Whom to tell what of a token now; None where it ended or was revoked meanwhile, or its organization is deleted."""
    row = session.execute(sa.text(_TOLD), {"org": org_id, "id": token_id, "now": clock.now()}).one_or_none()
    if row is None:
        return None
    return Ending(row.name, row.hint, row.organization, row.expires_at, tuple(row.makers or row.owners or ()))


def letter(told: Ending, link: str | None) -> Letter:
    """What the mail says. Pure."""
    day = f"{told.expires_at:%B} {told.expires_at.day}, {told.expires_at.year}, {told.expires_at:%H:%M} UTC"
    said = [
        f"the API token {told.name} ({told.hint}…) of {told.organization} ends on {day}. Whatever shows it is refused from then on.",
        "Make another at the page of tokens and put it where this one is used; then revoke this one. If nothing uses it, there is nothing to do.",
        "This is told once, a week before.",
    ]
    first = said[0][:1].upper() + said[0][1:]
    subject = f"API token {told.name} ends on {told.expires_at:%B} {told.expires_at.day}"
    parts = [mail_page.title(subject), mail_page.paragraph(first), mail_page.paragraph(said[1]), mail_page.button(link, "Open the tokens")]
    return Letter(
        subject=subject,
        text="\n\n".join([first, *([link] if link else []), *said[1:]]) + "\n",
        html=mail_page.document(subject, first, parts, said[2:]),
    )


_ENDING = f"""
SELECT t.org_id, t.id FROM api_token t JOIN organization o ON o.id = t.org_id
WHERE t.revoked_at IS NULL AND t.expires_at > :now AND t.expires_at <= :until AND o.deleted_at IS NULL
  AND t.created_at < t.expires_at - interval '7 days'
  AND NOT EXISTS (SELECT FROM outbox x WHERE x.org_id = t.org_id AND x.kind = 'mail' AND x.invoice_id = 0 AND x.action = '{ENDS} ' || t.id)
ORDER BY t.expires_at, t.id LIMIT :limit"""
_TOLD = """
SELECT t.name, t.hint, t.expires_at, o.name AS organization,
       ARRAY(SELECT u.email FROM membership m JOIN user_account u ON u.id = m.user_id WHERE m.org_id = t.org_id
             AND (m.user_id = t.user_id OR (t.user_id IS NULL AND t.created_by = 'user:' || m.user_id))) AS makers,
       CASE WHEN t.user_id IS NULL THEN ARRAY(SELECT u.email FROM membership m JOIN user_account u ON u.id = m.user_id
             WHERE m.org_id = t.org_id AND m.role = 'owner' ORDER BY u.email) END AS owners
FROM api_token t JOIN organization o ON o.id = t.org_id
WHERE t.org_id = :org AND t.id = :id AND t.revoked_at IS NULL AND t.expires_at > :now AND o.deleted_at IS NULL"""
