"""A thief of a client's disk finds no word without the secret, and nothing deleted with it."""

import os
from collections.abc import Sequence
from pathlib import Path

from hushpost_proof.canary.canaries import Canary, Kind, needles_of
from hushpost_proof.canary.scan import CanaryScan
from hushpost_proof.canary.vault_controls import (
    kept_things_found,
    old_rows_found,
    unsealed_row_found,
)
from hushpost_proof.canary.vault_scan import (
    CLOSED_FILES,
    ERASED_SECONDS_MAX,
    OPEN_FILES,
    WITH_KEY,
    Hunted,
    VaultOutcome,
    scan_vaults,
)
from hushpost_proof.claim import Claim, Effort, Half, Row

# docs/vault.md, section 1; the last is what the experiment notes there itself.
_KNOWN_FILES = (
    ".vault",
    ".vault-wal",
    ".vault-shm",
    ".vault-journal",
    ".lock",
    ".new",
    ".new-journal",
    ".address",
)


async def _prove(effort: Effort) -> Sequence[Row]:
    temporary = effort.folder / "tmp"
    temporary.mkdir()
    os.environ["TMPDIR"] = str(temporary)
    outcome = await scan_vaults(effort.folder, effort.seed)
    folders = {name: effort.folder / name for name in ("log", "pages", "sound")}
    for folder in folders.values():
        folder.mkdir()
    controls = {
        "log not cut": await old_rows_found(folders["log"], log_kept=True, pages_kept=False),
        "pages not overwritten": await old_rows_found(
            folders["pages"], log_kept=False, pages_kept=True
        ),
    }
    sound = await old_rows_found(folders["sound"], log_kept=False, pages_kept=False)
    rows = [
        _words(outcome, effort.folder),
        _old_rows(outcome, controls, sound),
        *_keys(outcome),
        _opened(outcome, kept_things_found()),
        _files(outcome, temporary),
    ]
    return rows


def _words(outcome: VaultOutcome, folder: Path) -> Row:
    text = "Planted Zimbelquast, 0170 5550199"
    planted = CanaryScan(needles_of([Canary("planted", Kind.TOLD_NOBODY, text)]))
    seen = unsealed_row_found(folder, planted, text)
    scan = outcome.scan
    size = sum(scan.bytes_read.values())
    found = (
        f"{len(scan.sightings)} sightings in {size / 1e6:.1f} MB; a row in clear, planted, is"
        f" {'found' if seen else 'NOT found'}"
    )
    found += "".join(f"\n{one}" for one in scan.sightings[:3])
    holds = not scan.sightings and seen and not scan.unread((OPEN_FILES, CLOSED_FILES))
    tried = f"all files of two vaults, open and closed: {scan.guises} guises"
    return Row(tried, outcome.messages, found, holds)


def _old_rows(outcome: VaultOutcome, controls: dict[str, int], sound: int) -> Row:
    hunted = [one for one in outcome.hunted if one.what.startswith("overwritten")]
    told = "; ".join(f"{one.where}: {one.found} of {one.hunted} found" for one in hunted)
    planted = ", ".join(f"{name}: {count} found" for name, count in controls.items())
    found = (
        f"right after a message {outcome.left_at_once} are found, {outcome.erased_after:.1f} s"
        f" later none (bound {ERASED_SECONDS_MAX:.0f} s); {told}. Planted: {planted};"
        f" in a sound one {sound}"
    )
    holds = (
        len(hunted) == 2
        and all(one.hunted and not one.found for one in hunted)
        and outcome.left_at_once > 0
        and outcome.erased_after < ERASED_SECONDS_MAX
        and all(controls.values())
        and not sound
    )
    return Row("rows overwritten or deleted, sealed as they were", outcome.rows, found, holds)


def _keys(outcome: VaultOutcome) -> list[Row]:
    hunted = [one for one in outcome.hunted if one.what.startswith("chain and message")]
    return [
        Row(
            f"{one.what} in clear, {one.where}",
            one.hunted,
            f"{one.found} found in {one.bytes_read / 1e6:.1f} MB",
            one.hunted > 0 and not one.found,
        )
        for one in hunted
    ]


def _opened(outcome: VaultOutcome, control: list[str]) -> Row:
    hunted = [one for one in outcome.hunted if one.where == WITH_KEY]
    missed = [one.what for one in hunted if one.what not in control]
    holds = bool(hunted) and all(_is_clean(one) for one in hunted) and not missed
    found = "; ".join(f"{one.what}: {one.found} of {one.hunted}" for one in hunted)
    found += f"; {len(control)} of {len(hunted)} planted are found"
    return Row("rows opened with the secret", sum(one.hunted for one in hunted), found, holds)


def _is_clean(one: Hunted) -> bool:
    return one.hunted > 0 and one.found == 0 and one.bytes_read > 0


def _files(outcome: VaultOutcome, temporary: Path) -> Row:
    strange = [name for name in outcome.new_files if not name.endswith(_KNOWN_FILES)]
    strange += [path.name for path in temporary.iterdir()]
    found = f"{len(outcome.new_files)} kinds, all documented; {len(strange)} others {strange[:3]}"
    holds = not strange and len(outcome.new_files) > 0
    return Row("files made beside the vaults and in TMPDIR", len(outcome.new_files), found, holds)


CLAIM = Claim(
    name="canary-vault",
    half=Half.KEPT,
    sentence="A vault's files hold no word in clear, and nothing that was deleted or spent",
    seconds=25,
    prove=_prove,
)
