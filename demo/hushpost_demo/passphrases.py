"""Where the passphrase comes from: a file, the environment, or the person at the terminal.

Never an argument: other users of a machine can read those.
"""

import os
import sys
from pathlib import Path
from typing import Final

import click

from hushpost_demo.errors import PassphraseFileUnusable, PassphraseMissing, PassphraseTooShort

PASSPHRASE_VARIABLE: Final = "HUSHPOST_PASSPHRASE"  # noqa: S105  a variable's name
NEW_PASSPHRASE_VARIABLE: Final = "HUSHPOST_NEW_PASSPHRASE"  # noqa: S105  a variable's name
# Shorter ones fall in days even with Argon2id, if a person made them up.
CHARACTERS_MIN: Final = 8
# Five words of a list of 7,776 have 64 bits, and about this many characters.
CHARACTERS_ADVISED: Final = 20


def read_passphrase(
    file: Path | None, *, prompt: str, variable: str = PASSPHRASE_VARIABLE, confirm: bool = False
) -> str:
    """Give the passphrase from the first source there is; ``confirm`` asks a person twice.

    Raises `PassphraseFileUnusable`, and `PassphraseMissing` where nobody can be asked.
    """
    if file is not None:
        return _from_file(file)
    given = os.environ.get(variable)
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise PassphraseMissing(
            f"there is no terminal to ask for the passphrase: use --passphrase-file or {variable}"
        )
    typed: str = click.prompt(prompt, hide_input=True, confirmation_prompt=confirm, err=True)
    return typed


def check_new(passphrase: str) -> str | None:
    """Judge a new passphrase by its length; gives advice for a person, or None.

    Raises `PassphraseTooShort`. Argon2id makes each guess cost a tenth of a second of one machine,
    and a thief of the vault has many machines and all the time there is.
    """
    length = len(passphrase.strip())
    if length < CHARACTERS_MIN:
        raise PassphraseTooShort(
            f"a passphrase of {length} characters is soon guessed by who has the vault's file: take"
            f" at least {CHARACTERS_MIN}, or better five words drawn by dice"
        )
    if length < CHARACTERS_ADVISED:
        return (
            f"A passphrase of {length} characters is short: five words drawn by dice last longer"
            " than anything made up. `hushpost passphrase` changes it."
        )
    return None


def _from_file(file: Path) -> str:
    try:
        first_line = file.read_text(encoding="utf-8").partition("\n")[0].removesuffix("\r")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise PassphraseFileUnusable(
            f"the passphrase file {file} cannot be read: {reason}"
        ) from None
    if not first_line:
        raise PassphraseFileUnusable(f"the first line of the passphrase file {file} is empty")
    return first_line
