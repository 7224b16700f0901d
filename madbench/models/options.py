"""The options of the built-in adapters as pydantic classes, so that a YAML is checked without torch.

Every switch of specs/mad.md 2.3 that exists has its field here; what the abstracts leave open is "our reading".
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from madbench.protocols.schema import Strict


class NoOptions(Strict):
    """For adapters that have nothing to choose."""


class StudentOptions(Strict):
    """The cross-modal student.

    name: the architecture. `one-stream` is madbench's own small one; `uniter`, `vilt`, `visualbert` the published ones.
    init: `scratch`; `mini:student` (one-stream: the shipped weights, which fix the vocabulary and the sizes); a local
    folder, or for vilt and visualbert a hub id with its revision (`name@commit`).
    inputs: what it may look at. `query` is question, hypothesis, or question and answer; `choices` the candidates of
    multiple-choice tasks. Leaving one out gives a blind baseline.
    summary: the state the head reads: `cls`, `pooled` (the pretrained pooler's), or the mean over the `text` states
    (better from scratch on little text).
    tokenizer: `mini` (the mini words), `clip-bpe` (open_clip's BPE reduced to the ids of the training subset), `own` (the
    one that lies with the weights in `init`), or a folder or hub id that holds one.
    regions: what uniter and visualbert read of an image: `detector` features of the source, or learned `patches`.
    region_width, max_regions: width of a region feature, and how many are kept, the surest first.
    """

    name: Literal["one-stream", "uniter", "vilt", "visualbert"] = "one-stream"
    init: str = "scratch"
    inputs: list[Literal["image", "query", "choices"]] = ["image", "query", "choices"]
    summary: Literal["cls", "pooled", "text"] = "cls"
    tokenizer: str = "clip-bpe"
    regions: Literal["patches", "detector"] = "patches"
    region_width: int = Field(default=2048, ge=1, le=16384)
    max_regions: int = Field(default=100, ge=1, le=1000)
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
    max_examples and the protocol's budget. batch_examples: examples (not sequences) per update.
    learning_rate peaks after warmup (fraction of updates) and decays linearly to 0.
    """

    passes: float = Field(default=4.0, gt=0)
    min_examples: int = Field(default=1, ge=1)
    max_examples: int = Field(default=1_000_000_000, ge=1)
    batch_examples: int = Field(default=16, ge=1)
    learning_rate: float = Field(default=3.0e-4, gt=0)
    head_learning_rate_multiplier: float = Field(default=1.0, gt=0)
    warmup: float = Field(default=0.1, ge=0, lt=1)
    weight_decay: float = Field(default=0.01, ge=0)
    gradient_clip: float = Field(default=1.0, gt=0)


class TokenSelection(Strict):
    """Which words of the text the text teachers are asked about (our reading of "adaptively selected tokens").

    use `compress`: the teacher reads only the selected words, in order. `token_targets`: besides, each selected word's
    student state is drawn to the teacher's feature of that word, with `weight`.
    mode `relevance`: alpha x rank of the visual relevance (teacher similarity of word and image) + (1-alpha) x rank of
    the word's IDF in the training texts. `random` (same count) and `first` are the controls.
    words: how many are kept per sequence. prompt: text the teacher reads for one word.
    """

    use: Literal["none", "compress", "token_targets"] = "none"
    mode: Literal["relevance", "random", "first"] = "relevance"
    words: int = Field(default=16, ge=1)
    alpha: float = Field(default=0.5, ge=0, le=1)
    weight: float = Field(default=1.0, ge=0)
    prompt: str = "a photo of {word}"


class TeacherOptions(Strict):
    """One unimodal teacher and the student state that is drawn to it.

    kind: `clip-image`, `clip-text`, or `text-encoder` (a masked-LM encoder, mean over its token states).
    weights: the frozen teacher's weights. state: the student state distilled: `cls`, `pooled`, mean of `text`, mean of
    `image`, `whole_image` (the student's own token for it, else that mean), or `summary`, whichever the head reads.
    probe: what the teacher's confidence is read from: `joint` = a head on [image; text; image x text] of CLIP,
    `own` = a head on this teacher's feature alone.
    """

    kind: Literal["clip-image", "clip-text", "text-encoder"]
    weights: str
    state: Literal["summary", "cls", "pooled", "text", "image", "whole_image"] = "summary"
    weight: float = Field(default=3.0, ge=0)
    probe: Literal["joint", "own"] = "joint"


class Confidence(Strict):
    """The dynamic weight of an example's distillation (our reading), from probabilities of the right answer.

    mode: none 1; ratio p_T/(p_T+p_S); odds min(p_T/p_S, maximum); gap max(0, p_T-p_S); teacher p_T;
    constant: `constant`. per_teacher: each teacher has its own p_T (MAD), else the joint CLIP probe's serves all.
    scale: multiplies the weight (2 makes `ratio` equal 1 where teacher and student are equally sure).
    folds: the probes are cross-fitted inside the training subset with this many folds by image.
    """

    mode: Literal["none", "ratio", "odds", "gap", "teacher", "constant"] = "none"
    per_teacher: bool = False
    scale: float = Field(default=1.0, gt=0)
    maximum: float = Field(default=4.0, gt=0)
    constant: float = Field(default=1.0, ge=0)
    folds: int = Field(default=4, ge=2, le=20)


class Gate(Strict):
    """Switch a teacher off on a leg where it is weaker than the student (our reading of "adaptively").

    mode `weaker`: the probe's accuracy against the student's, on the select split at every evaluation point where the
    protocol has one; else once, cross-fitted on the subset: a plain student trained on four fifths of the images for
    `share` of the updates and the probe's held-out scores, both on the held-out fifth.
    """

    mode: Literal["none", "weaker"] = "none"
    share: float = Field(default=0.5, gt=0, le=1)


class ObjectiveOptions(Strict):
    """Task loss plus distillation. No teachers: plain fine-tuning.

    distance: on features after `standardise`: `zscore` per dimension over the training features, or `l2` (unit norm
    times sqrt(dimensions)). It is a mean over dimensions, so weights do not depend on the width.
    choices: whether wrong candidates have targets too. pool: distil on unlabelled examples, or (`self`) train on them
    without a teacher; pool_batch_examples of them per update.
    """

    teachers: list[TeacherOptions] = []
    distance: Literal["smooth_l1", "l1", "mse", "cosine"] = "smooth_l1"
    standardise: Literal["zscore", "l2"] = "zscore"
    choices: Literal["all", "gold_only"] = "all"
    token_selection: TokenSelection = TokenSelection()
    confidence: Confidence = Confidence()
    gate: Gate = Gate()
    pool: Literal["none", "teacher", "self"] = "none"
    pool_batch_examples: int = Field(default=16, ge=1)

    @model_validator(mode="after")
    def _needs_teachers(self):
        if not self.teachers and (self.pool == "teacher" or self.confidence.mode != "none" or self.gate.mode != "none"):
            raise ValueError("pool: teacher, confidence and gate need at least one teacher")
        kinds = {teacher.kind for teacher in self.teachers}
        if self.token_selection.use != "none" and not {"clip-image", "clip-text"} <= kinds:
            raise ValueError("token selection needs a clip-image and a clip-text teacher: relevance is read from both")
        probed = self.confidence.mode not in ("none", "constant") or self.gate.mode != "none"
        joint = any(teacher.probe == "joint" for teacher in self.teachers) or not self.confidence.per_teacher
        if probed and joint and not {"clip-image", "clip-text"} <= kinds:
            raise ValueError("a joint probe needs a clip-image and a clip-text teacher")
        return self


class FinetuneOptions(Strict):
    """Fine-tuning of a cross-modal student, plain or with an objective."""

    student: StudentOptions = StudentOptions()
    training: TrainingOptions = TrainingOptions()
    objective: ObjectiveOptions = ObjectiveOptions()

    @model_validator(mode="after")
    def _fits(self):
        if self.objective.teachers and "image" not in self.student.inputs:
            raise ValueError("distillation needs a student that sees the image")
        if self.objective.pool == "self" and self.student.init != "mini:student":
            raise ValueError("pool: self needs the pretraining heads of init mini:student")
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


OPTION_SCHEMAS: dict[str, type[Strict]] = {
    "random": NoOptions,
    "majority": NoOptions,
    "overlap": NoOptions,
    "clip-probe": ProbeOptions,
    "finetune": FinetuneOptions,
}
