"""`tradefours generate`: a file in, its continuation out, with numbers beside it."""

from dataclasses import fields
from pathlib import Path

from tqdm import tqdm

from model.engine.backends import make_engine
from model.engine.work import Sampling
from model.generate import continue_score
from model.registry import load
from music.files import read_midi, save_midi
from music.measures import Measures, best_scale, measure
from music.piano_roll import draw_piano_roll
from music.time import Tick
from server.composing import bar_after, bars_on, first_bars
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


def measures_table(prompt: Measures, continuation: Measures) -> str:
    rows = ["| | prompt | continuation |", "|---|---|---|"]
    for field in fields(Measures):
        before, after = getattr(prompt, field.name), getattr(continuation, field.name)
        shown = "{:.2f}" if isinstance(before, float) else "{}"
        rows.append(f"| {field.name.replace('_', ' ')} | {shown.format(before)} | {shown.format(after)} |")
    return "\n".join(rows)
