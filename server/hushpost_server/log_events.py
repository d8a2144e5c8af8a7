"""Everything the relay may log: a closed list of events, and of what each may carry (DESIGN 10).

Logger, inventory and tests read this one declaration. A field is a number, a flag, a word of a
closed set, or an exception, of which only the name of its class and a place in the source are
written; there is no field that could hold a text of somebody else's making, and so none for an
address, an account, a route, a key, content, or the message of an exception.
"""

from __future__ import annotations

import logging
import re
import sys
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Final

from hushpost_store.policy_clauses import Clause

Value = int | str | BaseException | type[BaseException] | None
# No count of a relay comes near it, and no identifier fits below.
NUMBER_MAX: Final = 1 << 48
LOG_RETENTION: Final = "as long as the operator keeps standard error; the relay keeps nothing"
NOTHING: Final = "none"
_MODULE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,99}")


class Kind(Enum):
    """What values a field takes."""

    NUMBER = "a whole number"
    FLAG = "true or false"
    WORD = "a word of a closed set"
    ERROR = "the name of an exception's class"
    PLACE = "module and line where the exception passed last through hushpost"


_PATTERNS: Final = {
    Kind.NUMBER: r"\d{1,15}",
    Kind.FLAG: r"(?:true|false)",
    Kind.ERROR: r"[A-Za-z_]\w{0,99}",
    Kind.PLACE: rf"(?:none|{_MODULE.pattern}:\d+)",
}


class ValueRefused(ValueError):
    """A value is none that its field declares. Says which field, never the value."""


@dataclass(frozen=True, slots=True)
class Field:
    """A named value of events; it means the same in each event that carries it."""

    name: str
    kind: Kind
    purpose: str
    words: tuple[str, ...] = ()

    def render(self, value: Value) -> str:
        """Return the text to log; ValueRefused for what the field does not declare."""
        match self.kind:
            case Kind.NUMBER if _is_number(value):
                return str(value)
            case Kind.FLAG if type(value) is bool:
                return str(value).lower()
            case Kind.WORD if isinstance(value, str) and value in self.words:
                return self.words[self.words.index(value)]
            case Kind.ERROR if _is_error(value):
                return class_of(value)
            case Kind.PLACE if _is_error(value):
                return place_of(value)
            case _:
                raise ValueRefused(f"{self.name} takes {self.kind.value}")

    @property
    def pattern(self) -> str:
        """The regular expression of what `render` returns."""
        words = "|".join(map(re.escape, self.words))
        return f"(?:{words})" if self.kind is Kind.WORD else _PATTERNS[self.kind]


@dataclass(frozen=True, slots=True)
class Event:
    """One line the relay may log. Its clause and retention are those of all events.

    `at` among the fields is written from `error`, and never given.
    """

    name: str
    level: int
    fields: tuple[str, ...]
    sentence: str
    purpose: str

    @property
    def given(self) -> frozenset[str]:
        """The fields that whoever writes the event must give."""
        return frozenset(self.fields) - {AT}

    def render(self, values: dict[str, Value]) -> str:
        """Return the line; ValueRefused where fields or values are not those declared."""
        if values.keys() != self.given:
            odd = ", ".join(sorted(values.keys() ^ self.given))
            raise ValueRefused(f"{self.name} takes exactly its declared fields; not so: {odd}")
        written = "".join(
            f" {key}={FIELDS[key].render(values[ERROR if key == AT else key])}"
            for key in self.fields
        )
        return f"{self.name}{written}: {self.sentence}"

    @property
    def pattern(self) -> re.Pattern[str]:
        """What each line of this event matches, with time and level in front."""
        fields = "".join(f" {key}={FIELDS[key].pattern}" for key in self.fields)
        level = logging.getLevelName(self.level).lower()
        said = re.escape(self.sentence)
        return re.compile(rf"{_STAMP} {level} {self.name}{fields}: {said}")


_STAMP: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
CLAUSE: Final = Clause.LOGS
ERROR: Final = "error"
AT: Final = "at"
# Whose loggers are named; all others are `other`, since a logger may be named after anything.
LIBRARIES: Final = ("aiosqlite", "asyncio", "concurrent", "redis", "uvloop", "websockets", "other")

_FIELDS: Final = (
    Field("connections", Kind.NUMBER, "how many connections are open"),
    Field("waiting_bytes", Kind.NUMBER, "envelope bytes that wait for their commit"),
    Field("expired", Kind.NUMBER, "how many envelopes expired, over all mailboxes"),
    Field("damaged", Kind.NUMBER, "how many rows and faults were found since the start"),
    Field("failed", Kind.NUMBER, "how many commits failed since the line before"),
    Field("seconds", Kind.NUMBER, "how old the oldest unfinished deletion is"),
    Field("writes", Kind.NUMBER, "how often something was withheld since the start"),
    Field("tls", Kind.FLAG, "whether the relay itself terminates TLS"),
    Field("buckets", Kind.FLAG, "whether envelope sizes are enforced"),
    Field("store", Kind.WORD, "where mail is kept", ("sqlite", "memory", "redis", "given")),
    Field("library", Kind.WORD, "which library logged", LIBRARIES),
    Field(
        "origin",
        Kind.WORD,
        "where an exception that nobody caught ended",
        ("program", "thread", "event_loop", "finalizer", "timer"),
    ),
    Field(ERROR, Kind.ERROR, "what went wrong, without the values that an exception quotes"),
    Field(AT, Kind.PLACE, "where to look in the source"),
)
FIELDS: Final = {field.name: field for field in _FIELDS}

