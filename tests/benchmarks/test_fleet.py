"""Tests of the fleet's arithmetic: it is sound, refuses the impossible, and the page shows it."""

import json
import os
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hushpost_server.configuration import Configuration
from hushpost_store.redis import aof_rewriter
from hushpost_store.redis.options import RedisOptions

from benchmarks.errors import BenchmarkFailure
from benchmarks.fleet import SIZES, PageUnusable, main, renewed
from benchmarks.fleet_assumptions import ASSUMED, MEASURED, SETTING, Assumptions, Figure
from benchmarks.fleet_events import rewrite, storms, talk
from benchmarks.fleet_model import (
    CLIENTS,
    NODES,
    Need,
    fleet_for,
    full_at,
    hot_factor,
    joined,
    load_of,
    lost_with_a_region,
    redis_needs,
    relay_needs,
)
from benchmarks.fleet_tables import ADVICE, figure, share, tables

GIVEN = Assumptions()
ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "scale.md"


def use(needs: tuple[Need, ...], resource: str) -> float:
    """Give how full a resource is."""
    return next(need.units for need in needs if need.resource == resource)


# -- the page ------------------------------------------------------------------------------------


def test_the_page_shows_what_the_program_says() -> None:
    """Else run `python -m benchmarks.fleet --write docs/scale.md`, and read the prose again."""
    page = PAGE.read_text()
    assert renewed(page, tables(GIVEN, SIZES)) == page


def test_a_page_that_lags_behind_is_noticed() -> None:
    """Another assumption makes another page; a table without a place, or with two, is an error."""
    page = PAGE.read_text()
    assert renewed(page, tables(replace(GIVEN, online_share=0.4), SIZES)) != page
    with pytest.raises(PageUnusable):
        renewed(page.replace("<!-- fleet: storm -->", ""), tables(GIVEN, SIZES))
    with pytest.raises(PageUnusable):
        renewed(page + "<!-- fleet: storm -->\n<!-- end -->", tables(GIVEN, SIZES))


def test_what_the_prose_says_is_so() -> None:
    """Each sentence of the page that states a result is held against the result."""
    one, ten = (fleet_for(size, GIVEN) for size in SIZES)
    assert one.fullest_relay.resource == ten.fullest_relay.resource == "connections"
    assert one.fullest_redis.resource == "memory"
    assert ten.clients.units > 1 > one.clients.units
    parts = {need.resource: need.units for need in redis_needs(one.load, GIVEN)}
    prekeys, mail = parts["memory: accounts and prekeys"], parts["memory: mail that waits"]
    assert 0.4 < prekeys / (prekeys + mail) < 0.6
    assert one.load.waiting_for_away > one.load.waiting_for_awake
    assert min(talk(one, GIVEN).relay_times_mail, talk(one, GIVEN).redis_times_mail) > 1
    work = {need.resource: need.units for need in relay_needs(one.load, GIVEN)}
    looking = "processor: looking each second"
    assert max(work, key=lambda name: work[name] if name.startswith("proc") else 0.0) == looking
    needed = rewrite(one, GIVEN)
    assert needed.seconds_in_turn <= GIVEN.deletion_seconds_max - GIVEN.rewrite_after_seconds
    assert rewrite(one, GIVEN).memory_gib < 1.5 * use(one.redis_use, "memory") * GIVEN.primary_gib
    assert work["processor: looking each second"] > work["processor: mail"]
    lost = storms(ten, GIVEN)[2]
    assert lost.full_after <= 1
    assert lost.seconds > 10 > storms(ten, GIVEN)[1].seconds
    assert needed.due_after_seconds < GIVEN.rewrite_after_seconds
    assert talk(one, GIVEN).sweep_seconds > GIVEN.sweep_interval_seconds
    assert one.redis_mesh < 0.05
    assert 0.12 < ten.redis_mesh < 0.17
    assert 0.17 < ten.relay_mesh < 0.23
    assert fleet_for(1e8, GIVEN).relay_mesh > 1
    assert 0.3 < GIVEN.connects_per_second * GIVEN.relay_us_per_login / 1e6 < 0.4
    assert 0.33 < needed.fork_seconds < 0.5
    assert 60 < needed.copy_seconds < 120
    first = dict(full_at(GIVEN))
    tenfold = min(first["relay: memory"], first["relay: processor"]) / first["relay: connections"]
    assert 9 < tenfold < 10
    quarter_million = load_of(250_000, GIVEN).devices * GIVEN.sweep_us_per_device / 1e6
    assert quarter_million == pytest.approx(GIVEN.sweep_interval_seconds, rel=0.1)
    costs = json.loads((ROOT / "benchmarks" / "results" / "fleet_costs.json").read_text())
    assert costs["compressing_rewrite_mib_per_second"] < costs["rewrite_mib_per_second"] / 2
    assert 1000 < needed.written_gib_a_day < 2000
    assert replace(GIVEN, relay_connections_max=40_000).ports_per_relay < 40_000
    assert use(ten.redis_use, "nodes of a cluster") > 0.5
    assert (
        hot_factor(one.load, one.primaries, GIVEN) < 1.1 < hot_factor(load_of(900, GIVEN), 3, GIVEN)
    )


