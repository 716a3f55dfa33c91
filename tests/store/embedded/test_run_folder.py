"""The folder in which the store's process works: a file that lies where Lynceus is started changes nothing."""

from pathlib import Path

import pytest

from collector.store.embedded.handle import one_line
from collector.store.embedded.run_folder import IDLE_THREADS, MERGED_PARTS
from tests.store.running import Running, ask, piped, ready, spawn

OTHERS = "<clickhouse><macros><of>somebody else</of></macros></clickhouse>"
BROKEN = "<clickhouse><oops"


@pytest.mark.parametrize("name", ["config.xml", "clickhouse-local.xml"])
@pytest.mark.parametrize("text", [OTHERS, BROKEN], ids=["of others", "broken"])
@pytest.mark.parametrize("command", ["collector store", "collector.store.embedded.server"])
def test_a_configuration_where_it_is_started_changes_nothing(
    command: str, text: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither of the working folder nor of the home folder, however the store is started."""
    folder, home = tmp_path / "here", tmp_path / "home"
    for place in (folder / name, home / ".clickhouse-local" / "config.xml", folder / "config.d" / "more.xml"):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="ascii")
    monkeypatch.setenv("HOME", str(home))
    running = _started_in(folder, command, tmp_path)

    macros = ask(running, "SELECT count() FROM system.macros", user="lynceus", key=running.token()).text
    assert running.stop() == 0
    assert macros == "0\n"


def _started_in(folder: Path, command: str, data: Path) -> Running:
    """A store whose paths are relative to the folder of its start."""
    if command == "collector store":
        where = ["--path", "../chdb", "--listen", "127.0.0.1:0", "--token-file", "../token"]
        arguments = ["-m", "collector", "store", *where, "--until-stdin-closes"]
    else:
        options = '{"path":"../chdb","listen":"127.0.0.1:0","writer_token_file":"../token","until_stdin_closes":true}'
        arguments = ["-m", command, options]
    return ready(piped(*arguments, cwd=folder), data / "chdb", data / "token")


def test_its_folder_may_not_change_the_engine_either(tmp_path: Path) -> None:
    """What is found there is overwritten, and refused where the engine would add it."""
    folder = tmp_path / "chdb.run"
    (folder / "config.d").mkdir(parents=True)
    (folder / "config.xml").write_text(OTHERS, encoding="ascii")
    refused = spawn(tmp_path / "chdb", tmp_path / "token")
    _, message = refused.communicate(timeout=20)
    (folder / "config.d").rmdir()
    running = ready(spawn(tmp_path / "chdb", tmp_path / "token"), tmp_path / "chdb", tmp_path / "token")
    macros = ask(running, "SELECT count() FROM system.macros", user="lynceus", key=running.token()).text

    assert running.stop() == 0
    assert f"{folder / 'config.d'}: would change the engine; remove it" in message
    assert macros == "0\n"
    assert folder.stat().st_mode & 0o777 == 0o700


def test_an_engine_that_cannot_open_reports_why_in_one_line(tmp_path: Path) -> None:
    """The last line is what a collector reports: it names the path and the engine's own words."""
    (tmp_path / "chdb").mkdir()
    (tmp_path / "chdb" / "metadata").write_text("no folder", encoding="ascii")
    process = spawn(tmp_path / "chdb", tmp_path / "token")
    _, message = process.communicate(timeout=20)

    (line,) = message.splitlines()
    assert process.returncode == 1
    assert line.startswith(f"{tmp_path}/chdb: the engine cannot open it: Code: ")
    assert "metadata" in line


SHORT_OF_MEMORY = """Code: 36. DB::Exception: Failed to create connection: Code: 439. DB::Exception: no thread, \
Stack trace (when \
copying this message, always include the lines below):

0. ? @ 0x00007f964cccf434
1. std::string(int) @ 0x1
 (version 26.9.2.1) (threads=8, jobs=6)
. (BAD_ARGUMENTS)"""


def test_an_engines_message_is_one_line_without_its_stack() -> None:
    """As it is when there is too little address space, where the last of its lines says nothing."""
    assert one_line(SHORT_OF_MEMORY) == (
        "Code: 36. DB::Exception: Failed to create connection: Code: 439. DB::Exception: no thread "
        "(threads=8, jobs=6) . (BAD_ARGUMENTS)"
    )


def test_more_parts_are_merged_at_once_than_by_default(running: Running) -> None:
    """The engine obeys our configuration: it says 20, and that somebody changed it."""
    found = "SELECT value, changed FROM system.merge_tree_settings WHERE name = 'merge_selector_base'"

    assert ask(running, found, user="lynceus", key=running.token()).text == f"{MERGED_PARTS}\t1\n"


def test_few_threads_are_kept_idle(running: Running) -> None:
    """One large query would leave a hundred and more, each with memory of its own."""
    found = "SELECT value FROM system.server_settings WHERE name = 'max_thread_pool_free_size'"

    assert ask(running, found, user="lynceus", key=running.token()).text == f"{IDLE_THREADS}\n"
