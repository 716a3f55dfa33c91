"""Messages to chats, each as strict as its vendor's documentation."""

import json
from pathlib import Path
from typing import Any

import pytest

from collector.delivery.message import KeyFigure, Message
from collector.delivery.outcome import NotSentError, OvertakenError, UnsureError
from collector.delivery.preset import shipped
from collector.delivery.signing import dingtalk_address, feishu_members
from collector.delivery.webhook import send_webhook
from collector.settings.delivery import SIGNED, WebhookSettings
from tests.delivery.messages import URL, a_message
from tests.delivery.receivers import SECRET, TOKEN, VENDORS, Chat, a_chat
from tests.ports import free_port

CHATS = sorted(VENDORS.keys() - {"json"})


def nothing() -> None: ...


def hook_of(chat: Chat, folder: Path, **changes: Any) -> WebhookSettings:
    """The settings of a webhook, with its secrets in files."""
    (folder / "url").write_text(f"{chat.url}\n")
    (folder / "secret").write_text(f"{SECRET}\n")
    signed = {"secret_file": str(folder / "secret")} if chat.vendor in SIGNED else {}
    return WebhookSettings(
        **{"name": "chat", "url_file": str(folder / "url"), "preset": chat.vendor, **signed, **changes}
    )


def sent_to(vendor: str, folder: Path, message: Message) -> str:
    """What a vendor's chat got, as the JSON of one message."""
    with a_chat(vendor) as chat:
        send_webhook(hook_of(chat, folder), message, nothing)
    assert chat.refused == []
    (got,) = chat.messages
    return json.dumps(got, ensure_ascii=False)


@pytest.mark.parametrize("vendor", CHATS)
def test_each_vendor_takes_its_form_and_signature(vendor: str, tmp_path: Path) -> None:
    """And people read the sentence, the figures, what is unusual, and the link."""
    got = sent_to(vendor, tmp_path, a_message())

    for text in ("autonomy owes 12,345.67 CNY", "To pay", "Budget", "3 times as much as usual", URL, "Open the report"):
        assert text in got


@pytest.mark.parametrize("vendor", CHATS)
def test_a_link_to_the_rows_stands_beside_that_to_the_page(vendor: str, tmp_path: Path) -> None:
    """With the address as the vendor reads it: Slack takes entities, the others the characters themselves."""
    rows = "https://lynceus.example.com/api/v1/reports/cost?month=2026-11&format=csv"
    got = sent_to(vendor, tmp_path, a_message(rows_link=rows, rows_text="Download the rows"))

    assert (rows.replace("&", "&amp;") if vendor == "slack" else rows) in got
    assert "Download the rows" in got
    assert URL in got


@pytest.mark.parametrize("vendor", CHATS)
def test_each_note_begins_with_a_mark(vendor: str, tmp_path: Path) -> None:
    """Sentences of several lines on a telephone would run into each other."""
    got = sent_to(vendor, tmp_path, a_message(notes=("one costs more", "two costs more")))

    marks = [got.partition(f" {word} costs more")[0][-1] for word in ("one", "two")]
    assert marks[0] == marks[1]
    assert marks[0] in "•->"


@pytest.mark.parametrize("vendor", CHATS)
def test_a_message_without_figures_notes_and_link_is_in_form(vendor: str, tmp_path: Path) -> None:
    """Empty parts are omitted: chats refuse empty texts."""
    got = sent_to(vendor, tmp_path, a_message(figures=(), notes=(), link=""))

    assert "autonomy owes" in got
    assert "{" + "figures" not in got
    assert "Open the report" not in got


@pytest.mark.parametrize("vendor", CHATS)
def test_a_long_message_is_cut_to_what_the_vendor_takes(vendor: str, tmp_path: Path) -> None:
    """Notes are omitted first, the last ones first; the sentence stays."""
    long = a_message(
        title="自" * 200,
        figures=tuple(KeyFigure(f"部门{number}", "1,234.56 CNY" * 20) for number in range(60)),
        notes=tuple(f"{number}: {'模板 ' * 200}" for number in range(40)),
    )
    assert "autonomy owes 12,345.67 CNY" in sent_to(vendor, tmp_path, long)


