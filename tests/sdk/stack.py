"""Starts the simulator and the gateway, runs a command against them, and stops them again.

    stack.py COMMAND [ARGUMENT...]

The command finds what it needs in its environment: TOLLGATE_URL (the data port), TOLLGATE_ADMIN
(the admin port), TOLLGATE_ADMIN_TOKEN and TOLLGATE_SANDBOX. Standard library only, so that the
Node tests need no Python packages. The binary is $TOLLGATE_BIN, else the release build.
"""

import contextlib
import os
import pathlib
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import catalog

HERE = pathlib.Path(__file__).resolve().parent
BINARY = os.environ.get("TOLLGATE_BIN") or str(HERE.parents[1] / "target/release/tollgate")
START_SECONDS = 20
STOP_SECONDS = 20

CONFIG = """\
[listen]
data = "{data}"
admin = "{admin}"
[dataplane]
drain_seconds = 5
[brand]
profile = "plain"
catalog = "{catalog}"
sandbox = false
"""


def free_addresses(count):
    """Addresses nobody listens on; held together until all are known, so that they differ."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = [f"127.0.0.1:{held.getsockname()[1]}" for held in sockets]
    for held in sockets:
        held.close()
    return addresses


@contextlib.contextmanager
def running(arguments, log, ready_url, **environment):
    """A process that answers at `ready_url`; stopped by SIGTERM, which has to end it well."""
    with open(log, "wb") as output:
        process = subprocess.Popen(
            [BINARY, *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
        )
    try:
        wait_until_ready(process, ready_url, log)
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.returncode not in (0, -signal.SIGTERM):
        sys.exit(f"{arguments[0]} ended with {process.returncode}:\n{tail(log)}")


def wait_until_ready(process, url, log):
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            pass
        time.sleep(0.05)
    sys.exit(f"{url} does not answer:\n{tail(log)}")


def tail(log, lines=40):
    return "\n".join(pathlib.Path(log).read_text(errors="replace").splitlines()[-lines:])


def write_settings(folder, data, admin, sandbox):
    rows = folder / "catalog.toml"
    rows.write_text(catalog.text(sandbox))
    config = folder / "tollgate.toml"
    config.write_text(CONFIG.format(data=data, admin=admin, catalog=rows))
    return config


def main(command):
    token = secrets.token_hex(16)
    data, admin, sandbox = free_addresses(3)
    with tempfile.TemporaryDirectory(prefix="tollgate-sdk-") as name:
        folder = pathlib.Path(name)
        config = write_settings(folder, data, admin, sandbox)
        simulator = running(
            ["sandbox", "--listen", sandbox], folder / "sandbox.log", f"http://{sandbox}/health"
        )
        gateway = running(
            ["serve", "--config", str(config), "--data", str(folder / "data")],
            folder / "gateway.log",
            f"http://{admin}/readyz",
            TOLLGATE_ADMIN_TOKEN=token,
            SIMULATOR_KEY="simulator-key",
        )
        with simulator, gateway:
            environment = {
                **os.environ,
                "TOLLGATE_URL": f"http://{data}",
                "TOLLGATE_ADMIN": f"http://{admin}",
                "TOLLGATE_ADMIN_TOKEN": token,
                "TOLLGATE_SANDBOX": f"http://{sandbox}",
            }
            status = subprocess.call(command, env=environment)
            if status:
                print(f"gateway:\n{tail(folder / 'gateway.log')}", file=sys.stderr)
    return status


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
