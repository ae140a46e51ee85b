"""`tradefours generate`: a file in, new music out, with numbers beside it; written here or by a server."""

from dataclasses import fields
from pathlib import Path
from typing import Any
from uuid import uuid4

from pydantic import ValidationError
from tqdm import tqdm

from clients.access import own_key
from clients.generations import GenerationsClient
from music.errors import BadSetting, TradefoursError
from music.files import read_midi, write_midi
from music.measures import Measures, best_scale, measure
from music.piano_roll import draw_piano_roll
from music.score import Score
from music.time import Tick
from server.complaint import objection
from server.composing import bar_after, first_bars, prepare, prepare_solo, score_of
from server.outputs import check_output
from streaming.generations import GenerationOptions, GenerationRequest


def generate_file(
    source: Path | None,
    target: Path,
    *,
    minutes: float | None,
    model: str | None,
    server: str | None,
    key_file: Path | None,
    png: Path | None,
    **given: Any,
) -> None:
    """Without `source` the music begins from nothing. `given`: options of a generation; what is None was not said."""
    options = _options(minutes, **given)
    targets = numbered(target, options.variations)
    for path in targets:
        check_output(path)
        if source is None and path.exists():  # the name alone may have been meant as what is to be continued
            raise TradefoursError(
                f"expected IN.mid OUT.mid, or a new file for music from nothing, got {path}, which exists"
            )
    check_output(png, ending=".png")
    if server is None:
        pieces = _written_here(source, options, model or "small")
    else:
        client = GenerationsClient(server, access_key=own_key(key_file))
        pieces = _written_there(source, options.model_copy(update={"model": model or ""}), client, server)
    for path, piece in zip(targets, pieces, strict=True):
        path.write_bytes(piece)
    _show(source, options, pieces[0], png)


def numbered(target: Path, count: int) -> list[Path]:
    """OUT.mid, or OUT-01.mid and so on."""
    if count == 1:
        return [target]
    return [target.with_name(f"{target.stem}-{number:02}{target.suffix}") for number in range(1, count + 1)]


def _options(minutes: float | None, **given: Any) -> GenerationOptions:
    if minutes is not None:
        if given["seconds"] is not None:
            raise BadSetting("expected minutes or seconds, got both")
        given["seconds"] = 60 * minutes
    try:
        return GenerationOptions(**{name: value for name, value in given.items() if value not in (None, ())})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise BadSetting(objection(first, first["loc"], "options")) from None


def _prompt(source: Path | None) -> Score:
    return score_of(GenerationRequest()) if source is None else read_midi(source)


def _written_here(source: Path | None, options: GenerationOptions, model: str) -> list[bytes]:
    prompt = _prompt(source)  # what is wrong with it is told before anything heavy is loaded
    from model.engine.backends import make_engine
    from model.engine.second_thread import has_room_for_two
    from model.engine.together import run_together
    from model.networks.perceiver import Perceiver
    from model.registry import load_any
    from server.batch import AT_ONCE, SEQUENCES

    network = load_any(model)
    engine = make_engine(network, threads=2 if has_room_for_two() else 1, max_sequences=SEQUENCES)
    is_solo = isinstance(network, Perceiver)
    order = prepare_solo(options, prompt) if is_solo else prepare(options, prompt, engine.capacity)
    with tqdm(total=order.size * options.variations, desc=f"{Path(model).name} plays", unit=f" {order.unit}") as bar:
        writers = [order.write(engine, options.seed + i, bar.update) for i in range(options.variations)]
        added = run_together(engine, writers, at_once=AT_ONCE)
    return [write_midi(order.whole(notes)) for notes in added]


def _written_there(source: Path | None, options: GenerationOptions, client: GenerationsClient, url: str) -> list[bytes]:
    """Interrupted, nothing is left on the server."""
    asked = client.ask(GenerationRequest() if source is None else source.read_bytes(), options, key=str(uuid4()))
    try:
        with tqdm(total=100, desc=f"{asked.model} plays", bar_format="{l_bar}{bar}| {elapsed}") as bar:
            for seen in client.follow(asked.id):
                bar.update(100 * seen.progress - bar.n)
        if seen.status != "succeeded":
            raise TradefoursError(f"expected music from {url}, got a generation that {seen.status}: {seen.reason}")
        return [client.result(asked.id, piece=number) for number in seen.done]
    except KeyboardInterrupt:
        client.cancel(asked.id)
        raise


def _show(source: Path | None, options: GenerationOptions, piece: bytes, png: Path | None) -> None:
    """A picture where it is wanted; numbers where something new follows something old."""
    prompt, whole = first_bars(_prompt(source), options.prompt_bars), read_midi(piece)
    follows = source is not None and options.mode in ("continue", "answer")
    joint = min(bar_after(prompt), _first_new(prompt, whole))
    if png is not None:
        title = f"{source.name if source else 'from nothing'}: {options.mode}, seed {options.seed}"
        title += " (amber)" if follows else ""
        draw_piano_roll(whole, png, new_from=joint if follows else None, title=title)
    if follows:
        scale = best_scale([note for note in prompt.notes if not prompt.parts[note.part].is_drums])
        before = measure(prompt, Tick(0), joint, scale=scale)
        print(measures_table(before, measure(whole, joint, bar_after(whole), scale=scale)))


def _first_new(prompt: Score, whole: Score) -> Tick:
    """Where a network begins that knows no bars."""
    known = {(note.onset, note.pitch) for note in prompt.notes}
    return min((note.onset for note in whole.notes if (note.onset, note.pitch) not in known), default=whole.end)


def measures_table(prompt: Measures, continuation: Measures) -> str:
    rows = ["| | prompt | continuation |", "|---|---|---|"]
    for field in fields(Measures):
        before, after = getattr(prompt, field.name), getattr(continuation, field.name)
        shown = "{:.2f}" if isinstance(before, float) else "{}"
        rows.append(f"| {field.name.replace('_', ' ')} | {shown.format(before)} | {shown.format(after)} |")
    return "\n".join(rows)
