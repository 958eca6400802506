"""Mail by SMTP, thin over the standard library. What a mail says is its sender's matter; here it is put together and handed over."""

import re
import smtplib
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

TIMEOUT_SECONDS = 30.0
_LINK = re.compile(r"://|\bwww\.|\w\.[^\W\d_]{2,}/", re.IGNORECASE)
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class MailRefused(Exception):
    """The server took this message for nobody, or nobody can be addressed so."""


class MailServerDown(Exception):
    """No server answers, or it will not take any mail now."""


def reads_as_link(text: str) -> bool:
    """Whether mail programs would make a link of part of `text`: a scheme, `www.`, or a host with something behind a slash."""
    return _LINK.search(text) is not None


@dataclass(frozen=True)
class Attachment:
    """A file that goes with a mail; `subtype` of application/."""

    name: str
    content: bytes
    subtype: str


@dataclass(frozen=True)
class Letter:
    """What a mail says: the same as plain text and as HTML.

    `stop_link` ends such mails: mail programs offer it as a button of theirs, and post to it (RFC 8058).
    """

    subject: str
    text: str
    html: str
    attachments: tuple[Attachment, ...] = ()
    stop_link: str | None = None


def compose(letter: Letter, *, sender: tuple[str, str], to: Sequence[str], message_id: str, at: datetime) -> EmailMessage:
    """The message, ready to be sent. `sender` is a name and an address. Raises MailRefused for what is no address."""
    message = EmailMessage(policy=SMTP)
    try:
        message["From"] = Address(_line(sender[0]), addr_spec=sender[1])
        message["To"] = [Address(addr_spec=address) for address in to]
    except Exception as error:  # the parser of addresses raises anything, IndexError among them
        raise MailRefused(f"{', '.join(to) or 'nobody'} cannot be written to from {sender[1]!r}: {error}") from error
    message["Subject"] = _line(letter.subject)
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{message_id}@flyusage>"
    message["Auto-Submitted"] = "auto-generated"
    if letter.stop_link is not None:
        message["List-Unsubscribe"] = f"<{letter.stop_link}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    for one in letter.attachments:
        message.add_attachment(one.content, maintype="application", subtype=one.subtype, filename=one.name)
    return message


class Postbox:
    """A connection to the mail server, opened when the first message comes and used for those that follow."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self._server: smtplib.SMTP | None = None

    def __enter__(self) -> "Postbox":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def send(self, message: EmailMessage) -> dict[str, str]:
        """Hand the message over; who of the recipients was refused, and why. Returns once the server has answered for it.

        Raises MailRefused when it was taken for nobody, MailServerDown when that says nothing about the message.
        """
        try:
            refused = self._connected().send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            self._close()
            raise MailRefused(_answers(error.recipients)) from error
        except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError, smtplib.SMTPNotSupportedError) as error:
            self._close()
            raise MailRefused(str(error)) from error
        except (OSError, smtplib.SMTPException) as error:
            self._close()
            raise MailServerDown(f"{self._url.hostname}: {error}") from error
        return {address: _answer(said) for address, said in refused.items()}

    def _connected(self) -> smtplib.SMTP:
        if self._server is None:
            self._server = self._connect()
        return self._server

    def _connect(self) -> smtplib.SMTP:
        host, context = self._url.hostname or "", ssl.create_default_context()
        if self._url.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, self._url.port or 465, timeout=TIMEOUT_SECONDS, context=context)
        else:
            server = smtplib.SMTP(host, self._url.port or 587, timeout=TIMEOUT_SECONDS)
        try:
            server.ehlo()
            is_private = self._url.scheme == "smtps"
            if not is_private and server.has_extn("starttls"):
                server.starttls(context=context)
                server.ehlo()
                is_private = True
            if self._url.username:
                if not is_private and host not in LOOPBACK:
                    raise smtplib.SMTPException("it offers no encryption, so the password was not sent")
                server.login(unquote(self._url.username), unquote(self._url.password or ""))
        except BaseException:
            server.close()
            raise
        return server

    def _close(self) -> None:
        if self._server is not None:
            with suppress(OSError, smtplib.SMTPException):
                self._server.quit()
            self._server.close()
            self._server = None


def _line(text: str) -> str:
    return " ".join(text.split())


def _answers(refused: dict[str, tuple[int, bytes]]) -> str:
    return "; ".join(f"{address}: {_answer(said)}" for address, said in refused.items())


def _answer(said: tuple[int, bytes]) -> str:
    return f"{said[0]} {said[1].decode(errors='replace')}"
