"""Tests of hushpost_server.configuration_loading."""

from __future__ import annotations

from pathlib import Path

import pytest
from hushpost_server.configuration_loading import load_configuration
from hushpost_server.errors import ConfigurationInvalid
from hushpost_wire import limits


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep this user's own configuration out of the tests."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def written(tmp_path: Path, text: str) -> Path:
    """Write a configuration file."""
    file = tmp_path / "relay.toml"
    file.write_text(text)
    return file


def test_no_configuration_is_a_loopback_relay() -> None:
    """Without file and environment the relay listens on loopback, on the known port."""
    configuration = load_configuration()
    assert configuration.listens_on_loopback
    assert (configuration.listen_port, configuration.store) == (8440, "sqlite")


def test_arguments_win_over_environment_and_environment_over_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three sources, strongest last; None is not a value."""
    file = written(tmp_path, "listen_port = 1\nlogin_seconds_max = 2\nmetrics_port = 3\n")
    monkeypatch.setenv("HUSHPOST_RELAY_LOGIN_SECONDS_MAX", "20")
    monkeypatch.setenv("HUSHPOST_RELAY_METRICS_PORT", "30")
    configuration = load_configuration(file, metrics_port=300, store=None)
    assert configuration.listen_port == 1
    assert configuration.login_seconds_max == 20
    assert configuration.metrics_port == 300


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("listen_port", 70_000, "allowed: 0 to 65535"),
        ("listen_port", "x", "allowed: 0 to 65535"),
        ("registration", "maybe", '"open" or "token" or "closed"'),
        ("ping_interval_seconds", 0, "allowed: 1 to 3600"),
        ("refusal_tick_milliseconds", 5000, "allowed: 1 to 1000"),
        ("public_host", "Relay.Example", "lower case"),
        ("public_host", "https://relay.example", "write it as relay.example or"),
        ("drop_bytes_max", limits.MAILBOX_BYTES_MAX + 1, "must not be above mailbox_bytes_max"),
    ],
)
def test_a_value_out_of_its_bound_names_key_bound_and_remedy(
    key: str, value: object, words: str
) -> None:
    """The message says which key, what is allowed, and where to set it."""
    with pytest.raises(ConfigurationInvalid) as caught:
        load_configuration(None, **{key: value})
    assert key in str(caught.value)
    assert words in str(caught.value)


def test_every_fault_is_told_at_once() -> None:
    """Two faults are two lines, so that they are mended in one go."""
    with pytest.raises(ConfigurationInvalid) as caught:
        load_configuration(listen_port=-1, metrics_port=-1)
    assert len(str(caught.value).splitlines()) == 2


def test_an_unknown_key_is_refused(tmp_path: Path) -> None:
    """A misspelt key does not pass as a default."""
    with pytest.raises(ConfigurationInvalid, match="listen_prot: there is no such key"):
        load_configuration(written(tmp_path, "listen_prot = 1\n"))


def test_an_unknown_environment_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt variable does not pass as a default either."""
    monkeypatch.setenv("HUSHPOST_RELAY_LISTEN_PROT", "1")
    with pytest.raises(ConfigurationInvalid, match="HUSHPOST_RELAY_LISTEN_PROT"):
        load_configuration()


def test_a_file_that_is_not_there_or_no_toml_is_told(tmp_path: Path) -> None:
    """A named file must exist and parse."""
    with pytest.raises(ConfigurationInvalid, match="does not exist"):
        load_configuration(tmp_path / "absent.toml")
    with pytest.raises(ConfigurationInvalid, match=r"is no TOML: mend line 1, column 15"):
        load_configuration(written(tmp_path, "listen_port = = 1"))


def test_a_file_in_another_encoding_is_blamed_itself(tmp_path: Path) -> None:
    """A letter in Latin-1 is a fault of the file, and of no variable."""
    file = tmp_path / "relay.toml"
    file.write_bytes(b'public_host = "\xe9"')
    with pytest.raises(ConfigurationInvalid, match=r"relay\.toml is no TOML: save it as UTF-8"):
        load_configuration(file)


