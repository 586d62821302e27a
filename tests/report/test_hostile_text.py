"""Text from logs stays text: a suspect chooses file names and URLs, perhaps a user name."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from itd_lightning.report.page import script_json, write_report
from itd_lightning.report.parts.figures import plain

MakeRun = Callable[..., Path]

PAYLOADS = {
    "ends the script": "</script><script>alert(1)</script>",
    "ends the script in capitals": "</SCRIPT ><SCRIPT>document.title='taken'</SCRIPT>",
    "opens a comment and a script": "<!--<script>",
    "link": '<a href="javascript:alert(1)">x</a>',
    "bare link": "<a href=javascript:alert(1)>x",
    "image": "<img src=x onerror=\"document.title='taken'\">",
    "drawing": "<svg/onload=alert(1)>",
    "leaves an attribute": '" onmouseover="alert(1)" x="',
    "leaves an attribute by an apostrophe": "' onfocus='alert(1)' autofocus='",
    "template": "{{ 7*7 }}{% raw %}${7*7}%{x}",
    "entities": "&lt;script&gt;alert(1)&lt;/script&gt;",
    "breaks JSON": '"],"x":[1]}];alert(1);//\\',
    "line separators": "a\u2028b\u2029c\u202ed",
    "ends the title": "</title></style></textarea><base href=//evil.example>",
    "bold": "<b>x</b><br><sup>y</sup>",
    "frame": "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
}


def tags(page: str) -> list[str]:
    """Return all tags in order, as a browser's parser finds them."""
    texts: list[str] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            texts.append(f"{tag} {' '.join(sorted(name for name, _ in attrs))}")

    parser = Tags()
    parser.feed(page)
    parser.close()
    return texts


def figures(page: str) -> list[object]:
    """Return the figures that Plotly gets."""
    block = re.search(r'<script type="application/json" id="figures">(.*?)</script>', page, re.DOTALL)
    assert block is not None
    content: list[object] = json.loads(block[1])
    return content


def strings(node: object) -> Iterator[str]:
    """Yield every string in a JSON document."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield str(key)
            yield from strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value)


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS.keys())
def test_hostile_text_never_becomes_markup(
    make_run: MakeRun, tmp_path: Path, benign: str, payload: str
) -> None:
    page = write_report([make_run("hostile", text=payload)], tmp_path / "out").read_text("utf-8")
    assert tags(page) == tags(benign)
    for text in strings(figures(page)):
        rest = re.sub(r"<br>|<extra></extra>", "", text) if "%{" in text and payload not in text else text
        assert not re.search(r"[<>]", rest), rest


def test_hostile_names_of_runs_stay_text(make_run: MakeRun, tmp_path: Path) -> None:
    names = ["<img src=x onerror=alert(1)>", '"><script>alert(1)<', "plain"]
    page = write_report([make_run(name) for name in names], tmp_path / "out").read_text("utf-8")
    assert sum(tag.startswith("script") for tag in tags(page)) == 3
    assert not any(tag.startswith("img") for tag in tags(page))
    assert not any("<img" in text for text in strings(figures(page)))


def test_figures_cannot_leave_their_script_element() -> None:
    # Plotly's own JSON is escaped too; ours does not rely on it.
    text = json.dumps(list(PAYLOADS.values()), ensure_ascii=False)
    inside = script_json(text)
    assert not re.search("[<>&\u2028\u2029]", inside)
    assert json.loads(inside) == list(PAYLOADS.values())


def test_plotly_labels_show_angle_brackets_as_such() -> None:
    assert plain("<a href='x'>&amp;") == "&lt;a href='x'&gt;&amp;amp;"


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_a_browser_draws_the_page_and_runs_nothing_else(make_run: MakeRun, tmp_path: Path) -> None:
    payload = PAYLOADS["image"] + PAYLOADS["ends the script in capitals"] + PAYLOADS["link"]
    page = write_report([make_run("hostile", text=payload)], tmp_path / "out")
    plots = len(figures(page.read_text("utf-8")))
    browser = browse(page, tmp_path / "profile")
    assert browser.stdout.count('class="main-svg"') >= plots
    assert "<title>taken</title>" not in browser.stdout
    drawings = re.findall(r'<svg class="main-svg".*?</svg>', browser.stdout, re.DOTALL)
    assert not any("<a " in drawing for drawing in drawings)
    assert "&lt;img" in "".join(drawings)
    console = [line for line in browser.stderr.splitlines() if "CONSOLE" in line or "Refused to" in line]
    assert console == []


def browse(page: Path, profile: Path) -> subprocess.CompletedProcess[str]:
    """Open a page without a screen; the document as it stands after its scripts ran."""
    quiet = ("quic", "gpu", "background-networking", "component-update", "sync", "extensions")
    command = [
        str(shutil.which("chromium")),
        "--headless",
        "--no-sandbox",
        "--no-first-run",
        *(f"--disable-{feature}" for feature in quiet),
        f"--user-data-dir={profile}",
        "--enable-logging=stderr",
        "--virtual-time-budget=5000",
        "--dump-dom",
        page.as_uri(),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
