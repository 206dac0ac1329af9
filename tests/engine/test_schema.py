"""The JSON Schema says of each node what its signature says."""

import json

import toys

from engine.schema import workflow_schema


def test_every_node_with_its_params_and_links() -> None:
    schema = json.loads(json.dumps(workflow_schema(toys.TOYS)))
    nodes = {branch["properties"]["type"]["const"]: branch["properties"] for branch in schema["$defs"]["Node"]["oneOf"]}
    assert nodes.keys() == {*toys.TOYS, "axis"}
    for name, type in toys.TOYS.items():
        assert nodes[name]["params"]["properties"].keys() == type.params.keys()
        assert nodes[name]["in"]["properties"].keys() == {*type.params, *type.ports}
        assert nodes[name]["params"]["additionalProperties"] is False
    assert set(schema["properties"]) >= {"diffuscope", "title", "description", "inputs", "nodes", "layout"}
