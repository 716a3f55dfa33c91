"""Bad inputs 29 to 52: quantities that are none, and text that some sink cannot carry."""

from decimal import Decimal
from typing import Any

from tests.bad.cases import (
    GIB,
    SEEN,
    Case,
    Obj,
    accepted,
    all_of,
    any_of,
    case,
    cost,
    pod,
    put,
    repaired,
    replaced,
    run,
    twisted,
)
from tests.builders import a_step

REQUESTS = ("spec", "containers", 0, "resources", "requests")
DEPARTMENT = ("metadata", "labels", "department")
EXBI = 1024**6

UNREADABLE = {
    "29 two suffixes": "1e3Ki", "30 a suffix alone": "m", "30 nothing": "", "31 NaN": "NaN", "32 Infinity": "Infinity",
    "32 -inf": "-inf", "33 an exponent without end": "1e999999", "34 less than nothing": "-1", "35 an underscore": "1_000",
    "36 full width": "１", "37 a blank before": " 5", "37 a line after": "5\n", "38 K": "1K", "38 ki": "1ki",
    "39 fifty digits": "1" * 50, "39 beyond 63 bits": "8Ei", "40 hexadecimal": "0x10", "40 a comma": "1,5",
    "40 a word": "lots", "40 Arabic digits": "٣",
}  # fmt: skip
"""No quantity of Kubernetes: it counts as none asked for, and the cost stays what the provider says."""

QUANTITIES = (
    *(case(f"{name}: cpu", "pods", put(text, *REQUESTS, "cpu"), accepted(pod(cpu=Decimal(0)), cost()))
      for name, text in UNREADABLE.items()),
    *(case(f"{name}: memory", "pods", put(text, *REQUESTS, "memory"), accepted(pod(memory_bytes=0), cost()))
      for name, text in UNREADABLE.items()),
    case("29 a number with an exponent", "pods", put("1e3", *REQUESTS, "cpu"), accepted(pod(cpu=Decimal(1000)))),
    case("34 nothing at all", "pods", put("0", *REQUESTS, "cpu"), accepted(pod(cpu=Decimal(0)), cost())),
    case("39 finer than the API keeps", "pods", put("0.0000000001", *REQUESTS, "cpu"), accepted(pod(cpu=Decimal("1e-9")))),
    case("39 more cores than a column holds", "pods", put("7E", *REQUESTS, "cpu"), accepted(pod(cpu=Decimal(999_999_999)))),
    case("39 all memory there is", "pods", put("7Ei", *REQUESTS, "memory"), accepted(pod(memory_bytes=7 * EXBI), cost())),
    case("39 three times all memory there is", "pods",
         put([{"name": n, "resources": {"requests": {"memory": "7Ei"}}} for n in ("main", "a", "b")], "spec", "containers"),
         accepted({"pod_run": {"phase": "Succeeded"}}, cost())),
    case("39 three times all disk there is", "pods",
         put([{"name": n, "resources": {"requests": {"ephemeral-storage": "7Ei"}}} for n in ("main", "a", "b")],
             "spec", "containers"),
         accepted({"pod_run": {"phase": "Succeeded"}}, cost())),
    case("40 cpu a number", "pods", put(2, *REQUESTS, "cpu"), repaired(pod(), cost())),
    case("40 cpu a fraction", "pods", put(0.5, *REQUESTS, "cpu"), repaired(pod(cpu=Decimal("0.5")), cost())),
    *(case(f"40 cpu {v}", "pods", put(v, *REQUESTS, "cpu"), repaired(pod(cpu=Decimal(0)), cost()))
      for v in any_of(None, True, [], {"value": 2})),
    *(case(f"40 requests {v}", "pods", put(v, *REQUESTS), how(pod(cpu=Decimal(0), memory_bytes=0), cost()))
      for v, how in ((None, accepted), ({}, accepted), ([], repaired), ("2", repaired))),
    case("41 half a GPU", "pods", put("0.5", *REQUESTS, "nvidia.com/gpu"), accepted(pod(gpu=Decimal("0.5")), cost())),
    case("41 an unreadable GPU", "pods", put("all", *REQUESTS, "nvidia.com/gpu"), accepted(pod(), cost())),
)  # fmt: skip

TEXTS = {
    "42 NUL": "a\0b", "42 a carriage return": "a\rb", "42 a line feed": "a\nb", "42 ESC": "\x1b[31mred\x1b[0m",
    "42 a line separator": "a\u2028b\u2029c\x85d", "42 right to left": "\u202egnp.exe", "42 a byte order mark": "\ufeffa",
    "42 no character": "\uffff\U0010ffff", "42 blanks alone": "   ",
    "45 SQL": "'); DROP TABLE lynceus.pod_cost; --", "45 a trailing backslash": "a\\", "45 a bound name": "{x:String}",
    "45 percent": "%(y)s %s", "45 a quote and a tab": "'\t\"", "45 a tab separated null": "\\N",
    "46 exposition": '"} 1\nevil 5', "46 a trailing escape": "a\\\"", "47 an image": "<img src=x onerror=alert(1)>",
    "47 a script's end": "</script><script>alert(1)</script>", "47 a scheme": "javascript:alert(1)",
    "48 variables": "${__from} $__all [[var]]", "48 a template": "{{ $labels.x }} {% raw %}",
    "49 a formula": '=HYPERLINK("http://x","y")', "49 plus": "+1", "49 minus": "-1", "49 at": "@SUM(1)", "49 a tab": "\t=1",
    "51 decomposed": "Büro", "51 composed": "Büro", "51 confusable": "аutоnоmу",
    "51 zero width": "auto\u200bnomy",
}  # fmt: skip
"""Legal JSON and legal UTF-8: stored unchanged everywhere; the pages escape it."""


