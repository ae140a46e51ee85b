"""`tradefours generate`: a file in, its continuation out, with numbers beside it."""

from dataclasses import fields, replace
from pathlib import Path

from tqdm import tqdm

from model.engine.backends import make_engine
from model.engine.work import Sampling
from model.generate import continue_score
from model.registry import load
from music.errors import TradefoursError
from music.files import read_midi, save_midi
from music.measures import Measures, best_scale, measure
from music.piano_roll import draw_piano_roll
from music.score import Score
from music.time import MeterMap, Tick
from server.outputs import check_output


def generate_file(
    source: Path,
    target: Path,
    *,
    bars: int,
    model: str,
    seed: int,
    prompt_bars: int | None,
    png: Path | None,
    temperature: float,
    top_p: float,
    min_p: float,
) -> None:
    check_output(target)
    check_output(png, ending=".png")
    sampling = Sampling(temperature=temperature, top_p=top_p, min_p=min_p)
    prompt = first_bars(read_midi(source), prompt_bars)
    engine = make_engine(load(model))
    with tqdm(total=bars, desc=f"{model} plays", unit=" bars") as bar:
        whole = continue_score(engine, prompt, bars=bars, sampling=sampling, seed=seed, progress=bar.update)
    save_midi(whole, target)
    joint = bar_after(prompt)
    if png is not None:
        title = f"{source.name}: {bars} bars by {model}, seed {seed} (amber)"
        draw_piano_roll(whole, png, new_from=joint, title=title)
    scale = best_scale([note for note in prompt.notes if not prompt.parts[note.part].is_drums])
    end = bars_on(whole, joint, bars)
    print(measures_table(measure(prompt, Tick(0), joint, scale=scale), measure(whole, joint, end, scale=scale)))


def first_bars(score: Score, bars: int | None) -> Score:
    if bars is None:
        return score
    end = bars_on(score, Tick(0), bars)
    kept = tuple(
        note if note.end <= end else replace(note, duration=end - note.onset)
        for note in score.notes
        if note.onset < end
    )
    if not kept:
        raise TradefoursError(f"expected notes in the first {bars} bars, got none")
    return replace(score, notes=kept)


def bars_on(score: Score, start: Tick, bars: int) -> Tick:
    """The bar line `bars` bars after the one at `start`."""
    meters = MeterMap(score.meters)
    bar = meters.bar_at(start)
    for _ in range(bars):
        bar = meters.next_bar(bar)
    return bar.tick


def bar_after(score: Score) -> Tick:
    """The first bar line after the last onset: where a continuation begins."""
    meters = MeterMap(score.meters)
    last = max(note.onset for note in score.notes)
    return meters.next_bar(meters.bar_at(last)).tick


def measures_table(prompt: Measures, continuation: Measures) -> str:
    rows = ["| | prompt | continuation |", "|---|---|---|"]
    for field in fields(Measures):
        before, after = getattr(prompt, field.name), getattr(continuation, field.name)
        shown = "{:.2f}" if isinstance(before, float) else "{}"
        rows.append(f"| {field.name.replace('_', ' ')} | {shown.format(before)} | {shown.format(after)} |")
    return "\n".join(rows)
