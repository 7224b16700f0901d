"""What adapter code touches: parts of examples it reads, examples it changes, and state of the whole process."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any

import numpy as np

from madbench.tasks.contract import Example, LazyImage, SoftTarget, Split

# --------------------------------------------------------------------------- what is read


class Watch:
    """Notes which of `needs` code makes use of, and how it first did. Copies in other processes note nothing here."""

    def __init__(self) -> None:
        self.used: dict[str, str] = {}
        self._images: dict[int, tuple[LazyImage, LazyImage]] = {}

    def __reduce__(self) -> Any:
        return Watch, ()

    def note(self, need: str, how: str) -> None:
        self.used.setdefault(need, how)

    def split(self, split: Split) -> Split:
        """The same examples, watched; questions about one picture still share its image."""
        return Split([self._example(one) for one in split], leg=split.leg, n_choices=split.n_choices)

    def _example(self, example: Example) -> Example:
        image = None if example.image is None else self._image(example.image)
        return replace(example, image=image, text=_Text(example.text, self), choices=_Choices.of(example.choices, self))

    def _image(self, image: LazyImage) -> LazyImage:
        if id(image) not in self._images:
            watched = LazyImage(
                image.key,
                _Noting(image.open, self, "image", "image.open()"),
                # Boxes and contents come from files beside and of the picture.
                boxes=_Noting(image.boxes, self, "image", "image.boxes()"),
                size=image.size,
                regions=_Noting(image.regions, self, "regions", "image.regions()"),
                content=_Noting(image.content, self, "image", "image.content()"),
            )
            self._images[id(image)] = (image, watched)  # with the original, so that its id stays taken
        return self._images[id(image)][1]


class _Noting:
    """Calls a function, and notes it when there was something to see: asking for boxes where there are none is no use."""

    def __init__(self, function: Any, watch: Watch, need: str, how: str):
        self._function, self._watch, self._need, self._how = function, watch, need, how

    def __call__(self) -> Any:
        found = self._function()
        if found is not None:
            self._watch.note(self._need, self._how)
        return found


class _Text(dict):
    """Named parts of a text that note when their words are read; the names alone are no text."""

    def __init__(self, parts: Any, watch: Watch):
        super().__init__(parts)
        self._watch = watch

    def _read(self) -> None:
        self._watch.note("text", "example.text")

    def __getitem__(self, name: str) -> str:
        self._read()
        return super().__getitem__(name)

    def __iter__(self) -> Iterator[str]:  # overridden, so that dict(text) and **text come by __getitem__
        return super().__iter__()

    def get(self, name: str, default: Any = None) -> Any:
        self._read()
        return super().get(name, default)

    def values(self) -> Any:
        self._read()
        return super().values()

    def items(self) -> Any:
        self._read()
        return super().items()

    def __reduce__(self) -> Any:
        return dict, (dict(super().items()),)


class _Choices(tuple):
    """Candidates that note when one is read; how many there are is no text."""

    _watch: Watch

    @classmethod
    def of(cls, choices: tuple[str, ...], watch: Watch) -> _Choices:
        made = cls(choices)
        made._watch = watch
        return made

    def __getitem__(self, index: Any) -> Any:
        self._watch.note("text", "example.choices")
        return super().__getitem__(index)

    def __iter__(self) -> Iterator[str]:
        if len(self):
            self._watch.note("text", "example.choices")
        return super().__iter__()

    def __reduce__(self) -> Any:
        return tuple, (list(super().__iter__()),)


# --------------------------------------------------------------------------- what is changed


def snapshot(split: Split) -> list[dict[str, Any]]:
    """What the examples of a split hold, copied."""
    return [_held(example) for example in split]


def first_change(before: list[dict[str, Any]], split: Split) -> str | None:
    """The first field of a split that is not as it was, e.g. `text`; None when all are."""
    for held, example in zip(before, split, strict=True):
        now = _held(example)
        for name, value in held.items():
            if now[name] != value:
                return name
    return None


def _held(example: Example) -> dict[str, Any]:
    held = {one.name: getattr(example, one.name) for one in fields(example) if one.name not in ("image", "tags")}
    target = example.target
    if isinstance(target, SoftTarget):
        held["target"] = (target.answer, dict(target.scores))
    tags = example.tags
    image = example.image
    return {
        **held,
        "text": dict(example.text),
        "tags": (tags.objects, dict(tags.parts), tags.choices, tags.question_type),
        "image": None if image is None else (image.key, image.size),
    }


# --------------------------------------------------------------------------- the whole process


def seed_everything(number: int) -> None:
    """Put the generators that all code of a process shares into a known state."""
    import torch

    random.seed(number)
    np.random.seed(number)
    torch.manual_seed(number)


def process_settings() -> dict[str, Any]:
    """Settings of the process that change what other code computes, or where it looks for files."""
    import torch

    return {
        "the working folder": os.getcwd(),
        "numpy's error handling": np.geterr(),
        "torch's default type": torch.get_default_dtype(),
        "torch's gradient mode": torch.is_grad_enabled(),
        "torch's inference mode": torch.is_inference_mode_enabled(),
        "torch's number of threads": torch.get_num_threads(),
    }


@contextmanager
def everything_kept(home: str) -> Iterator[None]:
    """Generators, settings and MADBENCH_HOME (here `home`) are as before when the block ends."""
    import torch

    generators = random.getstate(), np.random.get_state(), torch.get_rng_state()
    before, own_home = process_settings(), os.environ.get("MADBENCH_HOME")
    os.environ["MADBENCH_HOME"] = home
    try:
        yield
    finally:
        random.setstate(generators[0])
        np.random.set_state(generators[1])
        torch.set_rng_state(generators[2])
        os.chdir(before["the working folder"])
        np.seterr(**before["numpy's error handling"])
        torch.set_default_dtype(before["torch's default type"])
        torch.set_grad_enabled(before["torch's gradient mode"])
        if own_home is None:
            os.environ.pop("MADBENCH_HOME", None)
        else:
            os.environ["MADBENCH_HOME"] = own_home
