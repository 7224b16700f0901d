"""Every check of the conformance suite lets good adapters pass, and catches an adapter that is broken in just that way."""

import importlib.util
import os
import random
from pathlib import Path

import numpy as np
import pytest

import madbench
from madbench.errors import UsageError
from madbench.harness.conformance import check_adapter, suite
from madbench.harness.conformance.checks import CHECKS, DECLARATIONS
from madbench.harness.scaffold import TEMPLATE
from madbench.models.adapter import Account
from madbench.registry import ADAPTERS


def _template():
    """The scaffold's model: a good adapter that uses every hook."""
    added = dict(ADAPTERS._added)
    spec = importlib.util.spec_from_file_location("conformance_template", TEMPLATE / "my_model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    ADAPTERS._added.clear()
    ADAPTERS._added.update(added)
    return module.MyModel


Good = _template()


@pytest.fixture(scope="module")
def worlds(tmp_path_factory):
    """The suite's own worlds, written once for all examinations here."""
    from functools import cache

    from madbench.harness.conformance.world import write_source

    folder = tmp_path_factory.mktemp("worlds")
    return cache(lambda task: write_source(task, folder))


@pytest.fixture
def examine(registered, worlds, monkeypatch):
    """`examine(Adapter)`: its report, on vqa unless another task is named."""
    monkeypatch.setattr(suite, "write_source", lambda task, folder: worlds(task))

    def check(adapter, *, tasks=("vqa",), **options):
        registered.register("examined", adapter, origin=__file__)
        return check_adapter("examined", tasks=tasks, **options)

    return check


def states(report):
    return {one.check: one.state for one in report.results}


def reasons(report):
    return {one.check: one.reason for one in report.results}


# --------------------------------------------------------------------------- good ones


class ZeroShot(madbench.ModelAdapter):
    def predict(self, split):
        return np.stack([np.random.default_rng(int(one.id, 16)).random(split.n_choices) for one in split])


class Says(madbench.ModelAdapter):
    """Answers in words, is fitted on everything, calls nothing."""

    tasks = ("vqa",)
    uses_select = False

    def fit(self, train, select):
        assert select is None
        self.answer = min(example.target.answer for example in train)

    def predict(self, split):
        return [self.answer] * len(split)


class Looks(madbench.ModelAdapter):
    """Looks at pictures, boxes and region features, and copies its examples in every way there is."""

    needs = frozenset({"image", "regions", "text"})

    def fit(self, train, select):
        import copy
        import pickle

        assert [dict(one.text) for one in train] == [{**one.text} for one in copy.deepcopy(list(train))]
        assert [one.choices for one in train] == [one.choices for one in pickle.loads(pickle.dumps(list(train)))]

    def predict(self, split):
        scores = np.zeros((len(split), split.n_choices))
        for row, one in enumerate(split):
            if one.image.regions() is None:  # there are none of changed pictures
                continue
            scores[row, 0] = np.asarray(one.image.open()).mean() + len(one.image.regions().boxes)
            scores[row, 1] = len(one.image.content()) if one.image.boxes() is None else one.image.boxes().sum()
        return scores


@pytest.mark.parametrize("task", ["vcr", "snli_ve", "vqa"])
def test_the_scaffold_passes_every_check_and_none_is_skipped(examine, task):
    report = examine(Good, tasks=[task])
    assert report.passed, report.text()
    assert [one.check for one in report.results] == [DECLARATIONS[0], *(check.name for check in CHECKS)]
    assert set(states(report).values()) == {"pass"}
    assert "killed after the first saved state" in reasons(report)["resumes"]


def test_a_zero_shot_model_passes(examine):
    report = examine(ZeroShot, tasks=())
    assert report.passed, report.text()
    skipped = {name for name, state in states(report).items() if state == "skip"}
    assert {"fits", "fits-with-select", "evaluates", "saves", "resumes", "restores"} <= skipped
    assert "zero-shot" in reasons(report)["fits"]


def test_a_model_that_calls_neither_evaluate_nor_save_passes_and_may_answer_in_words(examine):
    report = examine(Says, tasks=())
    assert report.passed, report.text()
    assert "fitted on train and select" in reasons(report)["fits-with-select"]
    assert report.left_out == {"snli_ve": "it does vqa only", "vcr": "it does vqa only"}


@pytest.mark.parametrize("task", ["vcr", "vqa"])
def test_pictures_boxes_and_regions_may_be_looked_at_where_they_are_declared(examine, task):
    report = examine(Looks, tasks=[task])
    assert report.passed, report.text()
    assert reasons(report)["needs"] == ""


class AsksForBoxes(Good):
    def predict(self, split):
        return super().predict(split) + np.array([[one.image.boxes() is None] for one in split])


def test_asking_for_what_is_not_there_is_no_use_of_it(examine):
    report = examine(AsksForBoxes, tasks=["vqa", "vcr"])
    (failed,) = report.failures
    assert (failed.task, failed.check) == ("vcr", "needs") and "image.boxes() (image)" in failed.reason


@pytest.mark.parametrize("name", ["random", "majority", "overlap"])
def test_the_models_that_only_count_pass(name):
    report = check_adapter(name)
    assert report.passed, report.text()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["student", "text-only", "clip-probe", "naive-kd"])
