"""What to cite for a report, and its numbers for a model card."""

import re

import numpy as np
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
    assert metric["type"] == "vqa_accuracy" and "version 2021, draws×seeds 2×1, ± " in metric["name"]
    assert 1 < metric["value"] < 100
    assert metric["verified"] is False


def test_a_model_card_has_the_numbers_of_the_table_and_of_nobody_else(madbench, cells):
    right, wrong = np.ones(60), np.zeros(60)
    for seed in range(3):
        cells.write("mad", seed=seed, scores=right)
    cells.write("mad", draw=1, scores=wrong)
    cells.write("mad", division="external", train_id="theirs", scores=wrong)
    cells.write("mad", comparable=False, train_id="limited", scores=wrong)
    cells.write("mad", draw=2, scores=wrong, edit=lambda content: content["data"].update(fingerprint="f" * 64))
    result = madbench("cite", cells.root, "--model-index", "mad")
    (entry,) = yaml.safe_load(result.out)["model-index"]
    (metric,) = entry["results"][0]["metrics"]
    assert metric["value"] == 50.0, "the mean over draws, not over runs"
    assert result.out.startswith("# left out: lowshot-1pct@1: SNLI-VE stands apart")
    theirs = madbench("cite", cells.root, "--model-index", "mad (external)")
    (entry,) = yaml.safe_load(theirs.out)["model-index"]
    assert "external division" in entry["results"][0]["metrics"][0]["name"]


def test_variants_of_a_model_have_no_common_card(madbench, cells):
    cells.write("mad")
    cells.write("mad", train_id="other", edit=lambda content: content["model"].update(spec_hash="f" * 64))
    result = madbench("cite", cells.root, "--model-index", "mad")
    assert result.code == 2 and "several rows of the model 'mad'" in result.err
    label = result.err.split("choose one of '")[1].split("'")[0]
    assert madbench("cite", cells.root, "--model-index", label).code == 0


def test_a_packed_folder_is_reported_and_cited_as_the_folder(madbench, cells, tmp_path):
    cells.write("mad", "vqa")
    packed = tmp_path / "r.tar.zst"
    assert madbench("pack", cells.root, "--out", packed).code == 0
    for command in (["report"], ["cite"], ["cite", "--model-index", "mad"]):
        of_folder, of_file = (madbench(command[0], path, *command[1:]) for path in (cells.root, packed))
        assert (of_file.code, of_file.out) == (0, of_folder.out)


def test_every_hash_of_a_protocol_is_cited_and_limited_runs_call_for_nothing(madbench, cells):
    for draw, sha256 in ((0, "a" * 64), (1, "b" * 64)):
        cells.write("mad", "vqa", draw=draw, edit=lambda content, one=sha256: content["protocol"].update(hash=one))
    cells.write("student", "vcr", comparable=False)
    text = madbench("cite", cells.root).out
    assert f"lowshot-1pct@1, sha256 {'a' * 64}" in text and f"lowshot-1pct@1, sha256 {'b' * 64}" in text
    assert "zellers2019vcr" not in text


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
