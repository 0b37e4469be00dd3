"""A real browser: Chromium without a window, and pages in it."""

import base64
import shutil
from contextlib import contextmanager

import numpy as np

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    # A name that is not localhost: such a page is no secure context.
    "--host-resolver-rules=MAP plain.test 127.0.0.1",
]


@contextmanager
def chromium():
    """Start the browser, and end it afterwards."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=ARGUMENTS
        )
        yield browser
        browser.close()


def bits(array):
    """Return an array as a page gets it."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def array(text, dtype):
    """Return an array that a page gave."""
    return np.frombuffer(base64.b64decode(text), np.dtype(dtype).newbyteorder("<"))
