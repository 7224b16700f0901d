"""The page in a real browser, where there is one.

A headless Chromium is driven over a pipe (Chrome DevTools Protocol, one JSON message between zero bytes): no packages.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from madbench.report import report

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def find() -> str | None:
    """The path of a Chromium, None where there is none; $MADBENCH_TEST_BROWSER names another one, or `none`."""
    named = os.environ.get("MADBENCH_TEST_BROWSER")
    if named is not None:
        return None if named == "none" else named
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One page of one browser. It is told to reach no network; `requests` holds what it asked for all the same."""

    def __init__(self, path: str, profile: Path):
        # The browser reads commands from descriptor 3 and writes answers to 4.
        commands, self._write = os.pipe()
        self._read, answers = os.pipe()
        shell = f'exec "$0" "$@" 3<&{commands} 4>&{answers}'
        flags = ["--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        flags += ["--disable-dev-shm-usage", "--no-first-run", f"--user-data-dir={profile}"]
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", shell, path, *flags, "about:blank"],
            pass_fds=(commands, answers),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        self._number, self._buffer, self._session = 0, b"", None
        self.requests: list[str] = []
        self.errors: list[str] = []
        target = next(one for one in self("Target.getTargets")["targetInfos"] if one["type"] == "page")
        attached = self("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self(f"{domain}.enable")

    def __call__(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def open(self, page: Path, width: int, scheme: str) -> None:
        """Load a file at a width in CSS pixels and a colour scheme (`light`, `dark`)."""
        self("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        self("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self("Page.navigate", url=page.as_uri())
        limit = time.monotonic() + 60
        while self.value("document.readyState") != "complete" or self.value("location.protocol") != "file:":
            if time.monotonic() > limit:
                raise TimeoutError(f"{page} did not load")
            time.sleep(0.05)

    def value(self, expression: str) -> Any:
        """A JavaScript expression's value."""
        result = self("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(str(result["exceptionDetails"]))
        return result["result"].get("value")

    def press(self, key: str, code: int) -> None:
        text = {"Enter": "\r"}.get(key, "")
        for kind in ("keyDown", "keyUp"):
            typed = {"text": text} if kind == "keyDown" and text else {}
            self("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **typed)

    def screenshot(self, path: Path, top: int = 0, height: int = 900) -> None:
        width = self.value("document.documentElement.clientWidth")
        clip = {"x": 0, "y": top, "width": width, "height": height, "scale": 1}
        shot = self("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self) -> None:
        try:
            self._session = None
            self("Browser.close")
            self._process.wait(10)
        except (OSError, RuntimeError, EOFError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        finally:
            os.close(self._read)
            os.close(self._write)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            part = os.read(self._read, 1 << 16)
            if not part:
                raise EOFError("the browser has gone")
            self._buffer += part
        line, _, self._buffer = self._buffer.partition(b"\0")
        answer = json.loads(line)
        if answer.get("method") == "Network.requestWillBeSent":
            self.requests.append(answer["params"]["request"]["url"])
        if answer.get("method") == "Runtime.exceptionThrown":
            self.errors.append(str(answer["params"]["exceptionDetails"]))
        if answer.get("method") == "Log.entryAdded" and answer["params"]["entry"]["level"] == "error":
            self.errors.append(answer["params"]["entry"]["text"])
        return answer


pytestmark = pytest.mark.slow


@pytest.fixture
def browser(tmp_path):
    path = find()
    if path is None:
        pytest.skip(
            "browser: none (no Chromium on the path; the structural checks of test_html.py hold the page alone)"
        )
    opened = Browser(path, tmp_path / "profile")
    yield opened
    opened.close()


@pytest.fixture
def page(study, tmp_path) -> Path:
    study.write("student", "snli_ve", source="real")
    report([study.root], format="html", out=tmp_path / "board.html")
    return tmp_path / "board.html"


@pytest.mark.parametrize("width", [1400, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_is_readable_at_both_widths_in_both_schemes(browser, page, width, scheme, tmp_path):
    browser.open(page, width, scheme)
    assert browser.errors == [] and set(browser.requests) == {page.as_uri()}
    # Wide tables scroll in their own box; the page itself never does.
    assert browser.value("document.documentElement.scrollWidth") == width
    assert browser.value(
        "[...document.querySelectorAll('table')].every(one => one.closest('.scroll').clientWidth <= innerWidth)"
    )
    ink, paper = (browser.value(f"getComputedStyle(document.body).{one}") for one in ("color", "backgroundColor"))
    assert contrast(ink, paper) >= 7
    assert (luminance(paper) < 0.1) == (scheme == "dark")
    # What is drawn can be told from what it is drawn on.
    strokes = browser.value(
        "[...new Set([...document.querySelectorAll('svg path')].map(one => getComputedStyle(one).stroke))]"
        ".filter(one => one.startsWith('rgb('))"
    )
    series = browser.value(
        "[...Array(8).keys()].map(one => getComputedStyle(document.body).getPropertyValue('--series-' + one))"
    )
    assert len(strokes) >= 5 and len(set(series)) == 8
    assert all(contrast(as_rgb(one), paper) >= 3 for one in series)
    browser.screenshot(tmp_path / "page.png")
    assert (tmp_path / "page.png").stat().st_size > 10_000


def test_tables_sort_by_keyboard_and_say_so(browser, page):
    browser.open(page, 1400, "light")
    table = "document.querySelector('table')"
    # Behind the names and the number of runs.
    header = f"{table}.tHead.rows[0].cells[2]"
    column = f"[...{table}.tBodies[0].rows].map(one => Number(one.cells[2].dataset.value))"
    names = f"[...{table}.tBodies[0].rows].map(one => one.cells[0].textContent)"
    original = browser.value(names)
    browser.value(f"{header}.querySelector('button').focus()")
    browser.press("Enter", 13)
    assert browser.value(f"{header}.getAttribute('aria-sort')") == "descending"
    assert browser.value(column) == sorted(browser.value(column), reverse=True)
    assert browser.value("document.getElementById('status').textContent").endswith(", descending")
    browser.press("Enter", 13)
    assert browser.value(f"{header}.getAttribute('aria-sort')") == "ascending"
    assert browser.value(column) == sorted(browser.value(column))
    browser.press("Enter", 13)
    assert browser.value(f"{header}.getAttribute('aria-sort')") is None and browser.value(names) == original
    # From there the Tab key reaches the next header.
    browser.press("Tab", 9)
    assert browser.value(f"document.activeElement.closest('th') === {table}.tHead.rows[0].cells[3]")


def test_a_script_in_a_name_does_not_run(browser, cells, tmp_path):
    def edit(content):
        content["model"]["name"] = (
            "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
        )

    cells.write("student")
    cells.write("nasty", edit=edit)
    report([cells.root], format="html", out=tmp_path / "board.html")
    browser.open(tmp_path / "board.html", 1400, "light")
    assert browser.value("document.title") == "madbench board" and browser.errors == []
    # Even a script that stood in the page would be refused by its policy.
    browser.value(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'document.title = 1'}))"
    )
    assert browser.value("document.title") == "madbench board"


def as_rgb(colour: str) -> str:
    digits = colour.strip().removeprefix("#")
    return f"rgb({', '.join(str(int(digits[at : at + 2], 16)) for at in (0, 2, 4))})"


def luminance(colour: str) -> float:
    """Relative luminance of `rgb(r, g, b)`. Source: WCAG 2.1, definition of relative luminance."""
    channels = [int(one) / 255 for one in colour[4:-1].split(",")]
    linear = [one / 12.92 if one <= 0.03928 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return sum(weight * one for weight, one in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours. Source: WCAG 2.1, definition of contrast ratio."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)
