"""`check_source`: what is as released passes, and each way of not being so is told, with its place."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from madbench.errors import DataMissing
from madbench.registry import TASKS
from madbench.tasks import releases
from madbench.tasks.checking import Depth, as_text, check_source
from madbench.tasks.checking.ahead import read
from madbench.tasks.checking.metadata import wrong_boxes, wrong_names
from madbench.tasks.contract import Regions
from madbench.tasks.regions import write_regions
from madbench.tasks.sources import locate
from madbench.tasks.table import RowTable

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "full_size.py"
FRACTION = {"vcr": 0.0005, "snli_ve": 0.001, "vqa": 0.0005}


def script():
    spec = importlib.util.spec_from_file_location("full_size", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """Every task's files in the official layout, some hundred rows each."""
    root = tmp_path_factory.mktemp("small")
    for task, fraction in FRACTION.items():
        given = ["--task", task, "--out", str(root / task), "--fraction", str(fraction), "--metadata", "--pictures"]
        assert script().main(given) == 0
    return root


@pytest.fixture
def root(small, tmp_path):
    """`root("vcr")`: a copy that a test may damage."""
    return lambda task: Path(shutil.copytree(small / task, tmp_path / task))


@pytest.fixture
def official(monkeypatch):
    """`official("vcr", root)`: declare the counts of a root the official ones."""

    def declare(task_name: str, root: Path) -> None:
        task = TASKS.load(task_name)
        checked = check_source(task_name, root).splits
        monkeypatch.setattr(type(task), "official_rows", {one.split: one.rows for one in checked})
        if task_name == "snli_ve":
            labels = {one.split: tuple(one.labels["label"].values()) for one in checked}
            monkeypatch.setattr(type(task), "official_labels", labels)
        sizes = {
            one.split: dataclasses.replace(
                releases.RELEASES[task_name].sizes[one.split],
                images=one.images,
                groups=one.groups,
            )
            for one in checked
        }
        release = dataclasses.replace(releases.RELEASES[task_name], sizes=sizes)
        monkeypatch.setitem(releases.RELEASES, task_name, release)

    return declare


def problems(task: str, root: Path, depth: Depth | None = None) -> list[str]:
    """Problems that are not about counts: those of a small copy differ by design."""
    found = [one.text() for one in check_source(task, root, depth).problems]
    return [one for one in found if "officially" not in one]


@pytest.mark.parametrize("task", FRACTION)
def test_the_official_data_passes(task, small, official):
    official(task, small / task)
    report = check_source(task, small / task)
    assert report.problems == () and report.official
    assert [one for one in report.notes if "question types" not in one.what] == [], "hundreds of rows lack some types"
    assert as_text(report, registered=True).splitlines()[-2] == "as officially released"
    for one in report.splits:
        assert one.pictures.found == one.pictures.expected == one.images


def test_one_row_less_is_a_problem_and_a_recalled_figure_a_note(root, official):
    folder = root("vcr")
    official("vcr", folder)
    release = releases.RELEASES["vcr"]
    sizes = {**release.sizes, "val": dataclasses.replace(release.sizes["val"], groups=7)}
    releases.RELEASES["vcr"] = dataclasses.replace(release, sizes=sizes)
    file = folder / "train.jsonl"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))
    report = check_source("vcr", folder)
    assert [one.split for one in report.problems] == ["train"] and "officially" in report.problems[0].what
    assert [one.what for one in report.notes] == ["1 movies, and 7 by what is recalled of the paper"]


def test_classes_are_counted(root, official):
    folder = root("snli_ve")
    official("snli_ve", folder)
    file = folder / "snli_ve_dev.jsonl"
    file.write_text(file.read_text().replace('"gold_label": "neutral"', '"gold_label": "entailment"', 1))
    assert [one.what for one in check_source("snli_ve", folder).problems] == [
        "rows by label: entailment 7 (officially 6), neutral 5 (officially 6)"
    ]


# --------------------------------------------------------------------------- images


