"""The page without a browser: it parses, needs nothing else, is labelled, and holds the words of others as words."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from madbench.report import report

VOID = {"meta", "link", "br", "img", "hr", "input"}
LOADS = ("src", "srcset", "poster", "data", "action", "formaction", "background", "ping", "cite")


class Page(HTMLParser):
    """problems: what is wrong. tags: how often each tag stands. text: everything that is read aloud or shown."""

    def __init__(self, content: str):
        super().__init__(convert_charrefs=True)
        self.problems: list[str] = []
        self.tags: Counter[str] = Counter()
        self.text = ""
        self.ids: Counter[str] = Counter()
        self.refers: set[str] = set()
        self.open: list[tuple[str, dict]] = []
        self.captioned = True
        self.feed(content)
        self.close()
        self.problems += [f"<{tag}> is not closed" for tag, _ in self.open]
        self.problems += [f"id {one} stands {count} times" for one, count in self.ids.items() if count > 1]
        self.problems += [f"nothing has the id {one}" for one in sorted(self.refers - set(self.ids))]
        self._whole(content)

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        known = dict(attrs)
        if len(known) != len(attrs):
            self.problems.append(f"<{tag}> has an attribute twice")
        self._attributes(tag, known)
        if tag == "table":
            self.captioned = False
        if tag == "caption":
            self.captioned = True
        if tag == "tbody" and not self.captioned:
            self.problems.append("a table without a caption")
        if tag == "th" and known.get("scope") not in ("row", "col"):
            self.problems.append("a header cell without a scope")
        if tag == "svg" and not any(one.get("role") == "img" and one.get("aria-label") for _, one in self.open):
            self.problems.append("a drawing without a name")
        if tag not in VOID:
            self.open.append((tag, known))

    def handle_startendtag(self, tag, attrs):
        self.tags[tag] += 1
        self._attributes(tag, dict(attrs))

    def handle_endtag(self, tag):
        if not self.open or self.open[-1][0] != tag:
            self.problems.append(f"</{tag}> closes nothing")
        else:
            self.open.pop()

    def handle_data(self, data):
        if not self.open or self.open[-1][0] not in ("script", "style"):
            self.text += data
        elif re.search(r"@import|://|url\(", data):
            self.problems.append(f"<{self.open[-1][0]}> refers to another place")

    def _attributes(self, tag, known):
        if "id" in known:
            self.ids[known["id"]] += 1
        for name, value in known.items():
            value = value or ""
            if name.startswith("on"):
                self.problems.append(f"<{tag}> has a handler {name}")
            if name in LOADS or (name.endswith("href") and not value.startswith("#")):
                self.problems.append(f"<{tag}> loads {value}")
            if name in ("aria-labelledby", "aria-describedby"):
                self.refers |= set(value.split())
            if name.endswith("href"):
                self.refers.add(value.removeprefix("#"))
            self.refers |= set(re.findall(r"url\(#([^)]+)\)", value))
            if re.search(r"url\((?!#)", value) or "javascript:" in value.lower():
                self.problems.append(f"<{tag}> refers to {value}")

    def _whole(self, content):
        if not content.lower().startswith("<!doctype html>"):
            self.problems.append("no doctype")
        if '<html lang="en">' not in content:
            self.problems.append("no language")
        for wanted in ("title", "main", "h1"):
            if self.tags[wanted] != 1:
                self.problems.append(f"{self.tags[wanted]} <{wanted}>")
        if self.tags["script"] != 1:
            self.problems.append(f"{self.tags['script']} scripts")
        for wanted in ('name="viewport"', "prefers-color-scheme: dark", "Content-Security-Policy"):
            if wanted not in content:
                self.problems.append(f"no {wanted}")


NAME = """<script>alert('1')</script>|**b**`c`[l](http://e.vil)$x_1^2$ \\input{/etc/passwd}%&#~{"}🦆"""
REASON = "the file <script>alert(2)</script> | was <b>not</b> there \\end{document}"
NOTE = "from `scratch` <img src=x onerror=alert(3)> | _so_ [x](javascript:alert(4)) \\%"


@pytest.fixture
def hostile(cells):
    """Two models of whom one has a name, a note and a condition's reason full of markup; and a failed one."""

    def edit(content):
        content["model"]["name"] = NAME
        content["model"]["notes"] = [NOTE]
        content["model"]["seen"] = ["<i>COCO</i>"]
        content["conditions"].append(
            {
                "name": "ve-<u>x</u>",
                "kind": "rows",
                "role": "shifted",
                "of": content["conditions"][0]["name"],
                "available": False,
                "reason": REASON,
            }
        )

    for task in ("vcr", "snli_ve", "vqa"):
        cells.write("student", task)
        cells.write("nasty", task, edit=edit)
    cells.fail("failed")
    return cells


def test_a_page_is_whole_labelled_and_needs_nothing_else(study):
    study.write("student", "snli_ve", source="real")
    page = Page(report([study.root], format="html"))
    assert page.problems == []
    assert page.tags["table"] == page.tags["caption"] > 10
    assert page.tags["svg"] > 5
    assert "Published (not measured here; other splits and data)" in page.text


def test_the_policy_names_the_one_script(study):
    text = report([study.root], format="html", board="cost")
    script = re.search(r"<script>(.*?)</script>", text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text and "default-src 'none'" in text


def test_cells_carry_the_number_they_are_sorted_by(study):
    record = json.loads(next(study.root.glob("mad/domainshift@1/vqa/*/record.json")).read_text())
    exact = record["conditions"][0]["metrics"]["vqa_accuracy"]
    assert f'data-value="{exact}"' in report([study.root], format="html")


def test_words_of_others_stay_words_in_html(hostile):
    text = report([hostile.root], format="html")
    page = Page(text)
    assert page.problems == []
    assert page.tags["img"] == page.tags["b"] == page.tags["i"] == page.tags["u"] == 0
    shown = " ".join(page.text.split())
    assert NAME in shown and NOTE in shown and REASON in shown


def test_words_of_others_stay_words_in_markdown(hostile):
    text = report([hostile.root])
    outside_code = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text)
    assert "<" not in outside_code.replace("&lt;", "")
    assert "](http" not in outside_code and "](javascript" not in outside_code
    rows = [line for line in text.splitlines() if line.startswith("|")]
    for before, line in pairwise(rows):
        if line.startswith("|--"):
            width = len(re.findall(r"(?<!\\)\|", before))
        elif "alert" in line:
            assert len(re.findall(r"(?<!\\)\|", line)) == width, line


def test_other_formats_hold_the_words_as_they_are(hostile):
    content = json.loads(report([hostile.root], format="json"))
    assert NAME in {row["name"] for row in content["tables"][0]["rows"]}
    assert '"' + NAME.replace('"', '""') + '"' in report([hostile.root], format="csv")


def test_the_checks_see_what_they_are_for():
    good = report_of_nothing()
    assert Page(good).problems == []
    for bad in (
        '<img src="https://e.vil/x.png">',
        "<script>1</script>",
        '<table><tbody><tr><th scope="row">a</th></tr></tbody></table>',
        "<table><caption>c</caption><thead><tr><th>a</th></tr></thead></table>",
        "<svg></svg>",
        '<p id="main"></p>',
        '<p onclick="x()"></p>',
        '<a href="#nowhere">x</a>',
        "<p>",
    ):
        assert Page(good.replace("<h1>", bad + "<h1>")).problems, bad


def report_of_nothing() -> str:
    return (
        '<!doctype html><html lang="en"><head><title>t</title><meta name="viewport"><style>'
        '@media (prefers-color-scheme: dark) {}</style></head><body><main id="main"><h1>Content-Security-Policy</h1>'
        "</main><script></script></body></html>"
    )
