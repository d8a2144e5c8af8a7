"""The scripts: Redis knows each by the SHA-1 of its text."""

from hushpost_store.redis.scripts import MAILBOX_KEYS, all_scripts
from hushpost_store.redis.shards import Shards


async def test_redis_names_the_scripts_as_we_do(shards: Shards) -> None:
    """What SCRIPT LOAD answers is the name under which we run it."""
    (address,) = shards.primaries
    scripts = all_scripts()
    for script in scripts.values():
        assert await shards.ask_server(address, b"SCRIPT", b"LOAD", script.text) == script.sha
    assert len({script.sha for script in scripts.values()}) == len(scripts) > 20


def test_every_script_says_what_it_answers() -> None:
    """Each begins with a comment, after what all scripts of its kind begin with."""
    all_scripts.cache_clear()
    for script in all_scripts().values():
        heads = (
            b"--",
            b"#!lua flags=allow-oom\n--",
            b"#!lua flags=no-writes,allow-cross-slot-keys\n--",
        )
        assert script.text.startswith(heads)
    assert "order" in MAILBOX_KEYS
