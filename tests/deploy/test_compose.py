"""
The compose file for a first look: its structure, the files that it mounts, and each file before the program that reads it.

No container ran: `make lint-deploy` reads it with the Compose Specification's own code, and here is what that does not see.
"""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from collector.demo import scenario
from collector.settings.load import load_settings
from collector.settings.model import HttpSettings
from collector.store.servers.rights import ON_THE_DATABASE
from tests.promtool.tool import promtool

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "deploy" / "compose"
PASSWORDS = {"CLICKHOUSE_PASSWORD", "READER_PASSWORD", "GRAFANA_PASSWORD"}
TEXT = (COMPOSE / "compose.yaml").read_text(encoding="utf-8")
FILE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = FILE["services"]


def mounts() -> Iterator[tuple[str, str, str]]:
    """Service, source and target of each mount."""
    for name, service in SERVICES.items():
        for volume in service.get("volumes", ()):
            source, target = re.match(r"(\$\{.*?\}|[^:]+):([^:]+)", volume).groups()  # type: ignore[union-attr]
            yield name, source, target


def test_every_mounted_file_exists_and_every_volume_is_declared() -> None:
    """An engine makes an empty folder of a path that does not exist, and the service starts without its settings."""
    for name, source, _ in mounts():
        if source.startswith("."):
            assert (COMPOSE / source).exists(), (name, source)
        elif not source.startswith("$"):
            assert source in FILE["volumes"], (name, source)


def test_services_name_only_services_and_secrets_that_are_there() -> None:
    for service in SERVICES.values():
        assert set(service.get("depends_on", {})) <= SERVICES.keys()
        assert set(service.get("secrets", ())) <= FILE["secrets"].keys()
        assert service.get("network_mode", "service:fleet").removeprefix("service:") in SERVICES


def test_no_password_has_a_default() -> None:
    """A password that is in this repository is everyone's; without one compose stops and names the page."""
    named = re.findall(r"\$\{(\w+)(:[-?])?([^}]*)\}", TEXT)

    assert {name for name, _, _ in named if "PASSWORD" in name} == PASSWORDS
    assert {form for name, form, _ in named if name in PASSWORDS} == {":?"}
    assert all((ROOT / text.removeprefix("see ")).is_file() for name, _, text in named if name in PASSWORDS)
    assert not re.search(r"password: *[\"']?\w", TEXT, re.IGNORECASE)


def test_ports_are_open_on_this_machine_alone() -> None:
    """Pages and Prometheus ask for no password here."""
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]

    assert ports
    assert [port for port in ports if not str(port).startswith("127.0.0.1:")] == []


def test_only_one_profile_starts_a_collector_under_its_name() -> None:
    """Prometheus scrapes `lynceus`: the demo's fleet, whose network the demo's collector shares, or the collector itself."""
    assert SERVICES["fleet"]["networks"]["default"]["aliases"] == ["lynceus"]
    assert SERVICES["lynceus-demo"]["network_mode"] == "service:fleet"
    assert SERVICES["fleet"]["profiles"] == SERVICES["lynceus-demo"]["profiles"] == ["demo"]
    assert SERVICES["lynceus"]["profiles"] == ["clusters"]
    assert SERVICES["fleet"]["stdin_open"] is True, "the fleet ends when its standard input closes"


@pytest.mark.parametrize("name", ["demo", "clusters"])
def test_the_settings_are_valid_and_reach_the_store(name: str) -> None:
    settings = load_settings(COMPOSE / "lynceus" / f"{name}.yaml")
    service = SERVICES["lynceus-demo" if name == "demo" else "lynceus"]
    user = ElementTree.parse(COMPOSE / "clickhouse" / "users.xml").find(f"users/{settings.store.username}/password")

    assert settings.store.url == "http://clickhouse:8123"
    assert settings.store.password_file.removeprefix("/run/secrets/") in service["secrets"]
    assert user is not None
    assert user.attrib == {"from_env": "CLICKHOUSE_PASSWORD"}
    assert settings.http.listen.rpartition(":")[2] == HttpSettings().listen.rpartition(":")[2]
    assert all("/etc/lynceus" in price or "/" not in price for price in settings.prices)


def test_the_demos_clusters_are_those_of_the_fleet() -> None:
    settings = load_settings(COMPOSE / "lynceus" / "demo.yaml")
    fleet = [cluster.name for cluster in scenario.clusters(3)]

    assert (
        [cluster.name for cluster in settings.clusters] == [cluster.context for cluster in settings.clusters] == fleet
    )


def test_users_have_the_rights_that_are_documented_and_readers_only_read() -> None:
    users = ElementTree.parse(COMPOSE / "clickhouse" / "users.xml").getroot()

    def grants(user: str) -> str:
        return " ".join(grant.text or "" for grant in users.findall(f"users/{user}/grants/query"))

    assert f"GRANT {', '.join(ON_THE_DATABASE)} ON lynceus.*" in grants("lynceus")
    assert grants("grafana") == "GRANT SELECT ON lynceus.*"
    assert users.findtext("profiles/lynceus_reader/readonly") == "2"
    assert users.find("users/default").attrib == {"remove": "remove"}  # type: ignore[union-attr]


def test_prometheus_takes_its_file_and_our_rules(tmp_path: Path) -> None:
    """promtool reads both; the path of the rules is that of the mount."""
    text = (COMPOSE / "prometheus" / "prometheus.yaml").read_text(encoding="utf-8")
    rules = {target: source for name, source, target in mounts() if name == "prometheus"}["/etc/prometheus/rules"]
    file = tmp_path / "prometheus.yaml"
    file.write_text(text.replace("/etc/prometheus/rules", str((COMPOSE / rules).resolve())))

    assert "SUCCESS" in promtool("check", "config", file)


def test_alertmanager_takes_its_file() -> None:
    done = subprocess.run(
        ["amtool", "check-config", str(COMPOSE / "alertmanager" / "alertmanager.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_grafanas_data_sources_are_the_shipped_ones_but_for_the_server() -> None:
    """A setting that is added to the shipped file belongs here too."""
    shipped = yaml.safe_load(
        (ROOT / "deploy/grafana/provisioning/datasources/lynceus.yaml").read_text(encoding="utf-8")
    )
    ours = yaml.safe_load((COMPOSE / "grafana" / "datasources.yaml").read_text(encoding="utf-8"))
    (store,) = (one["jsonData"] for one in shipped["datasources"] if one["uid"] == "lynceus-clickhouse")
    store |= {"port": 8123, "username": "grafana"}

    assert ours == shipped


def test_grafana_finds_its_dashboards_where_the_provider_looks() -> None:
    provider = yaml.safe_load(
        (ROOT / "deploy/grafana/provisioning/dashboards/lynceus.yaml").read_text(encoding="utf-8")
    )
    targets = {target for name, _, target in mounts() if name == "grafana"}

    assert {one["options"]["path"] for one in provider["providers"]} <= targets
    environment = SERVICES["grafana"]["environment"]
    named = re.findall(
        r"(?<!\$)\$\{(LYNCEUS_\w+)\}", (COMPOSE / "grafana" / "datasources.yaml").read_text(encoding="utf-8")
    )
    assert set(named) <= environment.keys()
