"""Reading the relay's configuration, and saying what is wrong with it (docs/configuration.md).

`HUSHPOST_RELAY_<KEY>` in the environment overrides the file, arguments of the command override
both. A value out of its bound stops the relay with the key, the bound and the remedy; a value
itself is never repeated, since it may be a secret.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from hushpost_server.configuration import (
    ENVIRONMENT_PREFIX,
    Configuration,
    with_file,
)
from hushpost_server.default_folders import FILE_NAME, default_file
from hushpost_server.errors import ConfigurationInvalid

# What is wrong with a value, by the library's name for it; its own words are a programmer's.
_NUMBER: Final = "must be a number"
_WHOLE: Final = "must be a whole number"
_OUT: Final = "lies outside its bounds"
_TEXT: Final = "must be a text"
_FAULTS: Final = {
    "int_parsing": _WHOLE,
    "int_type": _WHOLE,
    "int_from_float": _WHOLE,
    "float_parsing": _NUMBER,
    "float_type": _NUMBER,
    "finite_number": _NUMBER,
    "greater_than": _OUT,
    "greater_than_equal": _OUT,
    "less_than": _OUT,
    "less_than_equal": _OUT,
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "literal_error": "is none of the words it may be",
    "string_type": _TEXT,
    "string_too_short": "must not be empty",
    "string_too_long": "is too long",
    "string_pattern_mismatch": "holds a character that it may not hold",
    "path_type": "must be a path, and not empty",
    "tuple_type": "must be a list of texts",
    "too_long": "has more entries than it may have",
}
_PLACE: Final = re.compile(r"line \d+, column \d+|end of document")
_FIELD: Final = re.compile(r'field "(\w+)"')


def load_configuration(file: Path | None = None, **arguments: Any) -> Configuration:
    """Read file, environment and `arguments` (strongest last); None arguments count as not given.

    Raises `ConfigurationInvalid` with every fault found, one a line. A named file must exist; the
    default one need not.
    """
    if file is not None and not file.is_file():
        raise ConfigurationInvalid(
            f"the configuration file {file} does not exist: create it, or leave out --config"
        )
    chosen = file if file is not None else default_file()
    _refuse_unknown_variables()
    given = {key: value for key, value in arguments.items() if value is not None}
    try:
        return with_file(chosen)(**given)
    except ValidationError as error:
        faults = [_explain(fault) for fault in error.errors(include_input=False)]
        raise ConfigurationInvalid("\n".join(faults)) from None
    except TOMLDecodeError as error:
        raise ConfigurationInvalid(f"{chosen} is no TOML: {_place_in(str(error))}") from None
    except UnicodeDecodeError:
        raise ConfigurationInvalid(f"{chosen} is no TOML: save it as UTF-8") from None
    except ValueError as error:  # the library's own: a list in the environment that is no JSON
        raise ConfigurationInvalid(_explain_variable(str(error))) from None
    except OSError as error:
        raise ConfigurationInvalid(f"{chosen} cannot be read: {error.strerror}") from None


def _refuse_unknown_variables() -> None:
    """Raise for a variable with our prefix and no key: the library would pass it over."""
    for name in os.environ:
        upper = name.upper()
        key = upper.removeprefix(ENVIRONMENT_PREFIX).lower()
        if upper.startswith(ENVIRONMENT_PREFIX) and key not in Configuration.model_fields:
            raise ConfigurationInvalid(
                f"{name} is set, but there is no key {key}; see docs/configuration.md for those"
                " there are, or unset it"
            )


def _explain(fault: ErrorDetails) -> str:
    if not fault["loc"]:
        return fault["msg"].removeprefix("Value error, ")
    key = str(fault["loc"][0]).lower().removeprefix(ENVIRONMENT_PREFIX.lower())
    if fault["type"] == "extra_forbidden":
        return f"{key}: there is no such key; see docs/configuration.md for those there are"
    allowed = bounds_of(key)
    remedy = f"set {key} in {FILE_NAME}, or {ENVIRONMENT_PREFIX}{key.upper()}"
    said = _FAULTS.get(fault["type"], "this value cannot be taken")
    return f"{key}: {said}" + (f" (allowed: {allowed})" if allowed else "") + f"; {remedy}"


def _place_in(message: str) -> str:
    """Return where a file does not parse; the rest of the message may quote the file."""
    place = _PLACE.search(message)
    return f"mend {place[0]}" if place else "mend it"


def _explain_variable(message: str) -> str:
    """Say which variable is no JSON; the library names the field, and never the value."""
    field = _FIELD.search(message)
    name = f"{ENVIRONMENT_PREFIX}{field[1].upper()}" if field else "a variable in the environment"
    return (
        f'{name} cannot be read: a list is written there as JSON, for instance ["first", "second"]'
    )


def bounds_of(key: str) -> str:
    """Return the allowed values of `key` in words, empty when any value of its type will do."""
    field = Configuration.model_fields.get(key)
    if field is None:
        return ""
    choices = getattr(field.annotation, "__args__", ())
    if choices and all(isinstance(choice, str) for choice in choices):
        return " or ".join(f'"{choice}"' for choice in choices)
    low = high = None
    exclusive = False
    for bound in field.metadata:
        low = getattr(bound, "ge", low)
        if getattr(bound, "gt", None) is not None:
            low, exclusive = bound.gt, True
        high = getattr(bound, "le", high)
    if low is None or high is None:
        return ""
    return f"{'above ' if exclusive else ''}{_figure(low)} to {_figure(high)}"


def _figure(bound: float) -> str:
    return str(int(bound)) if bound == int(bound) else f"{bound:g}"
