"""A bank's receiver of webhooks: checks each signature, answers, and prints what happened.

pip install standardwebhooks
WEBHOOK_SECRET=whsec_… python bank.py 9000
"""

from __future__ import annotations

import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

SEEN: set[str] = set()  # a real receiver keeps this in its database


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 to what is genuine, 401 to what is not."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            message = Webhook(os.environ["WEBHOOK_SECRET"]).verify(body, dict(self.headers))
        except WebhookVerificationError:
            self.send_response(401)
            self.end_headers()
            return
        self.send_response(204)  # at once: what takes longer is done afterwards
        self.end_headers()
        if self.headers["webhook-id"] not in SEEN:  # a message may come twice
            SEEN.add(self.headers["webhook-id"])
            print(message["type"], message["data"].get("status"), message["data"], flush=True)

    def log_message(self, *_: object) -> None:
        """Requests are not logged."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
