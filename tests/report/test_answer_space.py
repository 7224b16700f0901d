from madbench.report import report


def notes(text):
    return [line[2:] for line in text.splitlines() if line.startswith("- ")]


def ceilings(n, *tops):
    def edit(content):
        content["data"]["answer_space"]["n"] = n
        for one, top in zip(content["conditions"], tops, strict=False):
            one["ceiling"] = top

    return edit


def test_one_ceiling_is_said_once(cells):
    for model in ("student", "mad"):
        cells.write(model, "vqa", shifted=("changed-prior", "rows"), edit=ceilings(36, 0.994, 0.99124, 1.0))
    text = report([cells.root])
    line = "VQA: oracle ceiling of the answer vocabulary: val 99.40, changed-prior 99.12 (36 answers)."
    assert notes(text).count(line) == 1
    assert "answer space" not in text


def test_ceilings_that_differ_are_said_by_draw_and_row(cells):
    for draw, top in ((0, 0.71), (1, 0.72)):
        for model in ("student", "mad"):
            cells.write(model, "vqa", draw=draw, edit=ceilings(300 + draw, top))
    cells.write("majority", "vqa", draw=0, edit=ceilings(1333, 0.75))
    assert (
        "VQA: oracle ceiling of the answer vocabulary: draw 0 val 71.00 (300 answers); draw 0, `majority`, val 75.00 "
        "(1,333 answers); draw 1 val 72.00 (301 answers)." in notes(report([cells.root]))
    )


def test_a_closed_vocabulary_says_what_it_was_counted_on(cells):
    def edit(content):
        closed = {
            "rows": {"train": 443757, "val": 214354},
            "origin": "annotations",
            "note": "not the literature's list",
        }
        content["data"]["answer_space"].update(n=3129, closed=closed)

    cells.write("student", "vqa", source="real", edit=edit)
    assert (
        "VQA: the answer vocabulary is closed: 3,129 answers counted on 443,757 train + 214,354 val annotated rows, the "
        "reported val among them; they are booked as `labels: vocabulary`. It is not the literature's list."
        in notes(report([cells.root], published="none"))
    )
