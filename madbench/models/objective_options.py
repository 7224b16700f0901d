"""The options of an objective: teachers, distance, projections, words, weights, gate, stages, adversarial steps, pool.

Every switch of the method that exists has its field here; what the abstracts leave open is "our reading".
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from madbench.errors import MadbenchError
from madbench.protocols.schema import Strict


def teacher_problem(kind: str, weights: str) -> str | None:
    """Why a kind of teacher cannot have weights of such a name, or None."""
    from madbench.models.teachers import library_problem

    try:
        return library_problem(kind, weights)
    except MadbenchError as error:
        return str(error)


class TokenSelection(Strict):
    """Which words of the text the text teachers are asked about (our reading of "adaptively selected tokens").

    use `compress`: the teacher reads only the selected words, in order. `token_targets`: besides, the
    student's state of each selected word that it reads (the mean over the word's tokens) is drawn to the teacher's
    feature of that word, with `weight`.
    mode `relevance`: alpha x rank of the visual relevance (teacher similarity of word and image) + (1-alpha) x rank of
    the word's keyword score. `random` (same count) and `first` are the controls.
    keyword: `idf` of the word in the training texts, or `tf_idf`, times how often the text has it. normalise: both
    scores as ranks 0..1 within the text (`rank`), or as (x - min) / (max - min) (`min_max`).
    words: how many are kept per sequence. prompt: text the teacher reads for one word.
    """

    use: Literal["none", "compress", "token_targets"] = "none"
    mode: Literal["relevance", "random", "first"] = "relevance"
    words: int = Field(default=16, ge=1)
    alpha: float = Field(default=0.5, ge=0, le=1)
    keyword: Literal["idf", "tf_idf"] = "idf"
    normalise: Literal["rank", "min_max"] = "rank"
    weight: float = Field(default=1.0, ge=0)
    prompt: str = "a photo of {word}"


class TeacherOptions(Strict):
    """One unimodal teacher and the student state that is drawn to it.

    kind: `clip-image`, `clip-text`, `text-encoder` (a masked-LM encoder's token states) or `vision-encoder` (pooled).
    weights: the frozen teacher's weights. For CLIP `mini:clip`, `open_clip:ARCHITECTURE:TAG_OR_PATH` or
    `open_clip:local-dir:FOLDER`; for a text encoder `mini:text`, a folder in the hub's format, or `owner/name@<commit>`;
    for a vision encoder `timm:ARCHITECTURE:TAG_OR_PATH` or `timm:local-dir:FOLDER`. `random:` before any of them takes
    the architecture with random weights (`random:open_clip:ARCHITECTURE` without more).
    pooling: of a text encoder's last layer: `mean` over all tokens but padding, or `cls`, the first token. precision:
    what a teacher computes in on a GPU; float32 on a CPU, and always float16 in the cache.
    state: the student state distilled: `cls`, `pooled`, mean of `text`, mean of `image`, `whole_image` (the student's own
    token for it, else cls), or `summary`, whichever the head reads.
    probe: what the teacher's confidence is read from: `joint` = a head on [image; text; image x text] of CLIP,
    `own` = a head on this teacher's feature alone.
    """

    kind: Literal["clip-image", "clip-text", "text-encoder", "vision-encoder"]
    weights: str
    pooling: Literal["mean", "cls"] = "mean"
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    state: Literal["summary", "cls", "pooled", "text", "image", "whole_image"] = "summary"
    weight: float = Field(default=3.0, ge=0)
    probe: Literal["joint", "own"] = "joint"

    @model_validator(mode="after")
    def _fits(self):
        problem = teacher_problem(self.kind, self.weights)
        if problem is not None:
            raise ValueError(problem)
        if self.pooling != "mean" and (self.kind != "text-encoder" or "mini:" in self.weights):
            raise ValueError(f"pooling {self.pooling} is for text encoders of transformers")
        return self


class Confidence(Strict):
    """The dynamic weight of an example's distillation (our reading), from probabilities of the right answer.

    mode: none 1; ratio p_T/(p_T+p_S); odds min(p_T/p_S, maximum); gap max(0, p_T-p_S); teacher p_T;
    constant: `constant`; softmax: teachers compete, softmax over them of p_T/temperature (whose sum is 1: `scale` the
    number of teachers makes its mean 1). per_teacher: each teacher has its own p_T (MAD), else the joint CLIP probe's
    serves all. control: `shuffled` gives each example the weight of another of its batch; `mean` gives every example the
    mean weight of its batch, so that the strength at each update stays and the choice of examples goes.
    scale: multiplies the weight (2 makes `ratio` equal 1 where teacher and student are equally sure).
    logits: where p_T comes from. `probe`: heads fitted on the subset. `zero_shot`: CLIP itself, softmax over candidates
    of s x cos(image, text of the candidate), s the scale it was trained with; multiple-choice tasks only.
    folds: the probes are cross-fitted inside the training subset with this many folds by image.
    """

    mode: Literal["none", "ratio", "odds", "gap", "teacher", "constant", "softmax"] = "none"
    per_teacher: bool = False
    control: Literal["none", "shuffled", "mean"] = "none"
    temperature: float = Field(default=0.1, gt=0)
    scale: float = Field(default=1.0, gt=0)
    maximum: float = Field(default=4.0, gt=0)
    constant: float = Field(default=1.0, ge=0)
    logits: Literal["probe", "zero_shot"] = "probe"
    folds: int = Field(default=4, ge=2, le=20)

    @model_validator(mode="after")
    def _fits(self):
        if self.mode == "softmax" and not self.per_teacher:
            raise ValueError("mode softmax lets teachers compete, so each needs its own p_T: set per_teacher: true")
        if self.control != "none" and self.mode in ("none", "constant"):
            raise ValueError(f"control {self.control} needs weights that differ: set mode: ratio, or another")
        return self


class Gate(Strict):
    """Switch a teacher off on a leg where it is weaker than the student (our reading of "adaptively").

    mode `weaker`: the probe's accuracy against the student's, on the select split at every evaluation point where the
    protocol has one; else once, cross-fitted on the subset: a plain student trained on four fifths of the images for
    `share` of the updates and the probe's held-out scores, both on the held-out fifth.
    """

    mode: Literal["none", "weaker"] = "none"
    share: float = Field(default=0.5, gt=0, le=1)


class Stage(Strict):
    """A part of the training with its own weights of the losses.

    share: of the updates. task, distillation, self_supervised: factors on the task loss, on the objective's, and on that
    of masked words and image-text matching over the labelled batch (which needs init mini:student).
    """

    name: str
    share: float = Field(gt=0, le=1)
    task: float = Field(default=1.0, ge=0)
    distillation: float = Field(default=1.0, ge=0)
    self_supervised: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _trains(self):
        if not self.task + self.distillation + self.self_supervised:
            raise ValueError("task, distillation and self_supervised are all 0: the stage would train nothing")
        return self


class Adversarial(Strict):
    """VILLA's adversarial fine-tuning (Gan et al. 2020): the losses at perturbed inputs, `steps` times a batch.

    steps: 0 switches it off. modalities: what is perturbed: word embeddings, image features. learning_rate: length of a
    step of each sequence's (or picture's) perturbation. kl_weight: of the symmetric KL between the answers
    with and without the perturbation.
    """

    steps: int = Field(default=0, ge=0, le=20)
    modalities: list[Literal["text", "image"]] = ["text", "image"]
    learning_rate: float = Field(default=1.0e-3, gt=0)
    kl_weight: float = Field(default=1.5, ge=0)

    @model_validator(mode="after")
    def _perturbs(self):
        if not self.modalities:
            raise ValueError("modalities: name text, image, or both")
        return self


class ObjectiveOptions(Strict):
    """Task loss plus distillation. No teachers: plain fine-tuning.

    distance: on features after `standardise`: `zscore` per dimension over the training features, or `l2` (unit norm
    times sqrt(dimensions)). It is a mean over dimensions, so weights do not depend on the width. `similarity_kl`: KL of
    the distributions of similarity to the teacher's features in the batch, softmax(cosine / similarity_temperature).
    projection: what maps a student state to a teacher's width: `linear`, `mlp` (one hidden layer of the student's
    width), `none` where both widths agree. projection_learning_rate_multiplier: of its learning rate; none given: the
    head's.
    stages: parts of the training in order, their shares summing to 1; none given: one part, every factor 1.
    choices: whether wrong candidates have targets too. pool: distil on unlabelled examples, or (`self`) train on them
    without a teacher; pool_batch_examples of them per update.
    """

    teachers: list[TeacherOptions] = []
    distance: Literal["smooth_l1", "l1", "mse", "cosine", "similarity_kl"] = "smooth_l1"
    similarity_temperature: float = Field(default=0.1, gt=0)
    standardise: Literal["zscore", "l2"] = "zscore"
    projection: Literal["linear", "mlp", "none"] = "linear"
    projection_learning_rate_multiplier: float | None = Field(default=None, gt=0)
    choices: Literal["all", "gold_only"] = "all"
    token_selection: TokenSelection = TokenSelection()
    confidence: Confidence = Confidence()
    gate: Gate = Gate()
    stages: list[Stage] = []
    adversarial: Adversarial = Adversarial()
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
        if self.confidence.logits == "zero_shot":
            clips = {teacher.weights for teacher in self.teachers if teacher.kind.startswith("clip")}
            own = self.confidence.per_teacher and any(teacher.probe == "own" for teacher in self.teachers)
            if not probed:
                raise ValueError("confidence.logits: neither confidence nor gate asks a teacher: set confidence.mode")
            if own:
                raise ValueError("logits zero_shot are CLIP's: a teacher with probe: own has none (set probe: joint)")
            if self.confidence.mode == "softmax":
                raise ValueError("logits zero_shot give all teachers one p_T, and mode softmax lets them compete")
            if len(clips) > 1:
                raise ValueError("logits zero_shot compare image and text of one CLIP, and the two have other weights")
        if self.confidence.mode == "softmax" and len(self.teachers) < 2:
            raise ValueError("confidence softmax lets teachers compete, and there is only one")
        return self

    @model_validator(mode="after")
    def _stages_fit(self):
        if self.stages and abs(sum(stage.share for stage in self.stages) - 1) > 1e-6:
            raise ValueError(f"stages have shares that sum to {sum(stage.share for stage in self.stages):g}, not 1")
        for stage in self.stages:
            if not self.teachers and not stage.task + stage.self_supervised:
                raise ValueError(f"stages: '{stage.name}' only distils, and there is no teacher")
        if self.adversarial.steps and self.pool != "none":
            raise ValueError("adversarial steps are for labelled examples: set pool: none")
        return self

    def self_supervises(self) -> bool:
        """Whether some loss needs the student's pretraining heads."""
        return self.pool == "self" or any(stage.self_supervised for stage in self.stages)
