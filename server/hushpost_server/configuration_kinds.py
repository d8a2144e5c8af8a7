"""What no value of the configuration may be, whatever its key (docs/configuration.md).

The library that reads the configuration takes `true` for the number 1, an empty text for the
folder in which the relay was started, and `~` for a folder of that name. None of these is meant.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, LiteralString

from pydantic import BaseModel, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

# The kinds of fields, and the library's own names of what is wrong with a value of each.
_NUMBERS: Final[dict[object, LiteralString]] = {int: "int_type", float: "float_type"}
_PATHS: Final[tuple[object, ...]] = (Path, Path | None)


class KindChecks(BaseModel):
    """Looks at each value before the library does; errors are those of `configuration_loading`."""

    @field_validator("*", mode="before")
    @classmethod
    def _check_kind(cls, value: object, info: ValidationInfo) -> object:
        kind: object = cls.model_fields[info.field_name or ""].annotation
        if kind in _NUMBERS and isinstance(value, bool):
            raise PydanticCustomError(_NUMBERS[kind], "a number is needed")
        if kind in _PATHS and isinstance(value, str):
            return _path(value)
        return value


def _path(text: str) -> Path:
    if not text.strip() or "\0" in text:
        raise PydanticCustomError("path_type", "a path is needed")
    try:
        return Path(text).expanduser()
    except RuntimeError:  # a user whom this machine does not know
        raise PydanticCustomError("path_type", "a path is needed") from None
