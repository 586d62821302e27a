"""The pages in a real browser: ten cases triaged by keys alone, hostile texts, and what everybody can use."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn

from itd_lightning.alerts.cases.schema import BENIGN, TRUE
from itd_lightning.alerts.cases.store import CaseStore
from itd_lightning.serve.access import Door
from itd_lightning.serve.app import Source, make_app
from itd_lightning.serve.company import Company
from tests.report.test_hostile_text import PAYLOADS
from tests.serve.browser import CHROMIUM, Browser, browsing
from tests.serve.handmade_pages import make_store
from tests.serve.test_hostile_pages import fill

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")]
FOCUS = "document.activeElement.getAttribute('href')"
# What axe-core asks first: names, labels, headings, landmarks, ids, and contrast of every text that is seen.
FAULTS = """
(() => {
  const faults = [], all = [...document.querySelectorAll("body *")];
  const seen = (one) => one.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true });
  const say = (what, one) => faults.push(what + ": " + one.outerHTML.slice(0, 120));
  if (!document.documentElement.lang) faults.push("no language");
  if (!document.title) faults.push("no title");
  if (document.querySelectorAll("main").length !== 1) faults.push("not one main");
  if (document.querySelectorAll("h1").length !== 1) faults.push("not one h1");
  let level = 0;
  for (const one of document.querySelectorAll("main h1, main h2, main h3, main h4")) {
    if (!seen(one)) continue;
    const now = Number(one.tagName[1]);
    if (now > level + 1) say("a level of headings is left out", one);
    level = now;
  }
  const ids = all.map((one) => one.id).filter(Boolean);
  if (new Set(ids).size !== ids.length) faults.push("an id stands twice");
  for (const one of document.querySelectorAll("input:not([type=hidden]), select, textarea"))
    if (!one.labels.length && !one.ariaLabel) say("no label", one);
  const named = "a, button, [role=region], nav, table, dialog, section, form[role]";
  for (const one of document.querySelectorAll(named)) {
    const words = (one.getAttribute("aria-labelledby") || "").split(" ");
    const by = words.map((id) => document.getElementById(id));
    if (by[0] === null && one.hasAttribute("aria-labelledby")) say("named by nothing", one);
    const name = one.ariaLabel || by.map((label) => label && label.textContent).join("")
      || (["A", "BUTTON"].includes(one.tagName) ? one.textContent.trim() : "");
    if (!name && !(one.tagName === "TABLE" && one.closest("[role=region]"))) say("no name", one);
  }
  for (const one of document.querySelectorAll("th")) if (!one.scope) say("no scope", one);
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((one) => one / 255)
      .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  for (const one of all) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !seen(one) || one.closest("svg title, option")) continue;
    const style = getComputedStyle(one);
    const ink = light(parse(one.closest("svg") ? style.fill : style.color)), ground = light(paper(one));
    const ratio = (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
    if (ratio < 4.5) say("contrast " + ratio.toFixed(2), one);
  }
  return faults;
})()
"""


@contextmanager
def served(cases: CaseStore, company: Company | None, by: str = "ann") -> Iterator[str]:
    """Yield the link of pages that are served in this process."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        keys: list[str] = []
        door = Door(keys.append)
        door.open()
        source = Source(cases, None, company)
        app = make_app(source, door, hosts={f"127.0.0.1:{port}"}, port=port, secure=False, by=by)
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{port}/enter?key={keys[0]}"
        finally:
            server.should_exit = True
            thread.join()


