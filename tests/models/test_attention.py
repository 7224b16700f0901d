"""Which students attend with torch's fused kernels: those whose transformers class can."""

import pytest

from madbench.models.options import StudentOptions
from madbench.models.students import student_kind


class Words:
    size = 50


# transformers has written ViLT and VisualBERT without fused attention; the day it can, this fails and the line goes.
@pytest.mark.parametrize(("name", "expected"), [("uniter", "sdpa"), ("vilt", "eager"), ("visualbert", "eager")])
def test_students_attend_with_the_fastest_kernel_their_class_has(name, expected):
    options = StudentOptions.model_validate({"name": name, "width": 32, "layers": 1, "heads": 2, "region_width": 16})
    student, _ = student_kind(name).build(options, Words())
    kinds = {
        module.config._attn_implementation
        for module in student.modules()
        if getattr(getattr(module, "config", None), "_attn_implementation", None)
    }
    assert kinds == {expected}
