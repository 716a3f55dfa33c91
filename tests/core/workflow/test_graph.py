"""How the steps of a workflow hang together: what holds a step, what it follows, which are tries and which are hooks."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from collector.core.objects import status_nodes
from collector.core.objects.status_nodes import Node, build_graph
from tests.builders import a_step, a_workflow, read_nodes


def steps(**reported: dict[str, Any]) -> dict[str, Node]:
    """Steps by id, as the decoder gives them; `_` stands for the dash."""
    return read_nodes(a_workflow(nodes={k.replace("_", "-"): v for k, v in reported.items()}).status)


def group(kind: str, *children: str, **more: Any) -> dict[str, Any]:
    return a_step(kind=kind, children=list(children), **more)


def test_a_boundary_holds_what_runs_in_it() -> None:
    """A DAG's children are only its first tasks; a boundary that is not there, or is itself, holds nothing."""
    how = build_graph(
        steps(
            dag=group("DAG", "a"), a=a_step(boundaryID="dag", children=["b"]), b=a_step(boundaryID="dag"),
            lost=a_step(boundaryID="gone"), own=a_step(boundaryID="own"),
        )
    )  # fmt: skip

    assert how.holder == {"a": "dag", "b": "dag"}
    assert how.held == {"dag": ["a", "b"]}
    assert (how.before, how.followed) == ({"b": ["a"]}, {"a"})


def test_groups_and_retries_hold_their_children() -> None:
    """A step group in its Steps node, a step in its group, a try in its Retry node."""
    how = build_graph(
        steps(
            wf=group("Steps", "g0", name="wf"),
            g0=group("StepGroup", "r", "s", name="wf[0]", boundaryID="wf"),
            r=group("Retry", "r-0", "r-1", name="wf[0].r", boundaryID="wf"),
            r_0=a_step("Failed", name="wf[0].r(0)", boundaryID="wf"),
            r_1=a_step(name="wf[0].r(1)", boundaryID="wf", children=["g1"]),
            s=a_step(name="wf[0].s", boundaryID="wf", children=["g1"]),
            g1=group("StepGroup", name="wf[1]", boundaryID="wf"),
        )
    )

    assert how.holder == {"g0": "wf", "g1": "wf", "r": "g0", "s": "g0", "r-0": "r", "r-1": "r"}
    assert how.tries == {"r": ["r-0", "r-1"]}
    assert how.before == {"g1": ["r-1", "s"], "r-1": ["r-0"]}
    assert how.followed == {"r-1", "r", "g0", "s"}


def test_what_follows_an_empty_group_does_not_run_in_it() -> None:
    """A loop over nothing has the next step as its child, and the names show the difference."""
    how = build_graph(
        steps(
            dag=group("DAG", "loop", name="wf"),
            loop=group("TaskGroup", "next", name="wf.loop", boundaryID="dag"),
            next=a_step(name="wf.loop-next", boundaryID="dag"),
            g0=group("StepGroup", "g1"),
            g1=group("StepGroup", "s"),
            s=a_step(),
        )
    )

    assert how.holder == {"loop": "dag", "next": "dag", "s": "g1"}
    assert how.before == {"next": ["loop"], "g1": ["g0"]}


def test_an_item_of_a_loop_runs_in_its_group() -> None:
    """Its name goes on with a bracket."""
    how = build_graph(
        steps(
            loop=group("TaskGroup", "a"), a=a_step(), t=group("TaskGroup", "i", name="wf.t"), i=a_step(name="wf.t(0:x)")
        )
    )

    assert how.holder == {"a": "loop", "i": "t"}


HOOKED: dict[str, Any] = {"nodeFlag": {"hooked": True}}


def test_hooks_are_no_tries() -> None:
    """They stand beside the tries among the children of a Retry node; the tries of a hook are hooked as well."""
    how = build_graph(
        steps(
            r=group("Retry", "r-0", "h", "r-1", "gone", "r"), r_0=a_step(), r_1=a_step(),
            h=group("Retry", "h-0", "h-1", **HOOKED), h_0=a_step(**HOOKED), h_1=a_step(**HOOKED),
        )
    )  # fmt: skip

    assert how.tries == {"r": ["r-0", "r-1", "gone"], "h": ["h-0", "h-1"]}
    assert how.hooks == {"h", "h-0", "h-1"}
    assert how.before["h"] == ["r"]
    assert not how.followed


def test_before_argo_3_5_the_name_shows_an_exit_handler() -> None:
    """There was no flag; a user's own task may be called the same, without a dot before it."""
    how = build_graph(
        steps(a=a_step(displayName="wf.onExit"), b=a_step(displayName="onExit"), c=a_step(boundaryID="a"))
    )

    assert how.hooks == {"a", "c"}


def test_what_was_left_out_followed_nothing() -> None:
    """Argo omits what its dependencies did not allow."""
    how = build_graph(steps(a=a_step("Failed", children=["b", "gone"]), b=a_step("Omitted")))

    assert (how.before, how.followed) == ({"b": ["a"]}, set())


def test_what_holds_itself_in_a_circle_ends() -> None:
    """No real workflow looks like this, but a user can write one."""
    circle = steps(a=a_step(boundaryID="b", displayName="a.onExit", children=["b"]), b=a_step(boundaryID="a"))

    assert build_graph(circle).hooks == {"a", "b"}


IDS = st.sampled_from("abcdefg")
ANY_NODE = st.builds(
    Node,
    type=st.sampled_from(["Pod", "Retry", "StepGroup", "TaskGroup", "DAG", "Container", None]),
    phase=st.sampled_from(["Succeeded", "Failed", "Omitted", "Running", None]),
    boundaryID=st.none() | IDS,
    children=st.none() | st.lists(IDS, max_size=5),
    nodeFlag=st.none() | st.builds(status_nodes.NodeFlag, hooked=st.booleans()),
    name=st.none() | st.sampled_from(["wf", "wf.a", "wf.a(0)"]),
)


@given(st.dictionaries(IDS, ANY_NODE))
def test_any_graph_is_put_in_order(reported: dict[str, Node]) -> None:
    """Cycles end, nothing runs in itself, and what is held is the reverse of what holds."""
    how = build_graph(reported)

    assert all(inner != outer and {inner, outer} <= reported.keys() for inner, outer in how.holder.items())
    assert {inner: outer for outer, held in how.held.items() for inner in held} == how.holder
    assert how.followed | how.hooks <= reported.keys()
