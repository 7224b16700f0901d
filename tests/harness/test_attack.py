"""An attack: exact losses, no second training, and a model that falls to its own scores."""

import json
import math

import pytest

from madbench.harness import attack as attack_module
from madbench.harness import run
from madbench.registry import ADAPTERS
from madbench.tasks.vcr.attack_scores import read_scores

ADAPTER = '''
import numpy as np

import madbench

LOG = {log!r}


def note(line):
    with open(LOG, "a") as stream:
        stream.write(line + "\\n")


def scores_of(split):
    """Counts letters, and believes in two words."""
    assert all(one.target is None for one in split)
    return np.array([[score(text) for text in one.choices] for one in split])


def score(text):
    words = text.replace("[MASK]", "").split()
    return sum(map(len, words)) / 10 + 3 * ("yes" in words) + 3 * ("because" in words)


@madbench.register_model("spotter")
class Spotter(madbench.ModelAdapter):
    uses_select = False

    def fit(self, train, select):
        note("fit")
        self.context.save({{"step": 1, "ready": 1}})

    def restore(self, state):
        note("restore")
        return state["ready"] == 1

    def predict(self, split):
        note(f"predict {{split.leg}} {{len(split)}}")
        return scores_of(split)

    def account(self):
        return madbench.models.adapter.Account(updates=1, examples_seen=1)


@madbench.register_model("stateless")
class Stateless(madbench.ModelAdapter):
    uses_select = False

    def fit(self, train, select):
        note("fit")
        self.fitted = True

    def predict(self, split):
        assert self.fitted
        return scores_of(split)


@madbench.register_model("unfitted")
class Unfitted(madbench.ModelAdapter):
    def predict(self, split):
        note("predict")
        return scores_of(split)
'''
PROTOCOL = """
schema: 1
name: {name}
version: 1
summary: for tests
tasks: [vcr]
subset: {{fraction: 1.0, unit: image}}
select: none
selection: last
draws: [0]
seeds: [0]
budget: {{vcr: {{examples_seen: 100}}}}
eval_points: 1
conditions: {{vcr: [{conditions}]}}
provenance: {{}}
"""
VAL = "{name: val, kind: split}"
ADVERSARIAL = ", ".join([VAL, *(f"{{name: {mode}, kind: transform, of: val}}" for mode in ("adv-top1", "keep-top1"))])


def rows_of(split, count):
    """The right answer says `yes`, the right rationale `because`; the label is never 0."""
    for number in range(count):
        label = 1 + number % 3
        answers = [["no", [0], "left", "."] for _ in range(4)]
        reasons = [["so", [0, 1], "waits", "."] for _ in range(4)]
        answers[label][0], reasons[label][0] = "yes", "because"
        yield {
            "movie": f"{split}-film",
            "objects": ["person", "person"],
            "img_fn": f"film/{split}{number}.jpg",
            "metadata_fn": f"film/{split}{number}.json",
            "question": ["Did", [0], "leave", "?"],
            "answer_choices": answers,
            "answer_label": label,
            "rationale_choices": reasons,
            "rationale_label": label,
            "img_id": f"{split}-{number}",
            "annot_id": f"{split}-{number}",
        }


