"""A search sees what no table shows, gives every row the same trials, resumes, and is booked where its values are used."""

import json

import pytest
import yaml

from madbench.errors import ConfigError, UsageError
from madbench.files import read_json, write_json
from madbench.harness import run
from madbench.harness.digests import sealed
from madbench.harness.tuning import TuneRequest
from madbench.harness.tuning_protocol import carving, tuning_protocol, tuning_worlds
from madbench.harness.tuning_run import tune
from madbench.harness.tuning_space import DEFAULT, check_space, difference, laid_over, points, shared, space_of
from madbench.models.load import load_model
from madbench.models.options import FinetuneOptions
from madbench.models.tuned import Distribution, Tuned
from madbench.protocols import Protocol, load_protocol
from madbench.tasks.contract import Row
from madbench.tasks.subsets import carve, carve_last

SPY = '''
"""Knows the rule of the answers; gets the first `quality` of the three kinds of question right. Notes what it is shown."""
import madbench

LOG = {log!r}
KINDS = ("is the", "how many", "what color")


def note(what, split):
    images = sorted({{example.text["question"].split()[-1].rstrip("?") for example in split}})
    with open(LOG, "a") as stream:
        stream.write(what + " " + " ".join(images) + "\\n")


@madbench.register_model("spy")
class Spy(madbench.ModelAdapter):
    uses_select = False

    def fit(self, train, select):
        note("fit", train)
        if self.spec.options["quality"] == 9:
            raise RuntimeError("it diverged")

    def predict(self, split):
        note("predict", split)
        return [self.answer(example.text["question"]) for example in split]

    def answer(self, question):
        kind = next(place for place, words in enumerate(KINDS) if question.startswith(words))
        image = int(question.split()[-1].rstrip("?"))
        right = (("yes", "no"), ("2", "3"), ("red", "blue"))[kind][image % 3 == 0]
        return right if kind < self.spec.options["quality"] else "none"


@madbench.register_model("idle")
class Idle(madbench.ModelAdapter):
    def fit(self, train, select):
        pass

    def predict(self, split):
        return ["yes"] * len(split)
'''
QUALITY = {"quality": {"choice": [0, 1, 2, 3]}}


class Bench:
    """A model folder beside the harness bench, and `tune` on it."""

    def __init__(self, bench):
        self.bench, self.folder, self.log_file = bench, bench.folder, bench.folder / "spy.txt"
        self.plugin = self.folder / "spy.py"
        self.plugin.write_text(SPY.format(log=str(self.log_file)))

    def model(self, name="one", search=QUALITY, **more):
        content = {"schema": 1, "name": name, "version": 1, "adapter": "spy", "summary": "a spy", "search": search}
        file = self.folder / f"{name}.yaml"
        file.write_text(yaml.safe_dump({**content, "options": {"quality": 0, "rate": 2}, **more}))
        return str(file)

    def tune(self, *models, trials=4, protocol=None, on_error="stop", place=lambda name: None, **request):
        request = {"data": [f"vqa={self.bench.data}"], "out": self.folder / "tuning", **request}
        models = models or (self.model(),)
        return tune(
            TuneRequest(models, protocol or self.bench.protocol(), trials, **request),
            device="cpu",
            on_error=on_error,
            plugins=[str(self.plugin)],
            place=place,
            quiet=True,
        )

    def seen(self):
        """What happened, in order: ("fit" or "predict", the images)."""
        lines = self.log_file.read_text().splitlines() if self.log_file.exists() else []
        return [(line.split()[0], set(map(int, line.split()[1:]))) for line in lines]

    def lines(self):
        (file,) = (self.folder / "tuning").glob("small@1/vqa/trials.jsonl")
        return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.fixture
def tuning(bench):
    return Bench(bench)


# --------------------------------------------------------------------------- what it sees


def test_no_condition_of_the_protocol_is_predicted_and_tuning_images_train_nothing(tuning):
    tuning.tune(trials=2, draws="90-91")
    fitted = set().union(*(images for what, images in tuning.seen() if what == "fit"))
    scored = set().union(*(images for what, images in tuning.seen() if what == "predict"))
    assert fitted and scored and fitted.isdisjoint(scored)
    assert max(fitted | scored) < 1000, "images of val have numbers from 1000 on"


