"""Mail, to a real SMTP server."""

from email.message import EmailMessage
from pathlib import Path

import pytest

from collector.delivery.mail import check_smtp, send_mail
from collector.delivery.outcome import NotSentError, OvertakenError, UnsureError
from collector.settings.delivery import SmtpSettings
from tests.delivery.messages import a_message
from tests.delivery.receivers import Mailbox, a_mailbox
from tests.ports import free_port

TO = ("lead@example.com", "finance@example.com")


def nothing() -> None: ...


def part(mail: EmailMessage, kind: str) -> str:
    """The text of one kind in a mail."""
    (found,) = [one for one in mail.walk() if one.get_content_type() == kind]
    return str(found.get_content()).replace("\r\n", "\n")


def test_a_mail_has_text_html_and_a_file_that_excel_reads() -> None:
    """And says that a program wrote it, so that no absence note comes back."""
    with a_mailbox() as box:
        answer = send_mail(box.settings(), TO, a_message(), nothing)

    (mail,) = box.mails
    (file,) = mail.iter_attachments()
    assert answer == "250 taken"
    assert box.recipients == [list(TO)]
    assert (mail["Subject"], mail["Auto-Submitted"]) == ("autonomy: November 2026", "auto-generated")
    assert part(mail, "text/plain").startswith(
        "autonomy owes 12,345.67 CNY for November 2026.\n\nTo pay: 12,345.67 CNY"
    )
    assert part(mail, "text/html").strip() == "<p>autonomy owes <b>12,345.67 CNY</b></p>"
    assert file.get_filename() == "autonomy-2026-11.csv"
    assert file.get_payload(decode=True) == b"\xef\xbb\xbf" + "department,cost\n自动驾驶,12345.67\n".encode()


def test_a_repeated_mail_has_the_same_id() -> None:
    """So that receivers can drop it; another message has another one."""
    with a_mailbox() as box:
        for message in (a_message(), a_message(sentence="Later."), a_message(id="other")):
            send_mail(box.settings(), TO, message, nothing)

    first, again, other = [mail["Message-ID"] for mail in box.mails]
    assert first == again != other
    assert first.endswith("@example.com>")


def test_lines_of_dots_arrive_as_they_are() -> None:
    """A line with one dot would end the mail."""
    with a_mailbox() as box:
        send_mail(box.settings(), TO, a_message(sentence="a\n.\n..b\n", html=".\n<p>.</p>\n."), nothing)

    assert part(box.mails[0], "text/plain").startswith("a\n.\n..b\n")
    assert part(box.mails[0], "text/html").split() == [".", "<p>.</p>", "."]


def test_a_name_with_a_line_break_makes_no_header() -> None:
    """A department is named by those who label a workflow."""
    with a_mailbox() as box:
        send_mail(box.settings(), TO, a_message(title="a\r\nBcc: thief@example.com"), nothing)

    assert box.recipients == [list(TO)]
    assert box.mails[0]["Bcc"] is None
    assert "Bcc: thief" in box.mails[0]["Subject"]


def test_a_mail_that_another_collector_has_taken_over_is_not_sent() -> None:
    """The last step is the dot: until then the server has no mail, though it has all of the text."""

    def overtaken() -> None:
        raise OvertakenError

    with a_mailbox() as box:
        with pytest.raises(OvertakenError):
            send_mail(box.settings(), TO, a_message(), overtaken)
        send_mail(box.settings(), TO, a_message(title="next"), nothing)

    assert [mail["Subject"] for mail in box.mails] == ["next"]


def test_it_is_unsure_only_after_the_last_step() -> None:
    """A server that takes the mail and dies answers nothing; and that cannot be known."""
    with a_mailbox() as box:
        box.hang_up = True
        with pytest.raises(UnsureError, match="did not answer the end of the mail"):
            send_mail(box.settings(), TO, a_message(), nothing)


def test_what_the_server_refuses_is_not_sent() -> None:
    """With its words; one recipient who is refused does not keep the others from their mail."""
    with a_mailbox() as box:
        box.refuse = {TO[0]}
        assert send_mail(box.settings(), TO, a_message(), nothing) == f"250 taken; refused: {TO[0]}: 550 no such user"
        box.refuse = set(TO)
        with pytest.raises(NotSentError, match=r"refuses every recipient: .*550 no such user; finance"):
            send_mail(box.settings(), TO, a_message(), nothing)
        box.refuse, box.answer = set(), "452 disk full"
        with pytest.raises(NotSentError, match="the mail server refuses the mail: 452 disk full"):
            send_mail(box.settings(), TO, a_message(), nothing)


def test_no_server_is_not_sent() -> None:
    """The error names the place and not the mail."""
    absent = SmtpSettings(host="127.0.0.1", port=free_port(), security="none", sender="a@b.c")

    with pytest.raises(NotSentError, match=r"127\.0\.0\.1:\d+: Connection refused"):
        send_mail(absent, TO, a_message(), nothing)


def settings_of(box: Mailbox, folder: Path, password: str, **changes: object) -> SmtpSettings:
    (folder / "password").write_text(f"{password}\n")
    return box.settings(username="lynceus", password_file=str(folder / "password"), **changes)


@pytest.mark.filterwarnings("ignore:Requiring AUTH")  # aiosmtpd warns where STARTTLS is not needed, as all is TLS
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_login_and_encryption(security: str, tmp_path: Path, tls_files: tuple[Path, Path, Path]) -> None:
    """The password goes over an encrypted connection to a server whose certificate is known."""
    with a_mailbox(password="right", pair=tls_files[1:], tls=security == "tls") as box:
        known = settings_of(box, tmp_path, "right", security=security, ca_file=str(tls_files[0]))
        send_mail(known, TO, a_message(), nothing)
        assert check_smtp(known)
        unknown = settings_of(box, tmp_path, "right", security=security)
        with pytest.raises(NotSentError, match="certificate verify failed"):
            send_mail(unknown, TO, a_message(), nothing)

    assert len(box.mails) == 1


def test_a_wrong_password_is_reported_without_it(tmp_path: Path, tls_files: tuple[Path, Path, Path]) -> None:
    """The remedy is named; the password is not."""
    with a_mailbox(password="right", pair=tls_files[1:]) as box:
        wrong = settings_of(box, tmp_path, "Wr0ng-passw0rd", security="starttls", ca_file=str(tls_files[0]))
        with pytest.raises(NotSentError, match=r"refuses the login: 535 .*check smtp\.username") as error:
            check_smtp(wrong)

    assert "Wr0ng" not in str(error.value)


def test_encryption_that_the_server_lacks_is_reported() -> None:
    """A downgrade is refused: the mail is not sent in clear text instead."""
    with (
        a_mailbox() as box,
        pytest.raises(NotSentError, match=r"STARTTLS extension not supported.*check smtp\.security"),
    ):
        send_mail(box.settings(security="starttls"), TO, a_message(), nothing)

    assert box.mails == []
