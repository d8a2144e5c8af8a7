"""What a fuzzer runs: a function over bytes that raises when something is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """`run` passes over what is refused as documented, and raises for everything else.

    `seeds` gives real inputs, always the same; `text`: inputs are text, so that mutation keeps to
    characters for the most part.
    """

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], Sequence[bytes]]
    text: bool = False
