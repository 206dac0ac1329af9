"""What is ordered, as the engine reads it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine import Fault, Workflow, WorkflowError, parse_workflow
from engine.axis import parse_sweep
from nodes.paths import shipped

Prepared = tuple[Workflow, dict[str, Any], dict[str, list[Any]]]


def prepare(order: Mapping[str, Any], workflows: Path) -> Prepared:
    """A workflow with its inputs and sweeps.

    Args:
        order: as `Order.to_json` gives it; a sweep is a list of values, or a text such as `0.6:0.99:0.01`.
        workflows: where those lie that are saved; relative paths in one begin there.

    Raises:
        WorkflowError: it is not of the right shape.
    """
    name, template = order.get("name") or "", order.get("template") or ""
    workflow = parse_workflow(order["workflow"], f"{name or template or 'workflow'}.json")
    if name:
        workflow._source = workflows / f"{name}.json"
    elif template:
        workflow._source = shipped("workflows")[0] / f"{template}.json"
    sweeps: dict[str, list[Any]] = {}
    for swept, values in (order.get("sweeps") or {}).items():
        is_text = swept in workflow.inputs and workflow.inputs[swept].type == "string"
        try:
            found = values.split(",") if isinstance(values, str) and is_text else values
            sweeps[swept] = parse_sweep(found) if isinstance(found, str) else list(found)
        except ValueError as error:
            raise WorkflowError([Fault(f"sweeps.{swept}", str(error))], workflow.name) from None
    return workflow, dict(order.get("inputs") or {}), sweeps