def text_everywhere(text: str) -> Any:
    """The text in each place where a workflow's words are kept."""

    def step(obj: Obj) -> Obj:
        nodes = obj["status"]["nodes"]
        nodes["x"] = a_step(displayName=text, templateName=text, message=text, id=text, phase=text)
        return obj

    return all_of(
        put(text, *DEPARTMENT), put(text, "metadata", "name"), put(text, "status", "message"), step,
        put({"name": text}, "spec", "workflowTemplateRef"), put(text, "metadata", "labels", "workflows.argoproj.io/creator"),
        put(text, "spec", "serviceAccountName"), put(text, "metadata", "labels", text),
    )  # fmt: skip


def stored_text(text: str, **more: Any) -> Any:
    creator = "workflows.argoproj.io/creator"
    labels = {"department": text, creator: text} | ({text: text} if text == "department" else {})
    return run(name=text, department=text, template=text, creator=text, message=text, labels=labels, **more)


LONG = "x" * 50_000
SURROGATES = {"a half": "a\ud800b", "the other half": "\udfff", "both, the wrong way round": "\udc00\ud800"}

TEXT = (
    *(case(name, "workflows", text_everywhere(text), accepted(stored_text(text))) for name, text in TEXTS.items()),
    *(case(f"{name}: pod", "pods", all_of(put(text, "metadata", "name"), put(text, "status", "reason")),
           accepted(pod(name=text, reason=text), cost())) for name, text in TEXTS.items()),
    *(case(f"43 {name} of a surrogate pair", "workflows", text_everywhere(text),
           repaired(stored_text(text.encode("utf-8", "replace").decode()))) for name, text in SURROGATES.items()),
    *(case(f"43 {name} of a surrogate pair: pod", "pods", put(text, "metadata", "name"),
           repaired(pod(name=text.encode("utf-8", "replace").decode()), cost())) for name, text in SURROGATES.items()),
    twisted("44 a byte that is not UTF-8", "workflows", replaced(b"autonomy", b"aut\xffnomy"),
            repaired(run(department="aut\ufffdnomy", labels={"department": "aut\ufffdnomy"}))),
    twisted("44 half a character", "workflows", replaced(b"autonomy", b"aut\xc3nomy"),
            repaired(run(department="aut\ufffdnomy", labels={"department": "aut\ufffdnomy"}))),
    twisted("44 a slash in two bytes", "workflows", replaced(b"autonomy", b"\xc0\xaf"),
            repaired(run(department="\ufffd\ufffd", labels={"department": "\ufffd\ufffd"}))),
    twisted("44 no UTF-8 in a step", "workflows", replaced(b"exit code 1", b"exit \xff\xfe"), accepted(run())),
    case("50 a label of 50 kB", "workflows", put(LONG, *DEPARTMENT),
         accepted(run(department=LONG, labels={"department": LONG}))),
    case("50 a name of 50 kB", "pods", put(LONG, "metadata", "name"), accepted(pod(name=LONG), cost())),
    case("50 256 KiB of annotations", "pods", put("x" * 2**18, "metadata", "annotations", "a"), accepted(pod(), cost())),
    case("50 a message of 1 MB", "workflows", put("m" * 10**6, "status", "message"), accepted(run(message="m" * 4096))),
    case("50 a message of 1 MB of a step", "workflows",
         all_of(put("Failed", "status", "phase"), put({"a": a_step("Failed", message="m" * 10**6)}, "status", "nodes")),
         accepted(run(phase="Failed", outcome="failed", reason="step_failed", retries=0))),
    case("50 a spec of 1 MB", "pods", put("2-4Gi" * 200_000, "metadata", "annotations", "k8s.aliyun.com/eci-instance-spec"),
         accepted(pod(), cost(confidence="low", spec_source="requests:malformed_spec"))),
    case("50 a node id of 1 MB", "pods", put("n" * 10**6, "metadata", "annotations", "workflows.argoproj.io/node-id"),
         accepted(pod(), cost())),
    case("50 a pod's message of 1 MB", "pods", put("m" * 10**6, "status", "message"), accepted(pod(), cost())),
    case("50 3,000 containers", "pods",
         put([{"name": str(i), "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}}} for i in range(3000)],
             "spec", "containers"), accepted(pod(cpu=Decimal(3), memory_bytes=3000 * GIB // 1024), cost())),
    case("50 20,000 conditions", "pods", put([{"type": "x", "status": "False"}] * 20_000, "status", "conditions"),
         accepted(pod(scheduled_at=None, instance_created_at=None))),
    case("50 20,000 statuses of containers that run", "pods",
         put([{"name": str(i), "state": {"running": {}}} for i in range(20_000)], "status", "containerStatuses"),
         accepted(pod(main_started_at=None, finished_at=SEEN, exit_code=None))),
)  # fmt: skip

CASES: tuple[Case, ...] = (*QUANTITIES, *TEXT)
