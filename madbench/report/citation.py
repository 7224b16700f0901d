"""What to cite for a report: BibTeX for its data sets, shifted sets and methods.

Only what is certain stands here: titles, authors, venue and year, the arXiv number where there is one. A long list of
authors ends in `and others`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from madbench.report.records import Record


@dataclass(frozen=True)
class Reference:
    """key: BibTeX's. tasks, shifts, models: what calls for it: tasks by name, the others by how `task:shift` or a model's
    name begins.
    """

    key: str
    title: str
    author: str
    year: int
    venue: str = ""
    arxiv: str = ""
    tasks: tuple[str, ...] = ()
    shifts: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    kind: str = field(default="inproceedings")

    def bibtex(self) -> str:
        fields = {"title": f"{{{self.title}}}", "author": self.author}
        if self.venue:
            fields["journal" if self.kind == "article" else "booktitle"] = self.venue
        if self.arxiv:
            fields |= {"eprint": self.arxiv, "archiveprefix": "arXiv"}
        fields["year"] = str(self.year)
        lines = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items())
        return f"@{self.kind}{{{self.key},\n{lines}}}\n"


# What distils from CLIP or other encoders here: mad, its controls and its ablations, all of them our reading.
METHODS = (
    "mad",
    "clip-td",
    "clip-probe",
    "naive-kd",
    *(f"a{place}-" for place in range(1, 9)),
    "c1-",
    "c2-",
    "c3-",
    "c4-",
)
CVPR = "IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)"
ICCV = "IEEE/CVF International Conference on Computer Vision (ICCV)"
REFERENCES = (
    Reference(
        "zellers2019vcr", "From Recognition to Cognition: Visual Commonsense Reasoning",
        "Zellers, Rowan and Bisk, Yonatan and Farhadi, Ali and Choi, Yejin", 2019, CVPR, "1811.10830", tasks=("vcr",),
    ),
    Reference(
        "xie2019visual", "Visual Entailment: A Novel Task for Fine-Grained Image Understanding",
        "Xie, Ning and Lai, Farley and Doran, Derek and Kadav, Asim", 2019, "", "1901.06706",
        tasks=("snli_ve",), kind="misc",
    ),
    Reference(
        "bowman2015snli", "A large annotated corpus for learning natural language inference",
        "Bowman, Samuel R. and Angeli, Gabor and Potts, Christopher and Manning, Christopher D.", 2015,
        "Conference on Empirical Methods in Natural Language Processing (EMNLP)", "1508.05326", tasks=("snli_ve",),
    ),
    Reference(
        "young2014flickr30k",
        "From image descriptions to visual denotations: New similarity metrics for semantic inference over event descriptions",
        "Young, Peter and Lai, Alice and Hodosh, Micah and Hockenmaier, Julia", 2014,
        "Transactions of the Association for Computational Linguistics", tasks=("snli_ve",), kind="article",
    ),
    Reference(
        "goyal2017vqav2",
        "Making the V in VQA Matter: Elevating the Role of Image Understanding in Visual Question Answering",
        "Goyal, Yash and Khot, Tejas and Summers-Stay, Douglas and Batra, Dhruv and Parikh, Devi", 2017, CVPR,
        "1612.00837", tasks=("vqa",),
    ),
    Reference(
        "antol2015vqa", "VQA: Visual Question Answering",
        "Antol, Stanislaw and Agrawal, Aishwarya and Lu, Jiasen and Mitchell, Margaret and Batra, Dhruv and "
        "Zitnick, C. Lawrence and Parikh, Devi",
        2015, ICCV, "1505.00468", tasks=("vqa",),
    ),
    Reference(
        "ye2021shortcut", "A Case Study of the Shortcut Effects in Visual Commonsense Reasoning",
        "Ye, Keren and Kovashka, Adriana", 2021, "AAAI Conference on Artificial Intelligence",
        shifts=(
            "vcr:rule-", "vcr:adv-top", "vcr:keep-top",
        ),
    ),
    Reference(
        "gururangan2018artifacts", "Annotation Artifacts in Natural Language Inference Data",
        "Gururangan, Suchin and Swayamdipta, Swabha and Levy, Omer and Schwartz, Roy and Bowman, Samuel R. and "
        "Smith, Noah A.",
        2018, "Conference of the North American Chapter of the Association for Computational Linguistics (NAACL)",
        "1803.02324", shifts=("snli_ve:ve-hard",),
    ),
    Reference(
        "do2020esnlive", "e-SNLI-VE: Corrected Visual-Textual Entailment with Natural Language Explanations",
        "Do, Virginie and Camburu, Oana-Maria and Akata, Zeynep and Lukasiewicz, Thomas", 2020, "", "2004.03744",
        shifts=("snli_ve:corrected-labels",), kind="misc",
    ),
    Reference(
        "kayser2021evil", "e-ViL: A Dataset and Benchmark for Natural Language Explanations in Vision-Language Tasks",
        "Kayser, Maxime and Camburu, Oana-Maria and Salewski, Leonard and Emde, Cornelius and Do, Virginie and "
        "Akata, Zeynep and Lukasiewicz, Thomas",
        2021, ICCV, "2105.03761", shifts=("snli_ve:corrected-labels",),
    ),
    Reference(
        "agrawal2018vqacp",
        "Don't Just Assume; Look and Answer: Overcoming Priors for Visual Question Answering",
        "Agrawal, Aishwarya and Batra, Dhruv and Parikh, Devi and Kembhavi, Aniruddha", 2018, CVPR, "1712.00377",
        shifts=("vqa:cp-",),
    ),
    Reference(
        "dancette2021vqace",
        "Beyond Question-Based Biases: Assessing Multimodal Shortcut Learning in Visual Question Answering",
        "Dancette, Corentin and Cadene, Remi and Teney, Damien and Cord, Matthieu", 2021, ICCV, "2104.03149",
        shifts=("vqa:ce-",),
    ),
    Reference(
        "shah2019cycle", "Cycle-Consistency for Robust Visual Question Answering",
        "Shah, Meet and Chen, Xinlei and Rohrbach, Marcus and Parikh, Devi", 2019, CVPR, "1902.05660",
        shifts=("vqa:rephrasings",),
    ),
    Reference(
        "si2022vqavs",
        "Language Prior Is Not the Only Shortcut: A Benchmark for Shortcut Learning in VQA",
        "Si, Qingyi and Meng, Fandong and Zheng, Mingyu and Lin, Zheng and Liu, Yuanxin and Fu, Peng and Cao, Yanan and "
        "Wang, Weiping and Zhou, Jie",
        2022, "Findings of the Association for Computational Linguistics: EMNLP 2022",
        "2210.04692", shifts=("vqa:vs-",),
    ),
    Reference(
        "kervadec2021gqaood", "Roses are Red, Violets are Blue... But Should VQA Expect Them To?",
        "Kervadec, Corentin and Antipov, Grigory and Baccouche, Moez and Wolf, Christian", 2021, CVPR, "2006.05121",
        shifts=("vqa:gqa-ood-",),
    ),
    Reference(
        "hudson2019gqa",
        "GQA: A New Dataset for Real-World Visual Reasoning and Compositional Question Answering",
        "Hudson, Drew A. and Manning, Christopher D.", 2019, CVPR, "1902.09506", shifts=("vqa:gqa-ood-",),
    ),
    Reference(
        "wang2022mad",
        "Multimodal Adaptive Distillation for Leveraging Unimodal Encoders for Vision-Language Tasks",
        "Wang, Zhecan and Codella, Noel and Chen, Yen-Chun and Zhou, Luowei and Dai, Xiyang and Xiao, Bin and "
        "Yang, Jianwei and You, Haoxuan and Chang, Kai-Wei and Chang, Shih-Fu and Yuan, Lu",
        2022, "", "2204.10496", models=METHODS, kind="misc",
    ),
    Reference(
        "wang2022cliptd", "CLIP-TD: CLIP Targeted Distillation for Vision-Language Tasks",
        "Wang, Zhecan and Codella, Noel and Chen, Yen-Chun and Zhou, Luowei and Yang, Jianwei and Dai, Xiyang and "
        "Xiao, Bin and You, Haoxuan and Chang, Shih-Fu and Yuan, Lu",
        2022, "", "2201.05729", models=METHODS, kind="misc",
    ),
    Reference(
        "radford2021clip", "Learning Transferable Visual Models From Natural Language Supervision",
        "Radford, Alec and others", 2021, "International Conference on Machine Learning (ICML)", "2103.00020",
        models=METHODS,
    ),
    Reference(
        "chen2020uniter", "UNITER: UNiversal Image-TExt Representation Learning", "Chen, Yen-Chun and others", 2020,
        "European Conference on Computer Vision (ECCV)", "1909.11740", models=("uniter",),
    ),
    Reference(
        "gan2020villa", "Large-Scale Adversarial Training for Vision-and-Language Representation Learning",
        "Gan, Zhe and others", 2020, "Advances in Neural Information Processing Systems (NeurIPS)", "2006.06195",
        models=("villa",),
    ),
    Reference(
        "kim2021vilt", "ViLT: Vision-and-Language Transformer Without Convolution or Region Supervision",
        "Kim, Wonjae and Son, Bokyung and Kim, Ildoo", 2021, "International Conference on Machine Learning (ICML)",
        "2102.03334", models=("vilt",),
    ),
    Reference(
        "li2019visualbert", "VisualBERT: A Simple and Performant Baseline for Vision and Language",
        "Li, Liunian Harold and Yatskar, Mark and Yin, Da and Hsieh, Cho-Jui and Chang, Kai-Wei", 2019, "",
        "1908.03557", models=("visualbert",), kind="misc",
    ),
)  # fmt: skip
TITLE = "madbench: low-shot and domain-shift evaluation of vision-language fine-tuning"


def needed(records: Sequence[Record] | None) -> tuple[list[Reference], list[str]]:
    """The references that records call for (None: all there are), and what the records are of, one line each.

    Limited runs call for nothing: no board shows them unasked.
    """
    if records is None:
        return list(REFERENCES), []
    records = [record for record in records if not record.limited]
    tasks = {record.task for record in records}
    shifts = {f"{record.task}:{name}" for record in records for name in _names(record)}
    models = {record.model for record in records}
    found = [one for one in REFERENCES if _calls_for(one, tasks, shifts, models)]
    protocols = sorted({(record.protocol, record.content["protocol"].get("hash", "?")) for record in records})
    lines = [f"protocol {name}, sha256 {sha256}" for name, sha256 in protocols]
    if any(record.source == "mini" for record in records):
        lines.append("mini is data of madbench's own in the layouts of these data sets, and none of their content")
    lines += [f"{one.where()}: training not witnessed" for one in records if one.content.get("division") == "external"]
    return found, lines


def bibtex(found: tuple[Iterable[Reference], Iterable[str]]) -> str:
    """A .bib file: madbench first, its protocols as comments, then the references by key."""
    references, lines = found
    comments = "".join(f"% {line}\n" for line in lines)
    entries = [_software(), *(one.bibtex() for one in sorted(references, key=lambda one: one.key))]
    return comments + "\n".join(entries)


def _names(record: Record) -> set[str]:
    """What conditions are called, the shifts they went through and the splits they are."""
    return {
        value
        for one in record.conditions.values()
        for value in (one["name"], one.get("shift"), one.get("split"))
        if value
    }


def _calls_for(one: Reference, tasks: set[str], shifts: set[str], models: set[str]) -> bool:
    return (
        bool(tasks & set(one.tasks))
        or any(shift.startswith(one.shifts) for shift in shifts)
        or any(model.startswith(one.models) for model in models)
    )


def _software() -> str:
    import madbench

    return (
        f"@software{{madbench,\n  title = {{{{{TITLE}}}}},\n  author = {{{{The madbench authors}}}},\n"
        f"  version = {{{madbench.__version__}}},\n}}\n"
    )
