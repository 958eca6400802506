"""What people are written that only they may read: links. Without a mail server the log says them, for whoever runs the server to pass on."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

import structlog

from flyusage import clock, mail_page
from flyusage.config import Settings, settings
from flyusage.mail import Letter, MailRefused, MailServerDown, Postbox, compose

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class LinkLetter:
    """A letter to one address that carries `link`; `what` it is for, as the log names it."""

    email: str
    link: str
    letter: Letter
    what: str


def send_link(email: str, link: str) -> bool:
    """Write the link to set a password to `email`; whether a mail server took it."""
    return send_all([LinkLetter(email, link, password_link(link), "password_link")])[0]


def send_all(wanted: Iterable[LinkLetter]) -> list[bool]:
    """Send letters over one connection; of each, whether a mail server took it.

    What stands in the way goes to the log, and never the link where mail is set.
    """
    chosen = settings()
    if chosen.smtp_url is None:
        return [_log_link(one) for one in wanted]
    with Postbox(chosen.smtp_url) as postbox:
        return [_send(postbox, one, chosen) for one in wanted]


def link_letter(subject: str, said: tuple[str, ...], button: str, link: str) -> Letter:
    """A letter of some paragraphs, the link after the first one."""
    parts = [mail_page.title(subject), mail_page.paragraph(said[0]), mail_page.button(link, button), mail_page.address(link)]
    return Letter(
        subject=subject,
        text="\n\n".join((said[0], link, *said[1:])) + "\n",
        html=mail_page.document(subject, said[0], parts, said[1:]),
    )


def password_link(link: str) -> Letter:
    """The letter that carries a link to set a password."""
    said = (
        "Somebody, most likely you, asked to set the password of your flyusage account.",
        "The link works once, for 24 hours. Setting a password signs you out everywhere else.",
        "If it was not you, leave this mail alone: nothing changes.",
    )
    return link_letter("Set your flyusage password", said, "Set your password", link)


def _log_link(one: LinkLetter) -> bool:
    _log.warning(one.what, address=one.email, link=one.link, why="FLYUSAGE_SMTP_URL is not set")
    return False


def _send(postbox: Postbox, one: LinkLetter, chosen: Settings) -> bool:
    try:
        sender = ("flyusage", _sender(chosen))
        postbox.send(compose(one.letter, sender=sender, to=[one.email], message_id=uuid.uuid4().hex, at=clock.now()))
    except (MailRefused, MailServerDown) as error:
        _log.error(f"{one.what}_not_sent", address=one.email, why=str(error))
        return False
    return True


def _sender(chosen: Settings) -> str:
    if chosen.mail_from:
        return chosen.mail_from
    host = (chosen.base_url or "").partition("://")[2].partition("/")[0].partition(":")[0]
    return f"no-reply@{host or 'localhost'}"
