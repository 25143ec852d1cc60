"""As much of Modal's SDK as infra/modal uses, with the parameters that Modal's own has and no others: what an app declares is
kept for who asks. Source: github.com/modal-labs/modal-client, py/modal/app.py (App.server), _image.py, secret.py."""

declared = {}


class Image:
    def __init__(self, tag, add_python):
        self.tag, self.add_python, self.entry = tag, add_python, None

    @staticmethod
    def from_registry(tag, secret=None, *, setup_dockerfile_commands=(), force_build=False, add_python=None):
        return Image(tag, add_python)

    def entrypoint(self, entrypoint_commands):
        self.entry = entrypoint_commands
        return self


class Secret:
    def __init__(self, name):
        self.name = name

    @staticmethod
    def from_name(name, *, environment_name=None, required_keys=()):
        return Secret(name)


def enter(*, snap=False):
    return lambda method: _mark(method, "enter")


def exit():
    return lambda method: _mark(method, "exit")


def _mark(method, hook):
    method.hook = hook
    return method


class App:
    def __init__(self, name=None, *, image=None, secrets=(), volumes=None, tags=None, include_source=True):
        declared["app"] = name

    def server(
        self,
        *,
        image=None,
        env=None,
        secrets=None,
        gpu=None,
        serialized=False,
        volumes=None,
        cpu=None,
        memory=None,
        ephemeral_disk=None,
        target_concurrency=None,
        min_containers=None,
        max_containers=None,
        buffer_containers=None,
        scaleup_window=None,
        scaledown_window=None,
        startup_timeout=30,
        name=None,
        port=8000,
        unauthenticated=False,
        h2_enabled=False,
        exit_grace_period=0,
        routing_region="us-east",
        compute_region=None,
        cloud=None,
        nonpreemptible=False,
        proxy=None,
        i6pn=None,
        enable_memory_snapshot=False,
        include_source=None,
        experimental_options=None,
    ):
        declared["options"] = {
            "image": image.tag,
            "add_python": image.add_python,
            "entrypoint": image.entry,
            "env": env or {},
            "secrets": [secret.name for secret in secrets or []],
            "gpu": gpu,
            "cpu": cpu,
            "memory": memory,
            "target_concurrency": target_concurrency,
            "port": port,
            "startup_timeout": startup_timeout,
            "exit_grace_period": exit_grace_period,
            "unauthenticated": unauthenticated,
            "min_containers": min_containers,
        }

        def keep(server):
            declared["server"] = server
            return server

        return keep
