"""What Modal does with an app: reads it, and in a container runs what it enters and leaves with. Arguments: app.py, what stands
in for `node`, and the folder that stands in for /app. Says what the app declares, `entered`, and how its process ended."""

import json
import os
import runpy
import subprocess
import sys

import modal

app, node, artifact = sys.argv[1:]
runpy.run_path(app, run_name="app")
print(json.dumps(modal.declared["options"] | {"app": modal.declared["app"]}), flush=True)
os.environ.update(modal.declared["options"]["env"])

start = subprocess.Popen


def start_here(command, **options):
    program, *arguments = command
    if program != "node":
        raise RuntimeError(f"{program} is started, not node")
    return start([node, *(part.replace("/app/", artifact + "/") for part in arguments)], stdout=sys.stderr, **options)


subprocess.Popen = start_here

server = modal.declared["server"]()
hooks = {method.hook: method for method in vars(type(server)).values() if hasattr(method, "hook")}
hooks["enter"](server)
print("entered", flush=True)
sys.stdin.readline()
hooks["exit"](server)
print(f"ended {server.process.returncode}", flush=True)
