"""An axis: a value that stands for many. Its three ways of being written, and the shorthand of `--sweep`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from engine.errors import shown, suggest
from engine.node import expect_json

LIMIT = 100_000
"""The most values an axis may have."""

Number = int | float


class AxisParams(BaseModel):
    """`{"values": […]}`, `{"from": a, "to": b, "step": c}` (both ends included) or `{"seeds": n, "start": s}`."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    name: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_ ]*$")]
    values: Annotated[list[Any] | None, Field(min_length=1, max_length=LIMIT)] = None
    from_: Annotated[Number | None, Field(alias="from")] = None
    to: Number | None = None
    step: Number = 1
    seeds: Annotated[int | None, Field(ge=1, le=LIMIT)] = None
    start: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _one_form(self) -> AxisParams:
        given = [form for form, value in (("values", self.values), ("from", self.from_), ("seeds", self.seeds))
                 if value is not None]  # fmt: skip
        if len(given) != 1:
            raise ValueError(f'expected one of "values", "from" … "to", "seeds", found {given or "none"}')
        if self.from_ is not None:
            if self.to is None:
                raise ValueError('expected "to" beside "from"')
            if self.step == 0 or (self.from_ < self.to and self.step < 0) or (self.from_ > self.to and self.step > 0):
                raise ValueError(
                    f"a step of {shown(self.step)} never leads from {shown(self.from_)} to {shown(self.to)}"
                )
            try:
                endless = (self.to - self.from_) / self.step >= LIMIT
            except OverflowError:
                endless = True
            if endless:
                raise ValueError(f"expected at most {LIMIT} values")
        for value in self.values or ():
            expect_json(value)
        return self

    def expand(self) -> list[Any]:
        """The values, in order."""
        if self.values is not None:
            return list(self.values)
        if self.seeds is not None:
            return list(range(self.start, self.start + self.seeds))
        assert self.from_ is not None and self.to is not None
        return arithmetic(self.from_, self.to, self.step)


def arithmetic(first: Number, last: Number, step: Number) -> list[Number]:
    """first, first + step, … up to and with last; decimals as one would write them (0.61), not 0.6100000001."""
    count = int((last - first) / step + 1e-9) + 1
    if all(isinstance(x, int) for x in (first, last, step)):
        return [first + i * step for i in range(count)]
    digits = max(0, *(-int(Decimal(repr(x)).as_tuple().exponent) for x in (first, step)))
    return [round(first + i * step, digits) for i in range(count)]


def axis_complaint(error: ValidationError) -> list[tuple[str, str]]:
    """What is wrong with an axis, as (place, message) pairs."""
    complaints: dict[str, str] = {}
    for detail in error.errors():
        place = str(detail["loc"][0]) if detail["loc"] else ""
        if detail["type"] == "value_error":
            message = detail["msg"].removeprefix("Value error, ")
        elif detail["type"] == "extra_forbidden":
            hint = suggest(place, ("name", "values", "from", "to", "step", "seeds", "start"))
            message = f"unknown param of an axis; {hint}"
        elif detail["type"] == "missing":
            message = "missing: expected a value, found nothing"
        elif detail["type"] == "string_pattern_mismatch":
            message = f"expected a name of letters, digits and spaces, found {shown(detail['input'])}"
        elif detail["type"] in ("too_short", "too_long"):
            message = f"expected 1 to {LIMIT} values, found {len(detail['input'])}"
        else:
            expected = detail["msg"].removeprefix("Input should be ").removeprefix("a valid ")
            message = f"expected {expected}, found {shown(detail['input'])}"
        complaints[place] = message  # of a number's two types the last, which is the wider one
    return list(complaints.items())


def parse_sweep(spec: str) -> list[Any]:
    """The values of `--sweep NAME=SPEC`: `1,2,3`, `0.6:0.99:0.01` (both ends included), or words apart by commas.

    Raises:
        ValueError: the range is empty or endless.
    """
    parts = spec.split(":")
    if len(parts) in (2, 3):
        numbers = [literal(part) for part in parts]
        if all(isinstance(n, int | float) and not isinstance(n, bool) for n in numbers):
            form: Mapping[str, Any] = dict(zip(("from", "to", "step"), numbers, strict=False))
            try:
                return AxisParams.model_validate({"name": "sweep", **form}).expand()
            except ValidationError as error:
                raise ValueError(axis_complaint(error)[0][1]) from None
    values = [literal(part.strip()) for part in spec.split(",")]
    if values == [""]:
        raise ValueError("expected values, found nothing")
    return values


def literal(text: str) -> Any:
    """A word from the command line as a number or truth value, if it reads as one, else as text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float) else text


def kind_of(values: Sequence[Any]) -> str:
    """The JSON kind that all values share: `int`, `float`, `str`, `bool`, or `json`."""
    kinds = {type(value) for value in values}
    if kinds <= {int, float}:
        return "int" if kinds == {int} else "float"
    if len(kinds) == 1:
        return {str: "str", bool: "bool", list: "list"}.get(kinds.pop(), "json")
    return "json"
