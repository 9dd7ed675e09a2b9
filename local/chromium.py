"""Finds an installed Chromium, Chrome or Edge on this machine. Standard library only."""

import os
import shutil
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge", "microsoft-edge")
_PLACES = (
    r"%ProgramFiles%\Google\Chrome\Application\chrome.exe",
    r"%ProgramFiles(x86)%\Google\Chrome\Application\chrome.exe",
    r"%ProgramFiles(x86)%\Microsoft\Edge\Application\msedge.exe",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)

NOT_FOUND = (
    "NO BROWSER WAS FOUND: the tests of the status page in a real browser (tests/browser) are skipped.\n"
    "Install Chromium, Chrome or Edge (Debian: apt-get install chromium), then run this command again."
)


def chromium() -> Path | None:
    """The program of a browser that the tests can use; None when there is none."""
    on_path = (shutil.which(name) for name in _NAMES)
    installed = (os.path.expandvars(place) for place in _PLACES)
    return next((Path(found) for found in (*on_path, *installed) if found and Path(found).is_file()), None)