_DECLARED: Final = (
    Event(
        "relay_started",
        logging.INFO,
        ("store", "tls", "buckets"),
        "serving",
        "tells a start, and with what guarantees",
    ),
    Event(
        "relay_draining",
        logging.INFO,
        ("connections",),
        "asked to stop; closing connections",
        "tells how much a stop still waits for",
    ),
    Event("relay_stopped", logging.INFO, (), "stopped", "tells a clean stop from a crash"),
    Event(
        "buckets_unenforced",
        logging.WARNING,
        (),
        "envelope sizes are not enforced: unsafe",
        "announces at each start that sizes tell messages apart",
    ),
    Event(
        "third_party_logs_unsafe",
        logging.WARNING,
        (),
        "libraries log what they like: unsafe",
        "announces at each start that the log may hold frames, SQL and values of exceptions",
    ),
    Event(
        "identity_created",
        logging.INFO,
        (),
        "a new identity key was made for this relay",
        "tells that clients will meet a relay they do not know",
    ),
    Event(
        "at_capacity",
        logging.WARNING,
        ("connections",),
        "refusing connections",
        "tells that people are turned away",
    ),
    Event(
        "intake_paused",
        logging.WARNING,
        ("waiting_bytes",),
        "the store is behind; not reading",
        "tells that the disk is the bottleneck",
    ),
    Event("intake_resumed", logging.INFO, (), "reading again", "ends the pause before it"),
    Event(
        "commit_failed",
        logging.ERROR,
        ("failed", ERROR, AT),
        "commits failed; senders were told to retry",
        "tells of a full or broken disk, or of a Redis that is away; at most every 10 seconds",
    ),
    Event(
        "commits_resumed",
        logging.INFO,
        (),
        "what is sent is committed again",
        "ends the failures before it",
    ),
    Event(
        "store_away",
        logging.ERROR,
        (ERROR, AT),
        "a server behind the store does not answer; health names it",
        "tells that Redis is away also where nobody sends anything",
    ),
    Event("store_back", logging.INFO, (), "the store answers again", "ends the absence before it"),
    Event(
        "identity_replaced",
        logging.ERROR,
        (),
        "the relays of this Redis have another identity or public_host by now: restart with theirs",
        "tells of a relay that clients will refuse",
    ),
    Event(
        "database_left",
        logging.WARNING,
        (),
        "a database lies in the data folder, and mail is kept elsewhere: is it still to be moved?",
        "tells of mail and accounts that a change of the store left behind",
    ),
    Event(
        "redis_url_unused",
        logging.WARNING,
        (),
        "redis_url is set, and store is not redis",
        "tells of a relay that keeps its mail where the operator does not look for it",
    ),
    Event(
        "sweep_done",
        logging.DEBUG,
        ("expired",),
        "expired rows were deleted",
        "shows that retention is kept",
    ),
    Event(
        "sweep_failed",
        logging.ERROR,
        (ERROR, AT),
        "expired rows could not be deleted",
        "tells that retention is not kept",
    ),
    Event(
        "store_damaged",
        logging.ERROR,
        ("damaged",),
        "the database is not what was written: run `hushpost-relay check`",
        "tells that a disk returns other bytes than it was given",
    ),
    Event(
        "log_cut",
        logging.WARNING,
        (),
        "the database's log ended in a commit that is not whole: usual after a power loss alone",
        "tells a damaged last commit, which looks like a power loss, from none",
    ),
    Event(
        "deletion_late",
        logging.WARNING,
        ("seconds",),
        "deleted bodies are still on disk",
        "tells that the deletion bound is not kept",
    ),
    Event(
        "connection_failed",
        logging.ERROR,
        (ERROR, AT),
        "closed after an own fault",
        "lets a defect of the relay be found",
    ),
    Event(
        "unhandled",
        logging.ERROR,
        ("origin", ERROR, AT),
        "an exception that nobody caught; its text is withheld",
        "lets a defect of the relay be found, a crash included",
    ),
    Event(
        "warned",
        logging.WARNING,
        (ERROR,),
        "Python warned; its text is withheld",
        "lets a defect of the relay or a library be found",
    ),
    Event(
        "third_party",
        logging.WARNING,
        ("library", ERROR),
        "a library logged a warning; its text is withheld",
        "lets a defect of a library be found",
    ),
    Event(
        "output_withheld",
        logging.WARNING,
        ("writes",),
        "something other than the log was printed, and withheld",
        "tells that a library prints by itself",
    ),
)
EVENTS: Final = {event.name: event for event in _DECLARED}


def _is_number(value: Value) -> bool:
    # A flag is an int to Python, and an identifier could be written as a large one.
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < NUMBER_MAX


def _is_error(value: Value) -> bool:
    return value is None or isinstance(value, BaseException | type)


def class_of(error: Value) -> str:
    """Return the name of an exception's class, if its module knows the class by that name."""
    kind = error if isinstance(error, type) else type(error)
    if error is None:
        return NOTHING
    module = sys.modules.get(kind.__module__)
    # A class made at run time could be named after anything.
    return kind.__name__ if getattr(module, kind.__name__, None) is kind else "unlisted"


def place_of(error: Value) -> str:
    """Return `module:line` of the innermost frame of hushpost, or of the innermost one."""
    trace: TracebackType | None = getattr(error, "__traceback__", None)
    place, is_ours = NOTHING, False
    while isinstance(trace, TracebackType):
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        ours = module.startswith("hushpost")
        if (ours or not is_ours) and module in sys.modules and _MODULE.fullmatch(module):
            place, is_ours = f"{module}:{trace.tb_lineno}", ours
        trace = trace.tb_next
    return place
