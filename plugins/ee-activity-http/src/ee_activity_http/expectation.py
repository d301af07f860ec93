"""What a workflow expects of an answer's status; without a word of it, every status below 400 is a success."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

_Status = Annotated[int, Field(ge=200, le=599)]  # 1xx come before an answer
_Class = Literal["2xx", "3xx", "4xx", "5xx"]
_LEAST_ERROR: Final = 400


class Expectation(BaseModel):
    """Which answers are a success."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    status: _Status | _Class | Annotated[list[_Status | _Class], Field(min_length=1)] = Field(
        description="A status, a class as `2xx`, or a list of them."
    )

    def has(self, status: int) -> bool:
        """Say whether a status is expected."""
        wanted = self.status if isinstance(self.status, list) else [self.status]
        return status in wanted or f"{status // 100}xx" in wanted

    def __str__(self) -> str:
        wanted = self.status if isinstance(self.status, list) else [self.status]
        return " or ".join(str(one) for one in wanted)


def is_success(status: int, expected: Expectation | None) -> bool:
    """Say whether an answer is a success."""
    return expected.has(status) if expected is not None else status < _LEAST_ERROR
