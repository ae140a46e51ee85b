"""The same server several times over, under Ray Serve: `python -m server.ray_app --replicas 2`. Settings as ever.

A WebSocket ends in the replica that has its session's cache: HAProxy, which Ray starts, goes by `?player=`, as all our
clients say it. Stickiness only saves work: a session whose replica died goes on in another one, by the shared journals.
Ray is imported when it runs, after its own settings; a replica knows of Ray only its number.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from fastapi import FastAPI

from music.errors import BadSetting, TradefoursError
from server.app import build_app
from server.engine_choice import load_engine
from server.serve import SWITCH_S
from server.settings import Settings

# Ray writes it among HAProxy's defaults as it is, so more of them may follow. Hardly more of those who play are in one
# replica than in another; and one whom a dead one refuses waits a quarter of a second, not one, until he is sent on.
BALANCE: Final = """url_param player
    hash-type consistent
    hash-balance-factor 110
    timeout connect 250ms"""
RAY: Final = {  # read when Ray is imported, and by all that it starts
    "RAY_SERVE_ENABLE_HA_PROXY": "1",  # its other way in costs 2 ms and bears 2,500 messages a second
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    "RAY_SERVE_HAPROXY_BALANCE_ALGORITHM": BALANCE,
    "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": "43200",  # its former process keeps so long who plays when replicas change
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",  # a busy machine does not start HAProxy in 5 s
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
}
TOKENS: Final = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
ROOM: Final = 10  # times the clients that can be of use reach the app, which refuses at once; Ray would let them hang


class Replica:
    """What Ray makes an actor of. `told`: the settings that are not the default."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._settings = Settings(**told)

    def __serve_build_asgi_app__(self) -> FastAPI:
        from ray import serve

        folder = self._settings.generations or Path("generations")
        own = {"generations": folder / str(serve.get_replica_context().rank.rank)}
        settings = self._settings.model_copy(update=own)
        sys.setswitchinterval(SWITCH_S)
        app = build_app(settings, *load_engine(settings))
        self._stage = app.state.stage
        return app

    def check_health(self) -> None:
        """Ray starts another one in the place of a replica that nobody can play in."""
        if (trouble := self._stage.trouble) and not self._stage.is_closing:
            raise RuntimeError(trouble)


def check(settings: Settings) -> None:
    """Raises BadSetting. Ray listens at twenty ports on all interfaces: whoever comes in there must show something."""
    if not settings.access_keys():
        raise BadSetting("expected a key for players, got none: set TRADEFOURS_KEY or TRADEFOURS_KEY_FILE")
    if not any(os.environ.get(name) for name in TOKENS):
        raise BadSetting(f"expected a token for Ray, got none: set {' or '.join(TOKENS)}")
    if settings.journal is None:
        raise BadSetting("expected a folder of journals that all replicas reach, got none: set TRADEFOURS_JOURNAL")


def start(settings: Settings, replicas: int, **ray_options: Any) -> None:
    """Returns when they can be played. `ray_options`: of `ray.init`."""
    check(settings)
    os.environ.update(RAY)
    import ray
    from ray import serve

    clients = settings.max_sessions + settings.max_watchers
    ray.init(**ray_options)
    serve.start(http_options={"host": settings.host, "port": settings.port})
    deployment = serve.deployment(
        serve.ingress()(Replica),
        name="tradefours",
        num_replicas=replicas,
        max_ongoing_requests=ROOM * clients,
        ray_actor_options={"num_cpus": 1},
    )
    told = settings.model_dump(exclude_defaults=True)
    serve.run(deployment.bind(told), name="tradefours", route_prefix="/")


def main(replicas: Annotated[int, typer.Option(min=1, help="Servers, each with a processor of its own.")] = 2) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    try:
        start(Settings.read(os.environ), replicas)
    except TradefoursError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from None
    signal.sigwait({signal.SIGINT, signal.SIGTERM})
    from ray import serve

    serve.shutdown()


if __name__ == "__main__":
    from server.ray_app import main as by_name  # replicas look for this module's names, not for those of `__main__`

    typer.run(by_name)
