"""The states of a connection and what may happen in each (docs/spec/wire.md, section 8).

One table an endpoint, and both sides walk the same one: what the relay may send in a state is what
the client may receive in it. Tests walk the tables, and the diagrams of the spec are made by
`diagram` from them.
"""

from enum import StrEnum
from typing import Final

from hushpost_wire.control import (
    AccountCreated,
    Answer,
    CreateAccount,
    Error,
    ExpiredSeen,
    Login,
    Request,
    Role,
    Welcome,
)


class State(StrEnum):
    """Where a connection stands."""

    GREETING = "greeting"
    LOGIN = "login"
    CREATING = "creating"
    VERIFYING = "verifying"
    OPEN = "open"
    DRAINING = "draining"
    CLOSED = "closed"


class Step(StrEnum):
    """What can happen on a connection; a message, or one side's decision to end it."""

    HELLO = "hello"
    CREATE_ACCOUNT = "create_account"
    ACCOUNT_CREATED = "account_created"
    LOGIN = "login"
    WELCOME = "welcome"
    LOGIN_REFUSED = "login_refused"
    SUBMIT = "submit"
    VERDICT = "verdict"
    DELIVER = "deliver"
    ACKNOWLEDGE = "acknowledge"
    REQUEST = "request"
    ANSWER = "answer"
    NOTICE = "notice"
    NOTICE_SEEN = "notice_seen"
    DRAIN = "drain"
    DRAINED = "drained"
    CLOSE = "close"


FROM_RELAY: Final = frozenset(
    {
        Step.HELLO,
        Step.ACCOUNT_CREATED,
        Step.WELCOME,
        Step.LOGIN_REFUSED,
        Step.VERDICT,
        Step.DELIVER,
        Step.ANSWER,
        Step.NOTICE,
    }
)
FROM_CLIENT: Final = frozenset(
    {
        Step.CREATE_ACCOUNT,
        Step.LOGIN,
        Step.SUBMIT,
        Step.ACKNOWLEDGE,
        Step.REQUEST,
        Step.NOTICE_SEEN,
    }
)

_POST_TRAFFIC: Final = (Step.SUBMIT, Step.VERDICT, Step.REQUEST, Step.ANSWER)
_INBOX_TRAFFIC: Final = (
    *_POST_TRAFFIC,
    Step.DELIVER,
    Step.ACKNOWLEDGE,
    Step.NOTICE,
    Step.NOTICE_SEEN,
)
_END: Final = {Step.DRAIN: State.CLOSED, Step.CLOSE: State.CLOSED}

Table = dict[State, dict[Step, State]]


def _traffic(steps: tuple[Step, ...]) -> Table:
    # What is in flight is finished while draining, so both states know the same messages; new
    # submissions and requests are then answered with RETRY.
    return {
        State.OPEN: {
            **dict.fromkeys(steps, State.OPEN),
            Step.DRAIN: State.DRAINING,
            Step.CLOSE: State.CLOSED,
        },
        State.DRAINING: {
            **dict.fromkeys(steps, State.DRAINING),
            Step.DRAINED: State.CLOSED,
            Step.CLOSE: State.CLOSED,
        },
        State.CLOSED: {},
    }


TRANSITIONS: Final[dict[Role, Table]] = {
    Role.INBOX: {
        State.GREETING: {Step.HELLO: State.LOGIN, **_END},
        State.LOGIN: {Step.CREATE_ACCOUNT: State.CREATING, Step.LOGIN: State.VERIFYING, **_END},
        State.CREATING: {
            Step.ACCOUNT_CREATED: State.LOGIN,
            Step.LOGIN_REFUSED: State.CLOSED,
            **_END,
        },
        State.VERIFYING: {Step.WELCOME: State.OPEN, Step.LOGIN_REFUSED: State.CLOSED, **_END},
        **_traffic(_INBOX_TRAFFIC),
    },
    Role.POST: {
        State.GREETING: {Step.HELLO: State.OPEN, **_END},
        **_traffic(_POST_TRAFFIC),
    },
}


def request_step(message: Request | ExpiredSeen) -> Step:
    """Give the step that a client's control message is."""
    if isinstance(message, ExpiredSeen):
        return Step.NOTICE_SEEN
    if isinstance(message, CreateAccount):
        return Step.CREATE_ACCOUNT
    return Step.LOGIN if isinstance(message, Login) else Step.REQUEST


def answer_step(message: Answer, state: State) -> Step:
    """Give the step that an answer is in a state; an error while logging in ends the login."""
    if isinstance(message, AccountCreated):
        return Step.ACCOUNT_CREATED
    if isinstance(message, Welcome):
        return Step.WELCOME
    if isinstance(message, Error) and state in {State.CREATING, State.VERIFYING}:
        return Step.LOGIN_REFUSED
    return Step.ANSWER


def diagram(role: Role) -> str:
    """Draw the table of an endpoint as a mermaid state diagram, as it stands in the spec."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.GREETING}"]
    for state, steps in TRANSITIONS[role].items():
        targets: dict[State, list[str]] = {}
        for step, target in steps.items():
            targets.setdefault(target, []).append(_arrow(step))
        lines += [f"    {state} --> {to}: {', '.join(by)}" for to, by in targets.items()]
    return "\n".join([*lines, f"    {State.CLOSED} --> [*]", ""])


def _arrow(step: Step) -> str:
    # R and C name who sends it; what has no letter either side decides alone.
    if step in FROM_RELAY:
        return f"R {step}"
    return f"C {step}" if step in FROM_CLIENT else str(step)