def test_what_the_protocol_carves_out_to_report_is_not_touched(tuning):
    held = "{name: held, kind: split, split: train, images: 0.5}"
    protocol = tuning.bench.protocol(conditions=(held,))
    tuning.tune(protocol=protocol, trials=1)
    used = set().union(*(images for _, images in tuning.seen()))
    tuning.log_file.unlink()
    run(tuning.model(), protocol, data=f"vqa={tuning.bench.data}", out=tuning.bench.out, quiet=True)
    reported = next(images for what, images in tuning.seen() if what == "predict")
    assert len(reported) == 20 and used and used.isdisjoint(reported)


def test_draws_average_and_each_is_another_subset(tuning):
    tuning.tune(trials=1, draws="90-91")
    first, second = [images for what, images in tuning.seen() if what == "fit"]
    assert first != second
    assert [line["draw"] for line in tuning.lines()] == [90, 91]


def test_the_tuning_part_is_the_other_end_of_the_order_that_reports():
    rows = [_row(image, place) for image in range(100) for place in range(3)]
    _, reported = carve(rows, "vqa", 0.1)
    rest, part = carve_last(rows, "vqa", 0.1, most=1000, first=0.1)
    assert len(reported) == len(part) == 30 and len(rest) == 240
    assert len({row.image_id for row in [*reported, *part, *rest]}) == 100
    assert len(carve_last(rows, "vqa", 0.1, most=11)[1]) == 9, "whole images, no more rows than `most`"
    assert len(carve_last(rows, "vqa", 0.1, most=1)[1]) == 3, "never none"


def test_on_mini_the_search_has_a_world_of_its_own(monkeypatch, tuning):
    from madbench.mini import build

    monkeypatch.setattr(build, "SIZES", {**build.SIZES, "vqa": {"train": 40, "val": 6, "test": 2}})
    result = tuning.tune(tuning.model(adapter="idle"), data=["mini"], trials=1)
    (search,) = result.plan.searches
    source = search.cells()[0].source
    assert source.root == build.folder(build.TUNING_SEED) / "vqa" != build.folder() / "vqa"
    assert not build.folder().exists(), "the world of the tables is not even written"
    ((_, tuned),) = result.found.values()
    assert tuned.tasks["vqa"].source == "mini" and tuned.labels("vqa", "real") == 0


def test_regions_of_the_tuning_world_are_its_own(monkeypatch):
    from madbench.harness.regions import with_regions
    from madbench.mini import build, regions
    from madbench.registry import TASKS
    from madbench.tasks.sources import Source, locate

    monkeypatch.setattr(build, "SIZES", {**build.SIZES, "vqa": {"train": 4, "val": 2, "test": 1}})
    root = tuning_worlds(["vqa"])["vqa"]
    found = with_regions(Source("vqa", "mini", root, locate(TASKS.load("vqa"), root)))
    assert found.layout.regions.parent == root and regions.is_complete(found.layout.regions, build.TUNING_SEED)


# --------------------------------------------------------------------------- the trials


def test_the_best_trial_is_chosen_and_of_equals_the_first(tuning):
    result = tuning.tune(trials=8)
    tuned = next(iter(result.found.values()))[1].tasks["vqa"]
    qualities = [values["quality"] for values in tuned.values]
    assert tuned.scores == pytest.approx([quality / 3 for quality in qualities])
    assert qualities.count(max(qualities)) > 1, "eight points on four values"
    assert tuned.chosen == qualities.index(max(qualities))


def test_every_row_gets_the_same_points_whatever_else_is_searched(tuning):
    one = tuning.model("one")
    two = tuning.model("two", search={**QUALITY, "rate": {"scale": [1, 2]}})
    tuning.tune(one, two, trials=5)
    values = {name: [line["values"] for line in tuning.lines() if line["model"] == name] for name in ("one", "two")}
    assert len(values["one"]) == len(values["two"]) == 5
    assert [one["quality"] for one in values["one"]] == [two["quality"] for two in values["two"]]


