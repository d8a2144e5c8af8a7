"""Tests of telling the demo to scripts."""

import io
import json
from pathlib import Path

from hushpost_demo.cluster_view import ClusterView, NodeView, ServerView
from hushpost_demo.person import Line, Person
from hushpost_demo.relay_view import MailboxView, RelayView
from hushpost_demo.scenes import OFFLINE
from hushpost_demo.stage import JsonStage

ENVELOPE = bytes(range(256)) * 16


def view(pid: int | None = 4711, *, waiting: int = 2) -> RelayView:
    """Make a look at a relay with envelopes waiting in one of two mailboxes."""
    counts = (None, None, None, None) if pid is None else (1, 2, 30, 28)
    return RelayView(
        pid=pid,
        accounts=2,
        mailboxes=(
            MailboxView(b"\xab" * 16, waiting, waiting * 4096, 3),
            MailboxView(b"\xcd" * 16, 0, 0, 1),
        ),
        envelopes=(ENVELOPE,) * waiting,
        connected=counts[0],
        anonymous=counts[1],
        accepted=counts[2],
        acknowledged=counts[3],
        log_lines=7,
        last_log_line="info relay_started: serving",
        file_bytes=90_000,
    )


def cluster_view() -> ClusterView:
    """Make a look at two relays and six servers, one of each killed."""
    one = view()
    nodes = (NodeView("A", None, None, None, None, None), NodeView("B", 12, 2, 1, 9, 8))
    servers = tuple(ServerView(7000 + at, 100 + at if at else None, at > 2) for at in range(6))
    keys = (b"{abc}:mailbox", b"{abc}:bodies")
    return ClusterView(nodes, servers, keys, 2, one.mailboxes, one.envelopes)


def test_each_fact_is_an_object_a_line(tmp_path: Path) -> None:
    """A frame has all three columns; of an envelope only size and beginning."""
    out = io.StringIO()
    stage = JsonStage(out)
    alice, bob = Person("Alice", "A", tmp_path), Person("Bob", "B", tmp_path)
    alice.lines.append(Line("Alice", "hi"))
    stage.scene(4, OFFLINE)
    stage.frame(alice, view(), bob)
    stage.fact("log", "words", lines=7)
    stage.verdict("fine", clean=True, seconds=12.5)
    with stage.busy("working"):
        assert stage.reading_seconds(9) == 0
    scene, frame, fact, result = (json.loads(line) for line in out.getvalue().splitlines())
    assert scene == {"kind": "scene", "number": 4, "title": OFFLINE.title}
    assert frame["alice"]["lines"] == [{"speaker": "Alice", "text": "hi", "state": ""}]
    assert frame["relay"]["envelopes"] == [{"bytes": 4096, "begins": ENVELOPE[:16].hex()}] * 2
    assert frame["relay"]["mailboxes"][0]["envelopes"] == 2
    assert frame["bob"]["app_open"] is False
    assert fact == {"kind": "log", "text": "words", "lines": 7}
    assert result == {"kind": "result", "text": "fine", "ok": True, "seconds": 12.5}


def test_a_cluster_is_told_whole(tmp_path: Path) -> None:
    """Both relays, all servers, and an envelope's size and beginning; the dead have no pid."""
    out = io.StringIO()
    alice, bob = Person("Alice", "A", tmp_path), Person("Bob", "B", tmp_path)
    JsonStage(out).frame(alice, cluster_view(), bob)
    service = json.loads(out.getvalue())["service"]
    assert [(relay["name"], relay["pid"]) for relay in service["relays"]] == [
        ("A", None),
        ("B", 12),
    ]
    assert [server["pid"] for server in service["servers"]] == [None, 101, 102, 103, 104, 105]
    assert service["keys"] == 2
    assert service["envelopes"] == [{"bytes": 4096, "begins": ENVELOPE[:16].hex()}] * 2
    assert service["mailboxes"][0]["envelopes"] == 2
