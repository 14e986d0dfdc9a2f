"""A server that takes as little as it can: a pod of it starts in a second, and fifty fit.

It answers with what it has in its memory alone, and with what it found in its home. Users whose
names begin so have another one: `lab-` a real Jupyter server, `hungry-` one that takes too much
memory at once, `crashing-` one that ends at once; `missing-`, `denied-` and `slow-` have an image
that can't be pulled, and `brief-` leaves a lost node soon.
"""

PROGRAM = """
import json, os, pathlib, secrets, signal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# The first process of a container has no handler of its own.
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
marker = pathlib.Path("/home/jovyan/marker")
if not marker.exists():
    marker.write_text(secrets.token_hex(8))
variable, eaten = secrets.token_hex(8), []

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.endswith("/eat"):
            eaten.append(b"x" * 2**31)
        body = json.dumps({"variable": variable, "home": marker.read_text()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

ThreadingHTTPServer(("0.0.0.0", 8888), Handler).serve_forever()
"""

HUNGRY = "print('loading the data', flush=True); data = b'x' * 2**31"
CRASHING = """
import os, sys
print("ImportError: No module named 'gateway_tools'", file=sys.stderr)
print("token=" + os.environ["JUPYTERHUB_API_TOKEN"], file=sys.stderr)
sys.exit(1)
"""