def test_the_models_that_train_networks_pass(name):
    report = check_adapter(name, tasks=["vqa"])
    assert report.passed, report.text()


# --------------------------------------------------------------------------- broken ones, one for every check

BROKEN = []


def broken(check, said):
    """A class that fails this check and no other, with these words in the reason."""

    def note(adapter):
        BROKEN.append(pytest.param(check, said, adapter, id=f"{check}-{adapter.__name__}"))
        return adapter

    return note


@broken("declarations", "did you mean 'image'?")
class Misspelt(Good):
    needs = frozenset({"images"})


@broken("declarations", "expected several names out of snli_ve, vcr, vqa")
class OneTask(Good):
    tasks = "vqa"


@broken("declarations", "'snli-ve'; did you mean 'snli_ve'?")
class UnknownTask(Good):
    tasks = ("vqa", "snli-ve")


@broken("declarations", "precisions names 'fp8'")
class Eight(Good):
    precisions = ("fp32", "fp8")


@broken("declarations", "uses_select is None")
class Undecided(Good):
    uses_select = None


@broken("declarations", "expected a pydantic class")
class Loose(Good):
    options = {"learning_rate": 0.5}


@broken("declarations", "defines no predict")
class Mute(madbench.ModelAdapter):
    pass


@broken("declarations", "no subclass of madbench.ModelAdapter")
class Stranger:
    pass


@broken("constructs", "constructing it: KeyError: 'hidden' (")
class NeedsAnOption(Good):
    def __init__(self, spec, task, context):
        super().__init__(spec, task, context)
        self.hidden = spec.options["hidden"]


@broken("fits", "fit(train, None): TypeError: object of type 'NoneType' has no len() (")
class CountsSelect(Good):
    def fit(self, train, select):
        self.n_select = len(select)
        super().fit(train, select)


@broken("fits", "fit(train, None): KeyError: 'vqa_accuracy'")
class WantsMetrics(Good):
    def fit(self, train, select):
        self.best = self.context.evaluate(0)["vqa_accuracy"]


@broken("fits", "SystemExit")
class Leaves(Good):
    def fit(self, train, select):
        raise SystemExit(0)


@broken("labels-withheld", "predict works only where example.target is given: predict on val, leg main: AttributeError")
class NeedsTargets(Good):
    def predict(self, split):
        return [example.target.answer for example in split]


@broken("labels-withheld", "predict reads example.target: with targets in the examples, ")
class PeeksAtTargets(Good):
    def predict(self, split):
        scores = super().predict(split)
        for row, example in enumerate(split):
            for answer in example.target.scores if example.target else ():
                scores[row, answer] += 1
        return scores


