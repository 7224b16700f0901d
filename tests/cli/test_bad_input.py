"""Bad input through the real command line: one `error:` line with file, line and field, one `fix:`, exit 3, no trace.

One damaged file for each kind of file; every rule has its case in tests/tasks/test_bad_*.py.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

DATA = Path(__file__).parents[1] / "data"
PLACES = {"vcr": DATA / "vcr" / "fixtures", "snli_ve": DATA / "snli_ve", "vqa": DATA / "vqa"}
V2 = "v2_OpenEnded_mscoco_val2014_questions.json", "v2_mscoco_val2014_annotations.json"


def on_line(number: int, change):
    """Change one line of a file with a JSON object a line."""

    def edit(file: Path) -> None:
        lines = file.read_text().splitlines()
        record = json.loads(lines[number - 1])
        change(record)
        lines[number - 1] = json.dumps(record)
        file.write_text("\n".join(lines) + "\n")

    return edit


def element(key: str | None, change):
    """Change the third element of a JSON list, and write one element a line, the first on line 2."""

    def edit(file: Path) -> None:
        content = json.loads(file.read_text())
        elements = content if key is None else content[key]
        change(elements[2])
        lines = "[\n" + ",\n".join(map(json.dumps, elements)) + "\n]"
        file.write_text(lines if key is None else f'{{"{key}": {lines}}}')

    return edit


def put(**values):
    return lambda record: record.update(values)


def zipped(member: str, edit):
    """Damage a file and leave it in a zip of the official name alone."""

    def change(archive: Path) -> None:
        file = archive.parent / member
        edit(file)
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
            opened.write(file, member)
        file.unlink()

    return change


# kind of file -> task, file, what is done to it, what the message names; the line is 3 unless the name has another
FILES = {
    "vcr rows": ("vcr", "val.jsonl:3", on_line(3, put(answer_label=7)), "field 'answer_label'"),
    "vcr rows in a zip": (
        "vcr",
        "vcr1annots.zip/val.jsonl:3",
        zipped("val.jsonl", on_line(3, put(img_fn="../x.jpg"))),
        "field 'img_fn'",
    ),
    "snli_ve pairs": ("snli_ve", "snli_ve_test.jsonl:3", on_line(3, put(gold_label="-")), "field 'gold_label'"),
    "vqa questions": ("vqa", f"{V2[0]}:4", element("questions", put(image_id="1")), "field 'image_id'"),
    "vqa annotations": (
        "vqa",
        f"{V2[1]}:4",
        element("annotations", lambda one: one["answers"][0].update(answer=3)),
        "'answers' lacks 'answer' (text)",
    ),
    "vqa annotations cut off": (
        "vqa",
        f"{V2[1]}:1",
        lambda file: file.write_bytes(file.read_bytes()[:-200]),
        "not valid JSON",
    ),
}


@pytest.fixture
def damaged(tmp_path):
    """`damaged("vcr rows")` -> (task, root, `file:line` that must be named, words that must be)."""

    def make(name: str):
        task, where, change, said = FILES[name]
        root = Path(shutil.copytree(PLACES[task], tmp_path / task))
        place = where.rpartition(":")[0]
        change(root / (place.partition(".zip/")[0] + ".zip" if ".zip/" in place else place))
        return task, root, f"{root}/{where}", said

    return make


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The real command line, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run(
        [sys.executable, "-m", "madbench", *map(str, arguments)],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip


def listing(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*")}


def told(err: str, where: str, said: str) -> None:
    """Exactly one error with its place and field, exactly one fix, no traceback."""
    lines = err.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    fixes = [line for line in lines if line.startswith("fix: ")]
    assert len(errors) == len(fixes) == 1 and "Traceback" not in err
    assert said in errors[0] and errors[0].endswith(f"({where})") and len(fixes[0]) > 10


@pytest.mark.parametrize("name", FILES)
def test_a_run_stops_with_one_error_and_leaves_nothing(damaged, tmp_path, madbench, name):
    task, root, where, said = damaged(name)
    before = listing(tmp_path)
    for verb in ("plan", "run"):
        result = madbench(
            verb, "--model", "majority", "--protocol", "full", "--task", task, "--data", f"{task}={root}",
            "--out", tmp_path / "runs",
        )  # fmt: skip
        assert result.code == 3
        told(result.err, where, said)
    assert listing(tmp_path) == before, "no folder of results, and the data as it was"


@pytest.mark.parametrize("name", FILES)
def test_data_check_lists_it_and_exits_3(damaged, tmp_path, madbench, name):
    task, root, where, said = damaged(name)
    before = listing(tmp_path)
    result = madbench("data", "check", task, "--root", root)
    assert result.code == 3
    [problem] = [line for line in result.out.splitlines() if where in line]
    assert problem.startswith("problem: ") and said in problem
    assert listing(tmp_path) == before
    as_json = json.loads(madbench("data", "check", task, "--root", root, "--json").out)
    assert [one["where"] for one in as_json["problems"]].count(where) == 1 and as_json["official"] is False


@pytest.mark.parametrize("name", ["vcr rows in a zip", "snli_ve pairs", "vqa annotations"])
def test_the_process_ends_so_too(damaged, tmp_path, name):
    task, root, where, said = damaged(name)
    before = listing(tmp_path)
    result = command(
        "run", "--model", "majority", "--protocol", "full", "--task", task, "--data", f"{task}={root}",
        "--out", tmp_path / "runs",
    )  # fmt: skip
    assert result.returncode == 3
    told(result.stderr, where, said)
    assert listing(tmp_path) == before


def test_data_check_names_damaged_pictures_in_a_process_of_its_own(tmp_path):
    root = Path(shutil.copytree(PLACES["snli_ve"], tmp_path / "snli_ve"))
    pictures = sorted((root / "flickr30k_images").iterdir())[:2]
    pictures[0].write_bytes(b"")
    pictures[1].write_bytes(pictures[1].read_bytes()[:200])
    before = listing(tmp_path)
    result = command("data", "check", "snli_ve", "--root", root, "--images")
    assert result.returncode == 3 and "Traceback" not in result.stderr and result.stderr == ""
    for picture in pictures:
        [line] = [line for line in result.stdout.splitlines() if str(picture) in line]
        assert line.startswith("problem: train: image cannot be decoded")
    assert listing(tmp_path) == before


def test_score_names_the_bad_line_of_the_annotations(damaged, tmp_path):
    _, root, where, said = damaged("vqa annotations")
    predictions = tmp_path / "out.json"
    predictions.write_text("[]")
    before = listing(tmp_path)
    result = command("score", "vqa", "--predictions", predictions, "--annotations", root / V2[1], "--json")
    assert result.returncode == 3 and result.stdout == ""
    told(result.stderr, where, said)
    assert listing(tmp_path) == before


def test_score_names_the_bad_line_of_the_predictions(tmp_path):
    annotations = json.loads((PLACES["vqa"] / V2[1]).read_text())["annotations"]
    entries = [{"question_id": one["question_id"], "answer": "yes"} for one in annotations]
    entries[2]["answer"] = 3
    predictions = tmp_path / "out.json"
    predictions.write_text("[\n" + ",\n".join(map(json.dumps, entries)) + "\n]")
    result = command("score", "vqa", "--predictions", predictions, "--annotations", PLACES["vqa"] / V2[1])
    assert result.returncode == 3 and result.stdout == ""
    told(result.stderr, f"{predictions}:4", "field 'answer' of question_id")


def test_a_shifted_file_is_not_written_when_its_input_is_bad(damaged, tmp_path, madbench):
    _, root, where, said = damaged("vcr rows")
    before = listing(tmp_path)
    output = tmp_path / "out.jsonl"
    result = madbench("data", "shift", "rule-singular", "--input", root / "val.jsonl", "--output", output)
    assert result.code == 3
    told(result.err, where, said)
    assert listing(tmp_path) == before


def test_a_subset_is_not_written_when_its_input_is_bad(tmp_path, madbench):
    root = Path(shutil.copytree(PLACES["snli_ve"], tmp_path / "snli_ve"))
    on_line(3, put(pairID=7))(root / "snli_ve_train.jsonl")
    before = listing(tmp_path)
    result = madbench(
        "data", "subset", "snli_ve", "--fraction", "1.0", "--draw", "0", "--data", f"snli_ve={root}",
        "--write", tmp_path / "part",
    )  # fmt: skip
    assert result.code == 3
    told(result.err, f"{root}/snli_ve_train.jsonl:3", "field 'pairID'")
    assert listing(tmp_path) == before


@pytest.mark.parametrize(
    "change",
    [lambda raw: b"\xef\xbb\xbf" + raw, lambda raw: raw.replace(b"\n", b"\r\n"), lambda raw: raw.rstrip(b"\n")],
    ids=["BOM", "CRLF", "no final newline"],
)
@pytest.mark.parametrize("task", PLACES)
def test_how_files_were_saved_changes_nothing_that_is_planned(tmp_path, madbench, task, change):
    root = Path(shutil.copytree(PLACES[task], tmp_path / task))

    def planned() -> str:
        result = madbench(
            "plan", "--model", "majority", "--protocol", "full", "--task", task, "--data", f"{task}={root}"
        )
        assert result.code == 0
        return result.out

    expected = planned()
    for file in (*root.glob("*.jsonl"), *root.glob("v2_*.json")):
        file.write_bytes(change(file.read_bytes()))
    assert planned() == expected


def test_8_5_parts_of_vqa_cp_that_share_a_question_are_told(tmp_path, madbench):
    root = Path(shutil.copytree(PLACES["vqa"], tmp_path / "vqa"))
    folder = root / "vqacp"
    told_before = madbench("data", "check", "vqa", "--root", root).out
    assert "cp-train and cp-test: 10 rows together, officially 658,111" in told_before
    assert "cp-train and cp-test share" not in told_before
    for kind in ("questions", "annotations"):
        shutil.copy(folder / f"vqacp_v2_train_{kind}.json", folder / f"vqacp_v2_test_{kind}.json")
    result = madbench("data", "check", "vqa", "--root", root)
    assert result.code == 3 and "problem: cp-train and cp-test share 5 rows, e.g. " in result.out


def test_4_1_a_pair_of_complementary_questions_is_named_by_line(tmp_path, madbench):
    root = Path(shutil.copytree(PLACES["vqa"], tmp_path / "vqa"))
    file = root / "v2_mscoco_val2014_complementary_pairs.json"
    pairs = json.loads(file.read_text())
    file.write_text("[\n" + ",\n".join(map(json.dumps, [*pairs, [1, "2"]])) + "\n]")
    out = madbench("data", "check", "vqa", "--root", root).out
    assert f"problem: val: [{len(pairs)}] is not a pair of question ids ({file}:{len(pairs) + 2})" in out