@pytest.mark.parametrize("vendor", CHATS)
def test_a_name_cannot_command_a_chat(vendor: str, tmp_path: Path) -> None:
    """Mentions of everybody, links and names of the form itself come from labels of workflows, so they stay text."""
    hostile = '<!channel> <at id=all></at> <@all> @all [click](https://evil.example) {link} "}],"x":[{"'
    got = sent_to(vendor, tmp_path, a_message(sentence=hostile, notes=(hostile,)))

    assert "<!channel>" not in got
    assert "<at id" not in got
    assert "<@all>" not in got
    assert "[click](" not in got or vendor == "slack"  # Slack has no such links
    assert "{link}" in got


@pytest.mark.parametrize("vendor", sorted(SIGNED))
def test_a_wrong_signature_is_an_error_though_the_status_is_200(vendor: str, tmp_path: Path) -> None:
    """The vendor's own words are in the error; neither secret nor address is."""
    with a_chat(vendor) as chat:
        hook = hook_of(chat, tmp_path)
        (tmp_path / "secret").write_text("SECanother")
        with pytest.raises(NotSentError, match=r"the receiver refuses: 200 .*sign") as error:
            send_webhook(hook, a_message(), nothing)

    assert "SECanother" not in str(error.value)
    assert TOKEN not in str(error.value)


def test_signatures_are_those_of_the_documentation() -> None:
    """Computed by openssl: key and text have other roles at DingTalk and at Feishu."""
    assert dingtalk_address("https://o/robot/send?access_token=x", "this is secret", 1577262236757) == (
        "https://o/robot/send?access_token=x&timestamp=1577262236757&sign=hmPWwU%2B7lVdm3ZZz0r9tSfx0L4Q26jWOZr9%2BGs6EZQM%3D"
    )
    assert feishu_members("demo", 1599360473999) == {
        "timestamp": "1599360473",
        "sign": "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8=",
    }


@pytest.mark.parametrize(
    ("vendor", "answer", "wait_s"),
    [
        ("dingtalk", (200, b'{"errcode": 130101, "errmsg": "send too fast"}', {}), 600),
        ("feishu", (200, b'{"code": 11232, "msg": "frequency limited"}', {}), 60),
        ("wecom", (200, b'{"errcode": 45009, "errmsg": "api freq out of limit"}', {}), 60),
        ("slack", (429, b"rate_limited", {"Retry-After": "30"}), 30),
        ("teams", (429, b"", {"Retry-After": "7"}), 7),
    ],
)
def test_too_many_messages_are_sent_later(
    vendor: str, answer: tuple[int, bytes, dict[str, str]], wait_s: int, tmp_path: Path
) -> None:
    """As late as the vendor asks, in whatever way it asks."""
    with a_chat(vendor) as chat:
        chat.answers = [answer]
        with pytest.raises(NotSentError) as error:
            send_webhook(hook_of(chat, tmp_path), a_message(), nothing)

    assert error.value.retry_s == wait_s


@pytest.mark.parametrize(
    ("vendor", "answer"),
    [
        ("slack", (404, b"no_service", {})),
        ("slack", (200, b"something else", {})),
        ("teams", (302, b"", {"Location": "http://127.0.0.1:1/"})),
        ("json", (503, b"busy", {})),
    ],
)
def test_a_refusal_is_not_sent(vendor: str, answer: tuple[int, bytes, dict[str, str]], tmp_path: Path) -> None:
    """Also a redirect, which would carry the message to somewhere else."""
    with a_chat(vendor) as chat:
        chat.answers = [answer]
        with pytest.raises(NotSentError):
            send_webhook(hook_of(chat, tmp_path), a_message(), nothing)


