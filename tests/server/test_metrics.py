"""Tests of hushpost_server.metrics."""

from __future__ import annotations

import re

import pytest
from hushpost_server.metrics import DECLARED, Metrics


def test_every_declared_series_is_rendered_with_help_and_type() -> None:
    """The text names each series once, with its kind, whether it was touched or not."""
    text = Metrics().render()
    for series in DECLARED:
        assert text.count(f"# TYPE {series.name} {series.kind}\n") == 1
        assert f"# HELP {series.name} " in text


def test_every_line_is_prometheus_text() -> None:
    """Each line is a comment or `name{label="value"} number`."""
    line = re.compile(r'[a-z_]+(\{[a-z]+="[a-z_]+"\})? [0-9.e+-]+')
    for text in Metrics().render().splitlines():
        assert text.startswith("# ") or line.fullmatch(text), text


def test_counts_appear_under_their_label() -> None:
    """What is added is what is rendered."""
    metrics = Metrics()
    metrics.get("hushpost_refused_total", "full").add(3)
    metrics.get("hushpost_accepted_total").value += 2
    text = metrics.render()
    assert 'hushpost_refused_total{reason="full"} 3\n' in text
    assert "hushpost_accepted_total 2\n" in text


@pytest.mark.parametrize(("name", "label"), [("hushpost_x", ""), ("hushpost_refused_total", "who")])
def test_an_undeclared_series_or_label_cannot_be_counted(name: str, label: str) -> None:
    """Labels come from closed sets: no account or address can become one."""
    with pytest.raises(KeyError):
        Metrics().get(name, label)


def test_collectors_run_before_each_rendering() -> None:
    """Gauges that cost something are set only when somebody looks."""
    metrics = Metrics()
    metrics.on_collect(lambda: metrics.get("hushpost_logged_in").set(7))
    assert "hushpost_logged_in 7\n" in metrics.render()
