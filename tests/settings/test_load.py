"""The settings file: what it may hold, and the error for each mistake in it."""

from pathlib import Path

import pytest

from collector.core.rules import AttributionRule
from collector.desired import desired
from collector.kube import credentials
from collector.settings.attribution import RuleSettings
from collector.settings.derived import make_data_dir, parse_address, rules_of, rules_version, spool_limit_bytes
from collector.settings.load import load_settings, parse_settings
from collector.settings.model import ClusterSettings, Settings, SettingsError
from tests.builders import at

EXAMPLE = b"""
clusters:
  - {name: prod-hz, kubeconfig: /etc/lynceus/prod-hz.yaml, context: prod, region: cn-hangzhou, product: alibaba-eci,
     controller_namespace: argo}
discovery: {argocd_secrets: /var/run/clusters}
store: {url: "http://clickhouse:8123/lynceus", username: lynceus, password_file: /run/secrets/ch, cluster: ""}
data_dir: ./lynceus-data
http: {listen: 127.0.0.1:8470, tls: {cert: "", key: "", client_ca: ""}}
embedded: {listen: 127.0.0.1:8471}
queues: {label: kueue.x-k8s.io/queue-name}
attribution:
  department: [{workflow_label: department}, {namespace_label: department}, {namespace: {ci: platform}}]
  project: [{workflow_label: project}]
prices: [alibaba-eci, alibaba-acs, ./our-discounts.yaml]
currency: USD
billing_timezone: UTC
"""
"""The design's example, without what has not been built yet: tenants, budgets, further books."""


def error_of(text: str) -> str:
    """The error for invalid settings."""
    with pytest.raises(SettingsError) as error:
        parse_settings(text.encode(), "lynceus.yaml")
    return str(error.value)


def test_the_example_is_read() -> None:
    """Every key that the documentation shows."""
    read = parse_settings(EXAMPLE, "lynceus.yaml")

    assert read.clusters == (
        ClusterSettings(
            name="prod-hz", kubeconfig="/etc/lynceus/prod-hz.yaml", context="prod", region="cn-hangzhou",
            product="alibaba-eci",
        ),
    )  # fmt: skip
    assert read.attribution.department[2] == RuleSettings(namespace={"ci": "platform"})
    assert (read.prices[2], read.store.username, read.queues.label) == (
        "./our-discounts.yaml", "lynceus", "kueue.x-k8s.io/queue-name",
    )  # fmt: skip


@pytest.mark.parametrize("text", [b"", b"  \n", b"# nothing chosen yet\n", b"{}"])
def test_nothing_chosen_is_the_defaults(text: bytes) -> None:
    """Settings are optional: no file, and a file of comments only, give the defaults."""
    assert parse_settings(text, "lynceus.yaml") == load_settings(None) == Settings()


def test_the_defaults_are_the_documented_ones() -> None:
    """An upgrade must not change a default."""
    chosen = Settings()

    assert (chosen.clusters, chosen.store.url, chosen.data_dir) == ((), "", "./lynceus-data")
    assert (chosen.http.listen, chosen.embedded.listen) == ("127.0.0.1:8470", "127.0.0.1:8471")
    assert (chosen.currency, chosen.billing_timezone) == ("USD", "UTC")
    assert chosen.prices == ("alibaba-eci", "alibaba-acs", "aws-fargate-eks", "gke-autopilot", "azure-aci")
    assert (ClusterSettings(name="a").controller_namespace, ClusterSettings(name="a").pods) == ("argo", "all")


@pytest.mark.parametrize(
    "archive",
    [
        "{}",
        "{url: 'https://argo/base'}",
        "{url: 'http://127.0.0.1:1'}",
        "{url: 'http://argo', allow_insecure: true}",
    ],
)
def test_an_archive_is_reached_over_https_unless_it_is_here_or_allowed(archive: str) -> None:
    """Each request carries the token, so plain http needs loopback or permission."""
    chosen = parse_settings(f"clusters: [{{name: a, archive: {archive}}}]".encode(), "f")

    assert chosen.clusters[0].archive.url in archive


