"""A message's state moves forward, and waiting for one ends (docs/spec/content.md, 7)."""

import asyncio

import pytest
from hushpost.errors import MisuseError
from hushpost.messages import FAILED, Message, MessageNotDelivered, MessageState, has_reached


def _message(state: MessageState = MessageState.SEALED) -> Message:
    return Message("00" * 16, "hushpost://x", state)


def test_states_are_ordered_and_failures_stand_aside() -> None:
    """Each state reaches those before it; a failure reaches itself alone."""
    order = [MessageState(name) for name in ("waiting", "sealed", "accepted", "delivered", "read")]
    for index, state in enumerate(order):
        assert [has_reached(state, wanted) for wanted in order] == [
            place <= index for place in range(len(order))
        ]
        assert not any(has_reached(state, failure) for failure in FAILED)
    for failure in FAILED:
        assert has_reached(failure, failure)
        assert not has_reached(failure, MessageState.WAITING)


async def test_waiting_ends_when_the_state_is_passed() -> None:
    """Waiting for accepted ends with delivered too, and at once if it was reached before."""
    message = _message()
    waiting = asyncio.create_task(message.reached("accepted", timeout=5))
    await asyncio.sleep(0)
    message.move(MessageState.DELIVERED)
    await waiting
    await message.reached(MessageState.SEALED)


async def test_waiting_for_what_failed_raises_what_to_do() -> None:
    """Before or while waiting, a failure is an error that names the way on."""
    message = _message()
    waiting = asyncio.create_task(message.reached("delivered", timeout=5))
    await asyncio.sleep(0)
    message.move(MessageState.REFUSED)
    with pytest.raises(MessageNotDelivered, match="send_again"):
        await waiting
    await message.reached("refused")


async def test_waiting_may_time_out_and_then_the_message_is_still_on_its_way() -> None:
    """A timeout changes nothing; an unknown state is the caller's mistake."""
    message = _message()
    with pytest.raises(TimeoutError):
        await message.reached("delivered", timeout=0.01)
    assert message.state is MessageState.SEALED
    with pytest.raises(MisuseError, match="nonsense"):
        await message.reached("nonsense")
    assert "changed" not in repr(message)