def test_an_empty_folder_in_the_environment_is_not_where_the_relay_was_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A unit or a compose file whose variable is unset leaves it empty."""
    monkeypatch.setenv("HUSHPOST_RELAY_DATA_FOLDER", "")
    with pytest.raises(ConfigurationInvalid, match="data_folder: must be a path"):
        load_configuration()


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is read by no shell; a folder named ~ would be another one at each start."""
    monkeypatch.setenv("HOME", str(tmp_path))
    file = written(tmp_path, 'data_folder = "~/relay"')
    assert load_configuration(file).data_folder == tmp_path / "relay"


def test_a_variable_that_is_no_list_is_named_and_the_file_is_not_blamed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The value, which may be a secret, is not repeated."""
    monkeypatch.setenv("HUSHPOST_RELAY_REGISTRATION_TOKENS", "hunter2hunter2hunter2")
    with pytest.raises(ConfigurationInvalid) as caught:
        load_configuration()
    assert str(caught.value).startswith("HUSHPOST_RELAY_REGISTRATION_TOKENS cannot be read: a list")
    assert "hunter2" not in str(caught.value)
    assert "toml" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("listen_port", "x", "listen_port: must be a whole number (allowed: 0 to 65535); set"),
        ("listen_port", 1.5, "listen_port: must be a whole number"),
        ("listen_port", -1, "listen_port: lies outside its bounds"),
        ("sweep_interval_seconds", "x", "sweep_interval_seconds: must be a number"),
        ("metrics", "perhaps", "metrics: must be true or false"),
        ("store", "tape", "store: is none of the words it may be"),
        ("listen_host", "", "listen_host: must not be empty"),
        ("proxy_address_header", "a b", "holds a character that it may not hold"),
        ("data_folder", 7, "data_folder: must be a path"),
        # Taken for a number they mean 1, or no limit at all; taken for a path, the folder where
        # the relay was started, which it would make its own.
        ("connections_max", True, "connections_max: must be a whole number"),
        ("prefix_connections_max", False, "prefix_connections_max: must be a whole number"),
        ("drain_seconds", False, "drain_seconds: must be a number"),
        ("data_folder", "", "data_folder: must be a path"),
        ("data_folder", "  ", "data_folder: must be a path"),
        ("data_folder", "a\0b", "data_folder: must be a path"),
        ("data_folder", "~nobody-of-that-name/x", "data_folder: must be a path"),
        ("tls_key", "", "tls_key: must be a path"),
        ("registration_tokens", 7, "registration_tokens: must be a list of texts"),
        ("mailbox_bytes_max", 1, "(allowed: 16384 to 1099511627776)"),
    ],
)
def test_what_is_wrong_is_said_in_words_of_ours(key: str, value: object, words: str) -> None:
    """An operator reads what to write, not what a library calls it."""
    with pytest.raises(ConfigurationInvalid) as caught:
        load_configuration(None, **{key: value})
    assert words in str(caught.value)
    assert "nput" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"tls_key": "k.pem"}, "belong together"),
        (
            {"tls_key": "k.pem", "tls_certificate": "c.pem", "behind_proxy": True},
            "exclude each other",
        ),
        ({"proxy_address_header": "X-Forwarded-For"}, "needs behind_proxy"),
        ({"registration": "token"}, "at least one of registration_tokens"),
        ({"registration_tokens": ["short"]}, "at least 16 characters"),
    ],
)
def test_values_that_contradict_each_other_are_refused(
    values: dict[str, object], words: str
) -> None:
    """What is wrong only together is told as well."""
    with pytest.raises(ConfigurationInvalid, match=words):
        load_configuration(None, **values)


def test_a_secret_is_never_repeated() -> None:
    """Neither an error nor a printed configuration shows a registration token."""
    with pytest.raises(ConfigurationInvalid) as caught:
        load_configuration(registration_tokens=["hunter2"])
    assert "hunter2" not in str(caught.value)
    token = "a-long-registration-token"
    configuration = load_configuration(registration="token", registration_tokens=[token])
    assert token not in repr(configuration)
    assert token not in str(configuration.model_dump(mode="json"))