def enter(browser: Browser, link: str) -> str:
    """Sign in by the link, and return the address of the pages."""
    browser.open(link)
    browser.leaves_by("Enter")
    return link.split("/enter", maxsplit=1)[0]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Return a browser for all tests of this file."""
    with browsing(tmp_path_factory.mktemp("profile")) as one:
        yield one


def test_ten_cases_are_triaged_by_keys_alone(browser: Browser, cases: CaseStore, tmp_path: Path) -> None:
    browser.messages.clear()
    with served(cases, Company(make_store(tmp_path / "store", "user00"))) as link:
        enter(browser, link)
        _close_on_case_pages(browser, 5)
        _close_in_the_queue(browser, 5)
        assert "No case is open" in browser.run("document.body.innerText")
    assert cases.cases() == []
    closed = cases.cases([BENIGN, TRUE])
    assert len(closed) == 10
    for row in closed:
        actions = cases.case(row.id).actions
        assert [action.by for action in actions] == ["ann"] * len(actions)
        assert actions[-1].reason.startswith("looked at")
    assert sum(row.state == TRUE for row in closed) == 5
    assert browser.messages == []


def _close_on_case_pages(browser: Browser, count: int) -> None:
    """Open a case, acknowledge it, and close it as benign, as often as said; the queue has the focus."""
    for number in range(count):
        browser.press("j")
        browser.leaves_by("Enter")
        assert "Raw events" in browser.run("document.body.innerText")
        browser.leaves_by("a")
        assert "acknowledged" in browser.run("document.querySelector('[role=status]').innerText")
        browser.press("c")
        browser.press(" ")  # the first verdict
        browser.press("Tab")
        browser.type(f"looked at {number}: jckua?/ are no keys in here")
        browser.press("Tab")
        browser.leaves_by("Enter")
        assert "closed as benign" in browser.run("document.querySelector('[role=status]').innerText")
        browser.leaves_by("u")


def _close_in_the_queue(browser: Browser, count: int) -> None:
    """Close the case in focus as true, in the window of the queue, as often as said."""
    browser.press("j")
    for number in range(count):
        there = browser.run(FOCUS)
        assert there.startswith("/case/")
        browser.press("c")
        assert browser.run("document.getElementById('closing').open")
        browser.run("document.querySelector('#closing [value=true]').focus()")
        browser.press(" ")
        browser.press("Tab")
        browser.type(f"looked at {number}")
        browser.press("Tab")
        browser.leaves_by("Enter")
        assert there not in browser.run("document.querySelector('main').innerHTML")


def test_keys_move_search_and_can_be_turned_off(browser: Browser, cases: CaseStore) -> None:
    with served(cases, None) as link:
        address = enter(browser, link)
        browser.press("j")
        first = browser.run(FOCUS)
        browser.press("j")
        assert browser.run(FOCUS) != first
        browser.press("k")
        assert browser.run(FOCUS) == first
        browser.leaves_by("a")  # the next one has the focus afterwards
        assert browser.run(FOCUS) not in (first, None)
        browser.press("?")
        assert browser.run("document.getElementById('keys').open")
        browser.run("document.getElementById('keys-on').click()")
        browser.press("Escape")
        browser.press("/")
        assert browser.run("document.activeElement.id") != "user"
        browser.open(address)
        browser.run("document.getElementById('show-keys').click()")
        browser.run("document.getElementById('keys-on').click()")
        browser.press("Escape")
        browser.press("/")
        assert browser.run("document.activeElement.id") == "user"
        browser.type("user07")
        browser.leaves_by("Enter")
        assert browser.run("document.querySelectorAll('tr[data-case]').length") == 1


def test_without_scripts_a_case_is_closed_by_its_form(browser: Browser, cases: CaseStore) -> None:
    with served(cases, None) as link:
        address = enter(browser, link)
        browser.call("Emulation.setScriptExecutionDisabled", value=True)
        try:
            browser.call("Page.navigate", url=f"{address}/case/1")
            time.sleep(1)
            browser.run("document.querySelector('#close [value=true]').click()")
            browser.run("document.querySelector('#close textarea').value = 'no script'")
            browser.run("document.querySelector('#close button.main').click()")
            time.sleep(1)
        finally:
            browser.call("Emulation.setScriptExecutionDisabled", value=False)
    assert cases.case(1).case.state == TRUE


def test_hostile_texts_run_nothing_and_fetch_nothing(browser: Browser, tmp_path: Path) -> None:
    names = ("image", "ends the script in capitals", "link", "drawing", "frame")
    text = "".join(PAYLOADS[name] for name in names)
    stores, company, pages = fill(tmp_path, text)
    browser.messages.clear()
    with stores, served(stores, company, by="eve") as link:
        address = enter(browser, link)
        browser.requests.clear()
        for page in pages.values():
            browser.open(address + page)
            assert browser.run("document.title").endswith("· itd")
            browser.press("j")
            browser.press("c")
        assert browser.messages == []
        assert [url for url in browser.requests if not url.startswith((address, "data:"))] == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1400, 390])
def test_pages_have_names_labels_headings_contrast_and_fit_the_screen(
    browser: Browser,
    tmp_path: Path,
    width: int,
    dark: bool,
) -> None:
    stores, company, pages = fill(tmp_path, "a_text_of_middle_length.doc")
    browser.screen(width, 900, dark=dark)
    with stores, served(stores, company) as link:
        browser.open(link)
        faults = {"enter": browser.run(FAULTS)}
        address = enter(browser, link)
        for name, page in (pages | {"none": "/case/99"}).items():
            browser.open(address + page)
            browser.press("?")
            faults[name] = browser.run(FAULTS)
            if browser.run("document.documentElement.scrollWidth") > width:
                faults[name].append("wider than the screen")
    assert not any(faults.values()), json.dumps(faults, indent=1)
