"""
What the objects look like: workflows as Argo 4.1 writes them, pods as kubelets and Alibaba's virtual nodes do.

Pure: each function builds an object or changes one in place, as of an instant that is given. Compared with the
recordings in tests/recorded; managedFields, most of env and storedTemplates are left out.
"""

import calendar
import time
from typing import Any

from collector.demo.objects import Obj
from collector.demo.scenario import ECI_SPEC, PRODUCTS, Attempt, Cluster, Recipe, Task

ARGO = "workflows.argoproj.io/"
POSTPONED = "Workflow processing has been postponed because too many workflows are already running"
LIMIT_LABEL = ARGO + "parallelism-limit"
TERMINAL = ("Succeeded", "Failed", "Error")
CONTROLLER_POD = "argo/workflow-controller-6d9f7c4b8-x2k4q"


def rfc3339(at: float) -> str:
    """An instant as Kubernetes writes it, whole seconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def fnv32a(text: str) -> int:
    """The hash in Argo's node ids and pod names."""
    value = 0x811C9DC5
    for byte in text.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def node_id(workflow: str, name: str) -> str:
    """The id of a node of a workflow."""
    return workflow if name == workflow else f"{workflow}-{fnv32a(name)}"


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


def machine(name: str, uid: str, at: float, cluster: Cluster) -> Obj:
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
    """A workflow as its user submits it: no status at all."""
    spec: Obj = {"workflowTemplateRef": {"name": recipe.name}}
    if priority:
        spec["priority"] = priority
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": metadata, "spec": spec}


def cron_workflow(recipe: Recipe, uid: str, at: float, where: str) -> Obj:
    """A CronWorkflow that fires each minute."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "CronWorkflow",
        "metadata": meta(recipe.name, uid, at, where, generation=1, annotations={}),
        "spec": {
            "concurrencyPolicy": "Allow",
            "schedules": ["* * * * *"],
            "workflowSpec": {"workflowTemplateRef": {"name": recipe.name}},
        },
    }


def cron_fired(cron: Obj, started: Obj, at: float) -> None:
    """Notes in a CronWorkflow that it fired; the run before is counted as a success by then."""
    cron["metadata"]["annotations"]["cronworkflows.argoproj.io/last-used-schedule"] = cron["spec"]["schedules"][0]
    it, before = started["metadata"], cron.get("status")
    active = {key: it[key] for key in ("name", "namespace", "uid", "resourceVersion")}
    cron["status"] = {
        "active": [{"apiVersion": started["apiVersion"], "kind": "Workflow", **active}],
        "lastScheduledTime": rfc3339(at // 60 * 60),
        "phase": "Active",
        "succeeded": before["succeeded"] + 1 if before else 0,
        "failed": 0,
    }


def event(about: Obj, uid: str, at: float, reason: str, message: str, source: str) -> Obj:
    """A warning about an object."""
    it = about["metadata"]
    name = f"{it['name']}.{int(at * 1e9):x}"
    involved = {"kind": about["kind"], "apiVersion": about["apiVersion"]} | {
        key: it[key] for key in ("namespace", "name", "uid", "resourceVersion")
    }
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": meta(name, uid, at, it["namespace"]),
        "involvedObject": involved,
        "reason": reason,
        "message": message,
        "source": {"component": source},
        "firstTimestamp": rfc3339(at),
        "lastTimestamp": rfc3339(at),
        "count": 1,
        "type": "Warning",
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
    """What Argo stores of the template in the status of a workflow that refers to it."""
    templates: list[Obj] = []
    for task in (task for step in recipe.steps for task in step):
        body: Obj = {"container": {"name": "", "image": f"registry.local/{recipe.name}", "resources": resources(task)}}
        if task.suspend_s:
            body = {"suspend": {"duration": f"{task.suspend_s:g}s"}}
        retry = {"retryStrategy": {"limit": str(task.retries), "retryPolicy": "Always"}} if task.retries else {}
        templates.append({"name": task.name, **body, **retry})
    entry = "main"
    if not recipe.single:
        steps = [[{"name": task.name, "template": task.name} for task in step] for step in recipe.steps]
        templates.insert(0, {"name": entry, "steps": steps})
    lock: Obj = {}
    if recipe.lock:
        name, limit = recipe.lock
        held = {"mutexes": [{"name": name}]} if limit == 1 else {"semaphores": [_config_key(name)]}
        lock = {"synchronization": held}
    return {"entrypoint": entry, "templates": templates, "workflowTemplateRef": {"name": recipe.name}, **lock}


def _config_key(name: str) -> Obj:
    return {"configMapKeyRef": {"name": "locks", "key": name}}


def node(owner: str, name: str, kind: str, template: str, at: float, **more: Any) -> Obj:
    """A new node in the status of a workflow."""
    known = {"templateName": template} if template else {}
    return {
        **more,
        "displayName": name if name == owner or "[" not in name else _short(name),
        "finishedAt": None,
        "id": node_id(owner, name),
        "name": name,
        "phase": "Pending" if kind == "Pod" else "Running",
        "progress": "0/1",
        "startedAt": rfc3339(at),
        **({"taskResultSynced": True} if kind == "Pod" else {}),
        **known,
        "templateScope": "local/",
        "type": kind,
    }


def _short(name: str) -> str:
    """wf[0].task(1) shows as task(1), and wf[0] as [0]."""
    return name.rsplit(".", 1)[1] if "]." in name else name[name.index("[") :]


def pod(owner: Obj, recipe: Recipe, task: Task, attempt: Attempt, name: str, uid: str, at: float) -> Obj:
    """A pod as the controller creates it, not yet bound to a node."""
    it, labels = owner["metadata"], PRODUCTS[recipe.product].labels
    owned = {"apiVersion": owner["apiVersion"], "kind": "Workflow", "name": it["name"], "uid": it["uid"]}
    metadata = meta(attempt.pod, uid, at, it["namespace"], generation=1)
    metadata["labels"] = {**labels, ARGO + "completed": "false", ARGO + "workflow": it["name"]}
    metadata["annotations"] = _pod_annotations(recipe, attempt, name)
    metadata["ownerReferences"] = [{**owned, "controller": True, "blockOwnerDeletion": True}]
    env = [{"name": "ARGO_NODE_ID", "value": attempt.node_id}]
    executor = {"image": "quay.io/argoproj/argoexec:v4.1.2", "resources": {}, "env": env}
    main = {"name": "main", "image": f"registry.local/{recipe.name}:stable", "resources": resources(task), "env": env}
    spec = {
        "initContainers": [{"name": "init", **executor}],
        "containers": [{"name": "wait", **executor}, main],
        "restartPolicy": "Never",
        "serviceAccountName": f"argo-{it['namespace']}",
        "schedulerName": "default-scheduler",
        "priority": 0,
    }
    status = {"phase": "Pending", "qosClass": "Burstable"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status}


def _pod_annotations(recipe: Recipe, attempt: Attempt, name: str) -> dict[str, str]:
    product = PRODUCTS[recipe.product]
    gpu = product.spec_annotation == ECI_SPEC and not product.annotations and recipe.spec.startswith("ecs.")
    return {
        "kubectl.kubernetes.io/default-container": "main",
        ARGO + "node-id": attempt.node_id,
        ARGO + "node-name": name,
        **product.annotations,
        **({"k8s.aliyun.com/eci-use-specs": recipe.spec} if gpu else {}),
    }


def resources_duration(it: Obj) -> dict[str, int]:
    """Argo's figure for one pod: whole seconds of each ended container times its requests, each product floored."""
    sums: dict[str, int] = {}
    wanted = {c["name"]: c["resources"].get("requests", {}) for c in it["spec"]["containers"]}
    status = it["status"]
    for container in status.get("initContainerStatuses", []) + status.get("containerStatuses", []):
        ended = container["state"].get("terminated")
        if ended is None:
            continue
        requests = {"cpu": "100m", "memory": "100Mi", **wanted.get(container["name"], {})}
        seconds = _seconds(ended["finishedAt"]) - _seconds(ended["startedAt"])
        for resource, quantity in requests.items():
            sums[resource] = sums.get(resource, 0) + int(seconds * _denominated(quantity, resource))
    return sums or {"cpu": 0, "memory": 0}


