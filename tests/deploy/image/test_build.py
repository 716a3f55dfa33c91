"""
The command lines of `make image`, as fake programs on PATH get them: docker, podman and buildah themselves are not here.
"""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DIGEST = "sha256:" + "ab" * 32
BASE = (ROOT / "deploy" / "image" / "base").read_text(encoding="utf-8").strip()


class Machine:
    """A machine with some engines; each writes its arguments down and answers as the real one does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls = folder / "calls"
        self.calls.touch()
        for tool in ("sh", "sed", "cat", "dirname", "git"):
            (folder / tool).symlink_to(f"/usr/bin/{tool}")

    def has(self, engine: str, *, works: bool = True, digest: str = DIGEST) -> None:
        """Puts an engine on PATH."""
        name = BASE.partition("@")[0].rpartition(":")[0]
        answer = digest if engine == "buildah" or not digest else f"{name}@{digest}"
        program = self.folder / engine
        program.write_text(
            f'#!/bin/sh\n[ "$1" != info ] || exit {int(not works)}\n'
            f'echo "{engine} $*" >> {self.calls}\ncase "$*" in *inspect*) echo "{answer}" ;; esac\n'
        )
        program.chmod(0o755)

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs the script with this PATH alone."""
        environment: Mapping[str, str] = {"PATH": str(self.folder), "REVISION": "0123abc", **variables}
        return subprocess.run(
            ["/bin/sh", str(ROOT / "deploy" / "image" / "build.sh"), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def called(self) -> list[str]:
        """Every command line."""
        return self.calls.read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize(
    ("engine", "inspect", "options"),
    [
        ("docker", "image inspect --format {{index .RepoDigests 0}}", ""),
        ("podman", "image inspect --format {{index .RepoDigests 0}}", "--format docker "),
        ("buildah", "inspect --type image --format {{.FromImageDigest}}", "--format docker "),
    ],
)
def test_each_engine_builds_on_the_digest_of_the_base(
    engine: str, inspect: str, options: str, machine: Machine
) -> None:
    """A tag may be another image tomorrow; and podman and buildah would drop HEALTHCHECK from their own format."""
    machine.has(engine)

    done = machine.run()

    version = "0.1.0"
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"lynceus:{version}"
    assert machine.called() == [
        f"{engine} pull {BASE}",
        f"{engine} {inspect} {BASE}",
        (
            f"{engine} build {options}--file deploy/Dockerfile --tag lynceus:{version} "
            f"--build-arg BASE={BASE.rpartition(':')[0]}@{DIGEST} --build-arg VARIANT=engine --build-arg VERSION={version} "
            "--build-arg REVISION=0123abc ."
        ),
    ]


def test_a_docker_without_its_daemon_is_passed_over(machine: Machine) -> None:
    """Where only the client is installed, podman is the one that works."""
    machine.has("docker", works=False)
    machine.has("podman")

    assert machine.run().returncode == 0
    assert {line.split()[0] for line in machine.called()} == {"podman"}


def test_without_any_engine_the_error_names_them(machine: Machine) -> None:
    machine.has("docker", works=False)

    done = machine.run()

    assert done.returncode == 2
    assert "needs docker (with its daemon), podman or buildah" in done.stderr
    assert machine.called() == []


def test_an_engine_that_is_named_is_taken_and_an_unknown_one_refused(machine: Machine) -> None:
    machine.has("docker")
    machine.has("buildah")

    assert machine.run(ENGINE="buildah").returncode == 0
    assert {line.split()[0] for line in machine.called()} == {"buildah"}
    assert "expected docker, podman or buildah" in machine.run(ENGINE="kaniko").stderr


def test_a_base_with_its_digest_is_taken_as_it_is(machine: Machine) -> None:
    """Nothing is pulled to learn what is known; a mirror is named the same way."""
    machine.has("docker")

    machine.run(BASE=f"mirror.corp:5000/python@{DIGEST}")

    (build,) = machine.called()
    assert f"BASE=mirror.corp:5000/python@{DIGEST}" in build


@pytest.mark.parametrize(
    ("base", "name"),
    [
        ("mirror.corp:5000/python", "mirror.corp:5000/python"),
        ("mirror.corp:5000/python:3.11", "mirror.corp:5000/python"),
    ],
)
def test_the_port_of_a_mirror_is_not_a_tag(base: str, name: str, machine: Machine) -> None:
    machine.has("buildah")

    machine.run(BASE=base)

    assert f"BASE={name}@{DIGEST} " in machine.called()[-1]


def test_a_base_without_a_digest_is_an_error(machine: Machine) -> None:
    """An image of this machine alone has none: another machine could not build on it."""
    machine.has("docker", digest="")

    done = machine.run()

    assert done.returncode == 1
    assert "has no digest" in done.stderr
    assert not any(" build " in line for line in machine.called())


def test_variant_tag_registry_and_mirrors_reach_the_command(machine: Machine) -> None:
    machine.has("docker")
    variables = {
        "VARIANT": "server",
        "TAG": "7",
        "REGISTRY": "registry.corp/team/",
        "PIP_INDEX_URL": "https://pip.corp/simple",
        "DEBIAN_MIRROR": "https://deb.corp",
    }

    done = machine.run(**variables)

    build = machine.called()[-1]
    assert done.stdout.strip() == "registry.corp/team/lynceus:7-server"
    assert "--tag registry.corp/team/lynceus:7-server " in build
    assert "--build-arg VARIANT=server " in build
    assert "--build-arg PIP_INDEX_URL=https://pip.corp/simple --build-arg DEBIAN_MIRROR=https://deb.corp ." in build


def test_a_push_sends_the_same_name_and_needs_a_registry(machine: Machine) -> None:
    """Without one, docker would send it to the public one."""
    machine.has("podman")

    assert machine.run("push", REGISTRY="registry.corp", TAG="7").returncode == 0
    assert machine.called() == ["podman push registry.corp/lynceus:7"]
    assert "needs REGISTRY" in machine.run("push").stderr


def test_an_engine_that_fails_fails_the_command(machine: Machine) -> None:
    machine.has("docker")
    program = machine.folder / "docker"
    program.write_text(program.read_text() + '[ "$1" != build ] || exit 125\n')

    assert machine.run().returncode == 125


def test_make_hands_its_variables_over(machine: Machine) -> None:
    """`make image VARIANT=server` is what the docs say."""
    machine.has("docker")
    environment = {"PATH": str(machine.folder)}

    for target in ("image", "image-push"):
        subprocess.run(
            ["/usr/bin/make", target, "VARIANT=server", "REGISTRY=r.corp"], cwd=ROOT, env=environment, check=True
        )

    assert "--build-arg VARIANT=server " in machine.called()[-2]
    assert machine.called()[-1] == "docker push r.corp/lynceus:0.1.0-server"
