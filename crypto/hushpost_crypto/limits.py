"""Every bound of the pairwise protocol in one table (docs/spec/pairwise.md, section 10).

Each stands for the same question: how much may a malicious peer or relay make this device do or
keep? The numbers are part of the protocol, so that two implementations agree on what still opens.
"""

from typing import Final

SECONDS_A_DAY: Final = 86_400

# Skipped message keys a session keeps: what a relay that holds mail back may cost in memory, and
# what a thief of the vault gains. 1,000 keys are about 40 KB.
SKIPPED_KEYS_MAX: Final = 1_000
# An envelope lives at most 14 days, a peer's own retries double that; older keys open nothing.
SKIPPED_KEY_DAYS_MAX: Final = 30
# How far one header may move a receiving chain: bounds the hashing that one envelope can ask for.
JUMP_MAX: Final = 1_000
# Earlier receiving chains whose late messages still open; each costs a trial per envelope.
OLD_HEADER_KEYS_MAX: Final = 5
# Sessions with one device: simultaneous starts and retries need two or three.
SESSIONS_MAX: Final = 4
# Trial openings of one envelope's header: 4 sessions, each 1 current, 2 next, 5 old header keys,
# come to 32; the bound stands above so that a change of one of them is noticed here.
HEADER_TRIALS_MAX: Final = 50
# Weekly seal keys that live 37 days overlap sixfold; two more for a device that was set back.
SEAL_TRIALS_MAX: Final = 8

# A new ML-KEM key is offered on the first change of direction after this many messages or seconds.
KEM_STEP_MESSAGES: Final = 50
KEM_STEP_SECONDS: Final = SECONDS_A_DAY

# Root steps whose link secrets are kept: a peer starts a session from the last root it received,
# and this side is at most two steps ahead of that (docs/spec/pairwise.md, 9).
LINK_SECRETS_MAX: Final = 3
# A first message without an answer is sent again under a fresh bundle after this long.
UNANSWERED_SECONDS: Final = SECONDS_A_DAY
# A peer may lose its state, though not all the time: more restarts than this are an attack.
RESTART_SECONDS: Final = SECONDS_A_DAY
# A generation is at least the minutes since the epoch by its initiator's clock; clocks differ by as
# much as they may for device lists. Further ahead, one session would outrank all later ones.
GENERATION_AHEAD_MAX: Final = 24 * 60
SECONDS_A_MINUTE: Final = 60
# The message number is a u32, and so is the count of a chain that the next header tells.
CHAIN_MESSAGES_MAX: Final = 2**32 - 1
