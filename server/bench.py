"""`tradefours bench NAME`: the measurements. Knows of each only its name and its options."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from server.outputs import check_output

bench = typer.Typer(help="Measure, as ratios and times of this machine, in one run.", no_args_is_help=True)

OnEngine = Annotated[
    Literal["auto", "cuda", "processor"], typer.Option(help="Whose engine; auto: the GPU's where there is one.")
]
Quick = Annotated[bool, typer.Option("--quick", help="At most 50 seconds.")]
Json = Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")]


@bench.command()
def live(
    model: Annotated[str, typer.Option(help="Network that plays.")] = "small",
    ports: Annotated[bool, typer.Option("--ports", help="Through real MIDI ports, on a private JACK server.")] = False,
    players: Annotated[int, typer.Option(min=0, max=64, help="So many at once, over WebSockets; 0: one, inside.")] = 0,
    minutes: Annotated[float | None, typer.Option(min=0.1, help="--players: for so long, not half a minute.")] = None,
    sim: Annotated[bool, typer.Option("--sim", help="Recorded players on a virtual clock: does it listen?")] = False,
    step_ms: Annotated[
        float | None, typer.Option(min=0, help="--sim: so much time for each pass of the engine, not what it takes.")
    ] = None,
    hours: Annotated[
        float | None, typer.Option(min=0.01, help="--sim: one set as long, is it light to its end?")
    ] = None,
    corpus: Annotated[
        Path | None,
        typer.Option(envvar="TRADEFOURS_CORPUS", help="--sim: as for `train`; runs/open.corpus if not said."),
    ] = None,
    quick: Quick = False,
    json_file: Json = None,
) -> None:
    """A human performance in real time: how soon the plan changes, how late notes are, tokens per second."""
    if sim and hours:
        from benchmarks.live_long import bench_long

        _measure(partial(bench_long, model=model, hours=hours), quick, json_file)
    if sim:
        from benchmarks.live_listening import bench_listening
        from server.train import CORPUS

        found = corpus or (CORPUS if CORPUS.exists() else None)
        _measure(partial(bench_listening, model=model, corpus=found, step_ms=step_ms), quick, json_file)
    from benchmarks.live import bench_live

    _measure(partial(bench_live, model=model, ports=ports, players=players, minutes=minutes), quick, json_file)


@bench.command()
def decode(engine: OnEngine = "auto", quick: Quick = False, json_file: Json = None) -> None:
    """One token after another, beside other engines on the same weights and the memory's own limit."""
    from benchmarks.decode import bench_decode
    from benchmarks.engines import On

    _measure(partial(bench_decode, on=On(engine)), quick, json_file)


@bench.command()
def prefill(quick: Quick = False, json_file: Json = None) -> None:
    """Appending many known tokens at once, as after each human note."""
    from benchmarks.prefill import bench_prefill

    _measure(bench_prefill, quick, json_file)


@bench.command()
def sharing(quick: Quick = False, json_file: Json = None) -> None:
    """The six ways of sharing keys and values against each other."""
    from benchmarks.sharing import bench_sharing

    _measure(bench_sharing, quick, json_file)


@bench.command()
def sessions(engine: OnEngine = "auto", quick: Quick = False, json_file: Json = None) -> None:
    """1 to 16 players at once, on a GPU 1 to 256: tokens per second in all, and how late each one's come."""
    from benchmarks.engines import On
    from benchmarks.sessions import bench_sessions

    _measure(partial(bench_sessions, on=On(engine)), quick, json_file)


@bench.command()
def jitter(quick: Quick = False, json_file: Json = None) -> None:
    """How evenly tokens come: alone, at a player's pace, beside a busy core, while serving."""
    from benchmarks.jitter import bench_jitter

    _measure(bench_jitter, quick, json_file)


@bench.command()
def performing(quick: Quick = False, json_file: Json = None) -> None:
    """PerceiverS, token by token behind up to 32,768 others: how many times as fast as music is played."""
    from benchmarks.performing import bench_performing

    _measure(bench_performing, quick, json_file)


@bench.command()
def replug(quick: Quick = False, json_file: Json = None) -> None:
    """Keyboard, instrument and server are unplugged 200 times at random while both play: does a note hang?"""
    from benchmarks.replug import bench_replug

    _measure(bench_replug, quick, json_file)


@bench.command()
def ports(quick: Quick = False, json_file: Json = None) -> None:
    """When notes really leave the bridge's ports beside a busy core, and what thru adds. Needs JACK."""
    from benchmarks.ports import bench_ports

    _measure(bench_ports, quick, json_file)


@bench.command()
def overload(
    model: Annotated[str, typer.Option(help="Network that plays.")] = "small",
    players: Annotated[int, typer.Option(min=1, max=64, help="So many places, all taken.")] = 4,
    quick: Quick = False,
    json_file: Json = None,
) -> None:
    """Ten times as many players and requests as there are places for: how soon they are refused, who suffers."""
    from benchmarks.overload import bench_overload

    _measure(partial(bench_overload, model=model, players=players), quick, json_file)


@bench.command()
def doors(quick: Quick = False, json_file: Json = None) -> None:
    """What a player pays for the way in: straight to a server, past HAProxy, under Ray Serve."""
    from benchmarks.doors import bench_doors

    _measure(bench_doors, quick, json_file)


@bench.command()
def capacity(
    model: Annotated[str, typer.Option(help="Network that plays.")] = "small",
    page: Annotated[Path | None, typer.Option(help="Write the page with all of it to this file.")] = None,
    quick: Quick = False,
    json_file: Json = None,
) -> None:
    """What a server takes and gives, and from that how many of them a city needs."""
    from benchmarks.capacity import bench_capacity

    check_output(page)
    _measure(partial(bench_capacity, model=model, page=page), quick, json_file)


def _measure(measurement: Callable[..., int], quick: bool, json_file: Path | None) -> None:
    from benchmarks.company import company

    check_output(json_file)
    with company() as words:
        code = measurement(quick=quick, json_file=json_file)
    for word in words:
        print(f"\n{word}")
    raise typer.Exit(code)
