"""Makes the small weights that ship with madbench: `madbench data mini --pretrain`. Fixed seeds, fixed update counts.

- `clip`: mini_clip.py
- `text`: mini_text.py
- `student`: mini_student.py, on a third of the scenes that CLIP saw, so that a teacher has something to teach

All scenes come from pretraining seeds, disjoint from every evaluated world.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from madbench.mini.pretraining import pretraining_scenes
from madbench.mini.text import WORDS
from madbench.models.mini_clip import ClipTraining
from madbench.models.mini_student import STUDENT_CONFIG, StudentTraining
from madbench.models.mini_supervision import Captions
from madbench.models.mini_text import TextTraining
from madbench.models.students.tokens import WordTokenizer
from madbench.models.weights import save_weights
from madbench.training.loop import Hooks, LoopOptions, train

HELD_OUT_SCENES, HELD_OUT_SEED = 1_000, 99

RECIPES = {
    "clip": {
        "scenes": 60_000,
        "scene_seed": 1,
        "updates": 2_600,
        "batch": 64,
        "learning_rate": 1e-3,
        "seed": 1,
        "mix": (0.35, 0.4, 0.25),
    },
    "text": {
        "scenes": 20_000,
        "scene_seed": 2,
        "updates": 1_200,
        "batch": 96,
        "learning_rate": 1e-3,
        "seed": 2,
        "mix": (0.35, 0.4, 0.25),
    },
    "student": {
        "scenes": 20_000,
        "scene_seed": 1,
        "updates": 7_000,
        "batch": 64,
        "learning_rate": 1e-3,
        "seed": 3,
        "mix": (0.5, 0.35, 0.15),
    },
}


def pretrain(
    name: str, folder: Path, progress: Callable[[int, int], None] = lambda done, total: None, **changes
) -> dict:
    """Make `name` (clip, text, student) and write folder/NAME.safetensors; returns the figures it reached.

    changes: recipe values to replace (tests use few scenes and updates).
    """
    recipe = {**RECIPES[name], **changes}
    torch.manual_seed(recipe["seed"])
    scenes = pretraining_scenes(recipe["scenes"], recipe["scene_seed"])
    tokenizer = WordTokenizer(WORDS)
    captions = Captions(scenes, recipe["seed"], tuple(recipe["mix"]), alike=name == "student")
    module = {"clip": ClipTraining, "text": TextTraining, "student": StudentTraining}[name](
        tokenizer, captions, recipe["batch"]
    )
    options = LoopOptions(
        updates=recipe["updates"], learning_rate=recipe["learning_rate"], warmup=0.05, seed=recipe["seed"]
    )
    began = time.monotonic()
    train(module, options, Hooks(progress=progress))
    figures = module.figures(pretraining_scenes(HELD_OUT_SCENES, HELD_OUT_SEED))
    figures["minutes"] = round((time.monotonic() - began) / 60, 1)
    if name != "text":
        figures["supervised_scenes"] = recipe["scenes"]
    _save(name, module, folder / f"{name}.safetensors", tokenizer, recipe, figures)
    return figures


def _save(name: str, module, path: Path, tokenizer: WordTokenizer, recipe: dict, figures: dict) -> None:
    settings = {"words": list(tokenizer.words), "recipe": recipe, "figures": figures}
    if name == "clip":
        module.clip.visual.output_tokens = False
        save_weights(module.clip, path, config=module.config, **settings)
    elif name == "text":
        save_weights(module.model.bert, path, config=module.config, **settings)
    else:
        kept = nn.ModuleDict({"student": module.student, "heads": module.heads})
        save_weights(kept, path, config=STUDENT_CONFIG, **settings)
