import pytest
from hypothesis import given
from hypothesis import strategies as some

from madbench.report.inline import bare, code, plain, spans
from madbench.report.markdown import escape


def test_markup_becomes_spans():
    assert spans("see `a b` and **this** * done") == [
        ("text", "see "),
        ("code", "a b"),
        ("text", " and "),
        ("bold", "this"),
        ("text", " * done"),
    ]


@given(some.text())
def test_words_of_others_neither_open_nor_close_markup(text):
    line = " ".join(text.split())
    assert bare(plain(text)) == line
    assert all(style == "text" for style, _ in spans(plain(text)))
    if line:
        assert spans(f"{code(text)} **x**")[0] == ("code", line)


@pytest.mark.parametrize(
    "text, written",
    [
        ("a <b> & c", "a &lt;b> & c"),
        ("[x](http://evil)", "[x]\\(http\\://evil)"),
        ("www.evil.org", "www\\.evil.org"),
        ("a*b `c` \\", "a\\*b \\`c\\` \\\\"),
        ("&lt;", "\\&lt;"),
        ("# no heading", "\\# no heading"),
        ("vqa_accuracy [+1.00, +2.00]", "vqa_accuracy [+1.00, +2.00]"),
        ("two\nlines", "two lines"),
    ],
)
def test_markdown_sees_no_markup(text, written):
    assert escape(text) == written
