"""What accounts are written: a link to set a password. Without a mail server the log says it, for whoever runs the server to pass on."""

import html
import uuid

import structlog

from flyusage import clock
from flyusage.config import Settings, settings
from flyusage.mail import Letter, MailRefused, MailServerDown, Postbox, compose

_log = structlog.get_logger(__name__)


def send_link(email: str, link: str) -> bool:
    """Write the link to `email`; whether a mail server took it. What stands in the way goes to the log, never the link where mail is set."""
    chosen = settings()
    if chosen.smtp_url is None:
        _log.warning("password_link", address=email, link=link, why="FLYUSAGE_SMTP_URL is not set")
        return False
    message = compose(password_link(link), sender=("flyusage", _sender(chosen)), to=[email], message_id=uuid.uuid4().hex, at=clock.now())
    try:
        with Postbox(chosen.smtp_url) as postbox:
            postbox.send(message)
    except (MailRefused, MailServerDown) as error:
        _log.error("password_link_not_sent", address=email, why=str(error))
        return False
    return True


def password_link(link: str) -> Letter:
    """The letter that carries a link to set a password."""
    said = (
        "Somebody, most likely you, asked to set the password of your flyusage account.",
        "The link works once, for 24 hours. Setting a password signs you out everywhere else.",
        "If it was not you, leave this mail alone: nothing changes.",
    )
    shown = html.escape(link, quote=True)
    return Letter(
        subject="Set your flyusage password",
        text="\n\n".join((said[0], link, *said[1:])) + "\n",
        html=f'<p>{said[0]}</p><p><a href="{shown}">Set your password</a></p><p>{shown}</p>' + "".join(f"<p>{one}</p>" for one in said[1:]),
    )


def _sender(chosen: Settings) -> str:
    if chosen.mail_from:
        return chosen.mail_from
    host = (chosen.base_url or "").partition("://")[2].partition("/")[0].partition(":")[0]
    return f"no-reply@{host or 'localhost'}"