def _seconds(stamp: str) -> int:
    return calendar.timegm(time.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ"))


def _denominated(quantity: str, resource: str) -> float:
    """In units of one core, 100Mi, or one of anything else."""
    if resource == "memory":
        return (float(quantity[:-2]) * 1024 if quantity.endswith("Gi") else float(quantity[:-2])) / 100
    return float(quantity[:-1]) / 1000 if quantity.endswith("m") else float(quantity)


def controller_pod(uid: str, at: float, cluster: Cluster) -> Obj:
    """The pod of Argo's workflow-controller, running."""
    where, name = CONTROLLER_POD.split("/")
    labels = {"app": "workflow-controller", "app.kubernetes.io/name": "argo-workflows-workflow-controller"}
    box = {
        "name": "workflow-controller",
        "image": "quay.io/argoproj/workflow-controller:v4.1.2",
        "resources": {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"memory": "2Gi"}},
    }
    spec = {"containers": [box], "nodeName": cluster.plain_nodes[0], "restartPolicy": "Always", "priority": 0}
    it = {"apiVersion": "v1", "kind": "Pod", "metadata": meta(name, uid, at, where, generation=1, labels=labels)}
    it |= {"spec": spec, "status": {"phase": "Running", "qosClass": "Burstable", "startTime": rfc3339(at)}}
    controller_state(it, {"running": {"startedAt": rfc3339(at)}}, {}, 0)
    return it


def controller_state(it: Obj, state: Obj, last: Obj, restarts: int) -> None:
    """Writes what the kubelet says of the controller's container."""
    up = "running" in state
    it["status"]["containerStatuses"] = [
        {
            "name": "workflow-controller",
            "state": state,
            "lastState": last,
            "ready": up,
            "restartCount": restarts,
            "image": it["spec"]["containers"][0]["image"],
            "imageID": "",
            "started": up,
        }
    ]


def billed_annotations(recipe: Recipe, instance: str, cluster: Cluster) -> dict[str, str]:
    """What the cloud writes on the pod once it has an instance."""
    name = PRODUCTS[recipe.product].spec_annotation
    found = {name: recipe.spec}
    if name == ECI_SPEC:
        found["k8s.aliyun.com/eci-instance-id"] = f"eci-{instance}"
        found["k8s.aliyun.com/eci-instance-zone"] = f"{cluster.region}-{cluster.zone}"
    return found
