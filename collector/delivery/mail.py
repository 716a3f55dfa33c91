"""
Messages as mail, sent over SMTP by the standard library.

A mail is accepted by the server's answer to one dot, the last line of it. Everything else is done before: connection, login,
recipients and the whole text. So what decides whether a mail exists is one line, and `last_step` is called just before it.
A repeated mail has the same Message-ID (RFC 5322, 3.6.4), by which servers and clients drop what they already have.
"""

import re
import smtplib
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from collector.delivery.message import Message
from collector.delivery.outcome import NotSentError, UnsureError
from collector.settings.delivery import SmtpSettings, secret_text
from collector.shown_text import on_one_line, redact

_DOT = re.compile(rb"^\.", re.MULTILINE)
_LONGEST_ANSWER = 300


def message_id(smtp: SmtpSettings, message: Message) -> str:
    """The Message-ID: the same for each attempt to send a message."""
    return f"<lynceus.{message.key}@{smtp.sender.rpartition('@')[2]}>"


def as_mail(smtp: SmtpSettings, to: Sequence[str], message: Message, at: datetime) -> EmailMessage:
    """The mail of a message: text, the same as HTML, and a file."""
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = on_one_line(message.title)
    mail["From"] = f"Lynceus <{smtp.sender}>"
    mail["To"] = ", ".join(to)
    mail["Date"] = format_datetime(at.astimezone(UTC))
    mail["Message-ID"] = message_id(smtp, message)
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no absence notes in return
    mail["Content-Language"] = message.language
    mail.set_content(message.text(), charset="utf-8", cte="quoted-printable")
    if message.html:
        mail.add_alternative(message.html, subtype="html", charset="utf-8", cte="base64")
    if message.attachment is not None:
        # With a byte order mark, so that Excel reads Chinese.
        data = message.attachment.text.encode("utf-8-sig")
        mail.add_attachment(data, maintype="text", subtype="csv", filename=message.attachment.name)
    return mail


def send_mail(smtp: SmtpSettings, to: Sequence[str], message: Message, last_step: Callable[[], None]) -> str:
    """Sends a message as one mail; returns the server's answer. `last_step` may raise, then the server drops the mail."""
    mail = as_mail(smtp, to, message, datetime.now(UTC))
    with _answers(smtp), _connected(smtp) as server:
        server.mail(smtp.sender)
        refused = [
            f"{address}: {_words(answer)}" for address in to if (answer := server.rcpt(address))[0] not in {250, 251}
        ]
        if len(refused) == len(to):
            raise NotSentError(f"the mail server refuses every recipient: {'; '.join(refused)}")
        code, words = server.docmd("data")
        if code != 354:
            raise NotSentError(f"the mail server takes no mail: {_words((code, words))}")
        server.send(_DOT.sub(b"..", mail.as_bytes()))
        last_step()
        answer = _end(server)
    return "; refused: ".join([_words(answer), *refused])


def check_smtp(smtp: SmtpSettings) -> str:
    """Connects and logs in, and sends nothing; returns what the server calls itself."""
    with _answers(smtp), _connected(smtp) as server:
        return _words((250, server.ehlo_resp or b"")).splitlines()[0]


def _end(server: smtplib.SMTP) -> tuple[int, bytes]:
    """Sends the last dot; what its answer says is certain, and no answer says nothing."""
    try:
        server.send(b".\r\n")
        answer = server.getreply()
    except (OSError, smtplib.SMTPException) as error:
        raise UnsureError(f"the mail server did not answer the end of the mail: {_reason(error)}") from None
    if answer[0] != 250:
        raise NotSentError(f"the mail server refuses the mail: {_words(answer)}")
    return answer


@contextmanager
def _connected(smtp: SmtpSettings) -> Iterator[smtplib.SMTP]:
    """A connection, encrypted and logged in as the settings ask. It is closed without a farewell: an open mail is dropped."""
    context = ssl.create_default_context(cafile=smtp.ca_file or None)
    limit = smtp.timeout_seconds
    server = (
        smtplib.SMTP_SSL(smtp.host, smtp.port, timeout=limit, context=context)
        if smtp.security == "tls"
        else smtplib.SMTP(smtp.host, smtp.port, timeout=limit)
    )
    try:
        server.ehlo_or_helo_if_needed()
        if smtp.security == "starttls":
            server.starttls(context=context)
            server.ehlo()
        if smtp.username:
            server.login(smtp.username, secret_text(smtp.password_file))
        yield server
    finally:
        server.close()


@contextmanager
def _answers(smtp: SmtpSettings) -> Iterator[None]:
    """Turns what goes wrong before the last step into NotSentError."""
    place = f"{smtp.host}:{smtp.port}"
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        words = _words((error.smtp_code, error.smtp_error))
        raise NotSentError(f"{place} refuses the login: {words}; check smtp.username and smtp.password_file") from None
    except smtplib.SMTPNotSupportedError as error:
        raise NotSentError(f"{place}: {_reason(error)}; check smtp.security and smtp.port") from None
    except (OSError, ValueError, smtplib.SMTPException) as error:
        raise NotSentError(f"{place}: {_reason(error)}") from None


def _words(answer: tuple[int, bytes | str]) -> str:
    code, words = answer
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return f"{code} {on_one_line(redact(text[:_LONGEST_ANSWER]))}"


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return on_one_line(redact(str(text)[:_LONGEST_ANSWER]))