def test_no_image_is_opened_unless_asked(small, monkeypatch):
    from PIL import Image

    def refuse(*given, **named):
        raise AssertionError("an image was opened")

    monkeypatch.setattr(Image, "open", refuse)
    for task in FRACTION:
        check_source(task, small / task)
    with pytest.raises(AssertionError, match="an image was opened"):
        check_source("vqa", small / "vqa", Depth(images=True))


@pytest.mark.parametrize("task", FRACTION)
def test_damaged_images_are_found_when_they_are_opened(task, root):
    folder = root(task)
    victim = sorted(folder.rglob("*.jpg"))[3]
    victim.write_bytes(victim.read_bytes()[:200])
    assert problems(task, folder) == []
    found = problems(task, folder, Depth(images=True))
    assert found and all(str(victim) in one and "cannot be decoded" in one for one in found)
    opened = [one.pictures for one in check_source(task, folder, Depth(images=True)).splits]
    assert all(one.opened == one.found for one in opened) and sum(one.damaged for one in opened) == len(found)


def test_absent_images_are_counted_and_the_first_is_named(root):
    folder = root("vqa")
    gone = sorted((folder / "val2014").glob("*.jpg"))[:2]
    for path in gone:
        path.unlink()
    (found,) = problems("vqa", folder)
    assert found.startswith("val: 2 of 20 images are not there") and any(path.name in found for path in gone)


def test_without_the_folder_the_holder_of_the_images_is_named(root):
    folder = root("snli_ve")
    shutil.rmtree(folder / "flickr30k_images")
    report = check_source("snli_ve", folder)
    assert sum("no image folder" in one.what for one in report.problems) == 3
    (missing,) = [one for one in report.missing if one.name == "flickr30k_images/"]
    assert "University of Illinois" in missing.ask and "research" in missing.licence
    assert missing.ask in as_text(report, registered=False)


def test_a_link_out_of_the_root_is_told(root, tmp_path):
    folder = root("vcr")
    image = next(folder.rglob("*.jpg"))
    outside = tmp_path / "outside.jpg"
    image.rename(outside)
    image.symlink_to(outside)
    (found,) = problems("vcr", folder)
    assert "leads out of" in found and image.name in found


def test_splits_that_share_images_are_told(root):
    folder = root("snli_ve")
    with open(folder / "snli_ve_train.jsonl", "a") as train:
        train.write((folder / "snli_ve_dev.jsonl").read_text().splitlines()[0] + "\n")
    (found,) = problems("snli_ve", folder)
    assert found.startswith("train and dev share 1 images")


# --------------------------------------------------------------------------- vcr metadata


def metadata_of(folder: Path) -> tuple[Path, str, tuple[str, ...]]:
    row = json.loads((folder / "val.jsonl").read_text().splitlines()[0])
    return folder / "vcr1images", row["metadata_fn"], tuple(row["objects"])


def test_metadata_of_another_release_is_told(root):
    folder = root("vcr")
    images, name, _ = metadata_of(folder)
    content = json.loads((images / name).read_text())
    content["names"][0] = "dog"
    (images / name).write_text(json.dumps(content))
    (found,) = problems("vcr", folder)
    assert "object 0 is 'dog', in the annotation rows it is 'person'" in found and name in found
    (images / name).unlink()
    (found,) = problems("vcr", folder)
    assert "1 of 5 metadata files are not there" in found and name in found


def test_metadata_is_read_from_its_end_and_whole_only_when_it_has_to_be(root):
    images, name, objects = metadata_of(root("vcr"))
    path = images / name
    content = json.loads(path.read_text())
    path.write_text("not read at all" + path.read_text()[-3000:])
    assert wrong_names(images, name, objects) is None
    assert "not valid JSON" in str(wrong_boxes(images, name, objects))
    path.write_text(json.dumps({key: content[key] for key in ("names", "width", "height", "segms", "boxes")}))
    assert wrong_names(images, name, objects) is None
    told = f"has {len(objects)} objects, the annotation rows of the image have {len(objects) + 1}"
    assert told in str(wrong_names(images, name, (*objects, "kite")))
    path.write_text(json.dumps({**content, "width": 0}))
    assert "'width'" in str(wrong_names(images, name, objects))
    path.write_text("")
    assert f"({path}" in str(wrong_names(images, name, objects))


