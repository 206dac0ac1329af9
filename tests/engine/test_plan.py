"""Step 4: what is cached is not run, nor is anything above it that nothing else needs."""

from collections.abc import Callable
from typing import Any

from toys import loop, twenty, workflow

from engine import Workflow
from engine.keys import Graph
from engine.plan import Plan, plan

MakeGraph = Callable[..., Graph]


def planned(graph: Graph, *cached: str, targets: list[str] | None = None) -> tuple[list[str], list[str], int]:
    """Labels to run, labels from the cache, and how many are not looked at."""
    have = {key for key, call in graph.calls.items() if call.label in cached}
    keys = [key for key, call in graph.calls.items() if call.label in (targets or ())]
    made = plan(graph, have.__contains__, keys if targets is not None else None)
    return (
        [graph.calls[key].label for key in made.to_run],
        [graph.calls[key].label for key in made.cached],
        made.unneeded,
    )


def short() -> Workflow:
    return workflow({
        "start": {"type": "make"},
        "l": loop(0, 3, "start"),
        "end": {"type": "combine", "in": {"left": "l"}},
        "save": {"type": "store", "in": {"num": "end"}},
    })  # fmt: skip


def test_with_nothing_cached_everything_runs_after_what_it_reads(graph: MakeGraph) -> None:
    assert planned(graph(short())) == (["start", "l[0].add", "l[1].add", "l[2].add", "end", "save"], [], 0)


def test_above_a_cached_value_nothing_is_looked_at(graph: MakeGraph) -> None:
    assert planned(graph(short()), "l[1].add") == (["l[2].add", "end", "save"], ["l[1].add"], 2)
    assert planned(graph(short()), "start", "l[1].add", "l[2].add") == (["end", "save"], ["l[2].add"], 3)


def test_what_acts_always_runs(graph: MakeGraph) -> None:
    assert planned(graph(short()), "end", "save") == (["save"], ["end"], 4)


def test_a_cached_target_runs_nothing(graph: MakeGraph) -> None:
    assert planned(graph(twenty()), "end") == ([], ["end"], 21)


def test_something_else_may_need_what_is_above(graph: MakeGraph) -> None:
    file = workflow({
        "a": {"type": "make"},
        "b": {"type": "combine", "in": {"left": "a"}},
        "c": {"type": "combine", "in": {"left": "b", "right": "a"}},
    })  # fmt: skip
    assert planned(graph(file), "b") == (["a", "c"], ["b"], 0)


def test_only_what_is_asked_for(graph: MakeGraph) -> None:
    assert planned(graph(short()), targets=["l[0].add"]) == (["start", "l[0].add"], [], 4)
    assert planned(graph(short()), targets=[]) == ([], [], 6)


def test_the_first_target_is_finished_before_the_second_is_begun(graph: MakeGraph) -> None:
    nodes: dict[str, Any] = {
        "g": {"type": "axis", "params": {"name": "g", "values": [1, 2]}},
        "a": {"type": "make", "in": {"value": "g"}},
        "b": {"type": "step", "in": {"num": "a"}},
        "c": {"type": "store", "in": {"num": "b"}},
    }
    assert planned(graph(workflow(nodes)))[0] == ["a @ g=1", "b @ g=1", "c @ g=1", "a @ g=2", "b @ g=2", "c @ g=2"]


def test_a_long_chain_needs_no_deep_stack(graph: MakeGraph) -> None:
    file = workflow({"start": {"type": "make"}, "l": loop(0, 3000, "start")})
    assert len(planned(graph(file))[0]) == 3001


def test_a_group_holds_one_call(graph: MakeGraph) -> None:
    made = plan(graph(short()), lambda key: False)
    assert isinstance(made, Plan)
    assert all(len(group) == 1 for group in made.groups)
