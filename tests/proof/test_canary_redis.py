"""The scan of relays on Redis: what it reads, and that it fails where it would be blind."""

import subprocess
import sys
from pathlib import Path

import pytest
from hushpost_demo.guises import Needle
from hushpost_demo.redis_servers import RedisServer
from hushpost_proof.canary.remains import Left
from hushpost_proof.canary.scan import CanaryScan
from hushpost_proof.canary_redis import redis_surfaces
from hushpost_proof.canary_redis.deletion import BOUND_SECONDS, Stage
from hushpost_proof.canary_redis.images import image_of
from hushpost_proof.claim import Effort
from hushpost_proof.claims import canary_redis, gone_from_redis

# Keeps a word in memory that its own text does not hold, and says when.
_KEEPER = (
    "import sys; kept = bytes(b ^ 1 for b in bytes.fromhex(sys.argv[1]));"
    " print(1, flush=True); input()"
)
_WORD = b"a word to be found"


def test_an_image_holds_what_a_process_keeps_and_little_else() -> None:
    """A word is in it; pages of program files and of one byte are not."""
    hidden = bytes(byte ^ 1 for byte in _WORD).hex()
    with subprocess.Popen(
        [sys.executable, "-c", _KEEPER, hidden], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        image = image_of(process.pid)
        process.kill()
    assert any(_WORD in stretch.data for stretch in image)
    assert not any(stretch.data.count(stretch.data[0]) == len(stretch.data) for stretch in image)
    assert not any(stretch.where.endswith("r-xp") for stretch in image)


def test_each_file_of_a_server_is_read_as_what_it_is(tmp_path: Path) -> None:
    """What a broken rewrite left counts for the folder, wherever it lies."""
    kinds = {
        "appendonlydir/appendonly.aof.2.base.rdb": redis_surfaces.BASE,
        "appendonlydir/appendonly.aof.2.incr.aof": redis_surfaces.INCR,
        "appendonlydir/appendonly.aof.manifest": redis_surfaces.MANIFEST,
        "appendonlydir/temp-appendonly.aof.manifest": redis_surfaces.FOLDER,
        "temp-rewriteaof-bg-7.aof": redis_surfaces.FOLDER,
        "dump.rdb": redis_surfaces.FOLDER,
        "nodes.conf": redis_surfaces.FOLDER,
        "redis.log": redis_surfaces.LOG,
    }
    (tmp_path / "appendonlydir").mkdir()
    for name in kinds:
        (tmp_path / name).write_bytes(name.encode())
    for is_replica in (False, True):
        scan = CanaryScan([Needle(name, "raw", name.encode()) for name in kinds])
        redis_surfaces.look_at_files(scan, RedisServer(tmp_path, 1), is_replica=is_replica)
        seen = {one.what: one.surface for one in scan.sightings if one.what in one.where}
        named = {
            name: redis_surfaces.of(kind, is_replica=is_replica) for name, kind in kinds.items()
        }
        assert seen == named


def test_replicas_have_surfaces_of_their_own_and_share_the_leaks() -> None:
    """What is read of a primary does not pass for a replica's."""
    every = redis_surfaces.names(with_replicas=True)
    alone = redis_surfaces.names(with_replicas=False)
    assert set(alone) < set(every)
    assert len(every) - len(alone) == len(redis_surfaces.OF_SERVER)
    assert {redis_surfaces.planted_as(one) for one in every} == set(alone)


def _left(pieces: int, in_part: int) -> Left:
    return Left(4, 0, in_part, pieces, 256, 1_000)


@pytest.mark.parametrize(
    ("stage", "holds"),
    [
        (Stage("all well", _left(256, 4), _left(0, 0), BOUND_SECONDS), True),
        (Stage("a piece is left", _left(256, 4), _left(1, 1), 1.0), False),
        (Stage("too late", _left(256, 4), _left(0, 0), BOUND_SECONDS + 1), False),
        (Stage("never seen in a file", _left(0, 0), _left(0, 0), 1.0), False),
        (Stage("one not seen", _left(200, 3), _left(0, 0), 1.0), False),
        (Stage("the control was not seen", _left(256, 4), _left(0, 0), 1.0, "nothing"), False),
    ],
)
def test_a_stage_holds_only_if_all_was_there_and_all_is_gone(stage: Stage, *, holds: bool) -> None:
    """Each way to see nothing breaks it."""
    assert stage.holds is holds


@pytest.mark.parametrize("claim", [canary_redis.CLAIM, gone_from_redis.CLAIM])
async def test_without_redis_the_row_says_so_and_ci_fails(
    claim: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has no redis-server is told what was not tried; where CI runs it must be there."""
    assert claim in (canary_redis.CLAIM, gone_from_redis.CLAIM)
    module = canary_redis if claim is canary_redis.CLAIM else gone_from_redis
    monkeypatch.setattr(module, "is_installed", lambda: False)
    for ci, holds in (("", True), ("true", False)):
        monkeypatch.setenv("CI", ci)
        (row,) = await module.CLAIM.prove(Effort(tmp_path, 1))
        assert row.found.startswith("not tried: needs redis-server")
        assert row.holds is holds
