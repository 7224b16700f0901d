"""The sets derived from VQA v2 through the whole path: trained, scored, compared; or refused."""

import json
import random

import pytest

from madbench.errors import NotComparable
from madbench.harness.audit import refuse_exposed
from madbench.protocols import load_protocol
from madbench.report import report
from madbench.tasks.exposure import exposed
from madbench.tasks.subsets import carve

ANSWERS = {"is the": ("yes", "no"), "how many": ("2", "3"), "what color": ("red", "blue")}


def elements(images, common, seed, **more):
    """Three questions an image; `common` of the answers of each type are its first one."""
    draw = random.Random(seed)
    questions, annotations = [], []
    for image in images:
        for place, (kind, answers) in enumerate(ANSWERS.items()):
            answer = answers[draw.random() >= common]
            extra = {"coco_split": ("train2014", "val2014")[image % 2]} if more.get("coco") else {}
            number = image * 1000 + place + more.get("first", 0)
            questions.append({"image_id": image, "question": f"{kind} {image}?", "question_id": number, **extra})
            annotations.append(
                {
                    "question_type": kind,
                    "multiple_choice_answer": answer,
                    "answers": [{"answer": answer, "answer_confidence": "yes", "answer_id": k} for k in range(1, 11)],
                    "image_id": image,
                    "answer_type": ("yes/no", "number", "other")[place],
                    "question_id": number,
                    **extra,
                }
            )
    return questions, annotations


def write(folder, names, lists):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in zip(names, lists, strict=True):
        (folder / name).write_text(json.dumps(content))


@pytest.fixture
def vqacp(tmp_path):
    """200 images with three questions in train, most answers the first; test has other questions on 40 of them."""
    root = tmp_path / "cp"
    for split, images, common, first in (("train", range(200), 0.9, 0), ("test", range(40), 0.2, 10)):
        names = [f"vqacp_v2_{split}_{kind}.json" for kind in ("questions", "annotations")]
        write(root, names, elements(images, common, split, coco=True, first=first))
    return root


def test_vqa_cp_trains_selects_and_compares_within_its_own_split(bench, vqacp):
    result = bench.run(protocol="domainshift-vqacp", data=f"vqa={vqacp}")
    assert result.exit_code == 0
    record = bench.record(result)
    conditions = {one["name"]: one for one in record["conditions"]}
    assert [(one["name"], one["role"], one["n"]) for one in record["conditions"]] == [
        ("id", "id", 12),
        ("cp-test", "shifted", 120),
    ]
    assert record["data"]["n_pool"] == 588 and record["data"]["n_select"] == 12
    manifest = json.loads((result.folders[0] / "manifest.json").read_text())
    trained = {*manifest["train"]["ids"], *manifest["select"]["ids"]}
    assert len(trained) == 588
    # the answers follow the prior of train in `id`, and another one in test
    assert conditions["id"]["metrics"]["vqa_accuracy"] > conditions["cp-test"]["metrics"]["vqa_accuracy"]
    page = report([bench.out])
    assert "gap VQA cp-test" in page
    assert "share images by construction" in page


def test_the_carved_rows_never_train(bench, vqacp):
    from madbench.tasks.sources import locate
    from madbench.tasks.vqa.task import TASK

    rows = TASK.read(locate(TASK, vqacp), "cp-train")
    held_out = {row.example_id for row in carve(rows, "vqa", 0.02)[1]}
    result = bench.run(protocol="domainshift-vqacp", data=f"vqa={vqacp}")
    manifest = json.loads((result.folders[0] / "manifest.json").read_text())
    assert held_out and held_out.isdisjoint([*manifest["train"]["ids"], *manifest["select"]["ids"]])


def test_vqa_cp_whose_test_repeats_a_training_question_is_refused(bench, vqacp):
    for kind in ("questions", "annotations"):
        train, test = (vqacp / f"vqacp_v2_{split}_{kind}.json" for split in ("train", "test"))
        test.write_text(json.dumps([*json.loads(test.read_text()), *json.loads(train.read_text())]))
    error = bench.refused(NotComparable, protocol="domainshift-vqacp", data=f"vqa={vqacp}")
    assert "'cp-test' share" in str(error) and "examples" in str(error)


