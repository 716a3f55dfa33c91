"""
The nodes in the status of a workflow: ids, begin and end, links, sums, and Argo's packed form.

Pure: each function reads or changes the nodes of one workflow, and the instant is an argument.
"""

import base64
import calendar
import gzip
import time
from typing import Any

import msgspec

from collector.demo.objects import Obj
from collector.demo.shapes import rfc3339

Nodes = dict[str, Obj]

ENDED = ("Succeeded", "Failed", "Omitted")
MOST_BYTES = 8_000
"""Nodes that are longer as JSON are packed, as Argo does with a megabyte."""


def fnv32a(text: str) -> int:
    """The hash in Argo's node ids and pod names."""
    value = 0x811C9DC5
    for byte in text.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def node_id(workflow: str, name: str) -> str:
    """The id of a node of a workflow."""
    return workflow if name == workflow else f"{workflow}-{fnv32a(name)}"


def seconds(stamp: str) -> int:
    """Reads an instant that Kubernetes wrote."""
    return calendar.timegm(time.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ"))


def new_node(owner: str, name: str, kind: str, template: str, at: float, **more: Any) -> Obj:
    """Makes a node that begins."""
    return {
        **more,
        "displayName": _short(name),
        "finishedAt": None,
        "id": node_id(owner, name),
        "name": name,
        "phase": "Pending" if kind == "Pod" else "Running",
        "progress": "0/1",
        "startedAt": rfc3339(at),
        **({"taskResultSynced": True} if kind == "Pod" else {}),
        **({"templateName": template} if template else {}),
        "templateScope": "local/",
        "type": kind,
    }


def _short(name: str) -> str:
    """wf[0].task(1) shows as task(1) and wf[0] as [0]; an exit handler, which is in no step, by its whole name."""
    if name.endswith("]"):
        return name[name.rindex("[") :]
    return name if name.endswith(".onExit") else name.rpartition(".")[2]


def end_node(node: Obj, phase: str, message: str, now: float) -> Obj:
    """Ends a node; returns the node."""
    node |= {"phase": phase, "finishedAt": rfc3339(now), "progress": "1/1" if phase == "Succeeded" else "0/1"}
    node.pop("message", None)
    if message:
        node["message"] = message
    return node


def link_nodes(before: Obj, after: Obj) -> None:
    """Links a node to one that it contains or that follows it."""
    children = before.setdefault("children", [])
    if after["id"] not in children:
        children.append(after["id"])


def last_nodes(nodes: Nodes, node: Obj) -> list[Obj]:
    """The nodes that a next step follows: the last nodes in a group, or the node itself."""
    if node["type"] == "Retry":
        return [nodes[node["children"][-1]]]
    if node["type"] in ("DAG", "Steps"):
        return [nodes[key] for key in node["outboundNodes"]]
    return [node]


def read_nodes(status: Obj) -> Nodes:
    """Reads the nodes of a workflow, packed or plain."""
    if packed := status.get("compressedNodes"):
        return msgspec.json.decode(gzip.decompress(base64.b64decode(packed)), type=Nodes)
    nodes: Nodes = status.get("nodes", {})
    return nodes


def write_nodes(status: Obj, nodes: Nodes) -> None:
    """Writes the nodes into a status, packed if they are many, and the sums above them."""
    text = msgspec.json.encode(nodes)
    for field in ("nodes", "compressedNodes"):
        status.pop(field, None)
    if len(text) > MOST_BYTES:
        status["compressedNodes"] = base64.b64encode(gzip.compress(text, mtime=0)).decode()
    else:
        status["nodes"] = nodes
    running = any(node["type"] == "Pod" and node["phase"] == "Running" for node in nodes.values())
    status["conditions"] = [{"type": "PodRunning", "status": str(running)}]
    if status["phase"] in ENDED:
        status["conditions"].append({"type": "Completed", "status": "True"})
    leaves = [node for node in nodes.values() if node["type"] in ("Pod", "Suspend")]
    status["progress"] = f"{sum(node['phase'] == 'Succeeded' for node in leaves)}/{len(leaves)}"
    if total := _total(nodes):
        status["resourcesDuration"] = total


def _total(nodes: Nodes) -> dict[str, int]:
    total: dict[str, int] = {}
    for node in nodes.values():
        for resource, amount in node.get("resourcesDuration", {}).items():
            total[resource] = total.get(resource, 0) + amount
    return total


def resources_duration(pod: Obj) -> dict[str, int]:
    """Argo's figure for one pod: whole seconds of each ended container times its requests, each product floored."""
    sums: dict[str, int] = {}
    wanted = {c["name"]: c["resources"].get("requests", {}) for c in pod["spec"]["containers"]}
    status = pod["status"]
    for container in status.get("initContainerStatuses", []) + status.get("containerStatuses", []):
        ended = container["state"].get("terminated")
        if ended is None:
            continue
        requests = {"cpu": "100m", "memory": "100Mi", **wanted.get(container["name"], {})}
        ran_s = seconds(ended["finishedAt"]) - seconds(ended["startedAt"])
        for resource, quantity in requests.items():
            sums[resource] = sums.get(resource, 0) + int(ran_s * _denominated(quantity, resource))
    return sums or {"cpu": 0, "memory": 0}


def _denominated(quantity: str, resource: str) -> float:
    """A quantity in units of one core, 100Mi, or one of any other resource."""
    if resource == "memory":
        return (float(quantity[:-2]) * 1024 if quantity.endswith("Gi") else float(quantity[:-2])) / 100
    return float(quantity[:-1]) / 1000 if quantity.endswith("m") else float(quantity)
