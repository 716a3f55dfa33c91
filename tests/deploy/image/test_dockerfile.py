"""The Dockerfile and what it may copy, read as text: no container engine runs where this was built."""

import json
import re
import shlex
import tomllib
from pathlib import Path

from collector.settings.model import HttpSettings

ROOT = Path(__file__).parents[3]
IMAGE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
INSTALL = (ROOT / "deploy" / "image" / "install.sh").read_text(encoding="utf-8")


def instructions() -> list[tuple[str, str]]:
    """Each instruction of the Dockerfile and the rest of its logical line."""
    lines = re.sub(r"^#.*\n", "", IMAGE, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in lines if line.strip()]


def final_stage() -> list[tuple[str, str]]:
    """The instructions after the last FROM."""
    found = instructions()
    last = max(index for index, (name, _) in enumerate(found) if name == "FROM")
    return found[last:]


def allowed() -> set[str]:
    """What .dockerignore lets through."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in lines, "everything is shut out but what follows"
    return {line.removeprefix("!") for line in lines if line.startswith("!")}


def test_the_context_holds_what_is_copied_and_nothing_else() -> None:
    """A settings file, a kubeconfig or .git in the checkout must not reach a layer."""
    copied = {
        source
        for name, text in instructions()
        if name == "COPY" and "--from" not in text
        for source in shlex.split(text)[:-1]
    }

    assert copied == allowed()
    assert [source for source in copied if not (ROOT / source).exists()] == []


def test_each_base_image_is_the_one_that_is_given() -> None:
    """`make image` gives it with its digest; a second base would escape that."""
    bases = [text.split()[0] for name, text in instructions() if name == "FROM"]
    default = (ROOT / "deploy" / "image" / "base").read_text(encoding="utf-8").strip()

    assert bases == ["${BASE}", "${BASE}"]
    assert f"ARG BASE={default.partition('@')[0]}" in IMAGE


def test_it_runs_as_numbers_that_are_not_root() -> None:
    """Kubernetes cannot prove of a name that it is not root; the group is as private as the user."""
    assert [text for name, text in final_stage() if name == "USER"] == ["10470:10470"]
    (accounts,) = (text for name, text in final_stage() if name == "RUN")
    assert "groupadd --gid 10470" in accounts
    assert "--uid 10470 --gid 10470" in accounts


def test_nothing_of_the_build_reaches_the_image() -> None:
    """Compilers, pip's files and the address of an index stay in the stage that is thrown away."""
    final = "\n".join(f"{name} {text}" for name, text in final_stage())

    assert [text for name, text in final_stage() if name == "COPY"] == ["--from=build /opt/lynceus /opt/lynceus"]
    assert not re.search(r"apt-get|pip|PIP_INDEX_URL|DEBIAN_MIRROR", final)


def test_the_program_and_the_check_are_run_without_a_shell() -> None:
    """A shell would swallow SIGTERM, and the last rows with it."""
    found = dict(final_stage())

    assert json.loads(found["ENTRYPOINT"]) == ["lynceus"]
    assert json.loads(found["CMD"])[0] == "run"
    assert json.loads(found["HEALTHCHECK"].partition("CMD ")[2]) == ["python", "-m", "collector.service.alive"]


def test_the_ports_are_those_of_the_settings() -> None:
    (exposed,) = (text.split() for name, text in final_stage() if name == "EXPOSE")

    assert HttpSettings().listen.rpartition(":")[2] in exposed


def test_the_image_installs_what_runs_and_nothing_else() -> None:
    """Tools of tests would be code to attack, and some hundred MB; what is not in a lock has no hash to be held against."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    tools = {re.split(r"[><=\[]", name)[0].lower() for name in project["optional-dependencies"]["dev"]}

    assert re.findall(r"lock=(\S+)", INSTALL) == ["requirements.lock", "requirements-server.lock"]
    assert "--no-deps --require-hashes" in INSTALL
    assert not tools & {*locked("requirements.lock"), *locked("requirements-server.lock")}


def locked(name: str) -> dict[str, str]:
    """The releases of a lock."""
    return dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))


def test_the_lock_without_the_engine_is_a_part_of_the_other() -> None:
    """Both images run the same releases, so that what is tested in one is true of the other."""
    whole, part = locked("requirements.lock"), locked("requirements-server.lock")

    assert part.items() <= whole.items()
    assert whole.keys() - part.keys() == {"chdb", "chdb-core", "numpy", "pandas"}