# -- sound ---------------------------------------------------------------------------------------


def test_twice_the_accounts_ask_for_twice_as_much() -> None:
    """People, mail, logins and memory grow in proportion, and so do all resources."""
    one, two = load_of(1e5, GIVEN), load_of(2e5, GIVEN)
    for item in fields(one):
        assert getattr(two, item.name) == pytest.approx(2 * getattr(one, item.name))
    for needs in (relay_needs, redis_needs):
        for less, more in zip(needs(one, GIVEN), needs(two, GIVEN), strict=True):
            assert more.units == pytest.approx(2 * less.units)


def test_a_load_is_what_one_reckons_by_hand() -> None:
    """86,400 people who write once a day to one device make one message a second."""
    given = replace(
        GIVEN,
        devices_per_account=1,
        messages_per_account_day=1,
        receipts_per_message=0,
        peak_factor=1,
        online_share=0.5,
        away_share=0.1,
        away_mail_share=1,
        away_days=30,
        ttl_days=14,
        waiting_hours=24,
        posting_share=0,
    )
    load = load_of(86_400, given)
    assert load.messages_per_second == load.envelopes_per_second == pytest.approx(1)
    assert load.connections == 43_200
    assert load.waiting_for_away == pytest.approx(8_640 * 14)
    assert load.waiting_for_awake == pytest.approx(86_400 * 0.4)
    assert load.waiting == load.waiting_for_away + load.waiting_for_awake
    processor = "processor: mail"
    needed = {need.resource: need.units for need in relay_needs(load, given)}
    assert needed[processor] == pytest.approx(given.relay_us_per_envelope / 1e6)
    assert needed["connections"] == pytest.approx(4.32)


def test_nobody_away_for_long_has_more_than_a_mailbox_holds() -> None:
    """What waits for a silent device ends with the TTL, and with the mailbox's bound."""
    longer = load_of(1e6, replace(GIVEN, away_days=300))
    assert longer.waiting_for_away == load_of(1e6, GIVEN).waiting_for_away
    full = load_of(1e6, replace(GIVEN, messages_per_account_day=1e6))
    assert full.waiting_for_away == pytest.approx(1.5e6 * 0.05 * 10_000)


@pytest.mark.parametrize("accounts", [1, 1e3, 1e5, 1e6, 1e7, 1e9])
def test_a_fleet_is_large_enough_and_no_larger(accounts: float) -> None:
    """Nothing is fuller than planned; with one relay less something would be."""
    fleet = fleet_for(accounts, GIVEN)
    assert fleet.relays >= 2
    assert fleet.primaries >= 3
    # More nodes do not help against what all relays do with all servers.
    beside = {CLIENTS, NODES, *(["processor"] if accounts > 1e7 else [])}
    planned = [need for need in fleet.redis_use + fleet.relay_use if need.resource not in beside]
    fullest = max(need.units for need in fleet.relay_use if need.resource not in beside)
    assert max(need.units for need in planned) <= GIVEN.utilisation_max * 1.000001
    assert max(storm.full_after for storm in storms(fleet, GIVEN)) <= 1
    if fleet.relays > 2:
        needed = fullest * fleet.relays
        left = fleet.relays - 1
        left -= lost_with_a_region(left, GIVEN)
        assert needed / (fleet.relays - 1) > GIVEN.utilisation_max or needed > left


def test_what_is_full_first_is_full_at_its_number() -> None:
    """At the accounts that the table names, exactly that resource is used up, and none before."""
    places = full_at(GIVEN)
    assert [accounts for _, accounts in places] == sorted(accounts for _, accounts in places)
    assert {name for name, _ in places} == set(ADVICE)
    load = load_of(places[0][1], GIVEN)
    needs = {
        **{f"relay: {n.resource}": n.units for n in joined(relay_needs(load, GIVEN))},
        **{f"Redis: {n.resource}": n.units for n in joined(redis_needs(load, GIVEN))},
    }
    assert needs[places[0][0]] == pytest.approx(1)
    assert max(needs.values()) == needs[places[0][0]]


def test_another_assumption_breaks_something_else_first() -> None:
    """The order is computed: a slow look fills processors, a slow net the network."""
    slow = replace(GIVEN, relay_us_per_connection_second=200)
    assert full_at(slow)[0][0] == "relay: processor"
    assert full_at(replace(GIVEN, network_mbit=1))[0][0] == "relay: network"
    assert full_at(replace(GIVEN, primary_gib=1))[0][0] == "Redis: memory"