def test_a_file_is_read_from_its_path(tmp_path: Path) -> None:
    """A settings file is read from the path that is given."""
    file = tmp_path / "my.yaml"
    file.write_bytes(EXAMPLE)

    assert load_settings(file).currency == "USD"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """The error names the file and the reason."""
    with pytest.raises(SettingsError, match=r"gone\.yaml: cannot be read: No such file"):
        load_settings(tmp_path / "gone.yaml")


@pytest.mark.parametrize(
    ("text", "place", "remedy"),
    [
        ("billing_timezon: UTC", "billing_timezon", "no such setting; did you mean `billing_timezone`?"),
        ("http: {listn: x}", "http.listn", "did you mean `listen`?"),
        ("clusters: [{name: a, contxt: b}]", "clusters[0].contxt", "did you mean `context`?"),
        ("qqqqqqqq: 1", "qqqqqqqq", "no such setting; see docs/reference/settings.md"),
        ("clusters: [{context: b}]", "clusters[0]", "missing required field `name`"),
        ("discovery: {argocd_namespace: Argo_CD}", "discovery.argocd_namespace", "is not the name of a namespace"),
        ("discovery: {argocd_secrets: /x, argocd_namespace: y}", "discovery.argocd_namespace", "keep one of them"),
        ("discovery: {argocd_selector: ''}", "discovery.argocd_selector", "every secret would be read"),
        ("clusters: {name: a}", "clusters", "Expected `array`, got `object`"),
        ("clusters: [{name: 5}]", "clusters[0].name", "Expected `str`, got `int`"),
        ("clusters: [{name: Prod}]", "clusters[0].name", "'Prod' must be lower-case letters, digits"),
        ("clusters: [{name: ''}]", "clusters[0].name", "must be lower-case"),
        ("clusters: [{name: a-}]", "clusters[0].name", "must be lower-case"),
        ("clusters: [{name: a}, {name: b}, {name: a}]", "clusters[2].name", "'a' is taken by clusters[0]"),
        ("clusters: [{name: a, pods: some}]", "clusters[0].pods", "Invalid enum value 'some'"),
        ("log: {level: loud}", "log.level", "'loud'; expected one of debug, error, info, warning"),
        ("delivery: {webhooks: [{name: a, preset: slak}]}", "delivery.webhooks[0].preset", "feishu, json, slack"),
        ("delivery: {reports: [{name: a, what: all}]}", "delivery.reports[0].what", "month_before, month_so_far"),
        (
            "clusters: [{name: a}]\ntraces: {endpoint: 'http://t/v1/traces', clusters: [b]}",
            "traces.clusters",
            "'b' is not in `clusters`",
        ),
        ("shard: {of: 0}", "shard.of", "Expected `int` >= 1"),
        ("shard: {of: 65}", "shard.of", "Expected `int` <= 64"),
        ("replicas: {name: Lynceus}", "replicas.name", "'Lynceus' must be lower-case letters"),
        ("replicas: {namespace: a.b}", "replicas.namespace", "'a.b' does not name a namespace"),
        ("traces: {max_spans: 1000}", "traces.endpoint", "is missing; expected the receiver's address"),
        ("traces: {endpoint: 'http://tempo:4318'}", "traces.endpoint", "like http://tempo:4318/v1/traces"),
        ("traces: {endpoint: 'http://tempo:0/v1/traces'}", "traces.endpoint", "invalid address"),
        ("traces: {endpoint: 'http://[x/v1/traces'}", "traces.endpoint", "invalid address"),
        ("traces: {endpoint: 'grpc://tempo:4317/v1/traces'}", "traces.endpoint", "OTLP over HTTP"),
        ("traces: {endpoint: 'https://u:p@tempo/v1/traces'}", "traces.endpoint", "into headers_file"),
        ("traces: {endpoint: 'http://tempo/v1/traces', headers_file: f}", "traces.headers_file", "use https, or set allow"),
        ("traces: {endpoint: 'http://tempo/v1/traces', succeeded_ratio: 2}", "traces.succeeded_ratio", "<= 1"),
        ("clusters: [{name: a, archive: {uri: x}}]", "clusters[0].archive.uri", "did you mean `url`?"),
        ("clusters: [{name: a, archive: {token_file: t}}]", "clusters[0].archive.url", "is missing; expected a URL like"),
        ("clusters: [{name: a, archive: {url: argo}}]", "clusters[0].archive.url", "invalid address 'argo', expected"),
        ("clusters: [{name: a, archive: {url: 'http://[x'}}]", "clusters[0].archive.url", "invalid address"),
        ("clusters: [{name: a, archive: {url: 'https://u:p@argo'}}]", "clusters[0].archive.url", "into token_file"),
        ("clusters: [{name: a, archive: {url: 'http://argo:2746'}}]", "clusters[0].archive.url", "use https, or set allow"),
        ("clusters: [{name: a, product: alibaba-ec1}]", "clusters[0].product", "'alibaba-ec1' is unknown; known are"),
        ("attribution: {department: [{}]}", "attribution.department[0]", "give exactly one key, like `workflow_label"),
        (
            "attribution: {project: [{workflow_label: a}, {workflow_label: a, namespace_label: b}]}",
            "attribution.project[1]",
            "give exactly one key",
        ),
        ("attribution: {project: [{namespace: {a: 1}}]}", "attribution.project[0].namespace", "Expected `str`"),
        ("attribution: {project: [{from: 2026-01-01, map: {a: b}}]}", "attribution.project[0]", "give exactly one key"),
        ("attribution: {creator: [{workflow_label: ''}]}", "attribution.creator[0]", "workflow_label: is empty"),
        ("attribution: {creator: [{template: {}}]}", "attribution.creator[0]", "template: is empty"),
        ("attribution: {creator: [{template: {a: ''}}]}", "attribution.creator[0]", "template: must map names to names"),
        ("attribution: {creator: [{workflow_label: a, map: {}}]}", "attribution.creator[0]", "map: must map names"),
        ("attribution: {creator: [{namespace: {a: b}, map: {b: c}}]}", "attribution.creator[0]", "is a map already"),
        (
            "attribution: {department: [{workflow_label: a, from: 2026-02-30}]}", "attribution.department[0].from",
            "Invalid RFC3339 encoded date",
        ),
        (
            "attribution: {department: [{workflow_label: a, to: 2026-02-03T00:00:00Z}]}", "attribution.department[0].to",
            "Invalid RFC3339 encoded date",
        ),
        (
            "attribution: {department: [{workflow_label: a, from: 2026-02-03, to: 2026-02-03}]}",
            "attribution.department[0]", "to: 2026-02-03 is not after `from`, 2026-02-03",
        ),
        (
            "attribution: {department: [{workflow_label: a}, {template: {x: y}}, {workflow_label: a, from: 2026-01-01}]}",
            "attribution.department[2]", "attribution.department[0] always matches first for `workflow_label` a",
        ),
        (
            "attribution: {project: [{template: {x: y, z: y}}, {template: {x: w}}]}",
            "attribution.project[1]", "attribution.project[0] always matches first for `template` x",
        ),
        ("billing_timezone: Mars/Base", "billing_timezone", "'Mars/Base' is not an IANA time zone, expected one"),
        ("billing_timezone: ../etc/passwd", "billing_timezone", "is not an IANA time zone"),
        ("billing_timezone: ''", "billing_timezone", "is not an IANA time zone"),
        ("http: {listen: 8470}", "http.listen", "Expected `str`, got `int`"),
        ("store: {url: clickhouse}", "store.url", "invalid address, expected a URL like http://clickhouse:8123/lynceus"),
        ("store: {url: 'http://'}", "store.url", "invalid address"),
        ("store: {url: 'ftp://clickhouse'}", "store.url", "invalid address"),
        ("store: {url: 'http://clickhouse:99999'}", "store.url", "invalid address"),
        ("store: {url: ['http://one:8123', clickhouse]}", "store.url", "invalid address"),
        ("store: {url: ['http://one:8123', '']}", "store.url", "invalid address"),
        ("store: {url: 'http://one:8123', insert_quorum: most}", "store.insert_quorum", "'most'"),
        ("store: {url: 'http://one:8123', insert_quorum: 2}", "store.insert_quorum", "needs `store.cluster`"),
        ("store: {url: 'http://u:p@clickhouse'}", "store.url", "into store.password_file"),
        ("http: {listen: localhost}", "http.listen", "invalid address 'localhost', expected HOST:PORT, like 127.0.0.1:8470"),
        ("embedded: {listen: '127.0.0.1:99999'}", "embedded.listen", "invalid address"),
        ("embedded: {listen: '127.0.0.1:²'}", "embedded.listen", "invalid address"),
        ("http: {listen: '999.1.1.1:80'}", "http.listen", "999.1.1.1 is not an IP address; use one of this machine"),
        ("http: {listen: '0.0.0.0:8470'}", "http.listen", "other hosts reach 0.0.0.0, and pages, API and metrics ask for no"),
        ("http: {listen: '[::]:8470'}", "http.listen", "or set `http.open: true` if everyone may read names and costs"),
        ("http: {listen: 'node-1:8470'}", "http.listen", "set `access.token_files` or `http.tls"),
        ("http: {listen: '10.1.2.3:8470', tls: {cert: c, key: k}}", "http.listen", "set `access.token_files` or `http.tls"),
        ("exec_plugins: [aws, ' ']", "exec_plugins[1]", "is empty; give a command"),
        ("http: {listen: '127.1:80'}", "http.listen", "127.1 is not an IP address"),
        ("http: {tls: {client_ca: ca.pem}}", "http.tls.client_ca", "needs `cert` and `key`; without them everyone is"),
        ("http: {tls: {client_ca: ca.pem, key: k.pem}}", "http.tls.client_ca", "needs `cert` and `key`"),
        ("http: {tls: {key: key.pem}}", "http.tls.key", "needs `cert`; without it everyone is served over plain http"),
        ("store: {password_file: p}", "store.password_file", "needs `store.url`; without it the embedded store is used"),
        ("store: {username: writer}", "store.username", "needs `store.url`"),
        ("store: {cluster: main}", "store.cluster", "needs `store.url`"),
        ("embedded: {listen: '0.0.0.0:8471'}", "embedded.listen", "set `access.token_files`, or listen on 127.0.0.1"),
        ("embedded: {listen: '[::]:8471'}", "embedded.listen", "other hosts reach ::"),
        ("embedded: {reader_token_file: ./lynceus-data/store.token}", "embedded.reader_token_file", "a file of their own"),
        (
            "clusters: [{name: a, archive: {url: 'https://a', ca_file: c, allow_insecure: true}}]",
            "clusters[0].archive.ca_file", "has no effect with `allow_insecure`",
        ),
        (
            "clusters: [{name: a, archive: {url: 'http://127.0.0.1', ca_file: c}}]",
            "clusters[0].archive.ca_file", "needs an https url; plain http verifies no certificate",
        ),
        ("prices: alibaba-eci", "prices", "Expected `array`, got `str`"),
        ("http:", "http", "Expected `object`, got `null`"),
        ("- a\n- b", "must hold keys and values", "like `data_dir: ./lynceus-data`"),
        ("just text", "must hold keys and values", "like `data_dir"),
        ("a: [1", "not valid YAML", "line 1"),
        ("a:\tb: c", "not valid YAML", "line 1"),
        ("currency: USD\ncurrency: EUR", "not valid YAML", "duplicate key 'currency'"),
        ("http: {listen: 'a:1', listen: 'b:2'}", "not valid YAML", "duplicate key 'listen'"),
        ("1: 2", "top", "Expected `str`"),
    ],
)  # fmt: skip
def test_a_mistake_names_the_file_the_key_and_the_remedy(text: str, place: str, remedy: str) -> None:
    """A typo in `billing_timezone` is a wrong bill: unknown keys are errors."""
    message = error_of(text)

    assert message.startswith(f"lynceus.yaml: {place}")
    assert remedy in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8470", ("127.0.0.1", 8470)),
        ("[::1]:80", ("::1", 80)),
        ("0.0.0.0:0", ("0.0.0.0", 0)),
        ("name.example:65535", ("name.example", 65535)),
    ],
)
def test_an_address_is_host_and_port(text: str, expected: tuple[str, int]) -> None:
    """An address is HOST:PORT, with an IPv6 host in brackets."""
    assert parse_address(text, "here") == expected


