"""The clusters in `lynceus check`: which would be watched, what names each, and which rules give it keys."""

from collections.abc import Iterator

from collector.checked import Check
from collector.desired import WantedCluster, desired
from collector.service.copied_secrets import CopiedSecrets
from collector.settings.model import Settings, SettingsError


def find_clusters(settings: Settings, copied: CopiedSecrets | None = None) -> tuple[list[WantedCluster], list[Check]]:
    """The clusters that a collector would watch, a row for each that is not all in its entry, and one for each problem."""
    try:
        found = desired(settings, copied.folder if copied else None)
    except SettingsError as error:
        return [], [Check(False, "clusters", str(error).removeprefix("clusters: "))]
    known = [*found.clusters.values()]
    problems = [*(copied.problems if copied else []), *found.problems]
    rows = [Check(False, " and ".join(each.places), each.reason, each.remedy) for each in problems]
    # A listed cluster without rules is as its entry shows it.
    return known, [*rows, *(_row(each) for each in known if each.rules or not each.place.startswith("clusters["))]


def _row(cluster: WantedCluster) -> Check:
    parts = [f"named by {cluster.place}", *_keys(cluster)]
    if cluster.rules:
        parts.append(f"other keys: {', '.join(cluster.rules)}")
    return Check(True, f"cluster {cluster.address.name}", "; ".join(parts))


def _keys(cluster: WantedCluster) -> Iterator[str]:
    """The keys that bills and links depend on; an unset one is shown too, since it may have been forgotten."""
    chosen = cluster.settings
    yield f"region {chosen.region or 'by node'}, product {chosen.product or 'by pod'}"
    yield f"controller in {chosen.controller_namespace}"
    if chosen.pods == "labelled":
        yield "labelled pods only"
    if chosen.allow_insecure:
        yield "unverified TLS is permitted"
    if chosen.archive.url:
        yield f"archive {chosen.archive.url}"
