"""Who asks: the header Authorization, made of parts that may each be a secret of its own."""

from __future__ import annotations

import base64
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

HEADER: Final = "authorization"
_ONE: Final[dict[str, Any]] = {"minProperties": 1, "maxProperties": 1}


class Basic(BaseModel):
    """User and password. Source: RFC 7617."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    user: str = Field(description="Without a colon.", json_schema_extra={"pattern": "^[^:]*$"})
    password: str = Field(description="As `secret:NAME`.", repr=False)

    @field_validator("user", "password")
    @classmethod
    def _check(cls, text: str) -> str:
        if any(ord(letter) < 0x20 or ord(letter) == 0x7F for letter in text):
            raise ValueError("it holds a control character, which no user or password of this kind can")
        return text

    @field_validator("user")
    @classmethod
    def _check_user(cls, user: str) -> str:
        if ":" in user:
            raise ValueError("a user of this kind has no colon")
        return user


class Authentication(BaseModel):
    """One way of saying who asks."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, json_schema_extra=_ONE)

    bearer: str | None = Field(default=None, repr=False, description="A token, as `secret:NAME`.")
    basic: Basic | None = Field(default=None, description="User and password.")

    @field_validator("bearer")
    @classmethod
    def _check_bearer(cls, token: str | None) -> str | None:
        # RFC 6750 allows fewer letters, and servers give out others
        if token is not None and (
            not token or not token.isascii() or not token.isprintable() or " " in token
        ):
            raise ValueError("a token is letters, digits and signs of ASCII, without a space")
        return token

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.bearer is None) == (self.basic is None):
            raise ValueError("give bearer or basic")
        return self

    def to_header(self) -> str:
        """Return the header's value."""
        if self.basic is None:
            return f"Bearer {self.bearer}"
        pair = f"{self.basic.user}:{self.basic.password}".encode(errors="replace")
        return f"Basic {base64.b64encode(pair).decode('ascii')}"
