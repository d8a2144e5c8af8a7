"""A conversation of real clients, taken from the wire, and what its sizes tell."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from hushpost_wire.frames import DELIVER_HEADER_BYTES, SUBMIT_HEADER_BYTES
from hushpost_wire.limits import ENVELOPE_BUCKETS

from hushpost_proof.harness.capture import Capture, read_capture
from hushpost_proof.harness.certificates import Authority
from hushpost_proof.harness.recording_proxy import RecordingProxy
from hushpost_proof.harness.relay_process import RelayProcess
from hushpost_proof.sizes.labels import FIRST, KEM_STEP, Labels, labelled
from hushpost_proof.sizes.talk import talk
from hushpost_proof.sizes.wiretap import Tap, records, tapped

# What must look alike, and must have been there to be looked at.
ALIKE = ("text", "receipt", "typing", FIRST, KEM_STEP)
# A client's frame has a header of 8 bytes with its mask, a relay's of 4; TLS 1.3 adds 17.
_TLS_BYTES = 17
SMALL = ENVELOPE_BUCKETS[0]
SUBMIT_RECORD = 8 + SUBMIT_HEADER_BYTES + SMALL + _TLS_BYTES
DELIVER_RECORD = 4 + DELIVER_HEADER_BYTES + SMALL + _TLS_BYTES


@dataclass(frozen=True, slots=True)
class Frames:
    """What the frames of a captured conversation show."""

    envelopes: int
    undeclared: tuple[int, ...]
    sizes: dict[str, frozenset[int]]
    counts: Counter[str]

    @property
    def all_declared(self) -> bool:
        """Whether every envelope fills a bucket, and there were some."""
        return self.envelopes > 0 and not self.undeclared

    @property
    def look_alike(self) -> bool:
        """Whether all that must look alike was there, and has one size in each direction."""
        sizes = {self.sizes.get(kind, frozenset()) for kind in ALIKE}
        return len(sizes) == 1 and all(len(seen) == 1 for seen in sizes)

    def explain(self) -> str:
        """Say how often each kind was seen and how large."""
        return "; ".join(
            f"{kind} {self.counts[kind]}x {'/'.join(map(str, sorted(self.sizes.get(kind, ()))))}"
            for kind in ALIKE
        )


def look_at_frames(capture: Capture, labels: Labels) -> Frames:
    """Sort the captured envelopes by what they are, and gather their sizes."""
    sizes: defaultdict[str, set[int]] = defaultdict(set)
    counts: Counter[str] = Counter()
    seen = [(one.envelope_id, len(one.envelope)) for one in capture.submits]
    seen += [(one.envelope_id, len(one.envelope)) for one in capture.delivers]
    for envelope_id, size in seen:
        for kind in labels.of(envelope_id):
            sizes[kind].add(size)
            counts[kind] += 1
    undeclared = tuple(size for _, size in seen if size not in ENVELOPE_BUCKETS)
    return Frames(len(seen), undeclared, {k: frozenset(v) for k, v in sizes.items()}, counts)


async def survey_frames(folder: Path, *, is_leaky: bool = False) -> Frames:
    """Record a conversation in the clear and look at its frames."""
    await asyncio.to_thread(folder.mkdir, parents=True)
    arguments = ("--unsafe-no-bucket-enforcement",) if is_leaky else ()
    with labelled(is_leaky=is_leaky) as labels:
        await _record(folder, RelayArguments(arguments))
    return look_at_frames(read_capture(folder / "wire"), labels)


@dataclass(frozen=True, slots=True)
class RelayArguments:
    """How the relay of a conversation is started."""

    arguments: Sequence[str] = ()
    authority: Authority | None = None

    def environment(self) -> dict[str, str]:
        """Return the settings of its TLS, if it has one."""
        if self.authority is None:
            return {}
        files = self.authority.issue("127.0.0.1")
        return {
            "HUSHPOST_RELAY_TLS_CERTIFICATE": str(files.certificate),
            "HUSHPOST_RELAY_TLS_KEY": str(files.key),
        }


@dataclass(frozen=True, slots=True)
class Records:
    """The TLS records of a conversation that can carry an envelope, and the TCP segments."""

    sealed: int
    up: Counter[int]
    down: Counter[int]
    tap: Tap | None

    @property
    def delivered(self) -> int:
        """How many deliveries the relay's records hold, written alone or several at once."""
        frame = DELIVER_RECORD - _TLS_BYTES
        held = {size: divmod(size - _TLS_BYTES, frame) for size in self.down}
        return sum(
            self.down[size] * times for size, (times, rest) in held.items() if times and not rest
        )


async def survey_records(folder: Path) -> Records:
    """Record a conversation under TLS and count the records as large as an envelope."""
    await asyncio.to_thread(folder.mkdir, parents=True)
    authority = Authority(folder, "an authority of this experiment")
    with labelled() as labels:
        tap = await _record(folder, RelayArguments(authority=authority))
    up: Counter[int] = Counter()
    down: Counter[int] = Counter()
    for path in sorted((folder / "wire").iterdir()):
        large = [size for size in records(path.read_bytes()) if size > ENVELOPE_BUCKETS[0]]
        (up if path.suffix == ".up" else down).update(large)
    return Records(len(labels.kinds), up, down, tap)


async def _record(folder: Path, how: RelayArguments) -> Tap | None:
    tls = how.authority.client_context() if how.authority is not None else None
    async with RecordingProxy(folder / "wire") as proxy:
        relay = RelayProcess(
            folder,
            public_host=proxy.host,
            arguments=how.arguments,
            environment=how.environment(),
        )
        await relay.start()
        with ExitStack() as stack:
            tap = stack.enter_context(tapped(proxy.port))
            proxy.lead_to(relay.port)
            url = proxy.url if tls is None else proxy.url.replace("ws:", "wss:")
            try:
                await talk(folder, url, tls)
            finally:
                await relay.stop()
        return tap
