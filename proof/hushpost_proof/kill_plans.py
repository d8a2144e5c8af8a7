"""What a run of named kills is to do: which points, in which order, how long, with which defect."""

import random
from dataclasses import dataclass
from typing import Final

from hushpost_proof.harness.defects import DEFECT_VARIABLE
from hushpost_proof.kill import SETTLE_SECONDS_MAX
from hushpost_proof.kill_points import Who, of

# Among the first passes, so that a short life comes to it; later ones are the random kills' share.
PASS_MAX: Final = 4
# A planted defect shows at a kill between what it did too early and the commit: some of so many,
# of which the first commits of a life carry no mail.
PLANTED_KILLS: Final = 16
PLANTED_PASS_MAX: Final = 24
PLANTED_SECONDS: Final = 8.0
PLANTED_KILLS_MIN: Final = 5
# Short of this many, a run of ordinary talk was no trial.
TALK_KILLS_MIN: Final = 30
OFTEN: Final = ("call ", "commit ", "step receiver.", "step couriers.")

# What a relay passes while people talk; all else it passes in `kill_operations`.
RELAY_TALK: Final = (
    "call server.submits.",
    "call server.feed.",
    "call server.session.",
    "call server.sweeper.",
    "call store.sqlite.intake.",
    "call store.sqlite.store.",
    "commit store.sqlite.group._together",
    "checkpoint store.",
    "store mailboxes.close_notice",
    "store prekeys.prune",
    "store sweeper.sweep_",
)
# What a person does once or rarely: the newcomers pass it, in about this order.
RARE: Final = (
    "call vault_file.lay_out",
    "schema vault_schema.",
    "commit vault_schema.",
    "rename vault_file.",
    "sync vault_file.",
    "step engine.account_setup.make_account",
    "call registration.create_at_relay",
    "step engine.account_setup.mark_registered",
    "step engine.conversation.prepare_contact",
    "step engine.first_contact.add",
    "step engine.new_sessions.restart_session",
    "step engine.relay_errands.keys_fetched",
    "step engine.own_drops.create_invitation",
    "step engine.relay_errands.inbox_answered",
    "step engine.conversation.block",
    "step engine.conversation.remove",
    "step engine.knocks.decline",
    "call vault.Vault.change_secret",
    "commit vault.Vault._replace_header",
    "call registration.delete_at_relay",
    "call vault_file.remove_files",
)
# People accept each other before the killing begins.
_BEFORE: Final = ("step engine.knocks.accept",)


def relay_points() -> list[str]:
    """Return what a relay passes while people talk."""
    return [one.name for one in of(Who.RELAY) if one.name.startswith(RELAY_TALK)]


def operation_points() -> list[str]:
    """Return what a relay passes only when it starts, is administered, or people come and go."""
    return [one.name for one in of(Who.RELAY) if not one.name.startswith(RELAY_TALK)]


def talk_points() -> list[str]:
    """Return what a client passes while its person talks."""
    return [one.name for one in of(Who.CLIENT) if not one.name.startswith((*RARE, *_BEFORE))]


def rare_points() -> list[str]:
    """Return what newcomers pass, in the order in which they do."""
    names = [one.name for one in of(Who.CLIENT)]
    return [name for place in RARE for name in names if name.startswith(place)]


@dataclass(frozen=True, slots=True)
class NamedPlan:
    """What a run does: points are taken in the order given until the time is over."""

    seed: int
    relay_points: tuple[str, ...]
    talk_points: tuple[str, ...]
    rare_points: tuple[str, ...]
    pairs: int = 2
    seconds: float = 40.0
    # On a busy machine it goes on until so many have died, at most for this many times as long.
    kills_min: int = 0
    patience: float = 5.0
    # The highest pass at which a life dies, of what is passed often.
    pass_max: int = PASS_MAX
    # How long everybody may take to finish what is left.
    settle_seconds: float = SETTLE_SECONDS_MAX
    # Whether one of each pair is not there while the killing goes on: mail then waits at the relay.
    is_one_away: bool = False
    # Environment of every life: a defect to plant.
    relay_environment: tuple[tuple[str, str], ...] = ()
    client_environment: tuple[tuple[str, str], ...] = ()

    def goes_on(self, seconds: float, kills: int) -> bool:
        """Whether killing goes on after so long and so many."""
        longer = self.patience if kills < self.kills_min else 1.0
        return seconds < self.seconds * longer


def plan(seed: int, *, seconds: float, rounds: int = 1) -> NamedPlan:
    """Plan to kill at every point `rounds` times, in an order drawn from the seed."""
    chance = random.Random(seed)

    def shuffled(names: list[str]) -> tuple[str, ...]:
        drawn = names * rounds
        chance.shuffle(drawn)
        return tuple(drawn)

    return NamedPlan(
        seed,
        shuffled(relay_points()),
        shuffled(talk_points()),
        tuple(rare_points() * rounds),
        seconds=seconds,
        kills_min=TALK_KILLS_MIN,
    )


def planted(defect: str, seed: int) -> NamedPlan:
    """Plan a run in which a defect is planted that kills around commits must bring to light."""
    environment = ((DEFECT_VARIABLE, defect),)
    is_of_relay = defect == "accept-before-commit"
    return NamedPlan(
        seed,
        ("commit store.sqlite.group._together before",) * PLANTED_KILLS * is_of_relay,
        ("commit vault_commits.Commits._commit before",) * PLANTED_KILLS * (not is_of_relay),
        (),
        seconds=PLANTED_SECONDS,
        kills_min=PLANTED_KILLS_MIN,
        pass_max=PLANTED_PASS_MAX,
        settle_seconds=PLANTED_SECONDS,
        is_one_away=is_of_relay,
        relay_environment=environment if is_of_relay else (),
        client_environment=() if is_of_relay else environment,
    )
