"""State that no log, traceback or debugger line shows (docs/spec/pairwise.md, section 12)."""


class Concealed:
    """Base of every dataclass here that holds secrets: declare those with ``repr=False``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: secret>"
