"""
CronWorkflows of one cluster: what Argo does each minute with each of them, and what it writes down.

Pure: as of the instants that are given. A run that falls due while no controller leads is not made up for, since none of
the schedules has a startingDeadlineSeconds.
"""

from collections.abc import Callable

from collector.demo.objects import CRON_WORKFLOWS, Obj, Objects
from collector.demo.recipes import Recipe
from collector.demo.scenario import Cluster, Cron
from collector.demo.shapes import ARGO, meta, rfc3339, workflow

PERIOD_S = 60
LABEL = ARGO + "cron-workflow"
LAST_USED = "cronworkflows.argoproj.io/last-used-schedule"


class Crons:
    """The schedules of one cluster."""

    def __init__(
        self, cluster: Cluster, objects: Objects, uid: Callable[[], str], create: Callable[[Recipe, Obj, float], None]
    ) -> None:
        self._objects, self._uid, self._create = objects, uid, create
        self._crons = {f"{cron.namespace}/{cron.recipe.name}": cron for cron in cluster.crons}

    def furnish(self, now: float) -> None:
        """Makes them, as their users did; of one that forbids a second run the last one is still under way."""
        for key, cron in self._crons.items():
            self._objects.put(CRON_WORKFLOWS, cron_workflow(cron, self._uid(), now))
            if cron.policy == "Forbid":
                self._start(cron, self._objects.get(CRON_WORKFLOWS, key), now // PERIOD_S * PERIOD_S, now)

    def fire(self, due: float, now: float) -> None:
        """Starts what was due at `due` and may run; the runs are named after the due time, however late it is."""
        for key, cron in self._crons.items():
            it = self._objects.get(CRON_WORKFLOWS, key)
            active = it.get("status", {}).get("active", [])
            if not cron.template_exists:
                self._refuse(cron, it)
            elif not (cron.policy == "Forbid" and active):
                # What a policy forbids leaves no trace in the object.
                self._start(cron, it, due, now)

    def ended(self, run: Obj) -> None:
        """Takes a finished run off its CronWorkflow's list."""
        key = f"{run['metadata']['namespace']}/{run['metadata']['labels'].get(LABEL, '')}"
        if key not in self._crons:
            return
        it = self._objects.get(CRON_WORKFLOWS, key)
        status = it["status"]
        status["active"] = [one for one in status.get("active", []) if one["uid"] != run["metadata"]["uid"]]
        if not status["active"]:
            del status["active"]
        status["succeeded" if run["status"]["phase"] == "Succeeded" else "failed"] += 1
        self._objects.put(CRON_WORKFLOWS, it)

    def _start(self, cron: Cron, it: Obj, due: float, now: float) -> None:
        name = cron.recipe.name
        owner = {"apiVersion": it["apiVersion"], "kind": it["kind"], "name": name, "uid": it["metadata"]["uid"]}
        metadata = meta(f"{name}-{int(due)}", self._uid(), now, cron.namespace, generation=1)
        metadata["labels"] = {LABEL: name}
        metadata["annotations"] = {ARGO + "scheduled-time": rfc3339(due)}
        metadata["ownerReferences"] = [{**owner, "controller": True, "blockOwnerDeletion": True}]
        run = workflow(cron.recipe, metadata, 0)
        # A cron's workflow arrives with a status, but without a phase in it.
        run["status"] = {"startedAt": None, "finishedAt": None}
        self._create(cron.recipe, run, now)
        self._note(it, run, due)

    def _note(self, it: Obj, run: Obj, due: float) -> None:
        """What Argo writes into a CronWorkflow that fired."""
        it["metadata"]["annotations"][LAST_USED] = it["spec"]["schedules"][0]
        before = it.get("status", {})
        active = {key: run["metadata"][key] for key in ("name", "namespace", "uid", "resourceVersion")}
        it["status"] = {
            "active": [*before.get("active", []), {"apiVersion": run["apiVersion"], "kind": run["kind"], **active}],
            "lastScheduledTime": rfc3339(due),
            "phase": "Active",
            "succeeded": before.get("succeeded", 0),
            "failed": before.get("failed", 0),
        }
        self._objects.put(CRON_WORKFLOWS, it)

    def _refuse(self, cron: Cron, it: Obj) -> None:
        """A submission that failed: a condition, and lastScheduledTime stays where it was."""
        why = f'Failed to submit Workflow: workflowtemplates.argoproj.io "{cron.recipe.name}" not found'
        condition = {"type": "SubmissionError", "status": "True", "message": why}
        it["status"] = {"phase": "Active", "succeeded": 0, "failed": 0, "conditions": [condition]}
        self._objects.put(CRON_WORKFLOWS, it)


def cron_workflow(cron: Cron, uid: str, at: float) -> Obj:
    """A CronWorkflow as its user submits it."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "CronWorkflow",
        "metadata": meta(cron.recipe.name, uid, at, cron.namespace, generation=1, annotations={}),
        "spec": {
            "concurrencyPolicy": cron.policy,
            "schedules": ["* * * * *"],
            "workflowSpec": {"workflowTemplateRef": {"name": cron.recipe.name}},
        },
    }
