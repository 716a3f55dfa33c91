"""
What the provider marks a pod of the past with, by which price books know its product and size.
"""

from decimal import Decimal

from collector.core.objects.quantity import GIB
from collector.demo.recipes import ACS_SPEC, PRODUCTS, Recipe
from collector.demo.scenario import SimulatedCluster

TAIL = "~"
"""In a text: where the store writes what distinguishes one copy from another."""
STORAGE = "alibabacloud.com/pod-ephemeral-storage"
PLAIN_TYPE = "ecs.c7.8xlarge"
PLAIN_CPU, PLAIN_MEMORY = Decimal(32), int(64 * GIB)


def node_labels(cluster: SimulatedCluster, *, plain: bool) -> dict[str, str]:
    """Returns the labels of a node that decide the price."""
    kind = {"node:node.kubernetes.io/instance-type": PLAIN_TYPE} if plain else {"node:type": "virtual-kubelet"}
    return {
        "node:topology.kubernetes.io/region": cluster.region,
        "node:topology.kubernetes.io/zone": zone_of(cluster),
        **kind,
    }


def zone_of(cluster: SimulatedCluster) -> str:
    """Returns the zone of a cluster's nodes."""
    return f"{cluster.region}-{cluster.zone}"


def is_plain(recipe: Recipe) -> bool:
    """Returns whether the pods of a template run on ordinary machines."""
    return not PRODUCTS[recipe.product].spec_annotation


def pricing(recipe: Recipe, cluster: SimulatedCluster, instance: str) -> dict[str, str]:
    """Returns the marks of a pod: its own and those of its node."""
    product = PRODUCTS[recipe.product]
    marks = {**product.labels, **product.annotations, **node_labels(cluster, plain=is_plain(recipe))}
    if product.spec_annotation == ACS_SPEC:
        marks |= {ACS_SPEC: recipe.spec, STORAGE: "30Gi", "alibabacloud.com/instance-id": f"acs-{instance}{TAIL}"}
    elif product.spec_annotation:
        marks |= {product.spec_annotation: recipe.spec, "k8s.aliyun.com/eci-instance-id": f"eci-{instance}{TAIL}"}
    return marks
