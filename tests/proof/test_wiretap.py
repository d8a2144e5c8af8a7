"""What a listener without keys counts: records and segments, with a byte more found."""

import struct
from collections import Counter

from hushpost_proof.harness.capture import Capture
from hushpost_proof.sizes.labels import Labels
from hushpost_proof.sizes.survey import ALIKE, DELIVER_RECORD, Records, look_at_frames
from hushpost_proof.sizes.wiretap import Tap, records
from hushpost_wire.frames import Submit
from hushpost_wire.identifiers import DropSecret, EnvelopeId, Route


def record(kind: int, length: int) -> bytes:
    """Make a TLS record."""
    return struct.pack(">BHH", kind, 0x0303, length) + bytes(length)


def test_records_of_application_data_are_counted() -> None:
    """Handshakes and pieces of a record are not."""
    stream = record(22, 300) + record(23, 4197) + record(23, 40) + record(23, 4197)[:-1]
    assert list(records(stream)) == [4197, 40]


def packet(source: int, target: int, payload: int, number: int = 0) -> bytes:
    """Make an IP packet with a TCP segment."""
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + payload, 0, 0, 64, 6, 0, bytes(4), bytes(4))
    return (
        ip
        + struct.pack(">HHIIBBHHH", source, target, number, 0, 5 << 4, 0, 0, 0, 0)
        + bytes(payload)
    )


def test_segments_are_counted_by_direction() -> None:
    """Other ports and segments without a payload are passed over."""
    tap = Tap(8440)
    for given in ((5000, 8440, 4202), (8440, 5000, 4166), (5000, 8440, 0), (1, 2, 99)):
        tap.take(packet(*given))
    assert (tap.to_port, tap.from_port) == ([4202], [4166])


def test_what_is_sent_again_is_counted_once() -> None:
    """A segment with the ports and the number of another is that one again."""
    tap = Tap(8440)
    for number in (7, 7, 8):
        tap.take(packet(5000, 8440, 4202, number))
    assert tap.to_port == [4202, 4202]


def test_deliveries_are_counted_also_where_several_share_a_record() -> None:
    """A record of two frames is two deliveries; another size is none."""
    down = Counter({DELIVER_RECORD: 3, 2 * (DELIVER_RECORD - 17) + 17: 2, 6968: 1})
    assert Records(7, Counter(), down, None).delivered == 7


def captured(sizes: list[int]) -> tuple[Capture, Labels]:
    """Capture one envelope of each kind that must look alike, with these sizes."""
    labels = Labels()
    submits: list[Submit] = []
    for number, (kind, size) in enumerate(zip(ALIKE, sizes, strict=True)):
        name = EnvelopeId(bytes([number]) * 16)
        labels.kinds[name] = frozenset({kind})
        submits.append(
            Submit(4, number, Route(bytes(16)), DropSecret(bytes(32)), name, 0, bytes(size))
        )
    return Capture(tuple(submits), ()), labels


def test_one_size_for_all_is_found_alike() -> None:
    """Five kinds in the small bucket look alike, and all sizes are declared."""
    frames = look_at_frames(*captured([4096] * 5))
    assert frames.look_alike
    assert frames.all_declared
    assert "typing 1x 4096" in frames.explain()


def test_a_byte_more_and_another_bucket_are_found() -> None:
    """One kind that differs is enough, whether its size is declared or not."""
    assert not look_at_frames(*captured([4096, 4096, 4097, 4096, 4096])).look_alike
    assert not look_at_frames(*captured([4096, 4096, 4097, 4096, 4096])).all_declared
    other = look_at_frames(*captured([4096, 4096, 16384, 4096, 4096]))
    assert other.all_declared
    assert not other.look_alike


def test_a_kind_that_never_came_shows_nothing() -> None:
    """What was not there to be seen cannot be found alike."""
    capture, labels = captured([4096] * 5)
    labels.kinds = {name: kinds - {"receipt"} for name, kinds in labels.kinds.items()}
    assert not look_at_frames(capture, labels).look_alike
