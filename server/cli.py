"""The command line. Every command imports what it needs when it runs, so that the bridge needs no torch.

Errors are one sentence on stderr and exit code 1; wrong usage is 2.
"""

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from music.errors import TradefoursError
from server.bench import bench
from server.benchmark_suite import suite
from server.bridge_flags import Choices, bridge_arguments, bridge_options, takes_bridge_options
from server.listening_test import listening
from server.outputs import check_output
from server.settings import Settings
from server.study import study
from streaming.generations import GenerationOptions

if TYPE_CHECKING:
    from server.serve import LoadedEngine

LIVE_URL = "ws://127.0.0.1:8765/v1/live"

app = typer.Typer(
    help="A live MIDI partner: you play, a neural network on your own machine answers or plays along.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(bench, name="bench")
app.add_typer(suite, name="benchmark-suite")
app.add_typer(study, name="study")
app.add_typer(listening, name="listening-test")
corpus_app = typer.Typer(help="Music to train on.", no_args_is_help=True)
app.add_typer(corpus_app, name="corpus")


class GenerationName(StrEnum):
    continue_ = "continue"
    accompany = "accompany"
    fill = "fill"
    answer = "answer"


def _of_generation(option: str) -> str:
    return GenerationOptions.model_fields[option].description or ""


def _about(setting: str) -> str:
    """The help of an option that is a setting: its default is no option's, since the environment goes before it."""
    field = Settings.model_fields[setting]
    return f"{field.description} ({field.default if field.default != () else 'none'} if not said)"


Host = Annotated[str | None, typer.Option(help=_about("host"))]
Port = Annotated[int | None, typer.Option(help=_about("port"))]
Model = Annotated[str | None, typer.Option(help=_about("model"))]
Threads = Annotated[int | None, typer.Option(help=_about("threads"))]
Sessions = Annotated[int | None, typer.Option(help=_about("max_sessions"))]
JournalFolder = Annotated[Path | None, typer.Option("--journal", help=_about("journal"))]
Public = Annotated[bool, typer.Option("--public", help=Settings.model_fields["allow_public"].description)]
KeyFile = Annotated[Path | None, typer.Option(help=_about("key_file"))]
AllowHost = Annotated[list[str] | None, typer.Option(help=_about("allow_host"))]
AllowOrigin = Annotated[list[str] | None, typer.Option(help=_about("allow_origin"))]
OwnKeyFile = Annotated[
    Path | None,
    typer.Option("--key-file", help="File whose first line is the server's key, if it wants one; else TRADEFOURS_KEY."),
]
LogFormat = Annotated[str | None, typer.Option(help=_about("log_format"))]
Seed = Annotated[int, typer.Option(help="The same seed and the same input give the same result.")]
Temperature = Annotated[float, typer.Option(help="Lower is safer, higher is bolder.")]
Corpus = Annotated[
    Path | None,
    typer.Option(
        envvar="TRADEFOURS_CORPUS",
        help="A built .corpus file, or an archive (.tar.xz) or folder of MIDI with its manifest.csv; "
        "`runs/open.corpus` if not said.",
    ),
]


def _load_engine(settings: Settings) -> "LoadedEngine":
    from server.engine_choice import load_engine  # imports torch, for seconds: a taken port is told before

    return load_engine(settings)


@app.command()
@takes_bridge_options
def run(
    *,
    host: Host = None,
    port: Port = None,
    model: Model = None,
    threads: Threads = None,
    max_sessions: Sessions = None,
    journal: JournalFolder = None,
    key_file: KeyFile = None,
    allow_host: AllowHost = None,
    allow_origin: AllowOrigin = None,
    log_format: LogFormat = None,
    choices: Choices,
) -> None:
    """The main job: the server, its page, and MIDI ports where the system has any."""
    from server.drain import leave
    from server.play import play

    settings = _settings(
        host=host, port=port, model=model, threads=threads, max_sessions=max_sessions, journal=journal,
        key_file=key_file, allow_host=allow_host, allow_origin=allow_origin,
        log_format=log_format,
    )  # fmt: skip
    arguments = bridge_arguments(choices)
    arguments += [f"--key-file={key_file}"] if key_file else []
    needs_ports = not {"inputs", "output", "api"}.isdisjoint(choices)
    leave(play(settings, _load_engine, arguments, api=choices.get("api"), needs_ports=needs_ports))


@app.command()
def serve(
    host: Host = None,
    port: Port = None,
    public: Public = False,
    model: Model = None,
    threads: Threads = None,
    max_sessions: Sessions = None,
    journal: JournalFolder = None,
    key_file: KeyFile = None,
    allow_host: AllowHost = None,
    allow_origin: AllowOrigin = None,
    log_format: LogFormat = None,
) -> None:
    """The server alone."""
    from server import serve as server_serve
    from server.drain import leave

    settings = _settings(
        host=host, port=port, allow_public=public or None, model=model, threads=threads, max_sessions=max_sessions,
        journal=journal, log_format=log_format, key_file=key_file, allow_host=allow_host, allow_origin=allow_origin,
    )  # fmt: skip
    leave(server_serve.serve(settings, _load_engine))


@app.command()
@takes_bridge_options
def bridge(
    *,
    url: Annotated[str, typer.Option(help="The server's live socket.")] = LIVE_URL,
    key_file: OwnKeyFile = None,
    choices: Choices,
    stats: Annotated[Path | None, typer.Option(help="Write the measured times to this JSON file at the end.")] = None,
    while_stdin: Annotated[bool, typer.Option("--while-stdin", hidden=True)] = False,
) -> None:
    """The MIDI ports alone, played by a server here or elsewhere."""
    from clients.access import own_key
    from clients.bridge import run_bridge
    from clients.terminal import typed_here
    from server.leash import typed_by_parent

    options = bridge_options(choices, url=url, access_key=own_key(key_file), stats=stats)
    options.start()  # wrong values are told before any port opens
    check_output(stats)
    raise typer.Exit(run_bridge(options, typed_by_parent if while_stdin else typed_here))


@app.command()
def replay(
    journal: Annotated[Path, typer.Argument(metavar="JOURNAL", help="A file of the server's folder of journals.")],
    out: Annotated[Path | None, typer.Option(help="Write the set to this MIDI file.")] = None,
    model: Annotated[str | None, typer.Option(help="The network that played, where it has another name here.")] = None,
) -> None:
    """Play a journal again: the same music, note for note."""
    from server.replay import replay_journal

    replay_journal(journal, out=out, model=model)


@app.command()
def generate(
    files: Annotated[
        list[Path], typer.Argument(metavar="[IN.mid] OUT.mid", help="Without IN.mid the music begins from nothing.")
    ],
    mode: Annotated[GenerationName, typer.Option(help=_of_generation("mode"))] = GenerationName.continue_,
    bars: Annotated[int | None, typer.Option(help=_of_generation("bars"))] = None,
    seconds: Annotated[float | None, typer.Option(help=_of_generation("seconds"))] = None,
    minutes: Annotated[float | None, typer.Option(help="In the place of --seconds.")] = None,
    variations: Annotated[int, typer.Option(help="So many pieces: OUT-01.mid and so on.")] = 1,
    model: Annotated[str | None, typer.Option(help="Name of the network, or its folder; small if not said.")] = None,
    seed: Annotated[int, typer.Option(help=_of_generation("seed"))] = 0,
    temperature: Temperature = 0.95,
    top_p: Annotated[float, typer.Option(help=_of_generation("top_p"))] = 0.97,
    min_p: Annotated[float, typer.Option(help=_of_generation("min_p"))] = 0.02,
    key: Annotated[str, typer.Option(help=_of_generation("key"))] = "",
    chords: Annotated[str, typer.Option(help=_of_generation("chords"))] = "",
    prompt_bars: Annotated[int | None, typer.Option(help="Use only the first bars of the file.")] = None,
    from_bar: Annotated[int | None, typer.Option(help=_of_generation("from_bar"))] = None,
    part: Annotated[list[int] | None, typer.Option(help="continue, fill: a part that is written; all else.")] = None,
    program: Annotated[list[int] | None, typer.Option(help="accompany, answer: the program of a new part.")] = None,
    png: Annotated[Path | None, typer.Option(help="Draw the (first) piece as a piano roll.")] = None,
    server: Annotated[str | None, typer.Option(help="Let this server write it, such as http://HOST:8765.")] = None,
    key_file: OwnKeyFile = None,
) -> None:
    """Continue, accompany, fill in or answer a MIDI file."""
    from server.generate import generate_file

    if len(files) > 2:
        raise typer.BadParameter(f"expected [IN.mid] OUT.mid, got {len(files)} files")
    *source, target = files
    generate_file(
        source[0] if source else None, target, model=model, server=server, key_file=key_file, png=png, mode=mode.value,
        bars=bars, seconds=seconds, minutes=minutes, variations=variations, seed=seed, temperature=temperature,
        top_p=top_p, min_p=min_p, key=key, chords=chords, prompt_bars=prompt_bars, from_bar=from_bar,
        parts=tuple(part or ()), programs=tuple(program or ()),
    )  # fmt: skip


@corpus_app.command("build")
def corpus_build(
    archives: Annotated[list[Path], typer.Argument(exists=True, help="Archives (.tar.xz) or folders of MIDI.")],
    out: Annotated[Path | None, typer.Option(help="File to write; `runs/open.corpus` if not said.")] = None,
) -> None:
    """Archives of MIDI to one small file: cleaned, without duplicates, in splits that share no piece."""
    from server.train import build_corpus_file

    build_corpus_file(archives, out)


@app.command()
def train(
    preset: Annotated[str | None, typer.Option(help="tiny, small, medium, large, or perceivers-small; small.")] = None,
    minutes: Annotated[float, typer.Option(min=0.01, help="How long to train, in all; a second run goes on.")] = 60.0,
    corpus: Corpus = None,
    folder: Annotated[Path | None, typer.Option("--run", help="Folder of the run; `runs/PRESET` if not said.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="Begin with the weights of this network.")] = None,
    sharing: Annotated[str | None, typer.Option(help="mha, gqa, mqa, grouped, routed or partitioned.")] = None,
    segmentation: Annotated[
        str | None,
        typer.Option(help="Of perceivers: full, effective, even; the first two also 'in turn'."),
    ] = None,
    length: Annotated[int, typer.Option(min=64, help="Tokens in a training example.")] = 1024,
    batch: Annotated[int | None, typer.Option(min=1, help="Examples in a step; as suits the device.")] = None,
    rates: Annotated[float, typer.Option(min=0.001, help="Factor on the learning rates; less for --from.")] = 1.0,
    threads: Annotated[int | None, typer.Option(min=1, help="Processor threads to use; all if not said.")] = None,
    seed: Seed = 0,
    ship: Annotated[str | None, typer.Option(help="At the end, write the best weights under this name.")] = None,
) -> None:
    """Train a network on a corpus; interrupt it and call again to resume."""
    from server.train import CACHE, PRESET, required_corpus, ship_weights, train_preset

    run_folder = folder or CACHE / (preset or PRESET)
    train_preset(
        preset, minutes, required_corpus(corpus), run_folder,
        start=start, sharing=sharing, segmentation=segmentation,
        length=length, batch=batch, rates=rates, threads=threads, seed=seed,
    )  # fmt: skip
    if ship:
        ship_weights(run_folder, ship)


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(help="Name of the network, or its folder.")] = "small",
    corpus: Corpus = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer pieces: at most five minutes on two cores.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for report, pictures and MIDI.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file, too.")] = None,
    samples: Annotated[
        int | None, typer.Option(min=6, help="Of solo piano: pieces from nothing; 32 if not said.")
    ] = None,
    tokens: Annotated[
        int | None, typer.Option(min=64, help="Of solo piano: in each of them; 8192 if not said.")
    ] = None,
    threads: Threads = None,
    seed: Seed = 0,
) -> None:
    """Prediction, continuations, accompaniments and answers on held-out music: a report with pictures and MIDI."""
    from server.evaluate import evaluate_model
    from server.train import required_corpus

    settings = _settings(model=model, threads=threads or os.cpu_count())
    evaluate_model(
        settings, required_corpus(corpus), quick=quick, out=out, json_file=json_file, seed=seed,
        samples=samples, tokens=tokens,
    )  # fmt: skip


@app.command()
def doctor(
    model: Annotated[str, typer.Option(help="Network to measure.")] = "small",
    url: Annotated[str, typer.Option(help="A server whose round trip to measure, if it runs.")] = LIVE_URL,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Instead: how late your instrument sounds, by your taps on its clicks.")
    ] = False,
    output: Annotated[str | None, typer.Option("--out", help="Of --calibrate: the instrument's port.")] = None,
    input: Annotated[str | None, typer.Option("--in", help="Of --calibrate: the keyboard's port.")] = None,
    api: Annotated[str | None, typer.Option(help="Of --calibrate: the MIDI system, as of the bridge.")] = None,
    json_output: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Look at ports and their timing, processor, weights and speed; say what to do."""
    from server.doctor import examine, find_offset

    if calibrate:
        raise typer.Exit(find_offset(output, input, api, as_json=json_output))
    raise typer.Exit(examine(model, url=url, as_json=json_output))


def _settings(**given: object) -> Settings:
    return Settings.read(os.environ, **given)


def main() -> None:
    try:
        app()
    except TradefoursError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        print(
            f"expected to read or write {error.filename or 'a file'}, got: {error.strerror or error}", file=sys.stderr
        )
        sys.exit(1)
    except ModuleNotFoundError as error:  # installed without the extra: a player's laptop has the bridge alone
        print(
            f"expected everything installed for this command, got no {error.name}: "
            "run `pip install '.[server]'` in the folder of Tradefours",
            file=sys.stderr,
        )
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
