"""What to cite for a report, and its numbers for a model card."""

import re

import pytest
import yaml

from madbench import __version__
from madbench.report.citation import REFERENCES


def keys(text):
    return re.findall(r"^@\w+\{([\w-]+),", text, re.M)


def test_without_records_every_reference_is_listed(madbench):
    result = madbench("cite")
    assert result.code == 0 and keys(result.out)[0] == "madbench"
    assert len(keys(result.out)) == len(REFERENCES) + 1


def test_bibtex_is_well_formed(madbench):
    out = madbench("cite").out
    assert out.count("{") == out.count("}") and len(set(keys(out))) == len(keys(out))
    for one in REFERENCES:
        assert re.fullmatch(r"(\d{4}\.\d{5})?", one.arxiv) and re.fullmatch(r"[a-z]+\d{4}[a-z0-9]*", one.key)
        assert one.tasks or one.shifts or one.models
        assert not one.arxiv or abs(int(one.arxiv[:2]) + 2000 - one.year) <= 1


def test_a_report_is_cited_by_what_it_uses(madbench, cells):
    cells.write("student", "snli_ve", shifted=("ve-hard", "rows"))
    out = madbench("cite", cells.root).out
    assert keys(out) == ["madbench", "bowman2015snli", "gururangan2018artifacts", "xie2019visual", "young2014flickr30k"]
    assert "% protocol lowshot-1pct@1, sha256 " in out and "% mini is data of madbench's own" in out
    cells.write("mad", "vqa", division="external")
    out = madbench("cite", cells.root).out
    assert {"goyal2017vqav2", "wang2022mad", "wang2022cliptd"} <= set(keys(out)) and "zellers2019vcr" not in keys(out)
    assert "training not witnessed" in out


def test_shifted_sets_bring_their_own_references(madbench, cells):
    cells.write("student", "vqa", shifted=("ce-hard", "rows"))
    cells.write("student", "vqa", protocol="domainshift", shifted=("cp-test", "transform"))
    assert {"dancette2021vqace", "agrawal2018vqacp"} <= set(keys(madbench("cite", cells.root).out))


def test_a_model_card_has_the_main_numbers_in_percent(madbench, cells):
    for draw in (0, 1):
        cells.write("mad", "vqa", draw=draw, skill=0.7)
    cells.write("student", "vqa")
    result = madbench("cite", cells.root, "--model-index", "mad")
    (entry,) = yaml.safe_load(result.out)["model-index"]
    (found,) = entry["results"]
    assert entry["name"] == "mad" and found["dataset"]["split"] == "val" and "mini" in found["dataset"]["name"]
    (metric,) = found["metrics"]
    assert metric["type"] == "vqa_accuracy" and "mean of 2 runs" in metric["name"] and 1 < metric["value"] < 100
    assert metric["verified"] is False


def test_an_unknown_model_and_a_card_without_records_are_told(madbench, cells):
    cells.write("student")
    wrong = madbench("cite", cells.root, "--model-index", "studnet")
    assert wrong.code == 2 and "did you mean 'student'" in wrong.err
    assert madbench("cite", "--model-index", "mad").code == 2


@pytest.mark.parametrize("field", ["title", "version", "license", "authors", "message"])
def test_citation_cff_says_what_it_must(repository, field):
    content = yaml.safe_load((repository / "CITATION.cff").read_text())
    assert content["cff-version"] == "1.2.0" and content[field]
    assert content["version"] == __version__