@broken("predicts", "predict returned shape")
class OneTooMany(Good):
    def predict(self, split):
        return np.zeros((len(split), split.n_choices + 1))


@broken("predicts", "not finite for example 0")
class NotANumber(Good):
    def predict(self, split):
        return np.full((len(split), split.n_choices), np.nan)


@broken("predicts", "predict returned shape []")
class Nothing(Good):
    def predict(self, split):
        return None


@broken("predicts", "what predict returned on val, leg main: RuntimeError: Can't call numpy()")
class KeepsGradients(Good):
    def predict(self, split):
        import torch

        return torch.zeros((len(split), split.n_choices), requires_grad=True)


@broken("unchanged-examples", "predict on val changed example.text")
class LowersText(Good):
    def predict(self, split):
        for example in split:
            example.text["question"] = example.text["question"].upper().lower() + " ?"
        return np.zeros((len(split), split.n_choices))


@broken("unchanged-examples", "fit changed example.target")
class SmoothsTargets(Good):
    def fit(self, train, select):
        for example in train:
            example.target.scores[0] = example.target.scores.get(0, 0) + 0.1


@broken("repeats", "the same split predicted twice")
class CountsItsCalls(Good):
    calls = 0

    def predict(self, split):
        self.calls += 1
        return super().predict(split) + self.calls * np.eye(split.n_choices)[0]


@broken("repeats", "seed them per example")
class DrawsAnew(Good):
    def predict(self, split):
        return np.random.default_rng().random((len(split), split.n_choices))


@broken("repeats", "the same split predicted twice")
class HandsOutItsMemory(CountsItsCalls):
    def predict(self, split):
        if not hasattr(self, "memory") or len(self.memory) != len(split):
            self.memory = np.zeros((len(split), split.n_choices), np.float32)
        self.memory[:] = super().predict(split)
        return self.memory


@broken("row-order", "with the rows in another order ")
class SortsAndForgets(Good):
    def predict(self, split):
        return np.stack([self._scores(self._words(one)) for one in sorted(split, key=lambda one: one.id)])


@broken("other-rows", "more than the allowed 0.0001")
class Centres(Good):
    def predict(self, split):
        scores = super().predict(split)
        return scores - scores.mean(axis=0)


@broken("needs", 'image.open() (image) and declares needs = {"text"}: add {"image"}')
class OpensPictures(Good):
    def predict(self, split):
        return super().predict(split) + np.array([[one.image.open().width * 1e-3] for one in split])


@broken("needs", "image.regions() (regions)")
class ReadsRegions(Good):
    def fit(self, train, select):
        self.most = max(len(example.image.regions().boxes) for example in train)


@broken("needs", "example.text (text) and declares needs = {}")
class Undeclared(Good):
    needs = frozenset()


@broken("same-seed", "in a second training with the same seed ")
class DrawsItsOwnSeed(Good):
    def _order(self, epoch, count):
        return np.random.default_rng().permutation(count)


@broken("same-seed", "in a second training with the same seed ")
class GoesOnFromTheLast(Good):
    shared = None

    def fit(self, train, select):
        if type(self).shared is not None:
            self.weights = self.weights + type(self).shared
        super().fit(train, select)
        type(self).shared = self.weights.std()


@broken("global-state", "with the shared generators of random, numpy and torch in another state ")
class SharesNumpysGenerator(Good):
    def _order(self, epoch, count):
        return np.random.permutation(count)


@broken("global-state", "make one of your own from context.seed")
class SharesTorchsGenerator(Good):
    def predict(self, split):
        import torch

        return super().predict(split) + torch.rand(1).item() * np.eye(split.n_choices)[0]


@broken("global-state", "it changes torch's default type and leaves it so")
class ComputesInDouble(Good):
    def fit(self, train, select):
        import torch

        torch.set_default_dtype(torch.float64)
        super().fit(train, select)


