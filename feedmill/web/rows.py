"""Bodies that are arrays: bounded in number, every row held against one model."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from feedmill.web.problems import FieldFault, Problem

M = TypeVar("M", bound=BaseModel)


def rows_schema(model: type[BaseModel], most: int, *, least: int = 1) -> dict[str, Any]:
    """Return the schema of an array of a model; `feedmill.web.openapi` makes the reference good."""
    return {"type": "array", "minItems": least, "maxItems": most, "items": model}


def validate_rows(model: type[M], sent: object, most: int) -> list[M]:
    """Return the rows of a body. Raises `Problem`: 413 for more than `most`, 422 for what is no array, is empty, or holds faults."""
    if not isinstance(sent, list) or not sent:
        raise Problem(422, "invalid", f"the body is no array of 1 to {most} objects")
    if len(sent) > most:
        raise Problem(413, "batch-too-large", f"the body holds {len(sent)} objects; at most {most} may be sent in one call")
    read: list[M] = []
    faults: list[FieldFault] = []
    for place, row in enumerate(sent):
        try:
            read.append(model.model_validate(row))
        except ValidationError as error:
            faults += [
                FieldFault(".".join(map(str, (place, *fault["loc"]))), fault["msg"].removeprefix("Value error, "))
                for fault in error.errors()
            ]
    if faults:
        raise Problem(422, "invalid", "the body cannot be taken as it is", faults=faults)
    return read
