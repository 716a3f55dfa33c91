"""
Beginnings of the messages of controllers, kubelets and clouds, by the reason of the outcome that each means.
"""

import re
from collections.abc import Iterator
from itertools import islice

_LINK = re.compile(": ")
LINKS_LIMIT = 12
"""Links of a chain of errors that are read; the controller adds two or three."""

Signs = tuple[tuple[str, re.Pattern[str]], ...]


def _signs(flags: re.RegexFlag = re.NOFLAG, **signs: tuple[str, ...]) -> Signs:
    """Patterns of how a message begins, by reason; Argo adds the task's name in front if the controller itself failed."""
    wrapped = r"(?:(?:task|step) '[^']*' errored: |error in (?:entry|exit) template execution ?: )*"
    return tuple((reason, re.compile(f"{wrapped}(?:{'|'.join(begins)})", flags)) for reason, begins in signs.items())


def read(signs: Signs, text: str) -> str:
    """The reason of the first sign with which a message begins; empty: none."""
    return next((reason for reason, sign in signs if sign.match(text)), "")


def links(text: str) -> Iterator[str]:
    """A chain of errors from each of its links on, the outermost first: each function of the controller adds its words."""
    yield text
    yield from (text[found.end() :] for found in islice(_LINK.finditer(text), LINKS_LIMIT))


PLATFORM_SIGNS = _signs(
    evicted=(
        r"The node was low on resource", r"(?:Pod was rejected: )?The node had condition", r"(?:Pod )?Evicted\b",
    ),
    preempted=(r"Preempt(?:ed|ing)\b",),
    node_lost=(
        r"NodeLost\b", r"Node \S+ which was running pod", r"Node is shutting", r"Pod was terminated\b",
        r"Pod was rejected(?:: | as ).{0,40}(?:NodeShutdown|shutting down)",
    ),
    rejected=(r"Pod was rejected", r"Pod Node didn't have enough resource", r"Pod Predicate ", r"Pod Allocate failed"),
    spot_reclaimed=(r"Spot(?:ToBe)?Released\b", r"Bid(?:Expired|Failed)\b", r"The pod is spot instance"),
    image_pull=(
        r"Pod failed before \S+ container starts due to (?:\w*Image\w*|RegistryUnavailable)\b", r"ErrImage\w*",
        r"ImagePull\w*", r"ImageInspectError\b", r"InvalidImageName\b", r"Back-off pulling image", r"Failed to pull image",
        r"failed to look-up entrypoint/cmd for image",
    ),
    no_stock=(r"NoStock\b", r"(?:ProviderCreateFailed|Create ECI failed)\b.*NoStock"),
    never_started=(
        r"can't find failed message for pod", r"Pod failed before \S+ container starts due to (?!CreateContainer)",
    ),
    quota=(r'pods? "[^"]*" is forbidden: exceeded quota',),
    pod_deleted=(r"pod deleted\b", r"container deleted\b"),
    pod_lost=(r"pod failed: ",),
    too_large=(
        r"Request entity too large", r"workflow is longer than maximum allowed size",
        r"etcdserver: request is too large", r"offload node status is not supported",
    ),
)  # fmt: skip
"""
Beginnings of messages of kubelets, clouds and the controller for failures of the platform: pod.status.message of
Kubernetes' eviction and shutdown managers, and operator.go of Argo 3.4 to 4.1.
"""

SPEC_SIGNS = _signs(
    re.IGNORECASE,
    invalid_spec=(
        r"(?:workflow )?template .{0,600}?not found", r'(?:cluster)?workflowtemplates?\.argoproj\.io "[^"]*" not found',
        r"(?:inputs|outputs)\.(?:parameters|artifacts)\.\S+ (?:was not supplied|missing location|had no value)",
        r"(?:failed to set global parameters: )?either value or valueFrom must be specified",
        r"template '[^']*' (?:type is unknown|missing specification)", r"failed to get a template",
        r"(?:error|failed to) [^:]{0,60}PodSpecPatch", r"volume '[^']*' not found in workflow spec",
        r"(?:template name|target|dependency|task|step) [^:]{0,253}?(?:undefined|not defined)", r"target \S* does not exist",
        r"output parameters must have a valueFrom", r"withItems\[\d+\] expected",
        r"neither end nor count was specified", r"no base duration specified", r"\S* is not a valid RetryPolicy",
        r"unable to parse .{0,60} as a duration", r"invalid (?:timeout format|maxAge|label value)",
        r"failed to (?:compile function for expression|evaluate label)", r"workflows must use workflowTemplateRef",
        r"WorkflowSpec may not change", r"(?:Failed to acquire the synchronization lock\. )?requested configuration is invalid",
        r'(?:Pod|PersistentVolumeClaim|ConfigMap) "[^"]*" is invalid: ', r'Pod in version "v1" cannot be handled as a Pod',
        r'pods? "[^"]*" is forbidden: (?:violates PodSecurity|unable to validate against any|no PriorityClass with name)',
        r'pods? "[^"]*" is forbidden: (?:\[?(?:maximum|minimum) |failed quota: .{0,253}must specify)',
    ),
)  # fmt: skip
"""
Beginnings of messages about a spec that was never valid. Argo validates a spec before it runs, but not one that was
throttled first, nor what only the API server or a patch of the pod can refuse: then it fails on its way, in these words of
operator.go, steps.go, dag.go, workflowpod.go and templateresolution of Argo 3.4 to 4.1.
"""

NOT_THE_SPEC = re.compile(
    r'is forbidden: User\b|(?:Get|Post|Put|Patch) "https?://|etcdserver: |connection refused|Internal error occurred'
    r"|context deadline exceeded|Too Many Requests|cannot get resource"
)
"""Words of an API server about the controller that asked, and not about the spec."""

TEMPLATE_SIGNS = _signs(
    re.IGNORECASE,
    template_error=(
        r"failed to resolve (?:\{\{|(?:\w+ )?references: |withParam)",
        r"unable to (?:parse argo|retrieve inputs\.parameters)\b",
        r"unable to resolve(?:: | references| expression| outputs| artifact)",
        r"Invalid '(?:when|fromExpression|depends)'", r"Failed to (?:parse|evaluate) '(?:when|fromExpression)'",
        r"(?:failed|unable) to (?:compile|evaluate|cast) expression", r"failed to (?:un)?marshall? (?:JSON|evaluated)",
        r"depends expression evaluation failed", r"failed to parse sequence",
        r"Expected boolean evaluation for", r"Variable \{\{.*?\}\} is not", r"failed to set global parameter",
        r"withParam value could not be parsed", r"Maximum recursion depth exceeded", r"displayName must match",
        r"invalid cache key", r"strconv\.\w+: parsing ", r"json: cannot unmarshal", r"error unmarshaling JSON",
        r"invalid character '", r"unexpected end of JSON input", r"yaml: ",
    ),
)  # fmt: skip
"""Beginnings of messages about a template that could not be filled in with the values of this run."""

USER_SIGNS = _signs(
    ephemeral_storage=(
        r"Pod ephemeral local storage usage exceeds", r"Container \S+ exceeded its local ephemeral storage",
        r"Usage of EmptyDir volume",
    ),
    deadline=(
        r"(?:Step|step|Template) exceeded (?:its|workflow) deadline", r"Pod was active on the node longer than",
        r"Deadline ?[Ee]xceeded", r"Max duration limit exceeded", r"timeout$",
    ),
    container_config=(r"Pod failed before \S+ container starts due to CreateContainer",),
)  # fmt: skip
"""Beginnings of messages for steps that the user's own limit, deadline or configuration ended."""