@broken("global-state", "it changes the working folder")
class WalksAway(Good):
    def fit(self, train, select):
        os.chdir("/")
        super().fit(train, select)


@broken("account", "account() returned dict")
class AccountsInADict(Good):
    def account(self):
        return {"updates": 3}


@broken("account", "account().examples_seen is -1")
class OwesExamples(Good):
    def account(self):
        return Account(examples_seen=-1)


@broken("account", "account().parameters['total'] is '3M'")
class CountsInText(Good):
    def account(self):
        return Account(parameters={"total": "3M"})


@broken("budget", "65 examples seen, and context.max_examples is 64")
class SeesOneMore(Good):
    def account(self):
        return Account(updates=4, examples_seen=65)


@broken("fits-with-select", "fit(train, select): AttributeError")
class TakesALoader(Good):
    def fit(self, train, select):
        super().fit(train, select)
        if select is not None:
            self.select = select.batches(16)


@broken("evaluates", "context.evaluate(0.5): a step is an int")
class EvaluatesByShare(Good):
    def fit(self, train, select):
        self.context.evaluate(0.5)


@broken("evaluates", "context.evaluate(2) after context.evaluate(4): steps only grow")
class EvaluatesBackwards(Good):
    def fit(self, train, select):
        self.context.evaluate(4)
        self.context.evaluate(2)


@broken("evaluates", "was called 3 times and context.eval_points is 2")
class EvaluatesOften(Good):
    def fit(self, train, select):
        for step in (1, 2, 3):
            self.context.evaluate(step)


@broken("evaluates", "context.evaluate(2) predicts in the middle of fit: AttributeError")
class IsReadyAtTheEnd(Good):
    def fit(self, train, select):
        super().fit(train, select)
        self.ready = self.weights

    def predict(self, split):
        return super().predict(split) + 0 * self.ready[0]


@broken("saves", "a state to save holds a set at state.seen")
class SavesASet(Good):
    def fit(self, train, select):
        self.context.save({"step": 0, "seen": {1, 2}})


@broken("records", "scoring and recording the cell: TypeError")
class NotesAnObject(Good):
    def account(self):
        return Account(notes=(np.ones(1),))


@broken("resumes", "killed after the first saved state and resumed, ")
class ForgetsWeights(Good):
    def fit(self, train, select):
        load = self.context.load

        def without_weights():
            state = load()
            return None if state is None else {**state, "weights": 0 * state["weights"]}

        self.context.load = without_weights
        super().fit(train, select)


@broken("resumes", "going on from a saved state: KeyError: 'optimiser'")
class AsksForMore(Good):
    def fit(self, train, select):
        state = self.context.load()
        self.optimiser = None if state is None else state["optimiser"]
        super().fit(train, select)


@broken("resumes", "evaluated at [4] updates when killed and resumed, at [2, 4] when not")
class SavesTooSoon(Good):
    def fit(self, train, select):
        evaluate, save = self.context.evaluate, self.context.save
        self.context.evaluate = lambda step: {}
        self.context.save = lambda state: (save(state), evaluate(state["step"]))
        super().fit(train, select)


@broken("restores", "restored from its own state, ")
class RestoresHalf(Good):
    def restore(self, state):
        self.weights = state["weights"] * (np.arange(len(state["weights"])) % 2)[:, None]
        return True


@broken("restores", "restore(state) returned None, expected True")
class RestoresSilently(Good):
    def restore(self, state):
        self.weights = state["weights"]


@pytest.mark.parametrize(("check", "said", "adapter"), BROKEN)
def test_each_way_to_be_broken_is_caught_by_its_check(examine, check, said, adapter):
    report = examine(adapter)
    assert [one.check for one in report.failures] == [check], report.text()
    assert said in report.failures[0].reason


def test_every_check_has_a_broken_adapter():
    assert {one.values[0] for one in BROKEN} == {DECLARATIONS[0], *(check.name for check in CHECKS)}