def test_those_who_are_lost_come_back() -> None:
    """More relays lost are more devices and fewer who take them; the least of three bounds it."""
    fleet = fleet_for(1e6, GIVEN)
    one, machine, region, everything = storms(fleet, GIVEN)
    assert one.devices == pytest.approx(fleet.load.connections / fleet.relays)
    assert one.devices < machine.devices < region.devices < everything.devices
    assert everything.devices == fleet.load.connections
    assert one.seconds <= machine.seconds <= region.seconds
    assert one.seconds == GIVEN.redial_seconds
    assert region.logins_per_second == region.relays_left * GIVEN.connects_per_second
    slow = storms(fleet, replace(GIVEN, relay_us_per_login=50_000))[2]
    assert slow.bound == "the relays' processors"
    assert slow.seconds > region.seconds
    assert storms(fleet, replace(GIVEN, redis_us_per_login=50_000))[2].bound == "Redis's processors"


def test_a_rewrite_takes_what_it_must_write() -> None:
    """Twice the speed is half the time; memory stays between the data and twice the data."""
    fleet = fleet_for(1e6, GIVEN)
    quick = replace(GIVEN, rewrite_mib_per_second=400, disk_mib_per_second=400)
    slow = rewrite(fleet, replace(quick, disk_mib_per_second=200))
    fast = rewrite(fleet, quick)
    assert slow == rewrite(fleet, replace(quick, rewrite_mib_per_second=200))
    assert slow.seconds_each == pytest.approx(2 * fast.seconds_each)
    assert slow.seconds_in_turn == pytest.approx(slow.seconds_each * 2)
    assert slow.at_once == fleet.primaries
    data = use(fleet.redis_use, "memory") * GIVEN.primary_gib
    assert data < slow.memory_gib <= 2 * data
    busy = rewrite(fleet, replace(GIVEN, pages_per_envelope=1e6))
    assert busy.memory_gib == pytest.approx(2 * data)
    assert slow.disk_gib > 2 * data
    assert slow.fork_seconds == pytest.approx(data * GIVEN.fork_ms_per_gib / 1000)
    assert slow.copy_seconds == pytest.approx(data * 2**30 * 8 / 1e9)
    rare, often = (rewrite(fleet, replace(quick, rewrite_after_mib=x)) for x in (1e9, 64))
    assert rare.due_after_seconds == GIVEN.rewrite_after_seconds > often.due_after_seconds
    assert rare.written_gib_a_day < often.written_gib_a_day


def test_what_cannot_be_written_anew_in_time_takes_more_primaries() -> None:
    """The promise to forget bounds what one server may hold, as its memory does."""
    slow = replace(GIVEN, disk_mib_per_second=50)
    fleet = fleet_for(1e6, slow)
    assert fleet.primaries > fleet_for(1e6, GIVEN).primaries
    assert fleet.fullest_redis.resource == "time to rewrite"
    assert rewrite(fleet, slow).seconds_in_turn <= slow.deletion_seconds_max - 600
    with pytest.raises(BenchmarkFailure, match="deletion_seconds_max"):
        fleet_for(1e6, replace(GIVEN, deletion_seconds_max=600))


def test_what_all_do_with_all_grows_with_both() -> None:
    """Ten times the accounts are ten times the share of each processor, not the same one."""
    one, ten = (fleet_for(size, GIVEN) for size in (1e6, 1e7))
    assert ten.relay_mesh == pytest.approx(10 * one.relay_mesh, rel=0.05)
    assert ten.redis_mesh == pytest.approx(10 * one.redis_mesh, rel=0.05)
    assert use(ten.redis_use, "processor") > use(one.redis_use, "processor")


# -- assumptions ---------------------------------------------------------------------------------


