"""The options of the built-in adapters as pydantic classes, so that a YAML is checked without torch.

Those of what is distilled, and how, are in `objective_options`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from madbench.models.objective_options import ObjectiveOptions
from madbench.protocols.schema import Strict


class NoOptions(Strict):
    """For adapters that have nothing to choose."""


class ImageEncoderOptions(Strict):
    """A pretrained CLIP image tower as the student's eyes (row A1 of the grid, as CLIP-ViL; our reading).

    name `own`: none; the student has its own patches or regions. `clip`: the tower of `weights` (named as those of a CLIP
    teacher are) runs in the student, at inference too, and its parameters count there. states: its `patches` (last layer, one token each), or the `pooled`
    feature as one token. use: `beside` the student's own patches, or in their place (`replace`). trained: fine-tuned with
    the student, else frozen.
    """

    name: Literal["own", "clip"] = "own"
    weights: str | None = None
    states: Literal["patches", "pooled"] = "patches"
    use: Literal["beside", "replace"] = "beside"
    trained: bool = False

    @model_validator(mode="after")
    def _names_weights(self):
        # Written out, as every name of weights: what a default named would be in no identity and no record.
        if self.name == "clip" and self.weights is None:
            raise ValueError("clip needs weights, e.g. open_clip:ViT-B-32:openai (mini:clip on mini)")
        if self.name == "own" and self.weights is not None:
            raise ValueError(f"weights '{self.weights}' are for an encoder, and name is own: set name: clip")
        return self


class StudentOptions(Strict):
    """The cross-modal student.

    name: the architecture. `one-stream` is madbench's own small one; `uniter`, `vilt`, `visualbert` the published ones.
    init: `scratch`; `mini:student` (one-stream: the shipped weights, which fix the vocabulary and the sizes); a local
    folder, or for vilt and visualbert a hub id with its revision (`name@commit`). `official`: a recipe that starts from
    published weights, which whoever runs it names.
    inputs: what it may look at. `query` is question, hypothesis, or question and answer; `choices` the candidates of
    multiple-choice tasks. Leaving one out gives a blind baseline.
    summary: the state the head reads: `cls`, `pooled` (the pretrained pooler's), or the mean over the `text` states
    (better from scratch on little text).
    tokenizer: `mini` (the mini words), `clip-bpe` (open_clip's BPE reduced to the ids of the training subset), `own` (the
    one that lies with the weights in `init`), or a folder or hub id that holds one.
    regions: what uniter and visualbert read of an image: `detector` features of the source, or learned `patches`.
    region_width, max_regions: width of a region feature, and how many are kept, the surest first.
    min_regions, region_confidence: of those, all that are at least so sure, but no fewer than min_regions.
    width, layers, heads: of a student from scratch. Pretrained weights fix them, and the width of regions, and for vilt
    image_size and patch_size; saying another size for those is an error. (The shipped mini:student fixes them silently.)
    dropout: of every dropout layer, also those of pretrained students, whatever their own configuration says.
    """

    name: Literal["one-stream", "uniter", "vilt", "visualbert"] = "one-stream"
    init: str = "scratch"
    inputs: list[Literal["image", "query", "choices"]] = ["image", "query", "choices"]
    summary: Literal["cls", "pooled", "text"] = "cls"
    tokenizer: str = "clip-bpe"
    regions: Literal["patches", "detector"] = "patches"
    region_width: int = Field(default=2048, ge=1, le=16384)
    max_regions: int = Field(default=100, ge=1, le=1000)
    min_regions: int = Field(default=1, ge=1, le=1000)
    region_confidence: float = Field(default=0.0, ge=0, lt=1)
    image_encoder: ImageEncoderOptions = ImageEncoderOptions()
    width: int = Field(default=96, ge=8, le=4096)
    layers: int = Field(default=4, ge=1, le=48)
    heads: int = Field(default=4, ge=1, le=64)
    image_size: int = Field(default=64, ge=16, le=1024)
    patch_size: int = Field(default=16, ge=4, le=64)
    max_tokens: int = Field(default=64, ge=8, le=512)
    dropout: float = Field(default=0.1, ge=0, lt=1)

    @model_validator(mode="after")
    def _fits(self):
        if self.init == "mini:student" and self.tokenizer != "mini":
            raise ValueError("init mini:student comes with the mini vocabulary: set tokenizer: mini")
        if self.name == "one-stream" and self.init not in ("scratch", "mini:student"):
            raise ValueError(f"init '{self.init}': the one-stream student has scratch and mini:student only")
        if self.name != "one-stream" and "mini" in (self.tokenizer, self.init.partition(":")[0]):
            raise ValueError(f"the mini weights and words belong to one-stream: set init and tokenizer for {self.name}")
        if self.tokenizer == "own" and self.init == "scratch":
            raise ValueError("tokenizer own lies with pretrained weights, and init is scratch")
        if self.name != "one-stream" and "image" not in self.inputs:
            raise ValueError(f"{self.name} always reads the image: leave `image` among the inputs")
        if self.regions == "detector" and self.name not in ("uniter", "visualbert"):
            raise ValueError(f"{self.name} reads pixels: regions: detector is for uniter and visualbert")
        if self.min_regions > self.max_regions:
            raise ValueError(f"min_regions {self.min_regions} is more than max_regions {self.max_regions}")
        if self.image_encoder.name != "own":
            if self.name == "vilt":
                raise ValueError(
                    "image_encoder: vilt is built on its own patches; use one-stream, uniter or visualbert"
                )
            if self.regions == "detector" or "image" not in self.inputs:
                raise ValueError(
                    "image_encoder reads pictures: set regions: patches, and keep `image` among the inputs"
                )
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not divisible by heads {self.heads}")
        if self.image_size % self.patch_size:
            raise ValueError(f"image_size {self.image_size} is not divisible by patch_size {self.patch_size}")
        if not {"query", "image"} & set(self.inputs):
            raise ValueError("inputs need image or query; with neither there is nothing to learn from")
        return self


class TrainingOptions(Strict):
    """One training loop for all variants.

    passes, min_examples, max_examples: examples seen = passes x training examples, at least min_examples, at most
    max_examples and the protocol's budget. updates: so many instead, whatever the training set, within the protocol's
    budget. batch_examples: examples (not sequences) per update.
    batch_tokens: instead, updates of like-long examples up to so many tokens after padding, text and image; their number
    of examples differs, and so does what one of them weighs. accumulate: pieces that an update is computed in.
    learning_rate peaks after warmup (fraction of updates) and decays linearly to 0. gradient_clip: longest gradient of
    an update, null for any. epsilon: AdamW's; UNITER's is 1e-6.
    compile: torch.compile the student (minutes at the start; pays in long runs only). deterministic: algorithms that
    repeat to the last bit; None: on a CPU.
    """

    passes: float = Field(default=4.0, gt=0)
    min_examples: int = Field(default=1, ge=1)
    max_examples: int = Field(default=1_000_000_000, ge=1)
    updates: int | None = Field(default=None, ge=1)
    batch_examples: int = Field(default=16, ge=1)
    batch_tokens: int | None = Field(default=None, ge=1)
    accumulate: int = Field(default=1, ge=1)
    learning_rate: float = Field(default=3.0e-4, gt=0)
    head_learning_rate_multiplier: float = Field(default=1.0, gt=0)
    warmup: float = Field(default=0.1, ge=0, lt=1)
    weight_decay: float = Field(default=0.01, ge=0)
    gradient_clip: float | None = Field(default=1.0, gt=0)
    epsilon: float = Field(default=1.0e-8, gt=0)
    compile: bool = False
    deterministic: bool | None = None


class FinetuneOptions(Strict):
    """Fine-tuning of a cross-modal student, plain or with an objective."""

    student: StudentOptions = StudentOptions()
    training: TrainingOptions = TrainingOptions()
    objective: ObjectiveOptions = ObjectiveOptions()

    @model_validator(mode="after")
    def _fits(self):
        if self.objective.teachers and "image" not in self.student.inputs:
            raise ValueError("distillation needs a student that sees the image")
        if self.objective.self_supervises() and self.student.init != "mini:student":
            loss = "pool: self" if self.objective.pool == "self" else "self_supervised"
            raise ValueError(f"{loss} needs the pretraining heads of init mini:student")
        if self.objective.adversarial.steps and self.training.compile:
            raise ValueError("training.compile: a compiled student does not notice perturbations; leave it out here")
        perturbed = self.objective.adversarial.modalities if self.objective.adversarial.steps else []
        if "image" in perturbed and "image" not in self.student.inputs:
            raise ValueError("adversarial: this student sees no image: set modalities: [text]")
        return self


class ProbeOptions(Strict):
    """A frozen CLIP and a small head on [image; text; image x text]."""

    weights: str
    hidden: int = Field(default=128, ge=0)
    updates: int = Field(default=600, ge=1)
    batch_examples: int = Field(default=128, ge=1)
    learning_rate: float = Field(default=1.0e-3, gt=0)
    weight_decay: float = Field(default=0.05, ge=0)
    dropout: float = Field(default=0.2, ge=0, lt=1)


# What `--precision` may say to the built-in adapters; the others compute in float32 whatever it says.
PRECISIONS: dict[str, tuple[str, ...]] = {"finetune": ("fp32", "bf16", "fp16")}

OPTION_SCHEMAS: dict[str, type[Strict]] = {
    "random": NoOptions,
    "majority": NoOptions,
    "overlap": NoOptions,
    "clip-probe": ProbeOptions,
    "finetune": FinetuneOptions,
}
