"""Names in a workflow: how a reference is read, what a node refers to, in which order siblings must be read.

Names resolve lexically: body, loop variable and carried names, enclosing nodes, workflow inputs.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from functools import lru_cache

from engine.node import NodeType
from engine.workflow import Node, Repeat


@lru_cache(maxsize=65536)
def split(reference: str) -> tuple[str, str, bool]:
    """`sample.latent.all` → (`sample`, `latent`, True); `model.unet` → (`model`, `unet`, False).

    A node of a loop's body may have several outputs: `sample.cut.left.all` → (`sample`, `cut.left`, True).
    """
    name, *rest = reference.split(".")
    every = bool(rest) and rest[-1] == "all"
    if every:
        rest = rest[:-1]
    return name, ".".join(rest), every


def references(node: Node | Repeat) -> Iterator[tuple[str, str]]:
    """Each (place in the node, reference) that looks outward from the node."""
    if isinstance(node, Node):
        for port, reference in node.in_.items():
            yield f"in.{port}", reference
        return
    for bound in node.bounds:
        if isinstance(bound, str):
            yield f"for.{node.variable}", bound
    for name, reference in node.carry.items():
        yield f"carry.{name}", reference
    inner = {node.variable, *node.carry, *node.body}
    for name, child in node.body.items():
        for place, reference in references(child):
            if split(reference)[0] not in inner:
                yield f"body.{name}.{place}", reference
    for name, reference in node.next.items():
        if split(reference)[0] not in inner:
            yield f"next.{name}", reference


def in_order(nodes: Mapping[str, Node | Repeat]) -> tuple[list[str], list[str]]:
    """Siblings in an order in which each comes after those it refers to, and a cycle (as a closed path) or nothing.

    The order is that of the file wherever links allow it.
    """
    links = {
        name: [source for source in (split(reference)[0] for _, reference in references(node)) if source in nodes]
        for name, node in nodes.items()
    }
    order: list[str] = []
    state: dict[str, int] = {}  # 1 while on the path, 2 when done
    for root in nodes:
        if root in state:
            continue
        path = [root]
        state[root] = 1
        pending = [iter(links[root])]
        while path:
            for name in pending[-1]:
                if state.get(name) == 1:
                    return order, [*path[path.index(name) :], name]
                if name not in state:
                    state[name] = 1
                    path.append(name)
                    pending.append(iter(links[name]))
                    break
            else:
                state[path[-1]] = 2
                order.append(path.pop())
                pending.pop()
    return order, []


def stand_ins(type: NodeType, linked: Container[str]) -> dict[str, str | None]:
    """For each output of a bypassed node the first of its linked inputs that has the same kind, or None.

    Ports come before params, each in the order of the signature. A port that gathers has many values, and none to pass
    on.
    """
    kinds = {port.name: port.kind for port in type.ports.values() if not (port.many or port.collected)}
    kinds |= {param.name: param.kind for param in type.params.values()}
    return {
        output.name: next((name for name, kind in kinds.items() if kind == output.kind and name in linked), None)
        for output in type.outputs.values()
    }
