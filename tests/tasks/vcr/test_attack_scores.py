"""Score files: what is believed, what is refused and where, and that ours say whose they are."""

import json

import pytest

from madbench.errors import DataMalformed, DataMissing
from madbench.tasks.contract import ShiftInputs
from madbench.tasks.vcr import TASK
from madbench.tasks.vcr.adversarial import SCORES, masked_variants, n_variants
from madbench.tasks.vcr.attack_scores import read_scores, score_record

ATTACK = {"model": "some", "model_version": 1, "protocol": "full@1", "train_id": "ab12", "madbench": "0"}


@pytest.fixture
def rows(golden, read):
    nameless = {"img_fn": "x.jpg", "metadata_fn": "x.json", "img_id": "val-0"}
    return read([{**line["annot"], **nameless} for line in golden[:6]])


@pytest.fixture
def records(rows, golden):
    """A score file as `data attack` writes it, one dict a row."""
    return [score_record(row, line["losses"], ATTACK) for row, line in zip(rows, golden, strict=False)]


@pytest.fixture
def write(tmp_path):
    def write_scores(records):
        path = tmp_path / "scores.jsonl"
        path.write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
        return path

    return write_scores


def foreign(record):
    """As the authors' files are: nothing says whose losses they are."""
    return {name: value for name, value in record.items() if name != "attack"}


def test_what_is_written_is_read_again(rows, records, write, golden):
    scores = read_scores(write(records))
    assert scores.attack == ATTACK
    for row, line in zip(rows, golden, strict=False):
        found = scores.of(row)
        for part in ("answer", "rationale"):
            assert [list(choice) for choice in found.losses[part]] == line["losses"][part]


def test_the_written_row_has_the_fields_of_the_authors_and_one_of_ours(records):
    parts = [f"{part}_{what}" for part in ("answer", "rationale") for what in ("label", "tokens", "losses")]
    assert list(records[0]) == ["annot_id", *parts, "attack"]


def test_losses_are_written_with_four_decimals(rows):
    losses = {
        part: [[1 / 3] * len(choice) for choice in record]
        for part, record in (("answer", [[0]] * 4), ("rationale", [[0]] * 4))
    }
    assert score_record(rows[0], losses, ATTACK)["answer_losses"] == [[0.3333]] * 4


def test_a_file_that_names_no_model_is_published_or_unknown(rows, records, write):
    about = read_scores(write([foreign(one) for one in records])).about(rows)
    assert (about["attack"], about["origin"]) == (None, "published or unknown")


def test_about_counts_the_rows_without_scores(rows, records, write):
    path = write(records[:4])
    about = read_scores(path).about(rows)
    assert about["attack"] == ATTACK and about["origin"] == "computed by madbench"
    assert about["rows_without_scores"] == 2 and len(about["scores_sha256"]) == 64


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda row: row["answer_losses"][1].pop(), "'answer_losses' of choice 1 has"),
        (lambda row: row["rationale_losses"].pop(), "'rationale_losses' must be 4 lists"),
        (lambda row: row["answer_losses"][0].__setitem__(0, float("nan")), "NaN"),
        (lambda row: row["answer_losses"][0].__setitem__(0, float("inf")), "Infinity"),
        (lambda row: row["answer_losses"][0].__setitem__(0, "1"), "finite numbers"),
        (lambda row: row["answer_losses"][0].__setitem__(0, True), "finite numbers"),
        (lambda row: row.pop("rationale_losses"), "'rationale_losses' is missing"),
        (lambda row: row.update(answer_label=(row["answer_label"] + 1) % 4), "'answer_label' is"),
        (lambda row: row["answer_tokens"][0].pop(), "'answer_tokens' of choice 0 has"),
        (lambda row: row["rationale_tokens"][3].__setitem__(-1, "elsewhere"), "'elsewhere' for '.'"),
        (lambda row: row.update(attack={**ATTACK, "train_id": "cd34"}), "'attack' differs"),
        (lambda row: row.pop("attack"), "'attack' differs"),
        (lambda row: row.update(annot_id="val-16"), "'val-16' stands already on line 1"),
    ],
)
def test_what_cannot_be_believed_is_told_with_its_line(rows, records, write, edit, told):
    edit(records[2])
    with pytest.raises(DataMalformed) as caught:
        scores = read_scores(write(records))
        list(map(scores.of, rows))
    assert told in str(caught.value) and "scores.jsonl:3" in str(caught.value) and caught.value.fix