def test_what_stands_on_a_failed_check_is_skipped_and_says_so(examine):
    report = examine(OneTooMany)
    assert reasons(report)["repeats"] == "`predicts` is not met"
    assert reasons(report)["same-seed"] == "`repeats` is not met"
    assert states(report)["account"] == "pass"


def test_a_failure_names_the_line_of_the_adapter(examine):
    line = CountsSelect.fit.__code__.co_firstlineno + 1
    assert examine(CountsSelect).failures[0].reason.endswith(f"({__file__}:{line})")


# --------------------------------------------------------------------------- the suite itself


def test_the_process_is_left_as_it_was_found(examine, tmp_path):
    before = os.getcwd(), os.environ["MADBENCH_HOME"], random.getstate(), np.random.get_state()[1].tolist()
    for adapter in (Good, WalksAway, ComputesInDouble):
        examine(adapter)
        ADAPTERS._added.clear()
    assert before == (os.getcwd(), os.environ["MADBENCH_HOME"], random.getstate(), np.random.get_state()[1].tolist())
    assert not (tmp_path / "home").exists(), "nothing is written where madbench keeps its things"
    import torch

    assert torch.get_default_dtype() == torch.float32


def test_checks_are_told_as_they_end_and_steps_are_measured(examine):
    told = []
    report = examine(Good, on_result=told.append)
    assert tuple(told) == report.results
    assert [one.name for one in report.steps] == ["construct", "fit", "predict", "whole cell", "kill and resume"]
    assert all(one.seconds >= 0 and one.memory_mb > 1 for one in report.steps)


def test_the_text_is_the_same_for_the_same_adapter_but_for_time_and_memory(examine):
    one, other = (examine(Good).text().split("time, memory")[0] for _ in range(2))
    assert one == other
    assert "pass  row-order           rows come in the order of opaque ids" in one


def test_options_reach_the_model_and_wrong_ones_are_told(examine):
    report = examine(Good, options=["batch_examples=32"])
    assert reasons(report)["account"] == "2 updates, 64 examples seen"
    with pytest.raises(UsageError, match="did you mean 'batch_examples'"):
        check_adapter("examined", options=["batch_example=32"])


def test_what_cannot_be_examined_is_a_usage_error(examine):
    with pytest.raises(UsageError, match="'examined' does vqa only"):
        examine(Says, tasks=["vcr"])
    with pytest.raises(UsageError, match="no task named 'vqaa'"):
        check_adapter("examined", tasks=["vqaa"])
    with pytest.raises(UsageError, match="no model named"):
        check_adapter("nobody")


# --------------------------------------------------------------------------- the page


ROOT = Path(__file__).resolve().parents[2]
PAGE, README = ROOT / "docs" / "adapters.md", ROOT / "README.md"


def blocks(page=PAGE):
    return [one.split("```")[0] for one in page.read_text(encoding="utf-8").split("```python\n")[1:]]


def test_the_page_has_every_check_with_its_reason_in_order():
    table = PAGE.read_text(encoding="utf-8").split("| check | why | fails when |\n|---|---|---|\n")[1].split("\n\n")[0]
    told = [row.split(" | ")[:2] for row in table.splitlines()]
    assert told == [[f"| `{name}`", why] for name, why in [DECLARATIONS, *((one.name, one.why) for one in CHECKS)]]


@pytest.mark.parametrize("page", [PAGE, README], ids=lambda page: page.name)
def test_the_class_on_the_page_passes(registered, tmp_path, page):
    file = tmp_path / "coin.py"
    file.write_text(blocks(page)[0])
    report = check_adapter("coin", plugins=[file])
    assert report.passed, report.text()


def test_the_test_on_the_page_runs(registered, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("my_model.py").write_text((TEMPLATE / "my_model.py").read_text())
    names = {}
    exec(blocks()[1], names)
    names["test_my_model_conforms"]()
