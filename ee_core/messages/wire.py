"""The base of all messages: bytes to model and back, with errors that name the field."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from ee_core.errors import EngineError, MessageError
from ee_core.model.ids import Fence

VERSION = 1
MAX_MESSAGE_BYTES = 1024 * 1024
MAX_INTEGER = 2**53 - 1

Token = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$|^-[A-Za-z0-9_-]{0,63}$")]
Visit = Annotated[str, Field(min_length=3, max_length=80, pattern=r"^[^#]+#[1-9][0-9]*$")]
Count = Annotated[int, Field(ge=0, le=MAX_INTEGER)]


def _to_fence(value: object) -> object:
    if isinstance(value, list | tuple) and len(value) == 2:
        return Fence(*value)
    return value


WireFence = Annotated[Fence, BeforeValidator(_to_fence)]


class ErrorBody(BaseModel):
    """An error as it travels."""

    model_config = ConfigDict(extra="allow", frozen=True)

    code: str = Field(max_length=100)  # short, lower case; for programs
    text: str = Field(max_length=10_000)  # for people


def to_error_body(error: EngineError) -> ErrorBody:
    """Return an error as it travels; what is no Unicode in its text, as a file's name may be, is replaced."""
    return ErrorBody(code=error.code, text=str(error)[:10_000].encode(errors="replace").decode())


class Message(BaseModel):
    """A message; subclasses add their fields."""

    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True)

    v: Literal[1] = 1  # the version of the wire

    def to_bytes(self) -> bytes:
        """Return UTF-8 JSON without fields that are None.

        Raises:
            MessageError: A value that came from outside cannot be written: half a surrogate pair, or no JSON at all.
        """
        try:
            return self.model_dump_json(exclude_none=True, by_alias=True).encode()
        except ValueError as error:  # of Pydantic's kind, or of the encoder's
            raise MessageError(f"{type(self).__name__}: it cannot be written as JSON: {error}") from error

    @classmethod
    def from_bytes(cls, body: bytes) -> Self:
        """Read a message.

        Raises:
            MessageError: Not JSON, too large, another version, or a field is missing or wrong; the text names it.
        """
        check_size(body, cls.__name__)
        try:
            # the quick parser: it bounds depth and refuses NaN; of a key that stands twice it takes the last one
            value = from_json(body, allow_inf_nan=False, cache_strings="keys")
        except ValueError as error:
            raise MessageError(f"{cls.__name__}: not JSON as EE reads it: {error}") from error
        return cls.from_json(value)

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """As `from_bytes`, from parsed JSON."""
        if not isinstance(value, dict):
            raise MessageError(f"{cls.__name__}: expected a JSON object, got {type(value).__name__}")
        version = value.get("v", VERSION)
        if version != VERSION:
            raise MessageError(
                f"{cls.__name__}: version {version!r} is not known here; this EE speaks version {VERSION}"
            )
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            raise MessageError(f"{cls.__name__}: {_describe(error)}") from error


def check_size(body: bytes, what: str) -> None:
    """Refuse what is too large before anything reads it.

    Raises:
        MessageError: More than `MAX_MESSAGE_BYTES`.
    """
    if len(body) > MAX_MESSAGE_BYTES:
        raise MessageError(
            f"{what}: {len(body)} bytes, the limit is {MAX_MESSAGE_BYTES}; send large values by reference"
        )


def read_json(body: bytes, what: str) -> Any:
    """Parse JSON strictly: UTF-8, no duplicate keys, no NaN, bounded size and depth.

    Raises:
        MessageError: Otherwise; the text says why.
    """
    check_size(body, what)
    try:
        return _DECODER.decode(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise MessageError(f"{what}: not JSON as EE reads it: {reason}") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return result


def _refuse(text: str) -> Any:
    raise ValueError(f"{text} is no JSON number")


# made once: making one costs more than reading a message
_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse)


def _describe(error: ValidationError) -> str:
    parts = []
    for item in error.errors(include_url=False, include_input=False)[:5]:
        place = ".".join(str(step) for step in item["loc"]) or "message"
        parts.append(f"{place}: {item['msg'].lower()}")
    return "; ".join(parts)
