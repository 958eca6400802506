"""Mail handed to a real SMTP server in this process (aiosmtpd)."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default

import pytest
from mailserver import Mailserver

from flyusage import mail, mail_page
from flyusage.mail import Attachment, Letter, MailRefused, MailServerDown, Postbox, compose

AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
LETTER = Letter("Invoice PRISM-000001", "Plain.\n", "<p>HTML</p>\n", (Attachment("PRISM-000001.pdf", b"%PDF-1.7 x", "pdf"),))
SENDER = ("Demo Cloud GmbH", "billing@demo.example")


def composed(to=("ap@prism.example",), letter=LETTER, sender=SENDER):
    return compose(letter, sender=sender, to=to, message_id="11111111-1111-1111-1111-111111111111", at=AT)


def test_a_message_arrives_as_text_as_html_and_with_its_file(mailserver: Mailserver):
    with Postbox(mailserver.url) as postbox:
        assert postbox.send(composed(("ap@prism.example", "cfo@prism.example"))) == {}
    (got,) = mailserver.got
    assert got.to == ["ap@prism.example", "cfo@prism.example"]
    message = message_from_bytes(got.content, policy=default)
    assert (message["From"], message["Subject"]) == ("Demo Cloud GmbH <billing@demo.example>", "Invoice PRISM-000001")
    assert message["Message-ID"] == "<11111111-1111-1111-1111-111111111111@flyusage>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_body(("plain",)).get_content() == "Plain.\r\n"
    assert message.get_body(("html",)).get_content() == "<p>HTML</p>\r\n"
    (file,) = message.iter_attachments()
    assert (file.get_filename(), file.get_content_type(), file.get_content()) == ("PRISM-000001.pdf", "application/pdf", b"%PDF-1.7 x")


def test_one_connection_serves_many_messages(mailserver: Mailserver):
    with Postbox(mailserver.url) as postbox:
        for _ in range(3):
            postbox.send(composed())
    assert (len(mailserver.got), mailserver.connections) == (3, 1)


def test_text_from_outside_makes_no_header():
    message = composed(letter=Letter("Invoice\r\nBcc: all@evil.example", "x", "x"), sender=("Evil\nTo: x", "b@demo.example"))
    assert message["Bcc"] is None
    assert message["Subject"] == "Invoice Bcc: all@evil.example"
    for address in ("a@b.example\nBcc: c@d.example", "nobody", "", "a@b@c"):
        with pytest.raises(MailRefused, match="cannot be written to"):
            composed((address,))


def test_whom_the_server_refuses_is_told(mailserver: Mailserver):
    mailserver.refused["cfo@prism.example"] = "550 no such user"
    with Postbox(mailserver.url) as postbox:
        assert postbox.send(composed(("ap@prism.example", "cfo@prism.example"))) == {"cfo@prism.example": "550 no such user"}
        mailserver.refused["ap@prism.example"] = "450 try later"
        with pytest.raises(MailRefused, match="450 try later"):
            postbox.send(composed())
        mailserver.refused.clear()
        mailserver.answer = "554 looks like spam"
        with pytest.raises(MailRefused, match="looks like spam"):
            postbox.send(composed())
        mailserver.answer = None
        assert postbox.send(composed()) == {}
    assert len(mailserver.got) == 2


def test_no_server_is_no_fault_of_the_message():
    with Postbox("smtp://127.0.0.1:1") as postbox, pytest.raises(MailServerDown, match="127.0.0.1"):
        postbox.send(composed())


@pytest.mark.parametrize(
    ("name", "is_link"),
    [
        ("Prism & Co.", False), ("Booking.com", False), ("R&D/Sales", False), ("Acme v1.2/beta", False), ("www", False),
        ("https://evil.example", True), ("Acme www.evil.example", True), ("WWW.evil.example", True), ("evil.example/pay", True),
        ("Pay at evil.example/x now", True),
    ],
)  # fmt: skip
def test_a_name_that_mail_programs_would_link_is_known(name: str, is_link: bool) -> None:
    assert mail.reads_as_link(name) is is_link


def test_of_a_fact_it_is_the_value_that_breaks_and_nobody_elses_markup_runs() -> None:
    told = mail_page.facts([("To be paid", "<b>$1.00</b>")])
    name, value = told.split("</td>")[:2]
    assert "white-space:nowrap" in name and name.endswith(">To be paid")
    assert "overflow-wrap:anywhere" in value and value.endswith(">&lt;b&gt;$1.00&lt;/b&gt;")
