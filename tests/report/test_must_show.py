import numpy as np

from madbench.report.must_show import BLIND, check, render
from madbench.report.records import load_runs


def exact(correct, items=60):
    """Item scores with exactly this many right answers, spread over the images."""
    return np.random.default_rng(0).permutation([1.0] * correct + [0.0] * (items - correct))


def world(cells, *, student=54, low=42, blind=24):
    cells.write("student", protocol="domainshift", scores=exact(student), shifted=("ve-hard", "rows"))
    cells.write("student", protocol="lowshot-1pct", scores=exact(low))
    for name in BLIND:
        cells.write(name, protocol="domainshift", scores=exact(blind))
    return {line.what: line for line in check(load_runs([cells.root]).records)}


def test_a_good_world_meets_the_margins(cells):
    lines = world(cells)
    over = lines["snli_ve accuracy: 100 %, student over the better blind model"]
    assert over.met
    assert "+50.0" in over.measured
    assert lines["snli_ve accuracy: 1 %, student over chance"].met
    assert lines["snli_ve accuracy: student, 1 % below 100 %"].met


def test_what_falls_short_is_said(cells):
    lines = world(cells, student=30, low=20, blind=28)
    assert lines["snli_ve accuracy: 100 %, student over the better blind model"].met is False
    assert lines["snli_ve accuracy: 1 %, student over chance"].met is False
    text = render(list(lines.values()))
    assert "**falls short**" in text
    assert "fall short" in text.splitlines()[-1]


def test_missing_runs_are_not_measured_rather_than_failed(cells):
    cells.write("student", protocol="lowshot-1pct", scores=exact(40))
    lines = {line.what: line for line in check(load_runs([cells.root]).records)}
    assert lines["snli_ve accuracy: 100 %, student over the better blind model"].met is None
    assert lines["vcr q2ar: 1 %, student over chance"].met is None


def test_real_data_and_limited_runs_do_not_count(cells):
    cells.write("student", protocol="lowshot-1pct", source="real", scores=exact(40))
    cells.write("student", protocol="lowshot-1pct", task="vqa", scores=exact(40), comparable=False)
    assert all(line.met is None for line in check(load_runs([cells.root]).records))
