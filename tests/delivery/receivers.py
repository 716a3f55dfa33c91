"""
Receivers of messages for tests: a mail server, and the chats of five vendors, each as strict as its documentation.

They check form, length and signature of each message, and answer as the vendor does, errors included.
"""

import base64
import hashlib
import hmac
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from collector.settings.delivery import SmtpSettings
from tests.ports import free_port

SECRET = "SECof-the-robot"
TOKEN = "a1b2c3d4e5f6a7b8c9d0"
HOUR_S = 3600


@dataclass
class Mailbox:
    """A mail server and what it has taken."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    refuse: set[str] = field(default_factory=set)
    """Recipients that it does not know."""
    answer: str = "250 taken"
    """To the end of a mail; a mail is taken whatever the answer."""
    hang_up: bool = False
    """Whether it takes the mail and then ends the connection without an answer."""

    async def handle_RCPT(self, _: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if address in self.refuse:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.recipients.append(list(envelope.rcpt_tos))
        if self.hang_up:
            assert server.transport is not None
            server.transport.close()
        return self.answer

    def settings(self, **changes: Any) -> SmtpSettings:
        """How it is reached."""
        return SmtpSettings(
            **{"host": "127.0.0.1", "port": self.port, "security": "none", "sender": "lynceus@example.com", **changes}
        )


@contextmanager
def a_mailbox(*, password: str = "", pair: tuple[Path, Path] | None = None, tls: bool = False) -> Iterator[Mailbox]:
    """A mail server for as long as the block lasts. `pair`: certificate and key for STARTTLS, or for `tls` from the start."""
    box = Mailbox(port=free_port())
    context = None
    if pair is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pair)

    def known(*arguments: Any) -> AuthResult:
        given = arguments[-1]
        right = isinstance(given, LoginPassword) and (given.login, given.password) == (b"lynceus", password.encode())
        return AuthResult(success=right, handled=False)

    options: dict[str, Any] = {}
    if password:
        options = {"authenticator": known, "auth_required": True, "auth_require_tls": not tls}
    if context is not None:
        options |= {"ssl_context": context} if tls else {"tls_context": context, "require_starttls": True}
    server = Controller(box, hostname="127.0.0.1", port=box.port, **options)
    server.start()
    try:
        yield box
    finally:
        server.stop()


@dataclass
class Chat:
    """A chat's webhook and the messages that it has shown."""

    vendor: str
    port: int = 0
    messages: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    """The header Idempotency-Key of each."""
    refused: list[str] = field(default_factory=list)
    answers: list[tuple[int, bytes, dict[str, str]]] = field(default_factory=list)
    """Answers to give instead of the usual ones, the next one first."""
    hang_up: bool = False
    """Whether it shows the message and then ends the connection without an answer."""
    delay_s: float = 0

    @property
    def url(self) -> str:
        """The address, with what makes it a secret."""
        path = {
            "slack": f"/services/T0/B0/{TOKEN}",
            "dingtalk": f"/robot/send?access_token={TOKEN}",
            "feishu": f"/open-apis/bot/v2/hook/{TOKEN}",
            "wecom": f"/cgi-bin/webhook/send?key={TOKEN}",
            "teams": f"/workflows/{TOKEN}/triggers/manual/paths/invoke?sig={TOKEN}",
            "json": f"/hook/{TOKEN}",
        }[self.vendor]
        return f"http://127.0.0.1:{self.port}{path}"