def test_labels_and_tokens_may_be_absent_or_spelled_as_another_model_reads_them(rows, records, write):
    for record in records:
        record["answer_tokens"] = [[word.lower() for word in choice] for choice in record["answer_tokens"]]
        record["rationale_tokens"][0][-1] = "[UNK]"
    scores = read_scores(write(records))
    assert all(map(scores.of, rows))
    bare = [{name: one[name] for name in ("annot_id", "answer_losses", "rationale_losses")} for one in records]
    assert all(map(read_scores(write(bare)).of, rows))


def test_a_changed_file_is_read_anew(rows, records, write):
    assert read_scores(write(records)).of(rows[5]) is not None
    assert read_scores(write(records[:5])).of(rows[5]) is None


@pytest.mark.parametrize("content", ["", "\n"])
def test_an_empty_file_is_refused(tmp_path, content):
    (tmp_path / "scores.jsonl").write_text(content)
    with pytest.raises(DataMalformed, match="no rows"):
        read_scores(tmp_path / "scores.jsonl")
    with pytest.raises(DataMissing):
        read_scores(tmp_path / "absent.jsonl")


# --------------------------------------------------------------------------- the conditions


@pytest.mark.parametrize("mode", ["adv-top1", "keep-top1", "keep-top3", "keep-top5"])
def test_the_condition_hides_what_the_file_says(rows, records, write, golden, mode):
    shift = TASK.shifts()[mode]
    assert (shift.kind, shift.files) == ("transform", (SCORES,)) and SCORES in TASK.extra_files
    inputs = ShiftInputs(list, {SCORES: write(records[:4])})
    shifted = shift.apply(rows, inputs)
    assert [row.example_id for row in shifted] == [row.example_id for row in rows]
    named = {"adv-top1": "remove_shortcut"}.get(mode, mode.replace("-top", "_shortcut_"))
    for row, line in zip(shifted[:4], golden, strict=False):
        expected = line["adversarial"][named]
        for part in ("answer", "rationale"):
            choices = getattr(row, f"{part}_choices")
            assert [[t if isinstance(t, str) else list(t) for t in one] for one in choices] == expected[part]
    assert list(shifted[4:]) == list(rows[4:])
    assert shift.about(rows, inputs)["rows_without_scores"] == 2


def test_a_file_without_any_of_the_rows_is_no_condition(rows, records, write):
    inputs = ShiftInputs(list, {SCORES: write([{**one, "annot_id": f"train-{at}"} for at, one in enumerate(records)])})
    with pytest.raises(DataMalformed, match="none of the 6 rows"):
        TASK.shifts()["adv-top1"].apply(rows, inputs)


def test_hidden_words_and_tags_are_read_as_mask_by_models(rows, records, write):
    shifted = TASK.shifts()["keep-top1"].apply(rows, ShiftInputs(list, {SCORES: write(records)}))
    space = TASK.answer_space([], 1.0)
    for leg in TASK.legs:
        for example in TASK.view(shifted, condition="x", space=space, rendering="index@1", labelled=False, leg=leg):
            for text, tags in zip(example.choices, example.tags.choices, strict=True):
                assert "[MASK]" in text and all(tag < 10_000 for tag in tags)


def test_cards_say_when_the_sets_are_the_published_ones():
    for mode in ("adv-top1", "keep-top1", "keep-top3", "keep-top5"):
        card = TASK.shifts()[mode].card
        assert "only with the losses published by the authors" in card and "26,534" in card and "Leak:" in card
        assert "white-box" in card


def test_every_position_of_every_choice_is_hidden_once(rows):
    row = rows[0]
    seen = set()
    for part in ("answer", "rationale"):
        for place, variant in masked_variants(row, part):
            seen.add(variant.example_id)
            others = [name for name in ("answer_choices", "rationale_choices") if name != f"{part}_choices"]
            assert getattr(variant, others[0]) == getattr(row, others[0]) and variant.question == row.question
            changed = [
                at
                for at, (one, other) in enumerate(
                    zip(getattr(variant, f"{part}_choices"), getattr(row, f"{part}_choices"), strict=True)
                )
                if one != other
            ]
            assert changed == [place]
    assert len(seen) == n_variants(row)
