"""Makes: a Modal Server of the image, that scales to zero.

    modal deploy infra/modal/app.py

First: `coldframe build --target server` and push the image (infra/docker/Dockerfile.gpu, or .server without a GPU).
Where config.yaml declares secrets without a default, make one Secret of Modal, <name>-secrets, with the variables that
dist/server/deployment.json lists. Callers need a proxy token of the workspace (Modal-Key, Modal-Secret).
Idle cost: none; a container is paid for until `scaledown_window` after its last call.
"""

import json
import re
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import modal

# In the container, deployment.json lies beside the server.
BUILT = Path(__file__).resolve().parent / "../../dist/server/deployment.json"
FACTS = json.loads((BUILT if BUILT.exists() else Path("/app/deployment.json")).read_text())
if FACTS["image"] is None:
    raise SystemExit("deployment.json names no image: set server.image in config.yaml, and build again.")

PORT = FACTS["port"]
GRACE_SECONDS = FACTS["termination_grace_seconds"]
HAS_SECRETS = any(not secret["has_default"] for secret in FACTS["secrets"])
GPU = FACTS["gpu"]
if GPU and "modal" not in GPU:
    raise SystemExit("Modal has no such GPU: set resources.accelerator in config.yaml, and build again.")


def mebibytes(quantity):
    """What Kubernetes writes as 8Gi."""
    number, unit = re.fullmatch(r"([\d.]+)(Ki|Mi|Gi|Ti|k|M|G|T)?", quantity).groups()
    size = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
    return int(float(number) * size.get(unit, 1) / 2**20)


def cores(quantity):
    """What Kubernetes writes as 500m."""
    return float(quantity[:-1]) / 1000 if quantity.endswith("m") else float(quantity)


app = modal.App(FACTS["name"])


@app.server(
    # Modal runs this file in the image, with a Python of its own, and in place of what the image would start.
    image=modal.Image.from_registry(FACTS["image"], add_python="3.13").entrypoint([]),
    port=PORT,
    env={**FACTS["environment"], "PORT": str(PORT), "SHUTDOWN_GRACE_MS": str(GRACE_SECONDS * 1000)},
    secrets=[modal.Secret.from_name(FACTS["name"] + "-secrets")] if HAS_SECRETS else [],
    gpu=f"{GPU['modal']}:{GPU['count']}" if GPU else None,
    cpu=cores(FACTS["cpu"]),
    memory=mebibytes(FACTS["memory"]),
    target_concurrency=FACTS["concurrency"],
    max_containers=3,
    scaledown_window=60,
    # As long as the weights and load() may take.
    startup_timeout=FACTS["startup_seconds"],
    exit_grace_period=GRACE_SECONDS,
)
class Server:
    @modal.enter()
    def start(self):
        self.process = subprocess.Popen(["node", "/app/index.mjs"])
        # Modal sends calls as soon as this returns.
        while not self.is_ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.process.returncode}; its log says why")
            time.sleep(0.2)

    @modal.exit()
    def stop(self):
        self.process.terminate()
        self.process.wait()

    def is_ready(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health/ready", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False
