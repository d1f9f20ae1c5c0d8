"""What every resource of the API shares: names, strictness, and how text becomes lists, objects and nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final

import orjson
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel


def _split_text(value: object) -> object:
    """Read a list from text, as the command line gives it: JSON when it looks like it, else separated by commas."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return orjson.loads(value)
    return [part.strip() for part in value.split(",") if part.strip()]


def parse_object(value: object) -> object:
    """Read JSON from text, as the command line gives it."""
    return orjson.loads(value) if isinstance(value, str) else value


def blank_is_none(value: object) -> object:
    """Read an empty text and the word null as nothing, as the command line gives them."""
    return None if value in ("", "null") else value


Texts = Annotated[tuple[str, ...], BeforeValidator(_split_text)]
OptionalText = Annotated[str | None, BeforeValidator(blank_is_none)]


def _check_digits(number: Decimal) -> Decimal:
    if Decimal(repr(float(number))) != number:
        raise ValueError("has more digits than a stored number keeps: write it as text")
    return number


StoredNumber = Annotated[Decimal, AfterValidator(_check_digits), PlainSerializer(float, return_type=float, when_used="json")]
"""A number that comes back from a store as one: as text it would be read in the feed's notation, `1.234` as a thousand."""


def _whole(value: str | int | Decimal) -> str | int | Decimal:
    return int(value) if isinstance(value, Decimal) and value == value.to_integral_value() else value


LookedUp = Annotated[str | int | StoredNumber, AfterValidator(_whole)]
"""A value of a table: `10.0` is the 10 that a store gives back."""


def _check_size(number: Decimal) -> Decimal:
    if number and abs(number.adjusted()) > _DIGITS:
        raise ValueError(f"has more than {_DIGITS} digits before or behind the point")
    return number


_DIGITS: Final = 12
Amount = Annotated[Decimal, AfterValidator(_check_size)]
"""What prices are reckoned with: `1e999999999` would take all memory to write out."""
Ratio = Annotated[float, Field(ge=0, le=1)]
Quantity = Annotated[int, Field(ge=0, lt=2**62)]


class Resource(BaseModel):
    """Base of what the API shows: camelCase names, unknown ones refused, immutable."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, validate_default=True)
