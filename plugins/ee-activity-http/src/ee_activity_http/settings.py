"""What the operator may set, in the section ``activities.http`` of the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ee_activity_http.egress import parse_rule
from ee_activity_http.proxy import ENVIRONMENT, parse_proxy
from ee_core.contracts.settings import Texts, read_section

if TYPE_CHECKING:
    from collections.abc import Mapping


class HttpSettings(BaseModel):
    """Where requests may go, and how much they may take."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    allow: Texts = Field(
        default=(),
        description="Where requests may go although it is no public address: `HOST`, `*.DOMAIN`, `ADDRESS` or"
        " `ADDRESS/LENGTH`, each with or without `:PORT`.",
    )
    public: bool = Field(
        default=True,
        description="Whether any public address may be reached; false: only what `allow` names.",
    )
    timeout_s: float = Field(
        default=30.0, gt=0, description="Seconds for a whole request, when it does not say itself."
    )
    answer_s: float = Field(
        default=2.0,
        ge=0,
        description="Seconds to wait for the first line of an answer nobody awaits, so that a refusal is noticed.",
    )
    max_response_bytes: int = Field(
        default=100_000, ge=0, description="Largest body of an answer, after decompression."
    )
    ca_file: str | None = Field(
        default=None, description="File with certificates to trust, in PEM; without it those of `certifi`."
    )

    proxy: str | None = Field(
        default=None,
        repr=False,  # it may hold a password
        description="Proxy for every request, `http://HOST:PORT` or `https://`, user and password in it or not;"
        " `environment`: what `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` say. Without it requests go"
        " to their places themselves. A proxy looks names up, so that `allow` judges names alone.",
    )

    @field_validator("allow")
    @classmethod
    def _check(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            parse_rule(text)
        return value

    @field_validator("proxy")
    @classmethod
    def _check_proxy(cls, value: str | None) -> str | None:
        if value not in (None, ENVIRONMENT):
            parse_proxy(value)
        return value


def read_settings(section: Mapping[str, Any]) -> HttpSettings:
    """Check a section of the configuration.

    Raises:
        ConfigError: It names the key, the value and what was expected.
    """
    return read_section(HttpSettings, section, "activities.http")
