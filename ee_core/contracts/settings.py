"""How a plugin reads its section of the configuration: a pydantic model says what may stand there, and errors have one form.

What the configuration gives is plain: values of TOML, or texts where an environment variable is where they come from.
A field that may be a secret is declared with ``repr=False``: its value is then in no message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ValidationError

from ee_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

_Settings = TypeVar("_Settings", bound=BaseModel)


def _split(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Texts = Annotated[tuple[str, ...], BeforeValidator(_split)]  # a list; or one text, with commas between


def read_section(model: type[_Settings], section: Mapping[str, Any], name: str) -> _Settings:
    """Check a section of the configuration.

    Args:
        model: What may stand there; it should forbid other keys.
        section: As the configuration has it.
        name: Where it stands, for messages: ``activities.http``.

    Raises:
        ConfigError: It names the first key that is wrong, its value, and what was expected.
    """
    try:
        return model.model_validate(dict(section))
    except ValidationError as error:
        raise ConfigError(_describe(model, error.errors(include_url=False)[0], name)) from None


def _describe(model: type[BaseModel], error: ErrorDetails, name: str) -> str:
    key = ".".join([name, *map(str, error["loc"])])
    fields: list[FieldInfo] = []
    for part in error["loc"]:
        field = model.model_fields.get(str(part))
        if field is not None:  # else an index, or the key of a dict
            fields.append(field)
            model = _find_model(field.annotation) or model
    if error["type"] == "extra_forbidden":
        return f"unknown key {key!r}; known are {', '.join(model.model_fields)}"
    text = f"{key}: {error['msg'][:1].lower()}{error['msg'][1:]}"
    shows = error["type"] != "missing" and all(field.repr for field in fields)
    return f"{text}, got {error['input']!r}" if shows else text


def _find_model(annotation: Any) -> type[BaseModel] | None:
    """Return the model that an annotation is or holds, as ``dict[str, Model]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for each in get_args(annotation) if (found := _find_model(each))), None)