class Place:
    """A vcr source, two protocols that train alike, a plugin that keeps a log; and the command."""

    def __init__(self, folder, madbench):
        self.folder, self.madbench = folder, madbench
        self.runs, self.scores, self.log_file = folder / "runs", folder / "scores.jsonl", folder / "log.txt"
        (folder / "vcr").mkdir()
        for split, count in (("train", 4), ("val", 6)):
            text = "".join(json.dumps(row) + "\n" for row in rows_of(split, count))
            (folder / "vcr" / f"{split}.jsonl").write_text(text)
        for name, conditions in (("plain", VAL), ("adversarial", ADVERSARIAL)):
            (folder / f"{name}.yaml").write_text(PROTOCOL.format(name=name, conditions=conditions))
        (folder / "plug.py").write_text(ADAPTER.format(log=str(self.log_file)))

    def attack(self, model="spotter", *more, output=None):
        command = ["data", "attack", "--model", model, "--protocol", self.folder / "plain.yaml", "--runs", self.runs]
        command += ["--data", f"vcr={self.folder / 'vcr'}", "--plugin", self.folder / "plug.py", "--device", "cpu"]
        return self.madbench(*command, "--output", output or self.scores, *more)

    def run(self, protocol, model="spotter"):
        result = run(
            model,
            str(self.folder / f"{protocol}.yaml"),
            data=f"vcr={self.folder / 'vcr'}",
            out=self.runs,
            device="cpu",
            plugins=[str(self.folder / "plug.py")],
            quiet=True,
        )
        record = json.loads((result.folders[0] / "record.json").read_text())
        return record, {one["name"]: one for one in record["conditions"]}

    def log(self):
        return self.log_file.read_text().splitlines() if self.log_file.exists() else []

    def lines(self):
        return [json.loads(line) for line in self.scores.read_text().splitlines()]


@pytest.fixture
def place(tmp_path, madbench, monkeypatch):
    monkeypatch.setattr(ADAPTERS, "_added", {})
    return Place(tmp_path, madbench)


def softplus(value):
    return math.log1p(math.exp(value))


def test_the_losses_are_those_of_the_definition(place):
    result = place.attack()
    assert result.code == 0, result.err
    row = place.lines()[0]
    assert (row["annot_id"], row["answer_label"], row["rationale_label"]) == ("val-0", 1, 1)
    assert row["answer_tokens"][1] == ["yes", "person", "left", "."]
    # Letters of "yes Casey left." are 13; a hidden word takes its own away, and `yes` its three points too.
    logits = [(13 - hidden) / 10 + 3 * (hidden != 3) for hidden in (3, 5, 4)]
    assert row["answer_losses"][1][:3] == [round(softplus(-logit), 4) for logit in logits]
    logits = [(12 - hidden) / 10 for hidden in (2, 5, 4)]
    assert row["answer_losses"][0][:3] == [round(softplus(logit), 4) for logit in logits]
    # A group of two persons has two positions: "so Casey and Riley waits."
    assert [len(choice) for choice in row["rationale_losses"]] == [5] * 4
    assert row["attack"]["model"] == "spotter" and row["attack"]["protocol"] == "plain@1"


def test_a_model_falls_to_its_own_scores_and_lives_on_what_they_keep(place):
    assert place.attack("spotter", "--attach").code == 0
    record, conditions = place.run("adversarial")
    assert conditions["val"]["metrics"]["q2ar"] == 1.0
    assert conditions["adv-top1"]["metrics"]["q2ar"] == 0.0
    assert conditions["keep-top1"]["metrics"]["q2ar"] == 1.0
    about = conditions["adv-top1"]["about"]
    assert about["attack"]["model"] == record["model"]["name"] and about["attack"]["train_id"] == record["train_id"]
    assert about["rows_without_scores"] == 0 and place.log().count("fit") == 1


def test_a_finished_training_is_used_from_its_checkpoint(place):
    place.run("plain")
    before = len(place.log())
    result = place.attack()
    assert result.code == 0 and "the checkpoint in" in result.out
    assert place.log()[before:] == ["restore", "predict q2a 96", "predict qa2r 120"]


def test_a_training_of_another_protocol_serves_when_it_is_the_same(place):
    place.run("adversarial")
    assert place.attack().code == 0
    assert place.log().count("fit") == 1 and not (place.runs / "spotter" / "plain@1").exists()


def test_a_model_that_keeps_no_state_is_fitted_again(place):
    result = place.attack("stateless")
    assert result.code == 0 and "fitted again" in result.out and place.log() == ["fit", "fit"]


def test_a_model_without_a_fit_is_not_trained(place):
    assert place.attack("unfitted").code == 0
    assert place.log() == ["predict", "predict"] and not place.runs.exists()


