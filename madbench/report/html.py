"""The board as one HTML page that needs nothing else: no network, no other file, light and dark, tables that sort.

The template escapes every word. The page also forbids itself to load anything, and any script but its own, by a content
security policy with that script's hash: a name that got past the escaping could still not run.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache

from madbench.report import document, figures
from madbench.report.blocks import Figure, Heading
from madbench.report.inline import spans
from madbench.report.tables import Board


def render(board: Board) -> str:
    from markupsafe import Markup

    places = figures.styles(board)
    blocks, contents = [], []  # contents: (number, heading, the same of its parts)
    for number, block in enumerate(document.build(board)):
        name = type(block).__name__.lower()
        drawing = None
        if isinstance(block, Heading) and block.level == 2:
            contents.append((number, block.text, []))
        if isinstance(block, Heading) and block.level == 3 and contents:
            contents[-1][2].append((number, block.text))
        if isinstance(block, Figure):
            # Drawn here from escaped text; the only part that is not escaped by the template.
            drawing = Markup(figures.inline(block, places, f"f{number}"))
        blocks.append({"name": name, "number": number, "block": block, "drawing": drawing})
    environment = _environment()
    script = environment.loader.get_source(environment, "board.js")[0].strip()
    style = environment.loader.get_source(environment, "board.css")[0].strip()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("board.html").render(
        blocks=blocks,
        contents=contents,
        colours=figures.COLOURS,
        script=Markup(script),
        style=Markup(style),
        digest=digest,
        title=document.TITLE,
    )


@cache
def _environment():
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("madbench.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["spans"] = spans
    return environment
