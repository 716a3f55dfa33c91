"""Which clusters are wanted: each source, and that a place which names none keeps back no other."""

import json
from pathlib import Path

import pytest
import yaml
from msgspec.structs import replace

from collector.core.live_view import SourceProblem
from collector.desired import TWICE, desired, keys_by_name, keys_of_clusters
from collector.settings.by_rule import ClusterDefaults, MatchRule
from collector.settings.model import ClusterSettings, DiscoverySettings, Settings, SettingsError


def a_secret(folder: Path, file: str, name: str) -> Path:
    path = folder / f"{file}.json"
    path.write_text(json.dumps({"name": name, "server": "https://x", "config": "{}"}), encoding="utf-8")
    return path


def with_secrets(folder: Path, *clusters: ClusterSettings) -> Settings:
    return Settings(clusters=clusters, discovery=DiscoverySettings(argocd_secrets=str(folder)))


def a_kubeconfig(path: Path, *contexts: str) -> Path:
    named = [{"name": name, "context": {"cluster": name, "user": ""}} for name in contexts]
    servers = [{"name": name, "cluster": {"server": "https://x"}} for name in contexts]
    path.write_text(yaml.safe_dump({"contexts": named, "clusters": servers}), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["../../x<b>", "Prod", "https://1.2.3.4", "a" * 64, "a\x1b[2J", ""])
def test_a_secret_of_an_unusable_name_is_reported(tmp_path: Path, name: str) -> None:
    """Names follow the rule of the settings; the other clusters are watched."""
    unusable = a_secret(tmp_path, "a", name)
    a_secret(tmp_path, "b", "good")
    found = desired(with_secrets(tmp_path, ClusterSettings(name="listed", kubeconfig="k")))

    assert found.clusters.keys() == {"listed", "good"}
    assert found.clusters["listed"].address.kubeconfig == Path("k")
    assert found.clusters["good"].address.exec_plugins == Settings().exec_plugins
    (problem,) = found.problems
    assert (problem.places, problem.remedy) == ((str(unusable),), "rename the cluster in Argo CD")
    assert "must be lower-case" in problem.reason


def test_a_secret_that_is_none_is_reported_and_shows_nothing_of_itself(tmp_path: Path) -> None:
    """It may hold a token."""
    broken = tmp_path / "a.json"
    broken.write_text("s3cr3t", encoding="utf-8")
    a_secret(tmp_path, "b", "good")
    found = desired(with_secrets(tmp_path))

    assert [*found.clusters] == ["good"]
    assert [problem.places for problem in found.problems] == [(str(broken),)]
    assert "s3cr3t" not in str(found.problems)


def test_a_name_of_two_places_is_an_error_that_names_both(tmp_path: Path) -> None:
    """Two secrets, or a secret and the settings: which of them is meant is not known. The others are wanted."""
    one, two = a_secret(tmp_path, "a", "twice"), a_secret(tmp_path, "b", "twice")
    listed_too = a_secret(tmp_path, "c", "listed")
    a_secret(tmp_path, "d", "good")
    clusters = (ClusterSettings(name="first", kubeconfig="k"), ClusterSettings(name="listed", kubeconfig="k"))
    found = desired(with_secrets(tmp_path, *clusters))

    assert found.clusters.keys() == {"first", "good"}
    assert found.problems == [
        SourceProblem(("clusters[1]", str(listed_too)), "name the same cluster, 'listed'", TWICE, "listed"),
        SourceProblem((str(one), str(two)), "name the same cluster, 'twice'", TWICE, "twice"),
    ]


def test_discovered_clusters_have_their_keys_by_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By name, server and label of a secret, in a folder of files too; a context has its name alone."""
    a_secret(tmp_path, "a", "prod-a")
    folder = tmp_path / "b"
    folder.mkdir()
    for key, text in {"name": "b", "server": "https://10.0.0.1", "labels": '{"env": "test"}'}.items():
        (folder / key).write_text(text, encoding="utf-8")
    match = (
        MatchRule(name="prod-*", set=ClusterDefaults(region="cn-hangzhou", allow_insecure=True)),
        MatchRule(server="https://10.*", set=ClusterDefaults(region="cn-beijing")),
        MatchRule(labels={"env": "test"}, set=ClusterDefaults(pods="labelled")),
    )
    rules = {"match": match, "cluster_defaults": ClusterDefaults(argo_ui="https://argo.{name}")}
    found = desired(replace(with_secrets(tmp_path), **rules)).clusters

    assert found["prod-a"].settings == ClusterSettings(
        name="prod-a", region="cn-hangzhou", allow_insecure=True, argo_ui="https://argo.prod-a"
    )
    assert found["prod-a"].address.allow_insecure
    assert (found["b"].settings.region, found["b"].settings.pods) == ("cn-beijing", "labelled")
    assert found["b"].rules == ("match[1]", "match[2]", "cluster_defaults")
    monkeypatch.setenv("KUBECONFIG", str(a_kubeconfig(tmp_path / "kube.yaml", "prod-c")))
    assert desired(replace(Settings(), **rules)).clusters["prod-c"].rules == ("match[0]", "cluster_defaults")


def test_contexts_are_wanted_only_where_nothing_else_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is empty for a moment must not begin to watch whatever a kubeconfig holds."""
    monkeypatch.setenv("KUBECONFIG", str(a_kubeconfig(tmp_path / "kube.yaml", "dev", "prod")))
    (tmp_path / "secrets").mkdir()

    assert desired(Settings()).clusters.keys() == {"dev", "prod"}
    assert desired(Settings()).clusters["dev"].place == "context dev of the kubeconfig"
    assert desired(with_secrets(tmp_path / "secrets")).clusters == {}


def test_a_source_that_cannot_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its clusters are unknown then: they must not count as removed."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "gone.yaml"))
    with pytest.raises(SettingsError, match=r"clusters: .*gone\.yaml"):
        desired(Settings())
    with pytest.raises(SettingsError, match=r"discovery\.argocd_secrets: .*nowhere: No such file"):
        desired(with_secrets(tmp_path / "nowhere"))
    monkeypatch.setenv("KUBECONFIG", str(a_kubeconfig(tmp_path / "empty.yaml")))
    with pytest.raises(SettingsError, match="none to watch; list one"):
        desired(Settings())


def test_commands_know_the_keys_of_clusters_that_no_entry_lists(tmp_path: Path) -> None:
    """By the same rules as the collector; of a cluster that is gone only the name is known."""
    a_secret(tmp_path, "a", "prod-1")
    settings = replace(
        with_secrets(tmp_path),
        match=(MatchRule(name="prod-*", set=ClusterDefaults(region="cn-hangzhou")),),
        cluster_defaults=ClusterDefaults(product="alibaba-eci"),
    )

    assert {name: keys.region for name, keys in keys_of_clusters(settings).items()} == {"prod-1": "cn-hangzhou"}
    assert keys_by_name(settings, "prod-2").region == "cn-hangzhou"
    assert (keys_by_name(settings, "test").region, keys_by_name(settings, "test").product) == ("", "alibaba-eci")


def test_without_any_cluster_there_are_no_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A month can be priced where no cluster is reached; a source that cannot be read is an error: its keys are missing."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))

    assert keys_of_clusters(Settings()) == {}
    with pytest.raises(SettingsError, match="nowhere"):
        keys_of_clusters(with_secrets(tmp_path / "nowhere"))
