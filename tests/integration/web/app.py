"""An app of an npm user: a folder with the packages and a runtime installed, served as apps are."""

import functools
import json
import os
import subprocess
import threading
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from patience import PATIENCE_S

PAGES = Path(__file__).parent
TOOLS = ("esbuild@0.28.2", "typescript@7.0.2")
LITERT, ONNX = "@litertjs/core@2.5.3", "onnxruntime-web@1.30.0"
WASM = {LITERT: "/node_modules/@litertjs/core/wasm/", ONNX: "/node_modules/onnxruntime-web/dist/"}


def install(folder: Path, packages, runtime) -> Path:
    """Return an app with `packages` (archives) installed by npm, and a page to try them on."""
    folder.mkdir()
    (folder / "package.json").write_text(json.dumps({"name": "app", "private": True}))
    npm = ["npm", "install", "--no-audit", "--no-fund", *packages, runtime, *TOOLS]
    done = run(npm, folder, check=False)
    if done.returncode and not os.environ.get("EDGEKIT_TESTS_NEED_ALL") and "EAI" in done.stderr:
        pytest.skip("npm reaches no registry")
    assert done.returncode == 0, done.stderr
    (folder / "blank.html").write_text((PAGES / "blank.html").read_text())
    return folder


def run(argv, cwd, *, check=True):
    done = subprocess.run(
        [*map(str, argv)], cwd=cwd, capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


class Isolated(SimpleHTTPRequestHandler):
    """Sends the two headers that threads in WebAssembly need."""

    def end_headers(self):
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, *_arguments):
        pass


@contextmanager
def served(folder):
    """Serve a folder on loopback; give the port."""
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Isolated, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
