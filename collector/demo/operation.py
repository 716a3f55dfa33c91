"""
One reconciliation of one workflow: walks its templates and begins every step that can begin by now.

The nodes are the only state between two reconciliations: a node that ended stays ended, a missing node begins.
"""

from collector.demo.nodes import ENDED, Nodes, end_node, last_nodes, link_nodes, new_node, node_id, seconds
from collector.demo.objects import Obj
from collector.demo.plan import WorkflowPlan
from collector.demo.pods import Pods
from collector.demo.recipes import Task

OMITTED = "omitted: depends condition not met"
RETRIED = {"nodeFlag": {"retried": True}}
HOOKED = {"nodeFlag": {"hooked": True}}


class Operation:
    """A workflow, its nodes and the present instant."""

    def __init__(self, pods: Pods, plan: WorkflowPlan, workflow: Obj, nodes: Nodes, now: float) -> None:
        self._pods, self._plan, self._workflow, self._nodes, self._now = pods, plan, workflow, nodes, now
        self.ended: list[str] = []
        """Nodes of pods that have ended since the last reconciliation."""

    def run(self, task: Task, name: str, within: Obj | None = None) -> Obj:
        """Advances a step as far as possible by now; returns its node."""
        if task.steps:
            return self._steps(task, self._node(name, "Steps", task.name, within))
        if task.dag:
            return self._dag(task, self._node(name, "DAG", task.name, within))
        if task.suspend_s:
            return self._suspend(task, self._node(name, "Suspend", task.name, within))
        if task.retries:
            return self._retry(task, self._node(name, "Retry", task.name, within), within)
        return self._pod(task, self._node(name, "Pod", task.name, within))

    def on_exit(self, task: Task) -> Obj:
        """Advances the exit handler, whose node is in no other; returns its node."""
        return self._pod(task, self._node(f"{self._plan.owner}.onExit", "Pod", task.name, None, **HOOKED))

    def _node(self, name: str, kind: str, template: str, within: Obj | None, **more: object) -> Obj:
        """The node of a name; begins it if there is none."""
        owner = self._plan.owner
        key = node_id(owner, name)
        if key not in self._nodes:
            boundary = {"boundaryID": within["id"]} if within else {}
            self._nodes[key] = new_node(owner, name, kind, template, self._now, **boundary, **more)
        return self._nodes[key]

    def _steps(self, task: Task, top: Obj) -> Obj:
        if top["phase"] in ENDED:
            return top
        before = [top]
        for number, tasks in enumerate(task.steps):
            group = self._node(f"{top['name']}[{number}]", "StepGroup", "", top, nodeFlag={})
            for node in before:
                link_nodes(node, group)
            members = self._group(tasks, group, top)
            if group["phase"] == "Running":
                return top
            before = [last for node in members for last in last_nodes(self._nodes, node)]
            if group["phase"] == "Failed":
                break
        top["outboundNodes"] = [node["id"] for node in before]
        return end_node(top, group["phase"], group.get("message", ""), self._now)

    def _group(self, tasks: tuple[Task, ...], group: Obj, top: Obj) -> list[Obj]:
        """Advances all steps of a group at once; the group ends with its last step."""
        names = [
            (task, f"{group['name']}.{task.name}" + (f"({copy}:{copy})" if task.width > 1 else ""))
            for task in tasks
            for copy in range(task.width)
        ]
        members = [self.run(task, name, top) for task, name in names]
        for member in members:
            link_nodes(group, member)
        if group["phase"] == "Running" and all(member["phase"] in ENDED for member in members):
            failed = next((f"child '{member['id']}' failed" for member in members if member["phase"] == "Failed"), "")
            end_node(group, "Failed" if failed else "Succeeded", failed, self._now)
        return members

    def _dag(self, task: Task, top: Obj) -> Obj:
        if top["phase"] in ENDED:
            return top
        nodes: dict[str, Obj] = {}
        for inner in task.dag:
            before = [nodes[name] for name in inner.after if name in nodes]
            if len(before) == len(inner.after) and all(node["phase"] in ENDED for node in before):
                nodes[inner.name] = self._dag_task(inner, top, before)
        if len(nodes) == len(task.dag) and all(node["phase"] in ENDED for node in nodes.values()):
            followed = {name for inner in task.dag for name in inner.after}
            targets = [node for name, node in nodes.items() if name not in followed]
            top["outboundNodes"] = [last["id"] for node in targets for last in last_nodes(self._nodes, node)]
            failed = any(node["phase"] == "Failed" for node in nodes.values())
            end_node(top, "Failed" if failed else "Succeeded", "", self._now)
        return top

    def _dag_task(self, task: Task, top: Obj, before: list[Obj]) -> Obj:
        name = f"{top['name']}.{task.name}"
        if all(node["phase"] == "Succeeded" for node in before):
            node = self.run(task, name, top)
        else:
            node = self._node(name, "Skipped", task.name, top, nodeFlag={})
            end_node(node, "Omitted", OMITTED, self._now)
        for earlier in before or [top]:
            for last in last_nodes(self._nodes, earlier) if before else [top]:
                link_nodes(last, node)
        return node

    def _suspend(self, task: Task, node: Obj) -> Obj:
        """Ends a pause that is over; Argo counts from the whole second in which the pause began."""
        until = seconds(node["startedAt"]) + task.suspend_s
        if node["phase"] == "Running" and self._now >= until:
            end_node(node, "Succeeded", "", self._now)
        elif node["phase"] == "Running":
            self._reconcile_at(until)
        return node

    def _retry(self, task: Task, top: Obj, within: Obj | None) -> Obj:
        while top["phase"] not in ENDED:
            number = max(0, len(top.get("children", ())) - 1)
            attempt = self._try(task, top, within, number)
            if attempt["phase"] == "Failed" and number < task.retries:
                self._try(task, top, within, number + 1)
                return top
            if attempt["phase"] not in ENDED:
                return top
            end_node(top, attempt["phase"], "No more retries left" if attempt["phase"] == "Failed" else "", self._now)
        return top

    def _try(self, task: Task, top: Obj, within: Obj | None, number: int) -> Obj:
        """Advances an attempt; Argo flags every child of a Retry node, the first one too."""
        node = self._node(f"{top['name']}({number})", "Pod", task.name, within, **RETRIED)
        link_nodes(top, node)
        return self._pod(task, node, number)

    def _pod(self, task: Task, node: Obj, number: int = 0) -> Obj:
        if node["phase"] not in ENDED:
            self._reconcile_at(self._pods.step(self._plan, self._workflow, task, node, now=self._now, number=number))
            if node["phase"] in ENDED:
                self.ended.append(node["id"])
        return node

    def _reconcile_at(self, at: float) -> None:
        if at:
            self._plan.look_at = min(at, self._plan.look_at or at)
