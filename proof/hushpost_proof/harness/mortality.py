"""Named points in the life of a process, at any of which it can be made to kill itself.

The product knows nothing of this: the harness's own entry programs wrap the product's functions,
and sqlite3 and the system's calls below them, before anything of it runs. A point is passed each
time the wrapped thing is about to happen or has just happened. At the chosen pass of the chosen
point the process sends itself signal 9, in the thread and in the statement it is in.

    HUSHPOST_PROOF_DOOM=POINT|PASS      where to die; without it nothing dies
    HUSHPOST_PROOF_PASSES=FILE          each point passed in this life, once, a line each

Names of points: `commit store.sqlite.group._together before` (a durable operation and the function
of the product that asked for it), `step engine.first_contact.send stored` (a vault transaction of
that kind), `store accounts.create committed` (a change in the relay's store), `call
server.feed.Feed.push after` (a function of `kill_points`).
"""

import inspect
import os
import re
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import wraps
from importlib import import_module
from types import ModuleType
from typing import Any, Final, TypeVar, cast

DOOM_VARIABLE: Final = "HUSHPOST_PROOF_DOOM"
PASSES_VARIABLE: Final = "HUSHPOST_PROOF_PASSES"
_OWN: Final = ("hushpost.", "hushpost_server.", "hushpost_store.")
_SHORT: Final = {"hushpost": "", "hushpost_server": "server.", "hushpost_store": "store."}
# Statements that make something durable, or are a step of a change of schema.
_DURABLE: Final = (
    (re.compile(r"COMMIT\b"), "commit"),
    (re.compile(r"PRAGMA wal_checkpoint\(TRUNCATE\)"), "checkpoint"),
    (re.compile(r"CREATE |ALTER |DROP |PRAGMA user_version ?="), "schema"),
)
_SYSTEM_CALLS: Final = {"fsync": "sync", "replace": "replace", "link": "link", "rename": "rename"}

_Callable = TypeVar("_Callable", bound=Callable[..., Any])