@pytest.mark.parametrize("text", ["", ":80", "host", "host:", "host:x", "host:-1", "host:65536"])
def test_an_invalid_address_is_refused(text: str) -> None:
    """The error names the place of the address."""
    with pytest.raises(SettingsError, match=r"here: invalid address"):
        parse_address(text, "here")


def test_a_rule_holds_from_midnight_to_midnight_of_the_billing_zone() -> None:
    """The days of a rule are days of the billing time zone."""
    text = b"""
billing_timezone: Asia/Shanghai
attribution: {department: [{workflow_label: team, map: {slam: autonomy}, from: 2026-07-01, to: 2027-01-01}]}
"""
    (rule,) = rules_of(parse_settings(text, "lynceus.yaml"), ClusterSettings(name="a")).department

    assert rule == AttributionRule(
        "workflow_label", "team", {"slam": "autonomy"}, at("2026-06-30T16:00:00"), at("2026-12-31T16:00:00")
    )


def test_other_rules_or_another_order_are_another_version() -> None:
    """Changed attribution rules show as a changed pricing run; the order of a map's keys changes nothing."""
    lists = ("{workflow_label: a}, {workflow_label: b}", "{workflow_label: b}, {workflow_label: a}",
             "{workflow_label: a}, {workflow_label: b, from: 2026-01-01}", "{template: {x: y, z: w}}",
             "{template: {z: w, x: y}}")  # fmt: skip
    texts = [*(f"attribution: {{department: [{rules}]}}" for rules in lists), "currency: EUR", "{}"]
    one, turned, dated, mapped, same, *others = (
        rules_version(parse_settings(text.encode(), "lynceus.yaml")) for text in texts
    )

    assert len({one, turned, dated, mapped}) == 4
    assert (mapped, others[0]) == (same, others[1])


