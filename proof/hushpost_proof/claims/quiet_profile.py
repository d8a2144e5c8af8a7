"""The quiet profile beside its timing: no file, bounded memory, nothing lost."""

import os
from collections.abc import Sequence
from dataclasses import replace

from hushpost_proof import kill
from hushpost_proof.claim import Claim, Effort, Half, Row
from hushpost_proof.quiet import traced_writes
from hushpost_proof.quiet.files import Trace, trace_conversation
from hushpost_proof.quiet.flood import Flood, flood
from hushpost_proof.timing.audience import Kind

_ENVELOPES = 1_000
_CONTROLS = 50
_CONNECTIONS = 100
_BYTES_MAX = 4 << 20
_MANY_BYTES = 1 << 30
_KILLS = kill.Plan(0, pairs=4, relay_kills=5, client_kills=3, seconds=6.0, is_quiet=True)
_KILLS_LONG = replace(_KILLS, pairs=10, relay_kills=100, client_kills=100, seconds=300.0)


async def _prove(effort: Effort) -> Sequence[Row]:
    return [
        *await _files(effort),
        await _memory(effort),
        await _memory_control(effort),
        await _kills(effort),
    ]


async def _files(effort: Effort) -> Sequence[Row]:
    if traced_writes.is_missing():
        in_ci = os.environ.get("CI") == "true"
        needs = "not tried: needs strace (apt-get install strace)"
        return [Row("every write of the relay traced", 0, needs, not in_ci)]

    async def trace(kind: Kind, *, is_quiet: bool, envelopes: int) -> Trace:
        folder = effort.folder / f"{kind}-{'quiet' if is_quiet else 'plain'}"
        return await trace_conversation(
            folder, kind, is_quiet=is_quiet, envelopes=envelopes, connections=_CONNECTIONS
        )

    held = await trace(Kind.ONLINE, is_quiet=True, envelopes=_ENVELOPES)
    slow = await trace(Kind.SLOW, is_quiet=True, envelopes=_CONTROLS)
    plain = await trace(Kind.OFFLINE, is_quiet=False, envelopes=_CONTROLS)
    return [
        Row(
            "every write of the relay traced; the recipient acknowledges at once",
            held.carried,
            _told(held),
            held.is_untouched and held.accepted == held.carried >= _ENVELOPES,
        ),
        Row("control: it acknowledges late", slow.carried, _told(slow), slow.is_found),
        Row("control: quiet off, nobody there", plain.carried, _told(plain), plain.is_found),
    ]


def _told(trace: Trace) -> str:
    return (
        f"{trace.accepted} accepted; {trace.file_writes} writes to files, "
        f"{trace.marked_writes} with a piece of an envelope; "
        f"files with one: {', '.join((*trace.marked_files, *trace.ways_around)) or 'none'}"
    )


async def _memory(effort: Effort) -> Row:
    seen = await flood(effort.folder / "flood", _BYTES_MAX)
    holds = seen.is_bounded and seen.is_whole
    tried = f"a flood against a bound of {_BYTES_MAX >> 20} MiB"
    return Row(tried, seen.offered, _counted(seen), holds)


async def _memory_control(effort: Effort) -> Row:
    seen = await flood(effort.folder / "unbounded", _MANY_BYTES)
    over = seen.most_counted > 4 * _BYTES_MAX and not seen.is_bounded
    return Row("control: the bound out of reach", seen.offered, _counted(seen), over)


def _counted(seen: Flood) -> str:
    return (
        f"at most {seen.most_counted / (1 << 20):.1f} MiB held (process grew by "
        f"{seen.most_grown / (1 << 20):.0f} MiB), senders left unread {seen.stops} times; "
        f"{seen.accepted} accepted, {seen.stored} stored"
    )


async def _kills(effort: Effort) -> Row:
    plan = replace(_KILLS_LONG if effort.is_long else _KILLS, seed=effort.seed)
    outcome = await kill.run(plan, effort.folder / "kills")
    counts = outcome.report.counts
    found = (
        f"{counts.sent} messages sent, {counts.accepted} accepted, {counts.received} received; "
        f"{len(outcome.report.findings)} lost, doubled or out of order"
    )
    if not outcome.is_clean:
        found += "\n" + outcome.explain()
    kills = outcome.relay_kills + outcome.client_kills
    whole = counts.accepted == counts.received == counts.sent > 0
    return Row("signal 9 at random moments", kills, found, outcome.is_clean and whole)


CLAIM = Claim(
    name="quiet-profile",
    half=Half.KEPT,
    sentence="On a quiet relay what is said to who is there never touches a disk, nor is it lost",
    seconds=55,
    prove=_prove,
)