class Mortality:
    """Counts passes, writes each point down once, and kills at the chosen one."""

    def __init__(self, doom: str, passes: str) -> None:
        point, _, number = doom.partition("|")
        self._point = point
        self._left = int(number or 1)
        self._seen: set[str] = set()
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self._descriptor = os.open(passes, flags, 0o600) if passes else None

    @classmethod
    def from_environment(cls) -> "Mortality":
        """Take what the harness decided for this life."""
        return cls(os.environ.get(DOOM_VARIABLE, ""), os.environ.get(PASSES_VARIABLE, ""))

    def passed(self, point: str) -> None:
        """Note a pass; does not return if this is the one."""
        if point not in self._seen:
            self._seen.add(point)
            if self._descriptor is not None:
                os.write(self._descriptor, point.encode() + b"\n")
        if point == self._point:
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)

    # -- durable operations, by the function of the product that asks for them -------------------

    def watch_system(self) -> None:
        """Watch commits, checkpoints, schema changes, syncs and renames of the whole process.

        What a database in memory commits is not durable, and no point.
        """
        connect = sqlite3.connect
        watched = _watched(self)

        def connect_watched(*arguments: Any, **named: Any) -> sqlite3.Connection:
            if arguments[:1] == (":memory:",):
                of_memory: sqlite3.Connection = connect(*arguments, **named)
                return of_memory
            base = named.pop("factory", sqlite3.Connection)
            factory = type("Watched", (watched, base), {})
            return connect(*arguments, factory=factory, **named)

        sqlite3.connect = connect_watched  # type: ignore[assignment]  # the same, and watched
        for name, operation in _SYSTEM_CALLS.items():
            setattr(os, name, self._around_system(getattr(os, name), operation))

    def _around_system(self, call: _Callable, operation: str) -> _Callable:
        def watched(*arguments: Any, **named: Any) -> Any:
            where = asker()
            if where is None:
                return call(*arguments, **named)
            self.passed(f"{operation} {where} before")
            result = call(*arguments, **named)
            self.passed(f"{operation} {where} after")
            return result

        return cast("_Callable", watched)

    # -- functions -------------------------------------------------------------------------------

    def watch_call(self, target: str) -> None:
        """Watch one function, given as `module:Class.function`; raises if it does not exist."""
        module_name, _, path = target.partition(":")
        holder: Any = import_module(module_name)
        *classes, name = path.split(".")
        for one in classes:
            holder = getattr(holder, one)
        original = inspect.getattr_static(holder, name)
        point = f"call {short(module_name)}{path}"
        watched = self._around(original, f"{point} before", f"{point} after")
        if classes:
            setattr(holder, name, watched)
        else:
            replace_everywhere(original, watched)

    def _around(self, original: Callable[..., Any], before: str, after: str) -> Callable[..., Any]:
        if inspect.iscoroutinefunction(original):

            @wraps(original)
            async def awaited(*arguments: Any, **named: Any) -> Any:
                self.passed(before)
                result = await cast("Awaitable[Any]", original(*arguments, **named))
                self.passed(after)
                return result

            return awaited

        @wraps(original)
        def called(*arguments: Any, **named: Any) -> Any:
            self.passed(before)
            result = original(*arguments, **named)
            self.passed(after)
            return result

        return called

    # -- changes in the relay's store ------------------------------------------------------------

    def watch_store(self, functions: Callable[[], list[tuple[ModuleType, str]]]) -> None:
        """Watch functions that change the store: before, after, and once they are committed."""
        waiting: Counter[str] = Counter()
        for module, name in functions():
            original = getattr(module, name)
            point = f"store {module.__name__.rpartition('.')[2]}.{name}"
            replace_everywhere(original, self._changing(original, point, waiting))
        group: Any = import_module("hushpost_store.sqlite.group")
        commit_group = group.commit_group

        def committed(*arguments: Any) -> Any:
            result = commit_group(*arguments)
            for point in tuple(waiting):
                self.passed(f"{point} committed")
            waiting.clear()
            return result

        replace_everywhere(commit_group, committed)

    def _changing(
        self, original: Callable[..., Any], point: str, waiting: Counter[str]
    ) -> Callable[..., Any]:
        @wraps(original)
        def changing(*arguments: Any, **named: Any) -> Any:
            self.passed(f"{point} begun")
            result = original(*arguments, **named)
            self.passed(f"{point} done")
            waiting[point] += 1
            return result

        return changing

    # -- transactions of the vault ---------------------------------------------------------------

    def watch_steps(self) -> None:
        """Watch each kind of vault transaction: begun, done, and stored before it is followed."""
        steps: Any = import_module("hushpost.steps").Steps
        running: Any = import_module("hushpost.running").Running
        run, follow = steps.run, running.follow
        kinds: dict[int, str] = {}

        async def watched_run(
            self_: Any, do: Callable[..., Any], /, *args: Any, **named: Any
        ) -> Any:
            point = f"step {short(do.__module__)}{do.__name__}"
            desks: list[Any] = []

            @wraps(do)
            def watched_do(desk: Any, *args: Any, **named: Any) -> Any:
                desks.append(desk)
                kinds[id(desk)] = point
                self.passed(f"{point} begun")
                result = do(desk, *args, **named)
                self.passed(f"{point} done")
                return result

            result = await run(self_, watched_do, *args, **named)
            # The account's own making has no follower yet.
            if desks and kinds.pop(id(desks[0]), ""):
                self.passed(f"{point} stored")
            return result

        def watched_follow(self_: Any, desk: Any) -> None:
            point = kinds.pop(id(desk), None)
            if point is not None:
                self.passed(f"{point} stored")
            follow(self_, desk)

        steps.run = watched_run
        running.follow = watched_follow


def asker() -> str | None:
    """Name the innermost function of the product on the stack, or None."""
    frame = inspect.currentframe()
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name.startswith(_OWN):
            return f"{short(name)}{frame.f_code.co_qualname}"
        frame = frame.f_back
    return None


def short(module: str) -> str:
    """Return the name of a module of the product as points name it, with a dot at its end."""
    root, _, rest = module.partition(".")
    return f"{_SHORT.get(root, root + '.')}{rest}."


def replace_everywhere(original: object, replacement: object) -> None:
    """Put a replacement wherever the product's modules hold the original under any name."""
    for name, module in tuple(sys.modules.items()):
        if name.startswith(_OWN):
            for key, value in tuple(vars(module).items()):
                if value is original:
                    setattr(module, key, replacement)


def _watched(mortality: Mortality) -> type[sqlite3.Connection]:
    class Watched(sqlite3.Connection):
        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            operation = next((name for form, name in _DURABLE if form.match(sql)), None)
            where = None if operation is None else asker()
            if where is None:
                return super().execute(sql, parameters)
            mortality.passed(f"{operation} {where} before")
            cursor = super().execute(sql, parameters)
            mortality.passed(f"{operation} {where} after")
            return cursor

    return Watched
