"""When a rewrite began is known from the looks before it: never later than it was."""

from __future__ import annotations

import math
from dataclasses import replace

from hushpost_store.redis.rewrites_seen import RewritesSeen
from hushpost_store.redis.server_log import ServerLog

LOG = ServerLog("abc", is_kept=True, is_idle=True, is_whole=True, grown=0, mark="1", rewrites=3)


def after(*looks: tuple[float, int]) -> RewritesSeen:
    """Look at these moments, when so many rewrites had begun."""
    seen: RewritesSeen | None = None
    for now, rewrites in looks:
        seen = RewritesSeen.at(replace(LOG, rewrites=rewrites), now, seen)
    assert seen is not None
    return seen


def test_nothing_is_out_before_a_rewrite_was_seen() -> None:
    """Those that a server had made before the first look may have begun at any time."""
    assert after((10.0, 5)).taken_out(LOG) == -math.inf
    assert after((10.0, 5), (20.0, 5)).taken_out(LOG) == -math.inf


def test_a_rewrite_began_after_the_last_look_without_it() -> None:
    """What was deleted before that look is out; what came between the looks may not be."""
    assert after((10.0, 5), (20.0, 5), (30.0, 6)).taken_out(LOG) == 20.0
    assert after((10.0, 5), (20.0, 6), (30.0, 6), (40.0, 6)).taken_out(LOG) == 10.0


def test_while_one_runs_the_one_before_counts() -> None:
    """The newest has taken nothing out until it has ended."""
    running = replace(LOG, is_idle=False)
    assert after((10.0, 5), (20.0, 6)).taken_out(running) == -math.inf
    assert after((10.0, 5), (20.0, 6), (30.0, 7)).taken_out(running) == 10.0


def test_of_several_between_two_looks_the_last_may_still_run() -> None:
    """The one before it began after the same look."""
    seen = after((10.0, 5), (20.0, 8))
    assert seen.taken_out(replace(LOG, is_idle=False)) == 10.0
    assert seen.taken_out(LOG) == 10.0


def test_a_rewrite_that_failed_takes_nothing_out() -> None:
    """Nor is told which of those before it did."""
    assert after((10.0, 5), (20.0, 6)).taken_out(replace(LOG, is_whole=False)) == -math.inf


def test_a_server_that_counts_anew_is_looked_at_anew() -> None:
    """Its statistics were reset: what was seen says nothing about the new count."""
    assert after((10.0, 5), (20.0, 6), (30.0, 0)).taken_out(LOG) == -math.inf


def test_a_rewrite_counts_when_it_has_ended_well() -> None:
    """While the next one goes on the one before counts; after one that failed none does."""
    seen = RewritesSeen.at(LOG, 10.0, None)
    assert seen.taken_out(LOG) == -math.inf
    going = replace(LOG, rewrites=4, is_idle=False)
    seen = RewritesSeen.at(going, 15.0, seen)
    assert seen.taken_out(going) == -math.inf
    again = replace(LOG, rewrites=5, is_idle=False)
    seen = RewritesSeen.at(again, 20.0, RewritesSeen.at(going, 17.0, seen))
    assert seen.taken_out(again) == 10.0
    assert seen.taken_out(replace(again, is_whole=False)) == -math.inf
    ended = replace(again, is_idle=True)
    assert RewritesSeen.at(ended, 25.0, seen).taken_out(ended) == 17.0
    many = replace(LOG, rewrites=9, is_idle=False)
    assert RewritesSeen.at(many, 30.0, RewritesSeen.at(ended, 25.0, seen)).taken_out(many) == 25.0
    restarted = replace(LOG, rewrites=0)
    assert RewritesSeen.at(restarted, 30.0, seen).taken_out(restarted) == -math.inf