def test_boxes_are_looked_at_with_the_images(root):
    folder = root("vcr")
    images, name, _ = metadata_of(folder)
    content = json.loads((images / name).read_text())
    content["boxes"][0][2] = -5
    (images / name).write_text(json.dumps(content))
    assert problems("vcr", folder) == []
    (found,) = problems("vcr", folder, Depth(images=True))
    assert "'boxes'" in found and name in found


# --------------------------------------------------------------------------- joins


def test_rows_of_an_image_that_disagree_are_told_with_their_line(root):
    folder = root("vcr")
    file = folder / "val.jsonl"
    lines = file.read_text().splitlines()
    row = json.loads(lines[1])
    assert row["img_id"] == json.loads(lines[0])["img_id"]
    row["objects"].append("kite")
    file.write_text("\n".join(["", lines[0], json.dumps(row), *lines[2:]]) + "\n")
    found = problems("vcr", folder)
    assert f"val: field 'objects' differs from that of another row of image val-0 ({file}:3)" in found


def test_rows_that_look_edited_are_a_note(root):
    folder = root("vcr")
    file = folder / "train.jsonl"
    lines = file.read_text().splitlines()
    row = json.loads(lines[4])
    row["answer_match_iter"].reverse()
    file.write_text("\n".join([*lines[:4], json.dumps(row), *lines[5:]]) + "\n")
    report = check_source("vcr", folder)
    assert any("look edited" in one.what and "line 5" in one.what for one in report.notes)


def test_question_ids_that_do_not_follow_the_image_are_a_note(root):
    folder = root("vqa")
    file = folder / "v2_OpenEnded_mscoco_test-dev2015_questions.json"
    content = json.loads(file.read_text())
    content["questions"][0]["question_id"] = 3
    file.write_text(json.dumps(content))
    report = check_source("vqa", folder)
    assert any(one.split == "test-dev" and "image_id * 1000" in one.what for one in report.notes)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[[1, 2]]", "[0] names question_id 1, which is not in val"),
        ("[[1, 2, 3]]", "[0] is not a pair of question ids"),
        ("{}", "the file is not a list of pairs"),
        ("[", "not valid JSON"),
    ],
)
def test_complementary_pairs_name_questions(root, content, told):
    folder = root("vqa")
    file = folder / "v2_mscoco_val2014_complementary_pairs.json"
    file.write_text(content)
    (found,) = problems("vqa", folder)
    assert told in found and str(file) in found


# --------------------------------------------------------------------------- what is not there


def test_half_a_split_is_told_with_who_has_the_other_half(root):
    folder = root("vqa")
    (folder / "v2_mscoco_train2014_annotations.json").unlink()
    report = check_source("vqa", folder)
    assert not report.official and "incomplete" in report.problems[0].what
    (missing,) = [one for one in report.missing if one.split == "train" and one.name.endswith(".json")]
    assert missing.name == "v2_mscoco_train2014_annotations.json" and missing.required
    assert "visualqa.org" in missing.ask and missing.licence == "CC BY 4.0" and "lowshot-1pct" in missing.needed_by


def test_pictures_of_splits_that_no_protocol_reads_are_not_needed(root):
    folder = root("vqa")
    for name in ("val2014", "test2015"):
        shutil.rmtree(folder / name)
    missing = {one.name: one for one in check_source("vqa", folder).missing}
    assert missing["val2014/"].required and not missing["test2015/"].required
    assert missing["test2015/"].needed_by[-1] == "every model that looks at images, on test-dev"


def test_the_answer_list_of_the_literature_is_had_from_its_repositories_and_names_its_protocols(small):
    (missing,) = [one for one in check_source("vqa", small / "vqa").missing if one.register_as == "answers-3129"]
    assert missing.name == "trainval_label2ans.json" and not missing.required
    assert set(missing.needed_by) == {"full-closed-vocabulary", "lowshot-1pct-closed-vocabulary"}
    assert "LXMERT" in missing.ask and "UNITER" in missing.ask and "shift" not in missing.ask


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(DataMissing):
        check_source("vcr", tmp_path / "nowhere")


