"""Keys that clusters have by default and by rule: which place counts, and what a mistake in one names."""

from typing import Any

import pytest
from msgspec.structs import asdict

from collector.settings.by_rule import ClusterDefaults, Described, MatchRule, completed, fits, places
from collector.settings.load import parse_settings
from collector.settings.model import ArchiveSettings, ClusterSettings, Settings, SettingsError

RULES = """
cluster_defaults: {product: alibaba-eci, controller_namespace: workflows, allow_insecure: true,
  archive: {url: "https://argo-server.{name}.example:2746", token_file: "/tokens/{name}"}}
match:
  - {name: "prod-*", set: {region: cn-hangzhou, argo_ui: "https://argo.{name}.example"}}
  - {name: "prod-sh*", set: {region: cn-shanghai, pods: labelled}}
  - {server: "https://10.1.*", set: {region: cn-beijing}}
  - {labels: {env: "test*", team: data}, set: {product: alibaba-acs}}
"""


def listed(clusters: str) -> Settings:
    return parse_settings(f"{RULES}\nclusters: {clusters}".encode(), "s")


def test_a_key_is_taken_from_the_first_place_that_sets_it() -> None:
    """The cluster's own entry, the rules in their order, the defaults; key by key."""
    (cluster,) = listed("[{name: prod-sh, controller_namespace: argo, kubeconfig: k}]").clusters

    assert cluster == ClusterSettings(
        name="prod-sh",
        kubeconfig="k",
        controller_namespace="argo",
        region="cn-hangzhou",
        argo_ui="https://argo.prod-sh.example",
        pods="labelled",
        product="alibaba-eci",
        allow_insecure=True,
        archive=ArchiveSettings(url="https://argo-server.prod-sh.example:2746", token_file="/tokens/prod-sh"),
    )


def test_an_own_key_counts_even_where_it_has_the_value_of_an_unset_one() -> None:
    """`allow_insecure: false` protects this cluster, whatever the defaults permit."""
    clusters = listed("[{name: a, allow_insecure: false, product: '', archive: {}}, {name: b}]").clusters

    assert [(c.allow_insecure, c.product, bool(c.archive.url)) for c in clusters] == [
        (False, "", False),
        (True, "alibaba-eci", True),
    ]


@pytest.mark.parametrize(
    ("described", "fitting"),
    [
        (Described("prod-hz"), ["match[0]"]),
        (Described("prod-sh"), ["match[0]", "match[1]"]),
        (Described("edge"), []),
        (Described("edge", "https://10.1.0.7:6443"), ["match[2]"]),
        (Described("edge", "https://10.2.0.7:6443"), []),
        (Described("edge", "", {"env": "test-1", "team": "data"}), ["match[3]"]),
        (Described("edge", "", {"env": "test-1"}), []),
        (Described("edge", "", {"env": "prod", "team": "data"}), []),
    ],
    ids=str,
)
def test_a_rule_fits_if_all_that_it_names_fits(described: Described, fitting: list[str]) -> None:
    """Names and servers by pattern, labels by patterns of their values; what is not known fits nothing."""
    settings = parse_settings(RULES.encode(), "s")

    assert [*places(described, settings.match, settings.cluster_defaults)] == [*fitting, "cluster_defaults"]


def test_a_cluster_without_rules_is_as_it_is() -> None:
    """No place is named where nothing is given."""
    cluster = ClusterSettings(name="a", region="r")

    assert places(Described("a"), (), ClusterDefaults()) == {}
    assert completed(cluster, {"region"}, {}) == cluster
    assert not fits(MatchRule(server="*"), Described("a")), "its server is not known"


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        (
            "match: [{set: {region: r}}]",
            "match[0]",
            "names no cluster; give name, server or labels, or use cluster_defaults",
        ),
        ("match: [{name: a, set: {product: eci}}]", "match[0].set.product", "'eci' is unknown; known are"),
        ("match: [{name: a, set: {kubeconfig: k}}]", "match[0].set.kubeconfig", "no such setting"),
        ("match: [{name: a, region: r}]", "match[0].region", "no such setting"),
        ("cluster_defaults: {name: a}", "cluster_defaults.name", "no such setting"),
        ("cluster_defaults: {context: a}", "cluster_defaults.context", "no such setting"),
        ("cluster_defaults: {argo_ui: 'http://x'}", "cluster_defaults.argo_ui", "invalid address"),
        ("cluster_defaults: {archive: {token_file: t}}", "cluster_defaults.archive.url", "is missing"),
        (
            "cluster_defaults: {archive: {url: 'https://a', ca_file: c, allow_insecure: true}}",
            "cluster_defaults.archive.ca_file",
            "has no effect with `allow_insecure`",
        ),
    ],
)
def test_a_mistake_names_the_rule(text: str, place: str, words: str) -> None:
    """A rule is checked whether a cluster fits it or not: the next one may."""
    with pytest.raises(SettingsError) as error:
        parse_settings(text.encode(), "s")

    assert str(error.value).startswith(f"s: {place}")
    assert words in str(error.value)


def test_every_key_of_a_cluster_but_its_address_can_be_given_by_rule() -> None:
    """A key that is added to clusters is added here too."""
    by_rule: dict[str, Any] = asdict(ClusterDefaults())

    assert by_rule.keys() == asdict(ClusterSettings(name="a")).keys() - {"name", "kubeconfig", "context"}
