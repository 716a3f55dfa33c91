"""
Two collectors that send the same reports from one store, and are killed at random moments: each message arrives once.

Each round is one period of a mail and of a signed DingTalk message, and at least one kill -9 while they are being sent. A mail
may come twice, with the same Message-ID, and a chat's message not at all, if the kill comes between the receiver's answer and
the journal: the test counts both, and what the rows say of them.
"""

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from collector.delivery.records import DeliveryRecord, latest
from collector.store.clickhouse import Store
from collector.store.schema.migrate import migrate
from tests.delivery.receivers import SECRET, Chat, Mailbox, a_chat, a_mailbox
from tests.ports import free_port
from tests.processes import ROOT
from tests.store.running import start

ROUNDS = int(os.environ.get("LYNCEUS_DELIVERY_KILLS", "6"))
A_ROUND = int(os.environ.get("LYNCEUS_DELIVERY_KILLS_A_ROUND", "3"))
LONGEST_S = float(os.environ.get("LYNCEUS_DELIVERY_EVERY_S", "2"))
"""Between two kills at most."""
SEED = int(os.environ.get("LYNCEUS_KILL_SEED", "1"))
WITHIN_S = 240
"""After a round's last kill; a message that another collector had begun is taken over after a minute and more."""

pytestmark = [pytest.mark.seen, pytest.mark.timeout(120 + 40 * ROUNDS)]