def test_the_report_is_the_same_each_time(small):
    first, second = (json.dumps(check_source("vcr", small / "vcr").as_json()) for _ in range(2))
    assert first == second
    assert {"task", "root", "official", "splits", "problems", "notes", "missing", "extras"} < set(json.loads(first))


# --------------------------------------------------------------------------- large files


@pytest.mark.parametrize("task", FRACTION)
def test_columns_of_cached_rows_are_those_of_the_rows(task, small, monkeypatch, tmp_path):
    monkeypatch.setenv("MADBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("madbench.tasks.cache.SMALLEST", 0)
    own = {
        "vcr": ("labels", "objects", "image_name", "metadata_name", "question"),
        "snli_ve": ("label", "hypothesis"),
        "vqa": ("question_type", "answer_type", "multiple_choice_answer", "answers"),
    }[task]
    found = TASKS.load(task)
    for split in ("train", "test"):
        rows = found.read(locate(found, small / task), split)
        assert isinstance(rows, RowTable)
        for part in (rows, rows[3:9], rows[:0]):
            for name in ("example_id", "image_id", "group", *own):
                assert part.column(name) == [getattr(row, name) for row in part], (split, name)


@pytest.mark.parametrize("task", FRACTION)
def test_a_process_that_reads_ahead_changes_nothing_but_the_cache(task, small, monkeypatch, tmp_path):
    expected = check_source(task, small / task).as_json()
    monkeypatch.setenv("MADBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("madbench.tasks.checking.ahead.LARGE", 0)
    assert check_source(task, small / task).as_json() == expected


def test_reading_ahead_fills_the_cache_and_leaves_errors_to_the_reader(root, monkeypatch, tmp_path):
    monkeypatch.setenv("MADBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("madbench.tasks.cache.SMALLEST", 0)
    folder = root("snli_ve")
    (folder / "snli_ve_dev.jsonl").write_text("{")
    read("snli_ve", str(folder), "dev", "test")
    assert len(list((tmp_path / "home" / "cache" / "rows").glob("*.arrow"))) == 1


# --------------------------------------------------------------------------- region features


def test_region_features_are_counted_and_opened(root):
    folder = root("vqa")
    asked = Depth(features=True)
    assert all("no region features" in one for one in problems("vqa", folder, asked))
    (folder / "regions").mkdir()
    images = sorted(folder.rglob("*.jpg"))
    for image in images:
        regions = Regions(np.array([[0, 0, 0.5, 0.5]], "f4"), np.ones((1, 4), "f4"), np.array([0.5], "f4"))
        write_regions(folder / "regions" / f"{image.stem}.npz", regions)
    layout = locate(TASKS.load("vqa"), folder)
    assert layout.regions is not None
    assert problems("vqa", folder, asked) == []
    first, second = (folder / "regions" / f"{image.stem}.npz" for image in sorted((folder / "val2014").iterdir())[:2])
    first.unlink()
    second.write_bytes(b"no zip")
    found = problems("vqa", folder, asked)
    assert len(found) == 2 and first.name in found[0] and second.name in found[1]
    assert problems("vqa", folder) == []


# --------------------------------------------------------------------------- the invented data itself


def test_invented_files_have_the_official_sizes_times_the_fraction(small):
    for task, fraction in FRACTION.items():
        for one in check_source(task, small / task).splits:
            assert abs(one.rows - one.official_rows * fraction) <= 1.5, (task, one.split)
    assert len(set(script().QUESTION_TYPES)) == 65


def test_invented_files_are_the_same_each_time(small, tmp_path):
    given = ["--task", "vcr", "--out", str(tmp_path / "again"), "--fraction", str(FRACTION["vcr"])]
    assert script().main(given) == 0
    assert (tmp_path / "again" / "val.jsonl").read_bytes() == (small / "vcr" / "val.jsonl").read_bytes()
    assert script().main(given) == 2, "a folder that is not empty is left alone"
