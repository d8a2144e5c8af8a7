"""Writes a stored session book of the newest format, to be kept and loaded for ever.

    python -m tests.crypto.make_snapshot

Run once for each new format, never again: what is in `snapshots/` stands for what users have.
"""

import json
from pathlib import Path

from hushpost_crypto import snapshot

from tests.crypto.pairwise_world import Device, met

FOLDER = Path(__file__).with_name("snapshots")


def kept() -> dict[str, str]:
    """Give a book with two sessions and skipped keys, and messages that it must still open."""
    alice, bob = met()
    late = alice.send(bob, b"late")
    alice.pass_on(bob)
    bob.pass_on(alice)
    end = alice.send(bob, b"end of the chain")
    alice.pass_on(bob)
    alice.start(bob)
    alice.pass_on(bob)
    book = snapshot.dump(bob.book(alice))
    new = alice.send(bob, b"sealed still")
    starting = Device("carol")
    starting.start(bob)
    return {
        "book": book.hex(),
        "late": late.hex(),
        "end": end.hex(),
        "sealed": new.hex(),
        "unanswered": snapshot.dump(starting.book(bob)).hex(),
    }


def main() -> None:
    """Write the file of the newest format, unless it is there."""
    path = FOLDER / f"format_{snapshot.FORMAT}.json"
    FOLDER.mkdir(exist_ok=True)
    if path.exists():
        raise SystemExit(f"{path.name} stands for what users have; it is never written again")
    path.write_text(json.dumps(kept(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
