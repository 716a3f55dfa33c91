"""
CronWorkflows of one cluster: the runs that Argo starts each minute, and the status that it writes.

Pure: each instant is an argument. A run that is due while no controller leads is not started later, since none of the
schedules has a startingDeadlineSeconds.
"""

from collections.abc import Callable

from collector.demo.objects import CRON_WORKFLOWS, Obj
from collector.demo.recipes import Recipe
from collector.demo.scenario import SimulatedCron
from collector.demo.shapes import ARGO, meta, rfc3339, workflow
from collector.demo.world import World

PERIOD_S = 60
LABEL = ARGO + "cron-workflow"
LAST_USED = "cronworkflows.argoproj.io/last-used-schedule"


class CronController:
    """The schedules of one cluster."""

    def __init__(self, world: World, create: Callable[[Recipe, Obj, float], None]) -> None:
        self._world, self._objects, self._create = world, world.objects, create
        self._crons = {f"{cron.namespace}/{cron.recipe.name}": cron for cron in world.cluster.crons}

    def furnish(self, now: float) -> None:
        """Creates the CronWorkflows; a schedule that forbids a second run begins with one that is still running."""
        for key, cron in self._crons.items():
            self._objects.put(CRON_WORKFLOWS, cron_workflow(cron, self._world.new_uid(), now))
            if cron.policy == "Forbid":
                self._start(cron, self._objects.get(CRON_WORKFLOWS, key), now // PERIOD_S * PERIOD_S, now)

    def fire(self, due: float, now: float) -> int:
        """
        Starts the runs that were due at `due` and are allowed; returns how many could not be submitted.

        Their names have the due time, however late they start.
        """
        refused = 0
        for key, cron in self._crons.items():
            obj = self._objects.get(CRON_WORKFLOWS, key)
            active = obj.get("status", {}).get("active", [])
            if not cron.template_exists:
                self._write_refused(cron, obj)
                refused += 1
            elif not (cron.policy == "Forbid" and active):
                # A run that the policy forbids leaves no trace in the object.
                self._start(cron, obj, due, now)
        return refused

    def ended(self, run: Obj) -> None:
        """Removes a finished run from its CronWorkflow's list."""
        key = f"{run['metadata']['namespace']}/{run['metadata']['labels'].get(LABEL, '')}"
        if key not in self._crons:
            return
        obj = self._objects.get(CRON_WORKFLOWS, key)
        status = obj["status"]
        status["active"] = [entry for entry in status.get("active", []) if entry["uid"] != run["metadata"]["uid"]]
        if not status["active"]:
            del status["active"]
        status["succeeded" if run["status"]["phase"] == "Succeeded" else "failed"] += 1
        self._objects.put(CRON_WORKFLOWS, obj)

    def _start(self, cron: SimulatedCron, obj: Obj, due: float, now: float) -> None:
        name = cron.recipe.name
        owner = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "name": name, "uid": obj["metadata"]["uid"]}
        metadata = meta(f"{name}-{int(due)}", self._world.new_uid(), now, cron.namespace, generation=1)
        metadata["labels"] = {LABEL: name}
        metadata["annotations"] = {ARGO + "scheduled-time": rfc3339(due)}
        metadata["ownerReferences"] = [{**owner, "controller": True, "blockOwnerDeletion": True}]
        run = workflow(cron.recipe, metadata, 0)
        # A cron's workflow arrives with a status, but without a phase in it.
        run["status"] = {"startedAt": None, "finishedAt": None}
        self._create(cron.recipe, run, now)
        self._write_started(obj, run, due)

    def _write_started(self, obj: Obj, run: Obj, due: float) -> None:
        """Writes the status of a CronWorkflow that started a run."""
        obj["metadata"]["annotations"][LAST_USED] = obj["spec"]["schedules"][0]
        before = obj.get("status", {})
        active = {key: run["metadata"][key] for key in ("name", "namespace", "uid", "resourceVersion")}
        obj["status"] = {
            "active": [*before.get("active", []), {"apiVersion": run["apiVersion"], "kind": run["kind"], **active}],
            "lastScheduledTime": rfc3339(due),
            "phase": "Active",
            "succeeded": before.get("succeeded", 0),
            "failed": before.get("failed", 0),
        }
        self._objects.put(CRON_WORKFLOWS, obj)

    def _write_refused(self, cron: SimulatedCron, obj: Obj) -> None:
        """Writes the status of a failed submission: a condition, and no new lastScheduledTime."""
        why = f'Failed to submit Workflow: workflowtemplates.argoproj.io "{cron.recipe.name}" not found'
        condition = {"type": "SubmissionError", "status": "True", "message": why}
        obj["status"] = {"phase": "Active", "succeeded": 0, "failed": 0, "conditions": [condition]}
        self._objects.put(CRON_WORKFLOWS, obj)


def cron_workflow(cron: SimulatedCron, uid: str, at: float) -> Obj:
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