@contextmanager
def a_chat(vendor: str) -> Iterator[Chat]:
    """A vendor's chat for as long as the block lasts."""
    chat = Chat(vendor)

    class Receiving(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if len(body) < int(self.headers["Content-Length"]):
                return
            status, answer, headers = _answer(chat, self.path, self.headers["Content-Type"], body)
            if status == 200 or status == 202:
                chat.messages.append(json.loads(body))
                chat.keys.append(self.headers["Idempotency-Key"])
                if chat.hang_up:
                    return
            else:
                chat.refused.append(answer.decode())
            time.sleep(chat.delay_s)
            with suppress(OSError):  # the sender may have given up
                self.send_response(status)
                for name, value in {"Content-Length": str(len(answer)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiving)
    chat.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield chat
    finally:
        server.shutdown()
        server.server_close()


def _answer(chat: Chat, path: str, kind: str, body: bytes) -> tuple[int, bytes, dict[str, str]]:
    if chat.answers:
        return chat.answers.pop(0)
    assert kind == "application/json; charset=utf-8"
    sought, expected = urlsplit(path), urlsplit(chat.url)
    if sought.path != expected.path or TOKEN not in path:
        return 404, b"no_service", {}
    status, answer = VENDORS[chat.vendor](parse_qs(sought.query), json.loads(body), body)
    return status, answer if isinstance(answer, bytes) else json.dumps(answer).encode(), {}


Answer = tuple[int, bytes | dict[str, Any]]


def _slack(_: dict[str, list[str]], message: dict[str, Any], body: bytes) -> Answer:
    blocks = message.get("blocks", [])
    texts = [block["text"]["text"] for block in blocks if "text" in block]
    sound = (
        set(message) <= {"text", "blocks"}
        and 0 < len(blocks) <= 50
        and all(block["type"] in {"header", "section"} for block in blocks)
        and all(len(block["text"]["text"]) <= 150 for block in blocks if block["type"] == "header")
        and all(0 < len(text) <= 3000 for text in texts)
        and all(0 < len(block["fields"]) <= 10 for block in blocks if "fields" in block)
        and all(len(one["text"]) <= 2000 for block in blocks for one in block.get("fields", []))
        and all("text" in block or "fields" in block for block in blocks)
    )
    return (200, b"ok") if sound else (400, b"invalid_blocks")


def _dingtalk(query: dict[str, list[str]], message: dict[str, Any], body: bytes) -> Answer:
    (timestamp,), (sign,) = query.get("timestamp", ["0"]), query.get("sign", [""])
    digest = hmac.new(SECRET.encode(), f"{timestamp}\n{SECRET}".encode(), hashlib.sha256).digest()
    if abs(time.time() - int(timestamp) / 1000) > HOUR_S or sign != base64.b64encode(digest).decode():
        return 200, {"errcode": 310000, "errmsg": "sign not match"}
    if len(body) > 20_000:
        return 200, {"errcode": 460101, "errmsg": "message too long"}
    if message.get("msgtype") != "markdown" or set(message["markdown"]) != {"title", "text"}:
        return 200, {"errcode": 40035, "errmsg": "wrong form"}
    return 200, {"errcode": 0, "errmsg": "ok"}


def _feishu(_: dict[str, list[str]], message: dict[str, Any], body: bytes) -> Answer:
    timestamp = message.get("timestamp", "0")
    digest = hmac.new(f"{timestamp}\n{SECRET}".encode(), b"", hashlib.sha256).digest()
    if abs(time.time() - int(timestamp)) > HOUR_S or message.get("sign") != base64.b64encode(digest).decode():
        return 200, {"code": 19021, "msg": "sign match fail or timestamp is not within one hour from current time"}
    card = message.get("card", {})
    sound = (
        len(body) <= 20 * 1024
        and message.get("msg_type") == "interactive"
        and card["header"]["title"]["tag"] == "plain_text"
        and all(one["tag"] in {"div", "action"} for one in card["elements"])
        and all("text" in one or "fields" in one for one in card["elements"] if one["tag"] == "div")
    )
    return 200, {"code": 0, "msg": "success", "data": {}} if sound else {"code": 9499, "msg": "Bad Request"}


def _wecom(query: dict[str, list[str]], message: dict[str, Any], body: bytes) -> Answer:
    if query.get("key") != [TOKEN]:
        return 200, {"errcode": 93000, "errmsg": "invalid webhook url"}
    sound = message.get("msgtype") == "markdown" and 0 < len(message["markdown"]["content"].encode()) <= 4096
    return 200, {"errcode": 0, "errmsg": "ok"} if sound else {
        "errcode": 40058,
        "errmsg": "markdown.content exceed max length",
    }


def _teams(_: dict[str, list[str]], message: dict[str, Any], body: bytes) -> Answer:
    (attachment,) = message["attachments"]
    card = attachment["content"]
    sound = (
        len(body) <= 28 * 1024
        and message["type"] == "message"
        and attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
        and attachment["contentUrl"] is None
        and card["type"] == "AdaptiveCard"
        and card["version"] in {"1.2", "1.3", "1.4", "1.5"}
        and all(one["type"] in {"TextBlock", "FactSet"} for one in card["body"])
        and all(set(fact) == {"title", "value"} for one in card["body"] for fact in one.get("facts", []))
        and all(one["type"] == "Action.OpenUrl" for one in card["actions"])
    )
    return (202, b"") if sound else (400, {"error": {"code": "TriggerInputSchemaMismatch"}})


def _json(_: dict[str, list[str]], message: dict[str, Any], body: bytes) -> Answer:
    return 204 if not message else 200, b""


VENDORS: dict[str, Callable[[dict[str, list[str]], dict[str, Any], bytes], Answer]] = {
    "slack": _slack,
    "dingtalk": _dingtalk,
    "feishu": _feishu,
    "wecom": _wecom,
    "teams": _teams,
    "json": _json,
}
