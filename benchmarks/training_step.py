"""What distillation costs: a MAD update with cached features, one with the teachers in the loop, a plain one.

    python benchmarks/training_step.py                        # small, CPU, a minute
    python benchmarks/training_step.py --device cuda --full   # UNITER-base, CLIP ViT-B/32, RoBERTa-base, bf16

Ratios are taken within a round, all variants on the same student and rows. Also the share of the hardware's arithmetic
(CUDA). Memory: memory.py.
"""

from __future__ import annotations

import torch
from invented import (
    FULL,
    MAD,
    arguments,
    header,
    in_turn,
    invented_split,
    module_of,
    options_of,
    ratio,
    run,
    seconds_of,
)
from torch import nn

from madbench.models.finetune_module import FinetuneModule

# Dense bf16 tensor-core peak by the vendors' data sheets, in FLOP/s.
PEAK = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12, "RTX 4090": 165e12}


class Teachers(nn.Module):
    """CLIP and a RoBERTa with random weights; forward gives the features of a batch of invented inputs."""

    def __init__(self, full: bool):
        super().__init__()
        from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
        from transformers import RobertaConfig, RobertaModel

        if full:
            vision, text = dict(layers=12, width=768, patch_size=32, image_size=224), dict()
            self.clip = CLIP(512, CLIPVisionCfg(**vision), CLIPTextCfg(**text))
            self.words = RobertaModel(RobertaConfig(vocab_size=50265, max_position_embeddings=514))
        else:
            vision = dict(layers=4, width=192, patch_size=16, image_size=112, head_width=48)
            text = dict(context_length=24, vocab_size=2000, width=128, heads=4, layers=4)
            self.clip = CLIP(128, CLIPVisionCfg(**vision), CLIPTextCfg(**text))
            config = dict(hidden_size=192, num_hidden_layers=4, num_attention_heads=4, intermediate_size=768)
            self.words = RobertaModel(RobertaConfig(vocab_size=2000, **config))
        self.eval().requires_grad_(False)
        self.image_size, self.context = vision["image_size"], self.clip.context_length

    @torch.no_grad()
    def forward(self, count: int, length: int, device: str) -> list[torch.Tensor]:
        pixels = torch.zeros(count, 3, self.image_size, self.image_size, device=device)
        ids = torch.ones(count, self.context, dtype=torch.int64, device=device)
        words = torch.full((count, length), 5, device=device)
        mean = self.words(input_ids=words).last_hidden_state.mean(1)
        return [self.clip.encode_image(pixels), self.clip.encode_text(ids), mean]


class InLoop(FinetuneModule):
    """As MAD, but the teachers read every batch; what they say is put where the cache would have it."""

    def read_by(self, teachers: Teachers) -> InLoop:
        self.__dict__["teachers"] = teachers  # not a submodule: neither trained nor saved
        return self

    def forward(self, prepared):
        batch = prepared[0].batch
        rows = torch.from_numpy(batch.examples).to(self.device)
        found = self.teachers(len(batch.examples), batch.ids.shape[1], self.device)
        for kept, features in zip(self.data.targets.scaled, found, strict=True):
            kept[rows] = features.float()
        return super().forward(prepared)


def flops_of_update(module: FinetuneModule, batch: int, text: float, regions: float) -> float:
    """6 x parameters x tokens for the encoder's matrices (2 forward, 4 backward) + attention's 12 x layers x width x tokens².

    Embedding rows are looked up, not multiplied. Source of the rule: Kaplan et al. 2020, arXiv 2001.08361, section 2.1.
    """
    student = module.options.student
    tokens = text + regions
    matrices = 12 * student.layers * student.width**2
    attention = 12 * student.layers * student.width * tokens**2
    return batch * (6 * matrices * tokens + attention)


def main() -> None:
    given = arguments(__doc__.splitlines()[0])
    size, device, precision = given.size, given.device, given.precision
    split = invented_split(size)
    plain = module_of(size, options_of(size), split, device)
    mad = module_of(size, options_of(size, MAD), split, device)
    looped = module_of(size, options_of(size, MAD), split, device)
    looped.__class__ = InLoop
    looped.read_by(Teachers(given.full).to(device))

    def step_of(module):
        return lambda: seconds_of(lambda: run(module, size.updates, device, precision), device) / size.updates

    found = in_turn({"plain": step_of(plain), "cached": step_of(mad), "in loop": step_of(looped)}, given.rounds)
    print(header(given))
    print(f"plain fine-tuning: {sorted(found['plain'])[len(found['plain']) // 2] * 1000:.1f} ms an update")
    print(f"MAD with cached features / plain: {ratio(found, 'cached', 'plain')}")
    print(f"MAD with the teachers in the loop / plain: {ratio(found, 'in loop', 'plain')}")
    ran = run(plain, size.updates, device, precision)
    print(f"waiting for data: {100 * ran.data_wait_s / ran.seconds:.1f} % of the update")
    if device == "cpu":
        print("model FLOPs utilisation: not measured: no CUDA")
        return
    peak = next((flops for name, flops in PEAK.items() if name in torch.cuda.get_device_name()), None)
    if peak is None or not given.full:
        print("model FLOPs utilisation: not measured: unknown peak, or not --full")
        return
    seconds = min(found["plain"])
    used = flops_of_update(plain, FULL.batch, split.lengths().mean(), 36) / seconds
    print(f"model FLOPs utilisation: {100 * used / peak:.1f} % of {peak / 1e12:.0f} TFLOP/s, padding not counted")


if __name__ == "__main__":
    main()