def test_finished_trials_are_not_repeated_and_more_trials_begin_with_the_same(tuning):
    tuning.tune(trials=3)
    first, values = len(tuning.seen()), [line["values"] for line in tuning.lines()]
    result = tuning.tune(trials=3)
    assert len(tuning.seen()) == first and result.plan.to_do() == []
    tuning.tune(trials=6)
    assert [line["values"] for line in tuning.lines()][:3] == values
    assert len(tuning.lines()) == 6


def test_a_trial_that_fails_counts_and_has_no_score(tuning):
    model = tuning.model(search={"quality": {"choice": [9, 1]}})
    stopped = tuning.tune(model, trials=4)
    assert stopped.errors and not stopped.found
    result = tuning.tune(model, trials=4, on_error="continue")
    tuned = next(iter(result.found.values()))[1].tasks["vqa"]
    assert tuned.scores.count(None) == 2 and len(tuned.scores) == 4
    assert tuned.values[tuned.chosen]["quality"] == 1
    assert any("it diverged" in (line["error"] or "") for line in tuning.lines())


def test_trials_never_stand_in_a_table(tuning):
    result = tuning.tune(trials=1)
    (record,) = (result.plan.store.done(cell) for cell in result.plan.searches[0].cells())
    assert record["comparable"] is False and record["not_comparable_because"] == ["a trial of tuning"]
    assert [one["name"] for one in record["conditions"]] == ["tuning"]


def test_a_folder_with_trials_passes_verify(tuning, madbench):
    """Every trial was called a limited run, so that whoever tuned beside the results could not verify them."""
    result = tuning.tune(trials=2)
    told = madbench("verify", tuning.folder / "tuning", "--data", f"vqa={tuning.bench.data}")
    assert told.code == 0, told.out
    assert told.out.count("a trial of tuning: in no table") == 2
    (folder, *_) = [result.plan.store.folder(cell).path for cell in result.plan.searches[0].cells()]
    content = read_json(folder / "record.json")
    write_json(folder / "record.json", sealed(folder, {**content, "draw": 0}))
    told = madbench("verify", tuning.folder / "tuning", "--data", f"vqa={tuning.bench.data}")
    assert told.code == 4 and "a trial of tuning scored draw 0, which tables show" in told.out


# --------------------------------------------------------------------------- the model file


def test_the_written_model_has_the_chosen_options_and_books_its_labels(tuning, madbench):
    result = tuning.tune(trials=6, place=lambda name: tuning.folder / "tuned" / f"{name}-tuned.yaml")
    (path,) = result.written
    (given, (_, tuned)) = next(iter(result.found.items()))
    search = result.plan.searches[0]
    chosen = search.trials[tuned.tasks["vqa"].chosen]
    file = load_model(path)
    assert file.resolve("vqa", "real").options == chosen.options
    assert file.resolve("vqa", "mini").options == load_model(given).options, "nothing was tuned on mini"
    assert file.tuned == tuned

    fitted = {image for what, images in tuning.seen() if what == "fit" for image in images}
    scored = {image for what, images in tuning.seen() if what == "predict" for image in images}
    assert tuned.tasks["vqa"].labels == 3 * len(fitted | scored)
    out = run(str(path), tuning.bench.protocol(), data=f"vqa={tuning.bench.data}", out=tuning.bench.out, quiet=True)
    record = json.loads((out.folders[0] / "record.json").read_text())
    assert record["labels"]["tune"] == tuned.tasks["vqa"].labels

    assert madbench("validate", path, "--plugin", tuning.plugin).code == 0
    shown = madbench("show", "model", path, "--plugin", tuning.plugin).out
    assert "tuned (the search" in shown and f"labels: {tuned.tasks['vqa'].labels}" in shown


def test_the_search_is_no_part_of_a_training(tuning):
    result = tuning.tune(trials=2, place=lambda name: tuning.folder / "tuned.yaml")
    (path,) = result.written
    content = yaml.safe_load(path.read_text())
    with_search = load_model(path).resolve("vqa", "real")
    del content["tuned"]
    path.write_text(yaml.safe_dump(content))
    assert load_model(path).resolve("vqa", "real").hash == with_search.hash and with_search.tune_labels > 0