def test_core_gets_its_rules_for_each_cluster() -> None:
    """Core receives what it needs for one cluster, and nothing else."""
    cluster = ClusterSettings(name="a", controller_namespace="flows", region="r", product="alibaba-acs")
    rules = rules_of(parse_settings(EXAMPLE, "lynceus.yaml"), cluster)

    assert rules.department == (
        AttributionRule("workflow_label", "department"),
        AttributionRule("namespace_label", "department"),
        AttributionRule("namespace", map={"ci": "platform"}),
    )
    assert rules.project == (AttributionRule("workflow_label", "project"),)
    assert (rules.queue_label, rules.controller_namespace, rules.region, rules.product) == (
        "kueue.x-k8s.io/queue-name", "flows", "r", "alibaba-acs",
    )  # fmt: skip


def test_the_data_directory_is_this_users_alone(tmp_path: Path) -> None:
    """The data directory holds a token, so only its owner may read it."""
    made = make_data_dir(Settings(data_dir=str(tmp_path / "a" / "b")))

    assert (made.is_dir(), made.stat().st_mode & 0o777) == (True, 0o700)
    assert make_data_dir(Settings(data_dir=str(made))) == made


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """The error names the directory: here a file is in its place."""
    (tmp_path / "taken").write_text("")

    with pytest.raises(SettingsError, match=r"data_dir: cannot create .*taken/x: Not a directory"):
        make_data_dir(Settings(data_dir=str(tmp_path / "taken" / "x")))


