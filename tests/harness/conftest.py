"""A tiny VQA source in the official layout, a protocol for it, and an adapter that keeps count of what it does."""

import json

import pytest

from madbench.errors import MadbenchError
from madbench.harness import run
from madbench.registry import ADAPTERS

ADAPTER = '''
"""Learns a number per step. Writes a line to LOG for everything it is asked to do."""
import os
import signal

import numpy as np

import madbench

LOG = {log!r}


def note(line):
    with open(LOG, "a") as stream:
        stream.write(line + "\\n")


@madbench.register_model("stepper")
class Stepper(madbench.ModelAdapter):
    def fit(self, train, select):
        options = dict(self.spec.options)
        note(f"fit {{len(train)}} {{None if select is None else len(select)}} seed {{self.context.seed}}")
        self.bias = np.zeros(self.task.n_choices)
        done = 0
        state = self.context.load()
        if state is not None:
            self.bias, done = state["bias"], state["step"]
            note(f"resume {{done}}")
        updates = options.get("updates", 6)
        every = updates // self.context.eval_points
        for step in range(done, updates):
            example = train[(step * 7 + self.context.seed) % len(train)]
            for label, score in example.target.scores.items():
                self.bias[label] += score * np.random.default_rng([self.context.seed, step]).random()
            self.context.progress(step + 1, updates)
            if (step + 1) % every == 0:
                metrics = self.context.evaluate(step + 1)
                note(f"evaluated {{step + 1}} {{sorted(metrics)}}")
                self.context.save({{"step": step + 1, "bias": self.bias}})
            if os.environ.get("KILL_AT") == str(step + 1) and state is None:
                os.kill(os.getpid(), signal.SIGKILL)

    def predict(self, split):
        assert all(example.target is None for example in split)
        note(f"predict {{len(split)}}")
        return np.tile(self.bias, (len(split), 1)) + [[int(one.id, 16) % 3 == 0] for one in split]

    def restore(self, state):
        note("restore")
        self.bias = state["bias"]
        return True

    def account(self):
        return madbench.models.adapter.Account(updates=6, examples_seen=self.spec.options.get("seen", 6))


@madbench.register_model("coin")
class Coin(madbench.ModelAdapter):
    uses_select = False

    def fit(self, train, select):
        note(f"coin {{len(train)}} {{select}}")

    def predict(self, split):
        return np.random.default_rng(self.context.seed).random((len(split), split.n_choices))


@madbench.register_model("broken")
class Broken(madbench.ModelAdapter):
    def predict(self, split):
        return np.zeros((len(split), split.n_choices + 1))
'''

PROTOCOL = """
schema: 1
name: {name}
version: 1
summary: for tests
tasks: [vqa]
subset: {{fraction: 0.5, unit: image}}
select: {{vqa: {select}}}
selection: {selection}
draws: [0, 1]
seeds: [0, 1]
budget: {{vqa: {{examples_seen: 100}}}}
eval_points: {points}
conditions: {{vqa: {conditions}}}
provenance: {{}}
"""
VAL = "{name: val, kind: split}"
SHIFT = "{name: changed-prior, kind: rows, of: val}"


def write_vqa(root, images=40, val_images=12):
    """Three questions an image; the answer follows the question type, mostly."""
    root.mkdir(parents=True, exist_ok=True)
    for split, first, count in (("train2014", 0, images), ("val2014", 1000, val_images)):
        questions, annotations = [], []
        for image in range(first, first + count):
            for place in range(3):
                number = image * 1000 + place
                kind = ("is the", "how many", "what color")[place]
                answer = (("yes", "no"), ("2", "3"), ("red", "blue"))[place][(image % 3) == 0]
                questions.append({"image_id": image, "question": f"{kind} {image}?", "question_id": number})
                annotations.append(
                    {
                        "image_id": image,
                        "question_id": number,
                        "question_type": kind,
                        "answer_type": ("yes/no", "number", "other")[place],
                        "multiple_choice_answer": answer,
                        "answers": [
                            {"answer": answer, "answer_confidence": "yes", "answer_id": at} for at in range(1, 11)
                        ],
                    }
                )
        head = {"info": {}, "license": {}, "data_subtype": split}
        names = (f"v2_OpenEnded_mscoco_{split}_questions.json", f"v2_mscoco_{split}_annotations.json")
        (root / names[0]).write_text(
            json.dumps({**head, "data_type": "mscoco", "task_type": "Open-Ended", "questions": questions})
        )
        (root / names[1]).write_text(json.dumps({**head, "data_type": "mscoco", "annotations": annotations}))


class Bench:
    """A folder with data, protocols and plugin, and `run` on them."""

    def __init__(self, folder):
        self.folder = folder
        self.data = folder / "vqa"
        self.out = folder / "runs"
        self.log_file = folder / "log.txt"
        self.plugin = folder / "plug.py"
        write_vqa(self.data)
        self.plugin.write_text(ADAPTER.format(log=str(self.log_file)))

    def protocol(self, name="small", select="{every: 5}", selection="id-val", points=3, conditions=(VAL, SHIFT)):
        file = self.folder / f"{name}.yaml"
        listed = f"[{', '.join(conditions)}]"
        file.write_text(
            PROTOCOL.format(name=name, select=select, selection=selection, points=points, conditions=listed)
        )
        return str(file)

    def run(self, model="stepper", protocol=None, **options):
        options = {"quiet": True, "data": f"vqa={self.data}", "out": self.out, "device": "cpu", **options}
        return run(model, protocol or self.protocol(), plugins=[str(self.plugin)], **options)

    def record(self, result, place=0):
        return json.loads((result.folders[place] / "record.json").read_text())

    def log(self):
        return self.log_file.read_text().splitlines() if self.log_file.exists() else []

    def forget_log(self):
        self.log_file.write_text("")

    def refused(self, kind=MadbenchError, **options):
        with pytest.raises(kind) as caught:
            self.run(**options)
        return caught.value


@pytest.fixture(autouse=True)
def madbench_home(tmp_path, monkeypatch):
    monkeypatch.setenv("MADBENCH_HOME", str(tmp_path / "home"))


@pytest.fixture
def registered(monkeypatch):
    """The adapter registry; what a test registers is gone after it."""
    monkeypatch.setattr(ADAPTERS, "_added", {})
    return ADAPTERS


@pytest.fixture
def bench(tmp_path, registered):
    return Bench(tmp_path)


@pytest.fixture(scope="session")
def small_worlds(tmp_path_factory):
    """Task -> root of a small world in the official layout, with labelled and unlabelled splits; not to be changed."""
    from madbench.mini.build import write_world

    sizes = {
        "vcr": {"train": 80, "val": 12, "test": 3},
        "snli_ve": {"train": 80, "dev": 6, "test": 12},
        "vqa": {"train": 80, "val": 16, "test": 4},
    }
    base = tmp_path_factory.mktemp("worlds")
    return {task: write_world(task, base / task, sizes=sizes[task]) for task in sizes}


@pytest.fixture(scope="module")
def sealed_cell(tmp_path_factory):
    """A finished cell of one training, with what verifies it: (out folder, folder of the cell, --data); not to be changed."""
    folder = tmp_path_factory.mktemp("sealed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ADAPTERS, "_added", {})
        patch.setenv("MADBENCH_HOME", str(folder / "home"))
        patch.chdir(folder)
        bench = Bench(folder)
        (folder / "protocols").mkdir()
        bench.protocol()
        (folder / "small.yaml").rename(folder / "protocols" / "small.yaml")
        (cell,) = bench.run(protocol="small").folders
    return bench.out, cell, f"vqa={bench.data}"