def test_vqa_vs_cannot_be_reported_by_a_model_trained_on_vqa_v2(bench):
    """VQA-VS deals VQA v2 out again: its test questions are training questions of VQA v2."""
    folder = bench.data / "VQA-VS" / "OOD-Test" / "QT"
    write(folder, ["QT-Ques.json", "QT-Ans.json"], elements(range(40), 0.5, 1))
    protocol = bench.protocol(conditions=("{name: val, kind: split}", "{name: vs-qt, kind: split}"))
    error = bench.refused(NotComparable, protocol=protocol)
    assert "train and condition 'vs-qt' share" in str(error)
    assert "a protocol that trains on the set's own split" in error.fix


def test_vqa_vs_has_a_protocol_of_its_own(bench):
    root = bench.folder / "vs" / "VQA-VS"
    for name, images, first in (("Training", range(100), 0), ("Val", range(20), 10), ("IID-Test", range(30), 20)):
        write(root / name, [f"{name}-Ques.json", f"{name}-Ans.json"], elements(images, 0.8, name, first=first))
    write(root / "OOD-Test" / "KW", ["KW-Ques.json", "KW-Ans.json"], elements(range(10), 0.2, 4, first=20))
    result = bench.run(protocol="domainshift-vqavs", data=f"vqa={root.parent}")
    assert result.exit_code == 0
    record = bench.record(result)
    found = {one["name"]: (one["role"], one["available"], one["n"]) for one in record["conditions"]}
    assert found["vs-iid"] == ("id", True, 90) and found["vs-kw"] == ("shifted", True, 30)
    assert found["vs-kop"] == ("shifted", False, 0)
    assert record["data"]["n_select"] == 60
    assert "| gap vs-kw  " in report([bench.out])


@pytest.mark.parametrize("seen", ["vqa2-train", "vqa2-trainval"])
def test_weights_that_have_seen_vqa_v2_cannot_be_reported_on_vqa_vs(seen):
    names = [one.source_split for one in load_protocol("domainshift-vqavs").conditions["vqa"]]
    for name in names:
        found = [{"condition": name, **one} for one in exposed([seen], "vqa", [name])]
        with pytest.raises(NotComparable, match=f"has seen {seen}, so '{name}' cannot be reported"):
            refuse_exposed("some-model", found)


def test_rephrasings_bring_the_consensus_score_into_the_record(bench):
    questions, annotations = elements(range(1000, 1004), 0.9, 5)
    for question, annotation in list(zip(questions, annotations, strict=True)):
        for k in (1, 2, 3):
            number = question["question_id"] * 10 + k
            questions.append({**question, "question_id": number, "rephrasing_of": question["question_id"]})
            annotations.append({**annotation, "question_id": number})
    names = [
        "v2_OpenEnded_mscoco_valrep2014_humans_og_questions.json",
        "v2_mscoco_valrep2014_humans_og_annotations.json",
    ]
    write(bench.data, names, [{"questions": questions}, {"annotations": annotations}])
    protocol = bench.protocol(conditions=("{name: val, kind: split}", "{name: rephrasings, kind: split}"))
    record = bench.record(bench.run(protocol=protocol))
    metrics = next(one for one in record["conditions"] if one["name"] == "rephrasings")["metrics"]
    scores = [metrics[f"consensus:k={k}"] for k in (1, 2, 3, 4)]
    assert scores == sorted(scores, reverse=True)
    assert "consensus:k=2" in report([bench.out])


def test_a_set_with_a_metric_of_its_own_stands_beside_val_without_a_gap(bench):
    content = {str(n): {"imageId": f"n{n}", "question": "is it?", "answer": "yes"} for n in range(8)}
    write(bench.data, ["ood_testdev_tail.json"], [content])
    protocol = bench.protocol(conditions=("{name: val, kind: split}", "{name: gqa-ood-testdev-tail, kind: split}"))
    record = bench.record(bench.run(protocol=protocol))
    found = next(one for one in record["conditions"] if one["name"] == "gqa-ood-testdev-tail")
    assert list(found["metrics"]) == ["accuracy"]
    page = report([bench.out])
    assert "gqa-ood-testdev-tail" in page and "gap gqa" not in page
    assert "### Shift detail" not in page  # nothing of it could be told


def test_corruptions_need_pictures(bench):
    protocol = bench.protocol(conditions=("{name: val, kind: split}", "{name: blur-3, kind: transform, of: val}"))
    record = bench.record(bench.run(protocol=protocol))
    found = next(one for one in record["conditions"] if one["name"] == "blur-3")
    assert not found["available"] and "keeps no images" in found["reason"]