@pytest.mark.parametrize(
    ("vendor", "answer"),
    [("slack", (504, b"", {})), ("dingtalk", (200, b"<html>proxy</html>", {})), ("wecom", (200, b"{}", {}))],
)
def test_an_answer_without_meaning_is_unsure(
    vendor: str, answer: tuple[int, bytes, dict[str, str]], tmp_path: Path
) -> None:
    """The message may be in the chat."""
    with a_chat(vendor) as chat:
        chat.answers = [answer]
        with pytest.raises(UnsureError):
            send_webhook(hook_of(chat, tmp_path), a_message(), nothing)


def test_no_answer_is_unsure_and_no_connection_is_not_sent(tmp_path: Path) -> None:
    """Before the connection nothing can have arrived, and what may send has not been called yet."""
    steps: list[str] = []
    with a_chat("slack") as chat:
        chat.hang_up = True
        hook = hook_of(chat, tmp_path)
        with pytest.raises(UnsureError, match=r"127\.0\.0\.1:\d+ did not answer") as error:
            send_webhook(hook, a_message(), lambda: steps.append("hung up"))
        (tmp_path / "url").write_text(f"http://127.0.0.1:{free_port()}/{TOKEN}")
        with pytest.raises(NotSentError, match="cannot be reached: Connection refused") as refused:
            send_webhook(hook, a_message(), lambda: steps.append("no connection"))

    assert steps == ["hung up"]
    assert TOKEN not in str(error.value) + str(refused.value)


def test_a_slow_chat_is_unsure(tmp_path: Path) -> None:
    """The time limit holds for the whole request."""
    with a_chat("slack") as chat:
        chat.delay_s = 3
        with pytest.raises(UnsureError, match="TimeoutError"):
            send_webhook(hook_of(chat, tmp_path, timeout_seconds=1), a_message(), nothing)


def test_a_message_that_another_collector_has_taken_over_is_not_sent(tmp_path: Path) -> None:
    """The last moment is after the connection and before the first byte."""

    def overtaken() -> None:
        raise OvertakenError

    with a_chat("slack") as chat, pytest.raises(OvertakenError):
        send_webhook(hook_of(chat, tmp_path), a_message(), overtaken)

    assert chat.messages == []


def test_a_template_of_ones_own(tmp_path: Path) -> None:
    """Names are replaced in the finished JSON, so that a value cannot change its structure."""
    (tmp_path / "form").write_text('{"what": "{report}: {sentence}", "rows": [{"$each": "figures", "k": "{label}"}]}')
    with a_chat("json") as chat:
        hook = hook_of(chat, tmp_path, template_file=str(tmp_path / "form"))
        send_webhook(hook, a_message(sentence='", "x": "'), nothing)

    assert chat.messages == [{"what": 'month: ", "x": "', "rows": [{"k": "To pay"}, {"k": "Budget"}]}]


def test_a_program_can_drop_what_it_has(tmp_path: Path) -> None:
    """By the header that says which message this is."""
    with a_chat("json") as chat:
        for _ in range(2):
            send_webhook(hook_of(chat, tmp_path), a_message(), nothing)

    assert len(set(chat.keys)) == 1
    assert chat.messages[0]["department"] == "autonomy"
    assert chat.messages[0]["figures"][0] == {"label": "To pay", "value": "12,345.67 CNY"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must hold one line"),
        ("a\nb", "must hold one line"),
        ("hooks.slack.com/services/x", "does not hold an address"),
        ("http://hooks.example.com/x1y2z3", "holds a plain http address"),
    ],
)
def test_a_file_without_an_address_is_reported_without_its_text(text: str, words: str, tmp_path: Path) -> None:
    """Whatever is in the file may be a secret."""
    (tmp_path / "url").write_text(text)
    hook = WebhookSettings(name="chat", url_file=str(tmp_path / "url"), preset="slack")

    with pytest.raises(NotSentError, match=words) as error:
        send_webhook(hook, a_message(), nothing)
    assert "x1y2z3" not in str(error.value)


def test_every_shipped_form_can_be_read() -> None:
    """And each settings preset has one."""
    assert {name: shipped(name).limit_bytes for name in ("slack", "dingtalk", "feishu", "wecom", "teams", "json")}
