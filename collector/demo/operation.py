"""
One look at one workflow: goes through its templates, does what can be done by now, and leaves the rest for the next look.

Nothing is remembered between two looks but the nodes themselves: what has ended stays ended, what is missing begins.
"""

from collector.demo.nodes import ENDED, Nodes, close, last_of, link, node, node_id, seconds
from collector.demo.objects import Obj
from collector.demo.plan import Plan
from collector.demo.pods import Pods
from collector.demo.recipes import Task

OMITTED = "omitted: depends condition not met"
RETRIED = {"nodeFlag": {"retried": True}}
HOOKED = {"nodeFlag": {"hooked": True}}


class Operation:
    """A workflow, its nodes and the present instant."""

    def __init__(self, pods: Pods, plan: Plan, workflow: Obj, nodes: Nodes, now: float) -> None:
        self._pods, self._plan, self._workflow, self._nodes, self._now = pods, plan, workflow, nodes, now
        self.ended: list[str] = []
        """Nodes of pods that have ended since the last look."""

    def run(self, task: Task, name: str, within: Obj | None = None) -> Obj:
        """The node of a step, as far on as it can be by now."""
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
        """The node of the exit handler, which is in no other."""
        return self._pod(task, self._node(f"{self._plan.owner}.onExit", "Pod", task.name, None, **HOOKED))

    def _node(self, name: str, kind: str, template: str, within: Obj | None, **more: object) -> Obj:
        """The node of that name, begun if there is none."""
        owner = self._plan.owner
        key = node_id(owner, name)
        if key not in self._nodes:
            boundary = {"boundaryID": within["id"]} if within else {}
            self._nodes[key] = node(owner, name, kind, template, self._now, **boundary, **more)
        return self._nodes[key]

    def _steps(self, task: Task, top: Obj) -> Obj:
        if top["phase"] in ENDED:
            return top
        before = [top]
        for number, tasks in enumerate(task.steps):
            group = self._node(f"{top['name']}[{number}]", "StepGroup", "", top, nodeFlag={})
            for one in before:
                link(one, group)
            members = self._group(tasks, group, top)
            if group["phase"] == "Running":
                return top
            before = [last for one in members for last in last_of(self._nodes, one)]
            if group["phase"] == "Failed":
                break
        top["outboundNodes"] = [one["id"] for one in before]
        return close(top, group["phase"], group.get("message", ""), self._now)

    def _group(self, tasks: tuple[Task, ...], group: Obj, top: Obj) -> list[Obj]:
        """All steps of a group at once; it ends with the last of them."""
        names = [
            (task, f"{group['name']}.{task.name}" + (f"({copy}:{copy})" if task.width > 1 else ""))
            for task in tasks
            for copy in range(task.width)
        ]
        members = [self.run(task, name, top) for task, name in names]
        for one in members:
            link(group, one)
        if group["phase"] == "Running" and all(one["phase"] in ENDED for one in members):
            failed = next((f"child '{one['id']}' failed" for one in members if one["phase"] == "Failed"), "")
            close(group, "Failed" if failed else "Succeeded", failed, self._now)
        return members

    def _dag(self, task: Task, top: Obj) -> Obj:
        if top["phase"] in ENDED:
            return top
        found: dict[str, Obj] = {}
        for one in task.dag:
            before = [found[name] for name in one.after if name in found]
            if len(before) == len(one.after) and all(it["phase"] in ENDED for it in before):
                found[one.name] = self._dag_task(one, top, before)
        if len(found) == len(task.dag) and all(it["phase"] in ENDED for it in found.values()):
            followed = {name for one in task.dag for name in one.after}
            targets = [it for name, it in found.items() if name not in followed]
            top["outboundNodes"] = [last["id"] for it in targets for last in last_of(self._nodes, it)]
            failed = any(it["phase"] == "Failed" for it in found.values())
            close(top, "Failed" if failed else "Succeeded", "", self._now)
        return top

    def _dag_task(self, task: Task, top: Obj, before: list[Obj]) -> Obj:
        name = f"{top['name']}.{task.name}"
        if all(it["phase"] == "Succeeded" for it in before):
            found = self.run(task, name, top)
        else:
            found = self._node(name, "Skipped", task.name, top, nodeFlag={})
            close(found, "Omitted", OMITTED, self._now)
        for it in before or [top]:
            for last in last_of(self._nodes, it) if before else [top]:
                link(last, found)
        return found

    def _suspend(self, task: Task, it: Obj) -> Obj:
        """A pause ends by itself; Argo counts from the whole second it began in."""
        until = seconds(it["startedAt"]) + task.suspend_s
        if it["phase"] == "Running" and self._now >= until:
            close(it, "Succeeded", "", self._now)
        elif it["phase"] == "Running":
            self._look_at(until)
        return it

    def _retry(self, task: Task, top: Obj, within: Obj | None) -> Obj:
        while top["phase"] not in ENDED:
            number = max(0, len(top.get("children", ())) - 1)
            it = self._try(task, top, within, number)
            if it["phase"] == "Failed" and number < task.retries:
                self._try(task, top, within, number + 1)
                return top
            if it["phase"] not in ENDED:
                return top
            close(top, it["phase"], "No more retries left" if it["phase"] == "Failed" else "", self._now)
        return top

    def _try(self, task: Task, top: Obj, within: Obj | None, number: int) -> Obj:
        """An attempt; Argo flags every child of a Retry node, the first one too."""
        it = self._node(f"{top['name']}({number})", "Pod", task.name, within, **RETRIED)
        link(top, it)
        return self._pod(task, it, number)

    def _pod(self, task: Task, it: Obj, number: int = 0) -> Obj:
        if it["phase"] not in ENDED:
            self._look_at(self._pods.step(self._plan, self._workflow, task, it, self._now, number))
            if it["phase"] in ENDED:
                self.ended.append(it["id"])
        return it

    def _look_at(self, at: float) -> None:
        if at:
            self._plan.look_at = min(at, self._plan.look_at or at)
