"""Names and values as `application/x-www-form-urlencoded`: what stands behind a URL's `?`, and the body of a form.

A list repeats its name, in its order; null leaves a name out, so that an expression may decide whether it is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote, quote_plus, urlencode

from pydantic import Field

from ee_core.model.template import to_text

if TYPE_CHECKING:
    from collections.abc import Iterator

Scalar = str | bool | int | Annotated[float, Field(allow_inf_nan=False)]
Parameters = dict[str, Scalar | list[Scalar] | None]


def to_query(parameters: Parameters) -> str:
    """Return the text behind a ``?``: a space is ``%20``, which every server reads.

    Raises:
        ValueError: A name or value is no text that UTF-8 can hold.
    """
    return urlencode(list(_pairs(parameters)), quote_via=quote, safe="")


def to_form(parameters: Parameters) -> bytes:
    """Return a form's body: a space is ``+``, as browsers send it.

    Raises:
        ValueError: A name or value is no text that UTF-8 can hold.
    """
    return urlencode(list(_pairs(parameters)), quote_via=quote_plus).encode("ascii")


def _pairs(parameters: Parameters) -> Iterator[tuple[str, str]]:
    for name, value in parameters.items():
        for item in value if isinstance(value, list) else [value]:
            if item is not None:
                yield name, to_text(item)
