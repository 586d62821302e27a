"""A real Chromium without a screen, driven by its own protocol through a pipe; for tests."""

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium")
_QUIET = ("quic", "gpu", "background-networking", "component-update", "sync", "extensions", "dev-shm-usage")
_PATIENCE = 30  # seconds
# Puts the pipes where the browser looks for them: 3 to read from, and 4 to write to.
_LAUNCH = """
import fcntl, os, sys
reading, writing = (fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3])
os.dup2(reading, 3)
os.dup2(writing, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Browser:
    """One page of a browser.

    Args:
        to_browser: Where commands are written.
        from_browser: Where answers are read.
    """

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._to, self._from = to_browser, from_browser
        self._number, self._rest = 0, b""
        self.messages: list[str] = []  # of the console, and of what was refused
        self.requests: list[str] = []  # addresses
        target = self._send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            self.call(f"{domain}.enable")

    def _send(self, method: str, session: str | None = None, **values: Any) -> dict[str, Any]:  # noqa: ANN401 - of the protocol
        """Send a command and return its answer; events that come before are kept."""
        self._number += 1
        command = {"id": self._number, "method": method, "params": values}
        text = json.dumps(command | ({"sessionId": session} if session else {}))
        os.write(self._to, text.encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
            self._note(answer)

    def _read(self) -> dict[str, Any]:
        """Return the next message of the browser."""
        while b"\0" not in self._rest:
            part = os.read(self._from, 1 << 16)
            assert part, "the browser ended"
            self._rest += part
        text, self._rest = self._rest.split(b"\0", 1)
        message: dict[str, Any] = json.loads(text)
        return message

    def _note(self, event: dict[str, Any]) -> None:
        """Keep what the console says, and what is asked for."""
        values = event.get("params", {})
        if event.get("method") == "Log.entryAdded":
            self.messages.append(values["entry"]["text"])
        if event.get("method") in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
            self.messages.append(json.dumps(values))
        if event.get("method") == "Page.javascriptDialogOpening":
            self.messages.append(f"dialog: {values['message']}")
        if event.get("method") == "Network.requestWillBeSent":
            self.requests.append(values["request"]["url"])

    def call(self, method: str, **values: Any) -> dict[str, Any]:  # noqa: ANN401 - of the protocol
        """Send a command to the page and return its answer."""
        return self._send(method, self._session, **values)

    def run(self, script: str) -> Any:  # noqa: ANN401 - whatever the script returns
        """Return what a script in the page returns."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait(self, condition: str) -> None:
        """Wait until a script in the page returns something true."""
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            try:
                if self.run(condition):
                    return
            except AssertionError:  # the page is just leaving
                pass
            time.sleep(0.02)
        raise AssertionError(f"it never was so: {condition}\n{self.run('document.body.innerText')}")

    def open(self, url: str) -> None:
        """Open an address, and wait until its scripts ran."""
        self.run("window.left = true")
        self.call("Page.navigate", url=url)
        self.wait("!window.left && document.readyState === 'complete'")

    def press(self, key: str) -> None:
        """Press a key."""
        codes = {"Enter": ("\r", 13), "Escape": ("", 27), "Tab": ("", 9), " ": (" ", 32)}
        text, code = codes.get(key, (key, ord(key.upper()[0])))
        values = {"key": key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **values)
        self.call("Input.dispatchKeyEvent", type="keyUp", **values)

    def type(self, text: str) -> None:
        """Type a text where the focus is."""
        self.call("Input.insertText", text=text)

    def leaves_by(self, key: str) -> None:
        """Press a key that leads to another page, and wait for it."""
        self.run("window.left = true")
        self.press(key)
        self.wait("!window.left && document.readyState === 'complete'")

    def screen(self, width: int, height: int, *, dark: bool = False) -> None:
        """Set the size of the window, and the colours that its user prefers."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self, file: Path, *, whole: bool = True) -> None:
        """Write a picture of the page."""
        answer = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(answer["data"]))


@contextmanager
def browsing(profile: Path) -> Iterator[Browser]:
    """Yield a browser, which ends with the block."""
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()
    command = [
        str(CHROMIUM),
        "--headless",
        "--no-sandbox",
        "--no-first-run",
        "--remote-debugging-pipe",
        *(f"--disable-{feature}" for feature in _QUIET),
        f"--user-data-dir={profile}",
        "--hide-scrollbars",
    ]

    launch = [sys.executable, "-c", _LAUNCH, str(to_read), str(from_write)]
    process = subprocess.Popen(
        [*launch, *command],
        pass_fds=(to_read, from_write),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_read)
    os.close(from_write)
    try:
        yield Browser(to_write, from_read)
    finally:
        process.kill()
        process.wait()
        os.close(to_write)
        os.close(from_read)