def test_overrides_of_the_search_are_in_the_written_model(tuning):
    result = tuning.tune(trials=2, overrides=["rate=5"], place=lambda name: tuning.folder / "tuned.yaml")
    file = load_model(result.written[0])
    assert file.resolve("vqa", "real").options["rate"] == 5 and file.tuned.set == ["rate=5"]


def test_a_file_of_somebody_is_not_overwritten(tuning):
    mine = tuning.model("mine")
    with pytest.raises(UsageError, match="is no tuned model"):
        tuning.tune(trials=1, place=lambda name: tuning.folder / "mine.yaml")
    assert load_model(mine).tuned is None and not tuning.seen()


# --------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"draws": "89-90"}, "draw 89 is not for tuning"),
        ({"trials": 0}, "--trials 0: expected at least 1"),
        ({"seed": -1}, "--search-seed -1"),
        ({"tasks": ["vcr"]}, "has vqa"),
    ],
)
def test_a_wrong_request_is_refused_before_anything_runs(tuning, request_, message):
    with pytest.raises(UsageError, match=message):
        tuning.tune(**request_)
    assert not tuning.seen()


def test_draws_of_protocols_and_of_tuning_never_meet():
    content = load_protocol("lowshot-1pct").model_dump(by_alias=True, exclude_none=True)
    with pytest.raises(ValueError, match="draws from 90 on are for tuning"):
        Protocol.model_validate({**content, "draws": [0, 90]})
    assert Protocol.model_validate({**content, "draws": [0, 89]}).draws == [0, 89]
    assert tuning_protocol(load_protocol("lowshot-1pct"), [90, 91], {"vqa": "real"}).draws == [90, 91]


def test_a_fraction_of_one_has_one_draw():
    with pytest.raises(UsageError, match="all its draws are one"):
        tuning_protocol(load_protocol("full"), [90, 91], {"vqa": "real"})


def test_an_unknown_option_is_told_with_a_guess(tuning):
    with pytest.raises(ConfigError, match=r"search\.qualty: spy has no such option; did you mean 'quality'.*one\.yaml"):
        tuning.tune(tuning.model(search={"qualty": {"choice": [1]}}))
    space = tuning.folder / "space.yaml"
    space.write_text("tune: {qualty: {choice: [1]}}")
    with pytest.raises(ConfigError, match="has no option 'qualty' to search; did you mean 'quality'"):
        tuning.tune(tuning.model(), space=space)
    options = FinetuneOptions().model_dump()
    space = {"objective.teachers.*.wieght": Distribution(scale=[1.0])}
    with pytest.raises(ConfigError, match=r"did you mean 'objective\.teachers\.\*\.weight'"):
        check_space("student", space, FinetuneOptions, options)


def test_a_tuned_model_is_not_tuned_again(tuning):
    result = tuning.tune(trials=1, place=lambda name: tuning.folder / "tuned.yaml")
    with pytest.raises(UsageError, match="is tuned already"):
        tuning.tune(str(result.written[0]))


def test_two_rows_cannot_search_one_option_differently(tuning):
    with pytest.raises(ConfigError, match="one and two search quality in different values"):
        tuning.tune(tuning.model("one"), tuning.model("two", search={"quality": {"choice": [3]}}))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"log": [0.0, 1.0]}, "above 0"),
        ({"log": [2.0, 1.0]}, "low below high"),
        ({"choice": [1], "scale": [1.0]}, "exactly one"),
        ({"choice": [1], "also": ["a"]}, "only a factor"),
    ],
)
def test_a_distribution_says_what_is_wrong_with_it(given, message):
    with pytest.raises(ValueError, match=message):
        Distribution.model_validate(given)


# --------------------------------------------------------------------------- the space


def test_the_shipped_space_fits_every_shipped_finetune_row():
    for name in ("student", "naive-kd", "mad", "text-only", "clip-probe"):
        file = load_model(name)
        assert list(space_of(file, None)) == list(DEFAULT[file.adapter])