def test_a_data_directory_that_cannot_be_written_is_named() -> None:
    """The error names the directory: /proc is read-only even to root."""
    with pytest.raises(SettingsError, match=r"data_dir: (cannot create /proc/|/proc/.* is not writable)"):
        make_data_dir(Settings(data_dir="/proc/lynceus"))


def test_the_spool_is_bounded_by_a_size_as_kubernetes_writes_it() -> None:
    """Default 8Gi; an invalid size, or one too small for one commit, is refused."""
    assert spool_limit_bytes(Settings()) == 8 << 30
    assert spool_limit_bytes(parse_settings(b"spool: {max_bytes: 500Mi}", "f")) == 500 << 20
    assert "spool.max_bytes: invalid size '8 GB', expected 1Mi or more, like 8Gi" in error_of(
        "spool: {max_bytes: 8 GB}"
    )
    assert "spool.max_bytes: invalid size '100Ki'" in error_of("spool: {max_bytes: 100Ki}")


def test_retention_that_cannot_be_is_refused_with_its_key() -> None:
    """An invalid retention is an error with the file, the key and the remedy."""
    with pytest.raises(
        SettingsError, match=r"x\.yaml: retention\.quarantine: 'soon' is not a time to keep rows; write days"
    ):
        parse_settings(b"retention: {quarantine: soon}", "x.yaml")
    with pytest.raises(SettingsError, match=r"x\.yaml: retention\.pod_cost: money is kept for ever"):
        parse_settings(b"retention: {pod_cost: 9000d}", "x.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "http: {tls: {cert: both.pem}}",
        "http: {tls: {cert: c.pem, key: k.pem, client_ca: ca.pem}}",
        "http: {listen: '0.0.0.0:8470', open: true}",
        "http: {listen: '0.0.0.0:8470', tls: {cert: c, client_ca: ca}}",
        "http: {listen: '[::1]:8470'}",
        "exec_plugins: [/opt/bin/ours, 'aws eks get-token']",
        "embedded: {listen: '0.0.0.0:8471', reader_token_file: r}",
        "embedded: {listen: '127.0.0.2:8471'}",
        "embedded: {listen: 'localhost:8471'}",
        "embedded: {listen: '[::1]:8471'}",
        "{embedded: {listen: '0.0.0.0:8471'}, store: {url: 'http://ch:8123'}}",
        "store: {url: 'http://ch:8123', username: u, password_file: p, cluster: c}",
    ],
)
def test_settings_that_protect_what_they_mean_to_are_read(text: str) -> None:
    """A certificate may hold its key; readers need no token on loopback, nor where no embedded store runs."""
    assert parse_settings(text.encode(), "lynceus.yaml") != Settings()


def test_a_context_is_never_our_own_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a pod, a cluster without kubeconfig and context is the pod's own; one with a context is that of a kubeconfig."""
    (tmp_path / "token").write_text("t")
    monkeypatch.setattr(credentials, "SERVICE_ACCOUNT", tmp_path)
    known = desired(Settings(clusters=(ClusterSettings(name="own"), ClusterSettings(name="a", context="c")))).clusters

    assert {name: cluster.address.in_cluster for name, cluster in known.items()} == {"own": True, "a": False}


def test_the_store_may_be_several_servers() -> None:
    """One address, a list, or none for the embedded store."""
    for given, urls in (
        ("''", ()),
        ("'http://a:8123'", ("http://a:8123",)),
        ("['http://a', 'https://b']", ("http://a", "https://b")),
    ):
        assert parse_settings(f"store: {{url: {given}}}".encode(), "s").store.urls == urls
