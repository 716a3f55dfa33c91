"""
The form of the objects: workflows as Argo 4.1 writes them, pods as kubelets and Alibaba's virtual nodes write them.

Pure: each function builds an object or changes one in place, and the instant is an argument. Compared with the
recordings in tests/recorded; managedFields, most of env and storedTemplates are omitted.
"""

import time
from collections.abc import Iterator
from typing import Any

from collector.demo.objects import Obj
from collector.demo.recipes import ACS_SPEC, ECI_SPEC, PRODUCTS, Lock, Recipe, Task
from collector.demo.scenario import SimulatedCluster

ARGO = "workflows.argoproj.io/"
POSTPONED = "Workflow processing has been postponed because too many workflows are already running"
LIMIT_LABEL = ARGO + "parallelism-limit"


def rfc3339(at: float) -> str:
    """Formats an instant as Kubernetes does, in whole seconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def meta(name: str, uid: str, at: float, namespace: str = "", **more: Any) -> Obj:
    """The metadata that an API server fills in."""
    own = {"namespace": namespace} if namespace else {}
    return {"name": name, **own, "uid": uid, "resourceVersion": "", "creationTimestamp": rfc3339(at), **more}


def namespace(name: str, uid: str, at: float, labels: dict[str, str]) -> Obj:
    """A namespace."""
    labels = {"kubernetes.io/metadata.name": name, **labels}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": meta(name, uid, at, labels=labels),
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


def cluster_node(name: str, uid: str, at: float, cluster: SimulatedCluster) -> Obj:
    """A node, virtual or an ordinary one."""
    virtual = name == cluster.virtual_node
    labels = {
        "kubernetes.io/hostname": name,
        "topology.kubernetes.io/region": cluster.region,
        "topology.kubernetes.io/zone": f"{cluster.region}-{cluster.zone}",
        **({"type": "virtual-kubelet"} if virtual else {"node.kubernetes.io/instance-type": "ecs.c7.8xlarge"}),
    }
    capacity = {"cpu": "10k", "memory": "40Ti", "pods": "5k"} if virtual else {"cpu": "32", "memory": "64Gi"}
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": rfc3339(at), "reason": "KubeletReady"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": meta(name, uid, at, labels=labels),
        "spec": {},
        "status": {"capacity": capacity, "allocatable": capacity, "conditions": [ready]},
    }


def workflow(recipe: Recipe, metadata: Obj, priority: int) -> Obj:
    """A workflow as its user submits it, without a status."""
    spec: Obj = {"workflowTemplateRef": {"name": recipe.name}}
    if priority:
        spec["priority"] = priority
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": metadata, "spec": spec}


def event(about: Obj, uid: str, at: float, reason: str, message: str, source: str, kind: str = "Warning") -> Obj:
    """An event about an object; `kind` is Warning or Normal."""
    metadata = about["metadata"]
    name = f"{metadata['name']}.{int(at * 1e9):x}"
    involved = {"kind": about["kind"], "apiVersion": about["apiVersion"]} | {
        key: metadata[key] for key in ("namespace", "name", "uid", "resourceVersion")
    }
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": meta(name, uid, at, metadata["namespace"]),
        "involvedObject": involved,
        "reason": reason,
        "message": message,
        "source": {"component": source},
        "firstTimestamp": rfc3339(at),
        "lastTimestamp": rfc3339(at),
        "count": 1,
        "type": kind,
        "eventTime": None,
        "reportingComponent": source,
        "reportingInstance": "",
    }


def cpu(milli: int) -> str:
    """Milli-cores as a quantity."""
    return f"{milli}m" if milli % 1000 else str(milli // 1000)


def memory(mib: int) -> str:
    """MiB as a quantity."""
    return f"{mib}Mi" if mib % 1024 else f"{mib // 1024}Gi"


def resources(task: Task) -> Obj:
    """The resources of a main container."""
    wanted = {"cpu": cpu(task.cpu_m), "memory": memory(task.memory_mib)}
    if task.gpu:
        return {"requests": {**wanted, "nvidia.com/gpu": str(task.gpu)}, "limits": {"nvidia.com/gpu": str(task.gpu)}}
    return {"requests": wanted, "limits": {"memory": wanted["memory"]}}


def effective_spec(recipe: Recipe) -> Obj:
    """The spec that Argo stores in the status of a workflow that refers to a template."""
    spec: Obj = {"entrypoint": recipe.entry.name, "workflowTemplateRef": {"name": recipe.name}}
    spec["templates"] = list(_templates(recipe, recipe.entry))
    if recipe.on_exit:
        spec["onExit"] = recipe.on_exit.name
        spec["templates"] += _templates(recipe, recipe.on_exit)
    if recipe.deadline_s:
        spec["activeDeadlineSeconds"] = recipe.deadline_s
    return spec | _synchronization(recipe.lock)


def _templates(recipe: Recipe, task: Task) -> Iterator[Obj]:
    """A template and the templates that it uses."""
    yield {"name": task.name, **_body(recipe, task), **_synchronization(task.lock)}
    for inner in (*(step for group in task.steps for step in group), *task.dag):
        yield from _templates(recipe, inner)


def _body(recipe: Recipe, task: Task) -> Obj:
    if task.steps:
        return {"steps": [[{"name": step.name, "template": step.name} for step in group] for group in task.steps]}
    if task.dag:
        used = [{"name": step.name, "template": step.name, "dependencies": list(step.after)} for step in task.dag]
        return {"dag": {"tasks": used, "failFast": False}}
    if task.suspend_s:
        return {"suspend": {"duration": f"{task.suspend_s:g}s"}}
    body: Obj = {"container": {"name": "", "image": f"registry.local/{recipe.name}", "resources": resources(task)}}
    if task.retries:
        body["retryStrategy"] = {"limit": str(task.retries), "retryPolicy": "Always"}
    if task.deadline_s:
        body["activeDeadlineSeconds"] = task.deadline_s
    if task.cache:
        body["memoize"] = {"key": task.name, "cache": {"configMap": {"name": task.cache}}}
    return body


def _synchronization(lock: Lock | None) -> Obj:
    if lock is None:
        return {}
    name, limit = lock
    fields = {"mutexes": [{"name": name}]} if limit == 1 else {"semaphores": [_config_key(name)]}
    return {"synchronization": fields}


def _config_key(name: str) -> Obj:
    return {"configMapKeyRef": {"name": "locks", "key": name}}


def pod(owner: Obj, recipe: Recipe, task: Task, *, name: str, node: Obj, uid: str, at: float) -> Obj:
    """A pod as the controller creates it for a node, not yet bound to a machine."""
    parent, labels = owner["metadata"], PRODUCTS[recipe.product].labels
    owner_reference = {
        "apiVersion": owner["apiVersion"],
        "kind": "Workflow",
        "name": parent["name"],
        "uid": parent["uid"],
    }
    metadata = meta(name, uid, at, parent["namespace"], generation=1)
    metadata["labels"] = {**labels, ARGO + "completed": "false", ARGO + "workflow": parent["name"]}
    metadata["annotations"] = _pod_annotations(recipe, node)
    metadata["ownerReferences"] = [{**owner_reference, "controller": True, "blockOwnerDeletion": True}]
    env = [{"name": "ARGO_NODE_ID", "value": node["id"]}]
    executor = {"image": "quay.io/argoproj/argoexec:v4.1.2", "resources": {}, "env": env}
    main = {"name": "main", "image": f"registry.local/{recipe.name}:stable", "resources": resources(task), "env": env}
    spec = {
        "initContainers": [{"name": "init", **executor}],
        "containers": [{"name": "wait", **executor}, main],
        "restartPolicy": "Never",
        "serviceAccountName": f"argo-{parent['namespace']}",
        "schedulerName": "default-scheduler",
        "priority": 0,
        **({"activeDeadlineSeconds": task.deadline_s} if task.deadline_s else {}),
    }
    status = {"phase": "Pending", "qosClass": "Burstable"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status}


def _pod_annotations(recipe: Recipe, node: Obj) -> dict[str, str]:
    product = PRODUCTS[recipe.product]
    gpu = product.spec_annotation == ECI_SPEC and not product.annotations and recipe.spec.startswith("ecs.")
    return {
        "kubectl.kubernetes.io/default-container": "main",
        ARGO + "node-id": node["id"],
        ARGO + "node-name": node["name"],
        **product.annotations,
        **({"k8s.aliyun.com/eci-use-specs": recipe.spec} if gpu else {}),
    }


def billed_annotations(recipe: Recipe, instance: str, cluster: SimulatedCluster) -> dict[str, str]:
    """The annotations that the cloud writes once the pod has an instance."""
    name = PRODUCTS[recipe.product].spec_annotation
    annotations = {name: recipe.spec}
    if name == ECI_SPEC:
        annotations["k8s.aliyun.com/eci-instance-id"] = f"eci-{instance}"
        annotations["k8s.aliyun.com/eci-instance-zone"] = f"{cluster.region}-{cluster.zone}"
    elif name == ACS_SPEC:
        annotations |= {
            "alibabacloud.com/instance-id": f"acs-{instance}",
            "alibabacloud.com/pod-ephemeral-storage": "30Gi",
            "topology.kubernetes.io/region": cluster.region,
            "topology.kubernetes.io/zone": f"{cluster.region}-{cluster.zone}",
        }
    return annotations
