"""The tables are whole: every state is reached, every message has a place, every end an end."""

import pytest
from hushpost_wire.control import (
    AccountCreated,
    CountPrekeys,
    Done,
    Error,
    ErrorCode,
    ExpiredSeen,
    Role,
)
from hushpost_wire.transitions import (
    FROM_CLIENT,
    FROM_RELAY,
    TRANSITIONS,
    State,
    Step,
    answer_step,
    diagram,
    request_step,
)


@pytest.mark.parametrize("role", Role)
def test_every_state_is_reached_and_has_a_row(role: Role) -> None:
    """From greeting every row of the table can be walked to, and closed ends the walk."""
    table = TRANSITIONS[role]
    seen, todo = set[State](), [State.GREETING]
    while todo:
        state = todo.pop()
        if state not in seen:
            seen.add(state)
            todo += table[state].values()
    assert seen == set(table)
    assert table[State.CLOSED] == {}


@pytest.mark.parametrize("role", Role)
def test_every_state_but_the_last_can_close(role: Role) -> None:
    """No state is a trap."""
    for state, steps in TRANSITIONS[role].items():
        assert (steps.get(Step.CLOSE) is State.CLOSED) is (state is not State.CLOSED)


def test_every_step_has_a_place_and_one_sender_at_most() -> None:
    """A step of no table could never happen; one of two senders could not be judged."""
    used = {step for table in TRANSITIONS.values() for steps in table.values() for step in steps}
    assert used == set(Step)
    assert not FROM_RELAY & FROM_CLIENT
    assert set(Step) - FROM_RELAY - FROM_CLIENT == {Step.DRAIN, Step.DRAINED, Step.CLOSE}


def test_nothing_but_a_login_opens_an_inbox() -> None:
    """The one way from another state into open on the inbox is the relay's welcome."""
    ways = {
        (state, step)
        for state, steps in TRANSITIONS[Role.INBOX].items()
        for step, target in steps.items()
        if target is State.OPEN and state is not State.OPEN
    }
    assert ways == {(State.VERIFYING, Step.WELCOME)}


def test_post_knows_no_mailbox() -> None:
    """Deliveries, acknowledgements, logins and notices have no place on post."""
    inbox_only = {
        Step.DELIVER,
        Step.ACKNOWLEDGE,
        Step.LOGIN,
        Step.CREATE_ACCOUNT,
        Step.WELCOME,
        Step.NOTICE,
        Step.NOTICE_SEEN,
    }
    for steps in TRANSITIONS[Role.POST].values():
        assert not inbox_only & set(steps)


def test_messages_are_their_steps() -> None:
    """An error ends a login and is an answer anywhere else."""
    assert request_step(ExpiredSeen(notice=1)) is Step.NOTICE_SEEN
    assert request_step(CountPrekeys(id=1)) is Step.REQUEST
    error = Error(id=1, code=ErrorCode.RETRY)
    assert answer_step(error, State.VERIFYING) is Step.LOGIN_REFUSED
    assert answer_step(error, State.CREATING) is Step.LOGIN_REFUSED
    assert answer_step(error, State.OPEN) is Step.ANSWER
    assert answer_step(Done(id=1), State.OPEN) is Step.ANSWER
    assert answer_step(AccountCreated(id=1), State.CREATING) is Step.ACCOUNT_CREATED


@pytest.mark.parametrize("role", Role)
def test_the_diagram_draws_the_whole_table(role: Role) -> None:
    """Each transition stands in the picture, and the picture has no other."""
    drawn = set[tuple[str, str, str]]()
    for line in diagram(role).splitlines()[1:]:
        source, _, rest = line.strip().partition(" --> ")
        target, _, steps = rest.partition(": ")
        drawn |= {
            (source, target, step.strip().removeprefix("R ").removeprefix("C "))
            for step in steps.split(",")
            if step
        }
    assert drawn == {
        (str(state), str(target), str(step))
        for state, steps in TRANSITIONS[role].items()
        for step, target in steps.items()
    }


def test_an_arrow_names_who_sends() -> None:
    """R for the relay, C for the client, nothing for what a side decides alone."""
    drawn = diagram(Role.INBOX)
    assert "R hello" in drawn
    assert "C create_account" in drawn
    assert ": drain" in drawn or ", drain" in drawn
    assert "C drain" not in drawn


@pytest.mark.parametrize("state", [State.CREATING, State.VERIFYING, State.OPEN])
def test_only_an_error_refuses_a_login(state: State) -> None:
    """Any other answer is an answer, wherever it comes."""
    assert answer_step(Done(id=1), state) is Step.ANSWER
    refused = Step.ANSWER if state is State.OPEN else Step.LOGIN_REFUSED
    assert answer_step(Error(id=1, code=ErrorCode.LOGIN_FAILED), state) is refused
