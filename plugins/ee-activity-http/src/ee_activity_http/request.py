"""The input of the activity, and what follows from its method alone."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from ee_activity_http.authentication import HEADER, Authentication
from ee_activity_http.expectation import Expectation
from ee_activity_http.parameters import Parameters, to_form, to_query

if TYPE_CHECKING:
    from collections.abc import Iterable

Method = Literal["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]

# Source: RFC 9110, 9.2.1 and 9.2.2. CONNECT and TRACE are no requests that a workflow makes.
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
IDEMPOTENT: Final = SAFE | {"PUT", "DELETE"}

_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_BAD_VALUE: Final = re.compile(r"[^\t\x20-\x7e\x80-\xff]")
_MEDIA_TYPE: Final = r"^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+( *;[\x20-\x7e]*)?$"
_OURS: Final = frozenset(
    {
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "upgrade",
        "te",
        "trailer",
        "keep-alive",
        "proxy-authorization",
    }
)


_TOGETHER: Final[dict[str, Any]] = {
    "json": {"properties": {"text": {"type": "null"}}},
    "form": {"properties": {"json": False, "text": {"type": "null"}, "content_type": False}},
    "content_type": {"anyOf": [{"required": ["json"]}, {"required": ["text"]}]},
    "response": {
        "anyOf": [
            {"properties": {"response": {"enum": ["none", None]}}},
            {"properties": {"await_response": {"const": True}}},
        ]
    },
}


def _either_case(words: Iterable[str]) -> str:
    """Return a pattern for words in any case, without the flag that JSON Schema does not have."""
    texts = (
        "".join(f"[{letter.upper()}{letter.lower()}]" if letter.isalpha() else letter for letter in word)
        for word in words
    )
    return f"^({'|'.join(texts)})$"


def _in_any_case(schema: dict[str, Any]) -> None:
    """Let the schema take what is taken; an editor proposes the words as they are usually written."""
    words = schema.pop("enum")
    schema["anyOf"] = [{"enum": words}, {"pattern": _either_case(words)}]


_HEADERS_SCHEMA: Final[dict[str, Any]] = {
    "propertyNames": {"pattern": f"^{_TOKEN.pattern}$", "not": {"pattern": _either_case(sorted(_OURS))}},
    "additionalProperties": {"type": "string", "pattern": r"^[\t\x20-\x7e\x80-\xff]*$"},
}


class HttpInput(BaseModel):
    """One request."""

    # strict: what an expression gives is held against the very types that the schema promises
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, json_schema_extra={"dependentSchemas": _TOGETHER}
    )

    method: Annotated[
        Method, BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value)
    ] = Field(
        default="GET",
        description="Written as it is, it says what a repetition may do.",
        json_schema_extra=_in_any_case,
    )
    url: str = Field(
        max_length=8000,
        description="`http` or `https`; no user or password in it.",
        json_schema_extra={"pattern": r"^[Hh][Tt][Tt][Pp][Ss]?://[^/?#@]+([/?#]|$)"},
    )
    query: Parameters = Field(
        default={},
        description="Added to the URL's own query: a list repeats its name, null leaves it out.",
    )
    headers: dict[str, str] = Field(
        default={}, description="Names in any case.", json_schema_extra=_HEADERS_SCHEMA
    )
    auth: Authentication | None = Field(
        default=None,
        description="Who asks: the header `Authorization`, made of a token, or of user and password.",
    )
    json_body: Any = Field(default=None, alias="json", description="Body, written as JSON.")
    text: str | None = Field(default=None, description="Body, as it is, in UTF-8; not together with `json`.")
    form: Parameters = Field(
        default={},
        description="Body, as a form of a web page: a list repeats its name, null leaves it out; not together with"
        " `json` or `text`.",
    )
    content_type: str = Field(
        default="",
        pattern=_MEDIA_TYPE,
        description="Media type of `json` or `text`, when it is not application/json or text/plain.",
    )
    timeout_s: float | None = Field(
        default=None, gt=0, description="Seconds for everything: connecting, redirects, the answer."
    )
    idempotency_header: str = Field(
        default="",
        description="Header by whose value the server knows a repetition and does it once only; written as it is, it"
        " makes a lost POST or PATCH one that may be sent again.",
        json_schema_extra=_HEADERS_SCHEMA["propertyNames"],
    )
    await_response: bool = Field(
        default=True, description="False: it is enough that the request was sent; the output has no body."
    )

    expect: Expectation | None = Field(
        default=None,
        description="Which answers are a success; without it those with a status below 400. A redirect that is expected"
        " is the answer, and not followed.",
    )
    response: Literal["json", "text", "none"] | None = Field(
        default=None,
        description="What the body must be, and is given as; without it, what it says itself. none: it is not read.",
    )

    @field_validator("headers")
    @classmethod
    def _check_headers(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if _BAD_VALUE.search(value):
                raise ValueError(f"{name!r} has a value that no header can have")
            _check_name(name)
        return headers

    @field_validator("idempotency_header")
    @classmethod
    def _check_idempotency_header(cls, name: str) -> str:
        _check_name(name)
        return name

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        has_text = self.text is not None
        if self.auth is not None and HEADER in map(str.lower, self.headers):
            raise ValueError("auth is the header Authorization; give it once")
        if "json_body" in self.model_fields_set and has_text:
            raise ValueError("json and text are two bodies; give one")
        if "form" in self.model_fields_set and ("json_body" in self.model_fields_set or has_text):
            raise ValueError("form is a body, and so are json and text; give one")
        may_say_type = not self.model_fields_set.isdisjoint({"json_body", "text"})
        if self.content_type and ("form" in self.model_fields_set or not may_say_type):
            raise ValueError("content_type goes with json or text; a form has its own")
        if self.response in ("json", "text") and not self.await_response:
            raise ValueError(f"response is {self.response}, but await_response says that nobody waits for it")
        self.to_body()  # what cannot be written is the author's fault, and known before anything is sent
        to_query(self.query)
        return self

    @property
    def is_safe(self) -> bool:
        """Nothing happens by it that matters, so a repetition does no harm."""
        return self.method in SAFE

    @property
    def is_idempotent(self) -> bool:
        """Several of it do what one does: by its method, or because the server knows a repetition."""
        return self.method in IDEMPOTENT or bool(self.idempotency_header)

    def to_body(self) -> tuple[bytes | None, str]:
        """Return the body and its media type; None and "" without one."""
        if "json_body" in self.model_fields_set:
            text = json.dumps(self.json_body, ensure_ascii=False, allow_nan=False)
            return text.encode(), self.content_type or "application/json"
        if "form" in self.model_fields_set:
            return to_form(self.form), "application/x-www-form-urlencoded"
        if self.text is not None:
            return self.text.encode(), self.content_type or "text/plain; charset=utf-8"
        return None, ""


def _check_name(name: str) -> None:
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"{name!r} is no name that a header can have")
    if name.lower() in _OURS:
        raise ValueError(f"{name!r} is set by the client; leave it out")


def literal_method(template: Any) -> str:
    """Return the method that an input as written has; empty when only an expression can tell."""
    if not isinstance(template, dict):
        return ""
    method = template.get("method", "GET")
    return method.upper() if isinstance(method, str) else ""


def is_idempotent_as_written(template: Any) -> bool:
    """Say whether an input may be carried out again, by what no expression can change."""
    if literal_method(template) in IDEMPOTENT:
        return True
    header = template.get("idempotency_header") if isinstance(template, dict) else None
    return isinstance(header, str) and _TOKEN.fullmatch(header) is not None  # an expression has braces