def test_an_interrupted_attack_goes_on_and_ends_the_same(place, monkeypatch):
    assert place.attack().code == 0
    whole = place.scores.read_bytes()
    monkeypatch.setattr(attack_module, "BLOCK", 2)
    partial = place.scores.with_name("scores.jsonl.partial")
    lines = whole.splitlines(keepends=True)
    partial.write_bytes(b"".join(lines[:3]) + lines[3][:50])
    place.log_file.write_text("")
    assert place.attack("spotter", "--overwrite").code == 0
    assert place.scores.read_bytes() == whole and not partial.exists()
    # Three whole lines and a broken one: one block of two is kept, two blocks of two rows are predicted.
    assert place.log() == ["restore", *["predict q2a 32", "predict qa2r 40"] * 2]


def test_what_another_model_left_is_not_gone_on_with(place, monkeypatch):
    monkeypatch.setattr(attack_module, "BLOCK", 2)
    assert place.attack("unfitted").code == 0
    partial = place.folder / "other.jsonl.partial"
    partial.write_bytes(place.scores.read_bytes())
    assert place.attack("spotter", output=place.folder / "other.jsonl").code == 0
    assert read_scores(place.folder / "other.jsonl").attack["model"] == "spotter"


def test_a_limit_attacks_the_first_rows_and_the_others_are_counted(place):
    assert place.attack("spotter", "--limit", "2", "--attach").code == 0
    assert [row["annot_id"] for row in place.lines()] == ["val-0", "val-1"]
    record, conditions = place.run("adversarial")
    assert conditions["adv-top1"]["about"]["rows_without_scores"] == 4
    assert conditions["adv-top1"]["metrics"]["q2ar"] == pytest.approx(4 / 6)
    assert record["comparable"] is True  # the training and the rows are whole


def test_scores_attached_later_make_another_cell(place):
    _, conditions = place.run("adversarial")
    assert not conditions["adv-top1"]["available"] and "shortcut_scores.jsonl" in conditions["adv-top1"]["reason"]
    assert place.attack("spotter", "--attach").code == 0
    _, conditions = place.run("adversarial")
    assert conditions["adv-top1"]["available"] and place.log().count("fit") == 1


def test_a_file_in_the_source_is_found_and_one_for_other_rows_is_no_condition(place):
    assert place.attack("unfitted", output=place.folder / "vcr" / "shortcut_scores.jsonl").code == 0
    _, conditions = place.run("adversarial", "unfitted")
    assert conditions["keep-top1"]["available"]
    file = place.folder / "vcr" / "shortcut_scores.jsonl"
    file.write_text(file.read_text().replace('"val-', '"dev-'))
    _, conditions = place.run("adversarial", "unfitted")
    assert "none of the 6 rows" in conditions["keep-top1"]["reason"] and conditions["val"]["available"]


@pytest.mark.parametrize(
    ("more", "code", "told"),
    [
        (("--task", "vqa"), 2, "only vcr"),
        (("--limit", "0"), 2, "--limit 0"),
        (("--split", "test"), 3, "no split 'test'"),
        (("--seed", "7"), 2, "--seeds 7"),
    ],
)
def test_what_cannot_be_attacked_is_told(place, more, code, told):
    result = place.attack("spotter", *more)
    assert result.code == code and told in result.err and not place.scores.exists()


def test_an_output_that_is_there_is_not_replaced(place):
    place.scores.write_text("mine")
    assert place.attack("unfitted").code == 2 and place.scores.read_text() == "mine"


def test_scores_that_are_no_numbers_stop_the_attack(place):
    text = (place.folder / "plug.py").read_text()
    (place.folder / "plug.py").write_text(text.replace("/ 10 +", "/ 10 + float('nan') +"))
    result = place.attack("unfitted")
    assert result.code == 1 and "not finite" in result.err and not place.scores.exists()