@dataclass
class Sender:
    """One of the two collectors, which is started again after each kill."""

    folder: Path
    config: dict[str, Any]
    dues: Path
    process: subprocess.Popen[bytes] | None = None
    _stack: ExitStack = field(default_factory=ExitStack)

    def begin(self) -> None:
        """Starts it unless it runs."""
        if self.process is not None and self.process.poll() is None:
            return
        self.folder.mkdir(exist_ok=True)
        (self.folder / "lynceus.yaml").write_text(yaml.safe_dump(self.config))
        log = self._stack.enter_context((self.folder / "log").open("ab"))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.delivery.replica", str(self.dues), "run", "--config", "lynceus.yaml"],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(ROOT), "KUBECONFIG": str(self.folder / "none")},
        )

    def kill(self) -> None:
        """kill -9, if it runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def close(self) -> None:
        self.kill()
        self._stack.close()


def settings_of(folder: Path, store: dict[str, str], box: Mailbox, chat: Chat) -> dict[str, Any]:
    """A collector without a cluster yet, which sends a mail and a message to a chat."""
    (folder / "secrets").mkdir(parents=True)
    (folder / "url").write_text(chat.url)
    (folder / "secret").write_text(SECRET)
    smtp = {"host": "127.0.0.1", "port": box.port, "security": "none", "sender": "lynceus@example.com"}
    hook = {
        "name": "chat",
        "preset": "dingtalk",
        "url_file": str(folder / "url"),
        "secret_file": str(folder / "secret"),
    }
    return {
        "discovery": {"argocd_secrets": str(folder / "secrets")},
        "store": store,
        "data_dir": str(folder / "data"),
        "http": {"listen": f"127.0.0.1:{free_port()}"},
        "delivery": {
            "smtp": smtp,
            "webhooks": [hook],
            "reports": [
                {"name": "mail", "to": ["a@example.com"], "schedule": "daily 09:00", "department": "maps"},
                {"name": "chat", "webhook": "chat", "schedule": "daily 09:00", "language": "zh-CN"},
            ],
        },
    }


def wait_for_start(store: Store, senders: list[Sender]) -> None:
    """Until some collector has seen both reports."""
    deadline = time.monotonic() + 60
    while store.query_rows("SELECT count() FROM lynceus.delivery FINAL WHERE state = 'known'") != [(2,)]:
        assert time.monotonic() < deadline, [(sender.folder / "log").read_text()[-2000:] for sender in senders]
        time.sleep(0.1)


def ended(store: Store, due_ms: int) -> list[DeliveryRecord]:
    """The messages of a period that have come to an end."""
    return [one for one in latest(store, 10) if one.due == due_ms and one.state in {"sent", "unsure", "missed"}]


def one_round(store: Store, senders: list[Sender], dues: Path, dice: random.Random) -> int:
    """One period, and at least one kill within it; returns the number of kills."""
    for sender in senders:
        sender.begin()
    due = int(time.time())
    with dues.open("a") as file:
        file.write(f"{due}\n")
    kills, deadline = 0, time.monotonic() + WITHIN_S
    while True:
        time.sleep(dice.triangular(0.05, LONGEST_S, LONGEST_S / 3))  # the instant of death is what the round draws
        victims = senders if dice.random() < 0.5 else [dice.choice(senders)]
        if kills < A_ROUND:
            for victim in victims:
                victim.kill()
                kills += 1
        time.sleep(dice.choice((0.0, dice.uniform(0, 1.5))))
        for sender in senders:
            sender.begin()
        while kills >= A_ROUND and len(ended(store, due * 1000)) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        if len(found := ended(store, due * 1000)) == 2:
            return kills
        assert time.monotonic() < deadline, (found, [(sender.folder / "log").read_text()[-3000:] for sender in senders])


@contextmanager
def two_senders(folder: Path, dues: Path) -> Iterator[tuple[Store, list[Sender], Mailbox, Chat]]:
    """Two collectors that have seen both reports, their store, and the two receivers."""
    with ExitStack() as stack:
        box, chat = stack.enter_context(a_mailbox()), stack.enter_context(a_chat("dingtalk"))
        running = start(folder)
        stack.callback(running.stop)
        store = stack.enter_context(closing(running.writer()))
        migrate(store)
        access = {"url": f"{running.url}/lynceus", "username": "lynceus", "password_file": str(running.token_file)}
        senders = [Sender(folder / name, settings_of(folder / name, access, box, chat), dues) for name in "ab"]
        for sender in senders:
            stack.callback(sender.close)
            sender.begin()
        wait_for_start(store, senders)
        yield store, senders, box, chat


def test_each_message_arrives_once_however_often_collectors_are_killed(tmp_path: Path) -> None:
    """Of each period one mail and one message in the chat; of a kill in the last step itself the rows say so."""
    dice, dues, kills, rounds = random.Random(SEED), tmp_path / "dues", 0, 0
    dues.touch()
    with two_senders(tmp_path, dues) as (store, senders, box, chat):
        time.sleep(1.1)  # dues are whole seconds, and what was due before the reports were seen is not owed
        while kills < ROUNDS:
            kills += one_round(store, senders, dues, dice)
            rounds += 1
            sys.stdout.write(
                f"{kills} kills, {rounds} periods: {len(box.mails)} mails, {len(chat.messages)} in the chat\n"
            )
            sys.stdout.flush()
        rows = [row for row in latest(store, 10_000) if row.period]

    mails, chats = Counter(str(mail["Message-ID"]) for mail in box.mails), Counter(chat.keys)
    of_mail, of_chat = ([row for row in rows if row.name == name] for name in ("mail", "chat"))
    doubts, unsure = sum(row.doubts for row in of_mail), sum(row.state == "unsure" for row in of_chat)
    sys.stdout.write(f"mails twice {len(box.mails) - rounds}, doubts {doubts}; ")
    sys.stdout.write(f"chat missing {rounds - len(chats)}, unsure {unsure}\n")
    assert chat.refused == []
    assert len(of_mail) == len(of_chat) == rounds
    assert {row.state for row in of_mail} == {"sent"}
    assert len(mails) == rounds
    assert len(box.mails) - rounds <= doubts
    assert set(chats.values()) == {1}
    assert rounds - len(chats) <= unsure <= max(1, kills // 50)


def test_nothing_is_sent_of_the_time_before(tmp_path: Path) -> None:
    """A report that is new in the settings owes nothing for times that passed before it was seen."""
    dues = tmp_path / "dues"
    dues.write_text(f"{int(time.time()) - 60}\n")
    with two_senders(tmp_path, dues) as (store, _, box, chat):
        time.sleep(1.5)  # several looks
        rows = latest(store, 10)

    assert rows == []
    assert (box.mails, chat.messages) == ([], [])