def test_a_factor_multiplies_what_a_row_has_and_leaves_out_what_it_has_not():
    space = space_of(load_model("naive-kd"), None)
    point = {"training.learning_rate": 1.0e-4, "training.passes": 2.0, "objective.teachers.*.weight": 0.3}
    options = load_model("naive-kd").resolve("vqa", "mini").options
    after, values = laid_over(options, FinetuneOptions, space, point)
    assert [teacher["weight"] for teacher in after["objective"]["teachers"]] == [0.9, 0.9]
    for name in ("min_examples", "passes"):
        assert after["training"][name] == 2 * options["training"][name]
    assert set(difference(options, after)) == {"training", "objective"} and set(values) == set(point)
    plain = load_model("student").resolve("vqa", "mini").options
    after, values = laid_over(plain, FinetuneOptions, space, point)
    assert "objective" not in after and "objective.teachers.*.weight" not in values


def test_a_row_that_counts_updates_has_its_updates_scaled():
    """They decide how long it trains; passes, which such a row has by default, do nothing."""
    counted = {"training": {"updates": 400, "passes": 3.0}}
    space = space_of(load_model("student"), None)
    point = {"training.learning_rate": 1.0e-4, "training.passes": 0.5, "objective.teachers.*.weight": 1.0}
    assert laid_over(counted, FinetuneOptions, space, point)[0]["training"]["updates"] == 200
    in_passes, _ = laid_over({"training": {"passes": 3.0}}, FinetuneOptions, space, point)
    assert "updates" not in in_passes["training"] and in_passes["training"]["passes"] == 1.5


def test_points_cover_the_space_and_repeat():
    space = shared({"a": {"rate": Distribution(log=[1.0e-5, 1.0e-3])}, "b": {"words": Distribution(choice=["x", "y"])}})
    drawn = points(space, 16, seed=0)
    assert drawn == points(space, 16, seed=0) != points(space, 16, seed=1)
    assert drawn[:5] == points(space, 5, seed=0)
    assert all(1.0e-5 <= one["rate"] <= 1.0e-3 for one in drawn)
    assert 6 <= sum(one["rate"] < 1.0e-4 for one in drawn) <= 10, "even on the logarithm"
    assert sum(one["words"] == "x" for one in drawn) == 8


def test_carving_of_other_protocols_stays():
    assert carving(load_protocol("full")) is carve


def test_a_search_record_that_contradicts_itself_is_refused():
    task = {"source": "mini", "data": "x", "metric": "vqa_accuracy", "evaluated": 3, "labels": 6}
    whole = {"protocol": "p@1", "trials": 2, "draws": [90], "seed": 0, "rows": ["a"], "space": {}, "madbench": "0"}
    scored = {**task, "values": [{}, {}], "scores": [0.1, 0.2]}
    assert Tuned.model_validate({**whole, "tasks": {"vqa": {**scored, "chosen": 1}}}).labels("vqa", "mini") == 6
    with pytest.raises(ValueError, match="not the first with the highest score"):
        Tuned.model_validate({**whole, "tasks": {"vqa": {**scored, "chosen": 0}}})


def _row(image, place):
    return Row(f"{image}-{place}", str(image))


def test_other_weights_are_those_of_every_trial_and_of_the_file(tuning, tmp_path):
    for name in ("old", "new"):
        (tmp_path / f"{name}.pt").write_bytes(name.encode())
    model = tuning.model(options={"quality": 0, "rate": 2, "weights": str(tmp_path / "old.pt")})
    target = tuning.folder / "one-tuned.yaml"
    result = tuning.tune(
        model, trials=2, weights=[f"{tmp_path / 'old.pt'}={tmp_path / 'new.pt'}"], place=lambda name: target
    )
    used = {cell.spec.options["weights"] for search in result.plan.searches for cell in search.cells()}
    assert used == {str(tmp_path / "new.pt")}
    assert load_model(target).resolve("vqa", "real").options["weights"] == str(tmp_path / "new.pt")
