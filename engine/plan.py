"""Step 4: decide what to run.

Driven by demand, from the targets upward: what is cached is not run, nor is anything above it that nothing else needs.

    noise ─→ step 0 ─→ step 1 ─→ step 2 ─→ decode ─→ save        with step 1 cached, step 2, decode and save run;
                        cached                                    noise and step 0 are not even looked at
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from engine.keys import Graph


@dataclass(frozen=True)
class Plan:
    """What a run will do.

    Attributes:
        groups: keys to run, in order; the calls of a group run as one (for now each group holds one).
        cached: keys whose values are read from the cache.
        unneeded: how many calls are not looked at, because what reads them is cached.
    """

    groups: list[tuple[str, ...]]
    cached: list[str]
    unneeded: int

    @property
    def to_run(self) -> list[str]:
        """The keys to run, in order."""
        return [key for group in self.groups for key in group]


def plan(graph: Graph, has: Callable[[str], bool], targets: Iterable[str] | None = None) -> Plan:
    """Plan a run, depth first: the first target is finished before the second is begun.

    Args:
        graph: the keyed calls.
        has: whether a key's value is in the cache.
        targets: keys asked for, if not all of the graph's.
    """
    order: list[str] = []
    cached: list[str] = []
    seen: set[str] = set()
    before = graph.dag.pred
    for target in graph.targets if targets is None else targets:
        stack = [(target, False)]
        while stack:
            key, expanded = stack.pop()
            if expanded:
                order.append(key)
                continue
            if key in seen:
                continue
            seen.add(key)
            if not graph.calls[key].type.effect and has(key):
                cached.append(key)
                continue
            stack.append((key, True))
            stack += [(source, False) for source in reversed(list(before[key])) if source not in seen]
    return Plan([(key,) for key in order], cached, len(graph.calls) - len(seen))
