"""The documented way through the sandbox, as its one command, against a real server process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.support.browser_server import REPOSITORY, free_port
from tests.support.faked_process import FakedServer

LIMIT_S = 120.0


def walked(server: FakedServer, folder: Path, port: int) -> subprocess.CompletedProcess[str]:
    """The way without a browser, on a server that runs."""
    command = (sys.executable, "docs/examples/sandbox.py", "--server", server.url)
    environ = {k: v for k, v in os.environ.items() if k != "KYC_API_KEY"}
    return subprocess.run(  # noqa: S603 - our own example
        (*command, "--bank-port", str(port), "--no-browser"),
        cwd=REPOSITORY,
        env=environ | {"KYC_RTC_DATA_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def test_the_way_leads_from_a_key_to_verified_webhooks_where_the_origin_is_listed(
    tmp_path: Path,
) -> None:
    listed, unlisted = free_port(), free_port()
    origin = json.dumps(f"http://localhost:{listed}")
    tenants = f"{{default = {{allowed_origins = [{origin}]}}}}"
    server = FakedServer(tmp_path, {"TENANTS": tenants})
    server.start()
    try:
        done = walked(server, tmp_path, listed)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "15 came, all verified" in done.stdout
        assert "test-failed: FAILED" in done.stdout
        assert "whsec_" not in server.log()
        assert "test-passed" not in server.log()
        refused = walked(server, tmp_path, unlisted)
        assert refused.returncode == 1
        assert "does not list" in refused.stdout
    finally:
        server.kill()
