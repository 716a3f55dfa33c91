"""
The kinds that stand between a workflow and pods that a resource template leads to, as data: one row for each, nowhere else.

A pod's workflow is found along owner references, so a row makes its kind a link of such a chain: matched by API group and kind,
since two groups have a Job and two kinds of MPIJob exist. Only metadata of these objects is read. From the sources of each
project, November 2026: kubernetes/api, kubernetes-sigs/jobset and lws, ray-project/kuberay, kubeflow/spark-operator,
training-operator, mpi-operator and trainer, volcano-sh/volcano, project-codeflare/appwrapper.
"""

from dataclasses import dataclass
from typing import NewType

OwnerName = NewType("OwnerName", str)
"""Name of such a kind: its plural, or with the group where another group has the same plural."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerKind:
    """A kind between workflows and pods."""

    kind: str
    """As in an owner reference."""
    group: str
    versions: tuple[str, ...]
    """Versions of the API group in which the kind exists, the preferred one first."""
    plural: str
    words: str
    """What an operator calls the objects."""
    label: str = ""
    """
    Label of a pod with the name of the object, where something else stands in between: it may be deleted before the pod is, or
    not be watched. Empty: the object owns its pods directly, or no label names it.
    """
    is_named_with_group: bool = False
    """For a plural that another group has too."""

    @property
    def name(self) -> OwnerName:
        """As in metrics, logs and saved positions."""
        return OwnerName(f"{self.plural}.{self.group}" if self.is_named_with_group else self.plural)


_JOBSET = "jobset.sigs.k8s.io/jobset-name"
_KUBEFLOW, _RAY, _SPARK = "kubeflow.org", "ray.io", "sparkoperator.k8s.io"

OWNER_KINDS = (
    OwnerKind(kind="Job", group="batch", versions=("v1",), plural="jobs", words="Jobs"),
    OwnerKind(
        kind="JobSet", group="jobset.x-k8s.io", versions=("v1alpha2",), plural="jobsets", words="JobSets", label=_JOBSET
    ),
    OwnerKind(kind="RayCluster", group=_RAY, versions=("v1", "v1alpha1"), plural="rayclusters", words="Ray clusters"),
    OwnerKind(kind="RayJob", group=_RAY, versions=("v1", "v1alpha1"), plural="rayjobs", words="Ray jobs"),
    OwnerKind(kind="RayService", group=_RAY, versions=("v1", "v1alpha1"), plural="rayservices", words="Ray services"),
    OwnerKind(kind="RayCronJob", group=_RAY, versions=("v1",), plural="raycronjobs", words="Ray cron jobs"),
    OwnerKind(
        kind="SparkApplication", group=_SPARK, versions=("v1beta2",), plural="sparkapplications",
        words="Spark applications", label="sparkoperator.k8s.io/app-name",
    ),
    OwnerKind(
        kind="ScheduledSparkApplication", group=_SPARK, versions=("v1beta2",), plural="scheduledsparkapplications",
        words="scheduled Spark applications",
    ),
    OwnerKind(kind="SparkConnect", group=_SPARK, versions=("v1alpha1",), plural="sparkconnects", words="Spark Connect"),
    OwnerKind(kind="TFJob", group=_KUBEFLOW, versions=("v1",), plural="tfjobs", words="TensorFlow jobs"),
    OwnerKind(kind="PyTorchJob", group=_KUBEFLOW, versions=("v1",), plural="pytorchjobs", words="PyTorch jobs"),
    # v1 is the training operator's, v2beta1 the MPI operator's, whose launcher is a Job.
    OwnerKind(
        kind="MPIJob", group=_KUBEFLOW, versions=("v2beta1", "v1"), plural="mpijobs", words="MPI jobs",
        label="training.kubeflow.org/job-name",
    ),
    OwnerKind(kind="XGBoostJob", group=_KUBEFLOW, versions=("v1",), plural="xgboostjobs", words="XGBoost jobs"),
    OwnerKind(kind="PaddleJob", group=_KUBEFLOW, versions=("v1",), plural="paddlejobs", words="Paddle jobs"),
    OwnerKind(kind="JAXJob", group=_KUBEFLOW, versions=("v1",), plural="jaxjobs", words="JAX jobs"),
    # It names its JobSet as itself.
    OwnerKind(
        kind="TrainJob", group="trainer.kubeflow.org", versions=("v1alpha1",), plural="trainjobs", words="TrainJobs",
        label=_JOBSET,
    ),
    OwnerKind(
        kind="Job", group="batch.volcano.sh", versions=("v1alpha1",), plural="jobs", words="Volcano jobs",
        is_named_with_group=True,
    ),
    # Between it and its pods is a StatefulSet, which is not watched.
    OwnerKind(
        kind="LeaderWorkerSet", group="leaderworkerset.x-k8s.io", versions=("v1",), plural="leaderworkersets",
        words="LeaderWorkerSets", label="leaderworkerset.sigs.k8s.io/name",
    ),
    OwnerKind(
        kind="AppWrapper", group="workload.codeflare.dev", versions=("v1beta2",), plural="appwrappers",
        words="AppWrappers", label="workload.codeflare.dev/appwrapper",
    ),
)  # fmt: skip

OWNER_NAMES = tuple(row.name for row in OWNER_KINDS)
