"""
The settings as typed values: each key, its meaning and its unit.

Reading and checking a settings file is load.py's; values that follow from several settings are in derived.py.
"""

from typing import Annotated, Literal

import msgspec

from collector.settings.access import AccessSettings
from collector.settings.attribution import AttributionSettings
from collector.settings.backup import BackupSettings
from collector.settings.bill import BillSettings
from collector.settings.budgets import BudgetSettings
from collector.settings.by_rule import ClusterDefaults, MatchRule
from collector.settings.cluster import ArchiveSettings, ClusterSettings
from collector.settings.delivery import DeliverySettings
from collector.settings.replicas import ReplicaSettings, ShardSettings
from collector.settings.traces import TraceSettings

__all__ = ["ArchiveSettings", "ClusterSettings", "Settings", "SettingsError"]


class SettingsError(ValueError):
    """Invalid settings; the text names the file, the key and the remedy."""


class StoreSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The ClickHouse to write to. Without a url the embedded store is started."""

    url: str | tuple[str, ...] = ""
    """Address, like http://clickhouse:8123, or a list of servers of one cluster: one is used until it fails. Empty: the
    embedded store is started."""
    username: str = "default"
    """User that may write to the database `lynceus`."""
    password_file: str = ""
    """File with the password. It is read at each attempt, so a new password needs no restart."""
    cluster: str = ""
    """ClickHouse cluster name for ON CLUSTER. Empty: a single node."""
    insert_quorum: Literal["auto"] | Annotated[int, msgspec.Meta(ge=0)] = "auto"
    """Replicas of a cluster that must have a row before it counts as stored. `auto`: more than half of them. 0: one."""
    wait_seconds: Annotated[int, msgspec.Meta(ge=0)] = 60
    """Seconds that a collector without saved state waits for the store before it starts from full lists."""

    @property
    def urls(self) -> tuple[str, ...]:
        """The addresses; none for the embedded store."""
        return self.url if isinstance(self.url, tuple) else (self.url,) if self.url else ()


class SpoolSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The spool: rows on disk that wait for the store."""

    max_bytes: str = "8Gi"
    """Size as Kubernetes writes it. A full spool pauses the watches until the store has taken rows; nothing is dropped."""


class TlsSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Files for serving over TLS. With a client_ca clients must present a certificate."""

    cert: str = ""
    """Certificate. Empty: plain http."""
    key: str = ""
    """Private key of the certificate. Empty: it is in the file of `cert`."""
    client_ca: str = ""
    """Certificate authority of clients. If set, clients must present a certificate; needs `cert`."""


class HttpSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Address at which pages, API and metrics are served."""

    listen: str = "127.0.0.1:8470"
    """Host and port of pages, API and metrics. Beyond loopback set `access`, or `tls.client_ca`, or `open` if everyone may
    read."""
    open: bool = False
    """Permit an address beyond loopback without tokens or client certificates: everyone who reaches the port reads names and
    costs, and so does a web page that one of them opens. `/readyz` and a warning at each start say so."""
    tls: TlsSettings = TlsSettings()
    external_url: str = ""
    """Address under which people open the pages, like https://lynceus.example.com: links in messages begin with it. Empty:
    messages have no links."""


class EmbeddedSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The embedded store, started when `store.url` is empty."""

    listen: str = "127.0.0.1:8471"
    """Address of the embedded store. Beyond loopback readers need a token: set `access.token_files` or `reader_token_file`."""
    reader_token_file: str = ""
    """File with one token that reads everything, which readers send as the password of user `default`; created if it is
    missing. Empty: the tokens of `access.token_files` count; without those readers need none, on loopback only."""


class LogSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The lines on standard error."""

    format: Literal["auto", "json", "plain"] = "auto"
    """Form of a line. `plain`: time, level, sentence, then `key=value`. `auto`: plain on a terminal, else JSON."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """Lines of this level and above are written. `debug` has each list, each opened watch and each insert. Libraries write from
    `warning` on."""


class QueueSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How workflows are grouped into queues."""

    label: str = ""
    """Workflow label that names the queue. Empty, or absent on a workflow: its namespace is the queue."""


class OwnershipSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How pods without an owner reference to a workflow are linked to one."""

    labels: tuple[str, ...] = ()
    """Labels of a pod, or of its owner, whose value is the name of a workflow in the same namespace."""


class TemplateVersionSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How the version of a workflow's template is determined."""

    label: str = ""
    """Label or annotation with the version. Empty, or absent on a workflow: a hash of the templates stored with it."""


class DiscoverySettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Discovery of clusters, in addition to those listed."""

    argocd_secrets: str = ""
    """Folder of mounted Argo CD cluster secrets, looked at every few seconds. Names of clusters follow the rule of
    `clusters[].name`; a name that two places give is an error, and that cluster is not watched."""
    argocd_namespace: str = ""
    """Namespace of the collector's own cluster whose labelled cluster secrets are listed every few seconds; its ServiceAccount
    needs the right to list secrets there. Empty: none is listed. Not together with `argocd_secrets`."""
    argocd_selector: str = "argocd.argoproj.io/secret-type=cluster"
    """Labels of the secrets in `argocd_namespace`, as kubectl takes them."""

    @property
    def is_set(self) -> bool:
        """Whether clusters are discovered by secrets."""
        return bool(self.argocd_secrets or self.argocd_namespace)


class Settings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Everything an operator can choose."""

    clusters: tuple[ClusterSettings, ...] = ()
    """Clusters to watch. Empty: those of `discovery`; without it the contexts of the current kubeconfig."""
    cluster_defaults: ClusterDefaults = ClusterDefaults()
    match: tuple[MatchRule, ...] = ()
    """Rules that give keys to clusters, listed or discovered. Of a key the first place counts that sets it: the cluster's own
    entry, then the rules in their order, then `cluster_defaults`."""
    discovery: DiscoverySettings = DiscoverySettings()
    exec_plugins: tuple[str, ...] = (
        "aws eks get-token",
        "aws-iam-authenticator token",
        "argocd-k8s-auth",
        "gke-gcloud-auth-plugin",
        "kubelogin get-token",
        "kubectl oidc-login get-token",
        "kubectl-oidc_login get-token",
        "ack-ram-tool credential-plugin get-token",
        "doctl kubernetes cluster kubeconfig exec-credential",
        "oci ce cluster generate-token",
        "tsh kube credentials",
    )
    """Commands that kubeconfigs and cluster secrets may run for credentials: a command, then the words that its arguments begin
    with, options aside. A name without a path is the one that PATH finds; any other place is given in full."""
    store: StoreSettings = StoreSettings()
    shard: ShardSettings = ShardSettings()
    replicas: ReplicaSettings = ReplicaSettings()
    data_dir: str = "./lynceus-data"
    """Folder of the spool, the embedded store and its socket; mode 0700."""
    spool: SpoolSettings = SpoolSettings()
    http: HttpSettings = HttpSettings()
    embedded: EmbeddedSettings = EmbeddedSettings()
    access: AccessSettings = AccessSettings()
    log: LogSettings = LogSettings()
    retention: dict[str, str] = {}
    """How long rows of a table are kept, like `{queue_sample: 90d, pod_run: forever}`. See Retention below."""
    backup: BackupSettings = BackupSettings()
    queues: QueueSettings = QueueSettings()
    reconcile_hours: Annotated[float, msgspec.Meta(ge=0)] = 6
    """Hours between comparisons of the watched state with a full list; 0: only after gaps."""
    stuck_after_minutes: Annotated[int, msgspec.Meta(ge=1)] = 15
    """Minutes without a running container after which a workflow that has begun counts as stuck."""
    attribution: AttributionSettings = AttributionSettings()
    ownership: OwnershipSettings = OwnershipSettings()
    template_version: TemplateVersionSettings = TemplateVersionSettings()
    traces: TraceSettings = TraceSettings()
    prices: tuple[str, ...] = ("alibaba-eci", "alibaba-acs", "aws-fargate-eks", "gke-autopilot", "azure-aci")
    """Price books: shipped ones by id, own ones by path relative to the settings file. `plain-node` ships with example
    prices; override it with your own."""
    bill: BillSettings = BillSettings()
    budgets: tuple[BudgetSettings, ...] = ()
    """Budgets: amounts that rows of the cost report may cost in a month. A budget of a department is shown on its page."""
    delivery: DeliverySettings = DeliverySettings()
    currency: str = "USD"
    """Currency of all amounts. A product billed in another currency needs an `exchange` row in one of `prices`; of the
    default `prices`, those without one are omitted."""
    billing_timezone: str = "UTC"
    """IANA zone whose midnights cut charges into billing days."""
