"""The parts of docs/spec/wire.md that are made from the code: tables, examples, diagrams.

`python -m tests.wire.spec_tables` writes them into the page; a test holds the page equal to them.
"""

import json
import re
import types
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le, MaxLen, MinLen
from hushpost_wire import limits
from hushpost_wire.close_codes import ADVICE, MEANING
from hushpost_wire.control import ControlToClient, ControlToRelay, Role
from hushpost_wire.control_types import Base64Url
from hushpost_wire.limits import Limits
from hushpost_wire.transitions import diagram
from pydantic import BaseModel, StringConstraints
from pydantic.fields import FieldInfo

from tests.wire.control_examples import TO_CLIENT, TO_RELAY, Example

SPEC = Path(__file__).parents[2] / "docs" / "spec" / "wire.md"

_CONSTANT = re.compile(r"([A-Z][A-Z0-9_]*): Final = ")


def limits_table() -> str:
    """Every constant of limits.py with its value and its reason, announced ones by field name."""
    rows = ["| limit | value | in `hello` | reason |", "|---|---|---|---|"]
    reason: list[str] = []
    fresh = False
    for line in Path(limits.__file__).read_text().splitlines():
        match = _CONSTANT.match(line)
        if line.startswith("#"):
            reason = [*([] if fresh else reason), line[1:].strip()]
            fresh = False
        elif match:
            name = match[1]
            fresh = True
            announced = _announced(name.lower())
            rows.append(
                f"| `{name}` | {getattr(limits, name)} | {announced} | {' '.join(reason)} |"
            )
        elif not line:
            reason, fresh = ([] if fresh else reason), False
    return "\n".join(rows)


def _announced(name: str) -> str:
    """Name the field of `hello`, and what may be announced in it."""
    field = Limits.model_fields.get(name)
    if field is None:
        return ""
    if name == "envelope_buckets":
        return f"`{name}`: {list(limits.ENVELOPE_BUCKETS)}"
    span = _describe_field(field).removeprefix("integer, ")
    low, _, high = span.partition(" to ")
    return f"`{name}`: {low if low == high else span}"


def close_codes_table() -> str:
    """Every close code, what it means and what a client does next."""
    rows = ["| code | name | meaning | the client |", "|---|---|---|---|"]
    rows += [
        f"| {code.value} | {code.name} | {MEANING[code]} | {ADVICE[code]} |" for code in MEANING
    ]
    return "\n".join(rows)


def messages(models: Iterable[type[BaseModel]], examples: tuple[Example, ...]) -> str:
    """Write a section for each message: its words, its fields, its example."""
    by_type = {example["type"]: example for example in examples}
    parts: list[str] = []
    for model in models:
        name = str(model.model_fields["type"].default)
        parts += [f"#### `{name}`", "", _words(model), "", _fields_table(model), ""]
        parts += ["```json", json.dumps(by_type[name], indent=1), "```", ""]
    return "\n".join(parts).rstrip()


def _words(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _fields_table(model: type[BaseModel]) -> str:
    rows = ["| field | value |", "|---|---|"]
    for name, field in model.model_fields.items():
        optional = "" if field.is_required() or name == "type" else " (may be absent)"
        rows.append(f"| `{name}` | {_describe_field(field)}{optional} |")
    return "\n".join(rows)


def _describe_field(field: FieldInfo) -> str:
    return _describe(field.annotation, tuple(field.metadata))


def _describe(annotation: Any, metadata: tuple[Any, ...]) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    for note in metadata:
        if isinstance(note, Base64Url):
            same = note.minimum == note.maximum
            span = f"{note.minimum}" if same else f"{note.minimum} to {note.maximum}"
            return f"base64url of {span} bytes"
    if origin is Annotated:
        return _describe(arguments[0], (*arguments[1:], *metadata))
    if origin in {Union, types.UnionType}:
        return _describe(next(part for part in arguments if part is not types.NoneType), metadata)
    if origin is Literal:
        return f'`"{arguments[0]}"`'
    if origin is tuple:
        low = next((note.min_length for note in metadata if isinstance(note, MinLen)), 0)
        high = next((note.max_length for note in metadata if isinstance(note, MaxLen)), 0)
        return f"array of {low} to {high}: {_describe(arguments[0], ())}"
    return _describe_plain(annotation, metadata)


def _describe_plain(annotation: Any, metadata: tuple[Any, ...]) -> str:
    if annotation is int:
        bounds = _flat(metadata)
        low = max(int(str(note.ge)) for note in bounds if isinstance(note, Ge))
        high = min(int(str(note.le)) for note in bounds if isinstance(note, Le))
        return f"integer, {low} to {high}"
    if annotation is str:
        bounds = _flat(metadata)
        high = next(note.max_length for note in bounds if isinstance(note, MaxLen))
        return f"text of 1 to {high} printable ASCII characters"
    if issubclass(annotation, BaseModel):
        fields = annotation.model_fields
        if annotation is Limits:
            return "object: the limits of section 10 that have a name in `hello`, all present"
        inner = "; ".join(
            f"`{name}`: {_describe_field(field)}{'' if field.is_required() else ' (may be absent)'}"
            for name, field in fields.items()
        )
        return f"object: {inner}"
    return "one of " + ", ".join(f'`"{member.value}"`' for member in annotation)


def _flat(metadata: tuple[Any, ...]) -> list[Any]:
    out: list[Any] = []
    for note in metadata:
        if isinstance(note, FieldInfo):
            out += _flat(tuple(note.metadata))
        elif isinstance(note, StringConstraints):
            out += list(note)
        else:
            out.append(note)
    return out


def _mermaid(role: Role) -> str:
    return f"```mermaid\n{diagram(role)}```"


BLOCKS: dict[str, Callable[[], str]] = {
    "limits": limits_table,
    "close codes": close_codes_table,
    "to relay": lambda: messages(get_args(ControlToRelay), TO_RELAY),
    "to client": lambda: messages(get_args(ControlToClient), TO_CLIENT),
    "inbox states": lambda: _mermaid(Role.INBOX),
    "post states": lambda: _mermaid(Role.POST),
}


def rendered(page: str) -> str:
    """Give the page with every generated block made anew; raises if a block has no marks."""
    for name, make in BLOCKS.items():
        start, end = f"<!-- generated: {name} -->\n", f"<!-- end: {name} -->"
        before, mark, rest = page.partition(start)
        _, closing, after = rest.partition(end)
        if not mark or not closing:
            raise ValueError(f"{SPEC.name} has no marks for the block {name!r}")
        page = f"{before}{start}\n{make()}\n\n{end}{after}"
    return page


def main() -> None:
    """Write the generated blocks into the page."""
    SPEC.write_text(rendered(SPEC.read_text()))


if __name__ == "__main__":
    main()
