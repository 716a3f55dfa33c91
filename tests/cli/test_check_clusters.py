"""What `lynceus check` shows of clusters before it connects to any."""

import json
from pathlib import Path

from collector.cli.check_clusters import find_clusters
from collector.settings.by_rule import ClusterDefaults, MatchRule
from collector.settings.model import ClusterSettings, DiscoverySettings, Settings


def test_a_discovered_cluster_is_shown_with_its_place_and_its_rules(tmp_path: Path) -> None:
    """A forgotten region is seen here; a listed one without rules is as its entry shows it."""
    for name in ("prod", "listed"):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps({"name": name, "server": "https://x", "config": "{}"}), encoding="utf-8")
    settings = Settings(
        clusters=(ClusterSettings(name="listed", kubeconfig="k"), ClusterSettings(name="plain", kubeconfig="k")),
        match=(MatchRule(name="prod", set=ClusterDefaults(region="cn-hangzhou")),),
        discovery=DiscoverySettings(argocd_secrets=str(tmp_path)),
    )
    known, rows = find_clusters(settings)

    assert {each.address.name for each in known} == {"prod", "plain"}
    assert [(row.ok, row.subject, row.detail) for row in rows] == [
        (False, f"clusters[0] and {tmp_path / 'listed.json'}", "name the same cluster, 'listed'"),
        (
            True,
            "cluster prod",
            f"named by {tmp_path / 'prod.json'}; region cn-hangzhou, product by pod; controller in argo; other keys: match[0]",
        ),
    ]


def test_a_source_that_cannot_be_read_is_one_row(tmp_path: Path) -> None:
    """The other checks go on."""
    known, (row,) = find_clusters(Settings(discovery=DiscoverySettings(argocd_secrets=str(tmp_path / "nowhere"))))

    assert (known, row.ok, row.subject) == ([], False, "clusters")
