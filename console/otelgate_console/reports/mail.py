"""Sends a report by SMTP, as HTML with the Markdown beside it for readers without HTML."""

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Final

TIMEOUT_S: Final = 30


@dataclass(frozen=True)
class Server:
    """A mail server, as Alertmanager's: `host` is host:port. Without `require_tls`, TLS is used where it is offered."""

    host: str
    sender: str
    user: str = ""
    password: str = ""
    require_tls: bool = True

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        name, _, port = self.host.rpartition(":")
        return (name.strip("[]"), int(port)) if name and port.isdigit() else (self.host, 25)


def message(server: Server, to: str, title: str, html: str, text: str) -> EmailMessage:
    """The mail; `to` has mail addresses with commas between."""
    mail = EmailMessage()
    mail["Subject"] = title
    mail["From"] = server.sender
    mail["To"] = to
    mail["Date"] = formatdate()
    mail["Message-ID"] = make_msgid(domain=server.sender.rpartition("@")[2])
    mail.set_content(text)
    mail.add_alternative(html, subtype="html")
    return mail


def send(server: Server, mail: EmailMessage) -> None:
    """Raises OSError, smtplib.SMTPException; so a report that was not accepted is not called sent."""
    host, port = server.address
    with smtplib.SMTP(host, port, timeout=TIMEOUT_S) as connection:
        connection.ehlo()
        if server.require_tls or connection.has_extn("starttls"):
            connection.starttls(context=ssl.create_default_context())
            connection.ehlo()
        if server.user:
            connection.login(server.user, server.password)
        refused = connection.send_message(mail)
    if refused:
        raise smtplib.SMTPRecipientsRefused(refused)