def test_every_assumption_says_where_it_is_from() -> None:
    """Unit, kind and reason stand beside each, and each is an argument."""
    for item in fields(Assumptions):
        assert item.metadata["source"] in {MEASURED, SETTING, ASSUMED}
        assert len(item.metadata["reason"]) > 10
        assert item.metadata["unit"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("online_share", 1.5),
        ("online_share", 0),
        ("online_share", -0.1),
        ("replicas", -1),
        ("network_mbit", float("nan")),
        ("peak_factor", float("inf")),
        ("utilisation_max", 0),
    ],
)
def test_the_impossible_is_refused(
    name: str, value: float, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line that names it; also on the command line, with status 2."""
    with pytest.raises(BenchmarkFailure, match=name):
        replace(GIVEN, **{name: value})
    assert main([f"--{name.replace('_', '-')}={value}"]) == 2
    error = capsys.readouterr().err
    assert name in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("accounts", ["0", "-5", "nan", "1e30"])
def test_an_impossible_number_of_accounts_is_refused(accounts: str) -> None:
    """Nobody, and more than there are people."""
    assert main([f"--accounts={accounts}"]) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--write", "/nowhere/page.md"], "/nowhere/page.md: No such file"),
        (["--peak-factor", "1e308"], "beyond what can be reckoned"),
        (["--primary-gib", "1e-300"], "beyond what can be reckoned"),
        (["--deletion-seconds-max", "5"], "more than rewrite_after_seconds"),
    ],
)
def test_what_cannot_be_reckoned_or_written_is_told(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line, and with status 2; not by a traceback."""
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


def test_a_mistake_on_the_command_line_is_told_shortly(capsys: pytest.CaptureFixture[str]) -> None:
    """Two lines, and not all forty assumptions."""
    with pytest.raises(SystemExit) as ended:
        main(["--online-share", "a lot"])
    assert ended.value.code == 2
    usage, error = capsys.readouterr().err.splitlines()
    assert "--ASSUMPTION VALUE" in usage
    assert "--online-share: invalid float value: 'a lot'" in error


def test_no_replica_is_possible() -> None:
    """Who wants none has none."""
    assert fleet_for(1e6, replace(GIVEN, replicas=0)).replicas == 0


def test_settings_are_those_of_the_product() -> None:
    """A default that changes there changes the fleet."""
    settings = Configuration()
    assert GIVEN.relay_connections_max == settings.connections_max
    assert GIVEN.connects_per_second == settings.connects_per_second
    assert GIVEN.mailbox_envelopes_max == settings.mailbox_envelopes_max
    options = RedisOptions("redis://127.0.0.1")
    assert GIVEN.rewrite_after_seconds == options.rewrite_after_seconds
    assert GIVEN.deletion_seconds_max == options.deletion_seconds_max
    assert GIVEN.connections_per_server == options.connections_per_server + 1
    assert GIVEN.rewrite_after_mib == options.rewrite_after_bytes / 2**20
    assert GIVEN.server_look_seconds == aof_rewriter.LOOK_SECONDS
    assert GIVEN.sweep_interval_seconds == settings.sweep_interval_seconds


def test_measured_figures_are_those_that_were_measured() -> None:
    """Each default is what stands in the results, with three digits; else write the new one."""
    measured = [item for item in fields(Assumptions) if item.metadata["source"] == MEASURED]
    assert len(measured) > 12
    for item in measured:
        figure = item.metadata["figure"]
        assert item.default == three_digits(measured_in(figure) * figure.times), item.name
    for item in fields(Assumptions):
        assert (item.metadata["source"] == MEASURED) == (item.metadata["figure"] is not None)


def measured_in(figure: Figure) -> float:
    """Look a figure up, in either form that results have."""
    told = json.loads((ROOT / "benchmarks" / "results" / f"{figure.file}.json").read_text())
    if "results" not in told:
        return float(told[figure.name])
    (value,) = [row["value"] for row in told["results"] if row["name"] == figure.name]
    return float(value)


def three_digits(value: float) -> float:
    """Round as the assumptions do: they bear no more."""
    return float(f"{value:.3g}")


# -- telling -------------------------------------------------------------------------------------


def test_it_prints_the_sizes_that_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """Every table, for these sizes alone, under the assumptions given."""
    assert main(["--accounts", "2000", "--accounts", "5e8", "--replicas", "2"]) == 0
    text = capsys.readouterr().out
    assert "2,000 accounts" in text
    assert "500 million accounts" in text
    assert "| `replicas` | 2 |" in text
    assert text.count("## ") == len(tables(GIVEN, SIZES))


def test_a_page_is_renewed_in_place(tmp_path: Path) -> None:
    """What stands between the marks is replaced, and all else stays."""
    page = tmp_path / "scale.md"
    page.write_text(PAGE.read_text())
    assert main(["--write", str(page), "--peak-factor", "9"]) == 0
    assert page.read_text() != PAGE.read_text()
    assert main(["--write", str(page)]) == 0
    assert page.read_text() == PAGE.read_text()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.123, "0.12"),
        (7, "7"),
        (12.4, "12"),
        (123.4, "123"),
        (39_618, "39,600"),
        (1_234_567, "1.23 million"),
        (2_600_000_000, "2.6 billion"),
    ],
)
def test_figures_are_short(value: float, shown: str) -> None:
    """Three digits at most: the assumptions bear no more."""
    assert figure(value) == shown


def test_shares_are_percentages() -> None:
    """A small one is not told as none."""
    assert share(0.42) == "42 %"
    assert share(0.001) == "under 1 %"


def test_a_reader_that_has_enough_is_no_failure() -> None:
    """`fleet | head`: status 0, and nothing is said of a pipe."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "benchmarks.fleet"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False, cwd=ROOT)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")
