"""What a line typed in the chat means: text, or a command with its argument."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Say:
    """Text for the present contact."""

    text: str


@dataclass(frozen=True, slots=True)
class Order:
    """A command of the chat, without its slash, and what stood behind it."""

    name: str
    argument: str


# Name, argument, what it does. The one list: `/help` and docs/cli.md have it from here.
ORDERS: Final = (
    ("/to", "WHO", "write to another contact from here on"),
    ("/add", "ADDRESS", "make a contact; your next line knocks at their door"),
    ("/accept", "[WHO]", "let in somebody who knocks"),
    ("/decline", "[WHO]", "turn them away; they are told nothing"),
    ("/safety", "", "show the safety number to compare"),
    ("/verify", "", "remember that you compared it"),
    ("/block", "", "take away this contact's way to you"),
    ("/again", "", "send once more what is unconfirmed"),
    ("/contacts", "", "list contacts and knocks"),
    ("/address", "", "show your own address"),
    ("/help", "", "show this list"),
    ("/quit", "", "leave; Ctrl-D does the same"),
)


def understand(line: str) -> Say | Order | None:
    """Read a line. Text that begins with a slash is typed with two; None for an empty line."""
    text = line.strip()
    if not text:
        return None
    if text.startswith("//"):
        return Say(text[1:])
    if text.startswith("/"):
        name, _, argument = text[1:].partition(" ")
        return Order(name.lower(), argument.strip())
    return Say(text)


def help_lines() -> list[str]:
    """Give the list of commands as it is shown."""
    heads = [f"{name} {argument}".rstrip() for name, argument, _ in ORDERS]
    width = max(map(len, heads))
    lines = [
        f"   {head:{width}}  {words}" for head, (_, _, words) in zip(heads, ORDERS, strict=True)
    ]
    return [*lines, "   Anything else is sent. For text that begins with a slash, type two."]
