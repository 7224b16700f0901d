"""`madbench report`: which board, which format, and what is refused."""

import pytest


def test_an_unknown_board_is_refused_with_a_hint(madbench, tmp_path):
    result = madbench("report", str(tmp_path), "--board", "curves")
    assert result.code == 2 and "no board 'curves'; did you mean" in result.err.lower().replace("'curve'", "'curve'")


@pytest.mark.parametrize("format", ["latex", "html"])
def test_one_board_of_the_committed_records(madbench, repository, tmp_path, format):
    out = tmp_path / "board"
    records = str(repository / "leaderboards" / "mini.records.jsonl.gz")
    result = madbench("report", records, "--format", format, "--board", "cost", "--out", str(out))
    assert result.code == 0, result.err
    text = out.read_text(encoding="utf-8")
    assert "Cost (mean over runs)" in text and "Shift detail" not in text


def test_figures_go_to_a_folder(madbench, repository, tmp_path):
    records = str(repository / "leaderboards" / "mini.records.jsonl.gz")
    result = madbench("report", records, "--board", "curve", "--figures", str(tmp_path / "figures"))
    assert result.code == 0 and "wrote figures to" in result.err
    assert len(list((tmp_path / "figures").iterdir())) == 6  # three tasks, SVG and PNG
