"""
A store of two departments until today, a mail server and a chat, and the settings of a fleet that sends reports to both.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess
from typing import NamedTuple

from typer.testing import CliRunner

from collector.access.tokens import TokenEntry, hash_of, make_token, write_tokens
from collector.cli.main import app
from collector.connect import VARIABLE
from collector.store.schema.migrate import migrate
from tests.billing.stored import write_all
from tests.commands import run_command
from tests.delivery.receivers import Chat, Mailbox, a_chat, a_mailbox
from tests.reports.until_today import until_today
from tests.store.running import Running, start

CONFIG = """
data_dir: {folder}
currency: USD
http: {{external_url: "https://lynceus.example.com"}}
access: {{token_files: ['{folder}/tokens.yaml']}}
budgets:
  - {{where: {{department: maps}}, month: "1"}}
  - {{name: limit of sim, where: {{department: sim}}, month: "1000000"}}
  - {{name: whole fleet, month: "2000000"}}
delivery:
  smtp: {{host: 127.0.0.1, port: {mail}, security: none, sender: lynceus@example.com}}
  webhooks: [{{name: chat, preset: slack, url_file: '{folder}/chat.url', timeout_seconds: 5}}]
  reports:
    - {{name: maps-mail, to: [lead@maps.example], department: maps, what: month_so_far, attach: csv, schedule: monthly 09:00}}
    - {{name: maps-chat, webhook: chat, department: maps, what: month_so_far, schedule: weekly mon 09:00}}
"""


class MailedFleet(NamedTuple):
    """What commands are given, and where their messages arrive."""

    store: Running
    config: Path
    box: Mailbox
    chat: Chat
    token: str
    """Of a reader of maps."""

    def run(self, command: str) -> CompletedProcess[str]:
        """A command in a process of its own."""
        return run_command(*command.split(), "--config", str(self.config))

    def printed(self, command: str, token: str = "") -> str:
        """What a command prints, to who runs the collector or to a reader with a token; its error fails."""
        known = ("--url", self.store.url) if token else ()
        env = {"COLUMNS": "200", VARIABLE: token}
        done = CliRunner().invoke(
            app, [*command.split(), "--config", str(self.config), *known], env=env, catch_exceptions=False
        )
        assert done.exit_code == 0
        return done.stdout


@contextmanager
def a_mailed_fleet(folder: Path) -> Iterator[MailedFleet]:
    """All of it, for as long as the block lasts."""
    token, tokens, config = make_token(), folder / "tokens.yaml", folder / "lynceus.yaml"
    tokens.write_bytes(write_tokens([TokenEntry("maps", hash_of(token), departments=("maps",))]))
    running = start(folder, token_files=[tokens])
    writer = running.writer()
    migrate(writer)
    write_all(writer, [*until_today()])
    writer.close()
    try:
        with a_mailbox() as box, a_chat("slack") as chat:
            (folder / "chat.url").write_text(chat.url, encoding="utf-8")
            config.write_text(CONFIG.format(folder=folder, mail=box.port), encoding="utf-8")
            yield MailedFleet(running, config, box, chat, token)
    finally:
        running.stop()
