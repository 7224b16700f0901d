import re
import shutil
import subprocess

import pytest

from madbench.report import report
from madbench.report.latex import escape

NAME = "[1] 50% & $x_1^2$ #~{}\\input{/etc/passwd}<|>\"'` é 🦆 — ±"


@pytest.fixture
def hostile(study):
    def edit(content):
        content["model"]["name"] = NAME
        content["model"]["notes"] = [f"from {NAME} \\end{{document}}"]

    for task in ("vcr", "snli_ve", "vqa"):
        study.write("nasty", task, edit=edit)
    study.write("student", "snli_ve", source="real")
    return study


def test_every_sign_is_a_sign():
    assert escape("50% & $x_1^2$") == r"50\% \& \$x\_1\textasciicircum{}2\$"
    assert escape("\\input{a}") == r"\textbackslash{}input\{a\}"
    assert escape("16.2 ± 1.5 (n=3×1) ↑ é") == r"16.2 $\pm$ 1.5 (n=3$\times$1) $\uparrow$ é"
    assert escape("🦆\x07\n中") == "[U+1F986] [U+4E2D]"


def test_a_document_is_well_formed(hostile):
    text = report([hostile.root], format="latex", published="all")
    body = text.partition(r"\begin{document}")[2]
    assert text.endswith("\\end{document}\n") and text.count(r"\end{document}") == 1
    bare = re.sub(r"\\[\\{}%&#$_]", "", body)
    assert bare.count("{") == bare.count("}")
    opened = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", body.replace(r"\end{document}", "")):
        if kind == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert opened == []
    tables = re.findall(r"\\begin\{tabular\}\{(l+)\}(.*?)\\end\{tabular\}", body, re.DOTALL)
    assert len(tables) > 10
    for columns, inside in tables:
        assert [inside.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 1, 1]
        lines = [line for line in inside.splitlines() if line.endswith(r"\\")]
        assert len(lines) > 1
        for line in lines:
            # A name that starts with a bracket must not become an argument of the line break before it.
            assert line.startswith("  {}")
            assert len(re.findall(r"(?<!\\)&", line)) == len(columns) - 1
    # Commands are ours alone.
    assert "\\input" not in text and "%" not in re.sub(r"\\%|%$|^%.*$", "", text, flags=re.MULTILINE)


def test_long_tables_go_on_in_another(cells):
    for number in range(50):
        cells.write(f"model-{number:02d}")
    text = report([cells.root], format="latex", board="protocol")
    assert "(continued)" in text and text.count("model-49") >= 1


@pytest.mark.slow
def test_pdflatex_sets_it(hostile, tmp_path):
    program = shutil.which("pdflatex")
    if program is None:
        pytest.skip("pdflatex: none (the structure is checked without it)")
    report([hostile.root], format="latex", published="all", out=tmp_path / "board.tex")
    command = [program, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "board.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stdout[-3000:].decode(errors="replace")
    assert (tmp_path / "board.pdf").stat().st_size > 10_000


def test_what_is_to_be_typed_stays_as_it_is():
    assert escape("--strict ,, ''") == "-{}-strict ,{}, '{}'"
    assert escape("a – b, c-d") == "a -- b, c-d"
