"""A continued score: its own notes untouched, new ones after them, however long it grows."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.engine.torch_engine import TorchEngine, TorchSequence
from model.engine.work import Drawn, Sampling, Step
from model.generate import SMALLEST_CAPACITY, continue_score
from model.networks.config import Sharing
from model.tokens.codec import decode, encode_score, header_of, on_grid, read_state
from model.tokens.vocabulary import BAR, METERS, STYLE, STYLES, TICKS_PER_STEP, meter_index
from music.errors import BadSetting
from music.score import DRUMS, Note, Part, Score
from music.time import FREE, Meter, MeterChange, MeterMap, Tempo, Tick
from tests.model.random_networks import random_network
from tests.model.scores import any_scores

PLAIN = Sampling()
BAR_TICKS = 1920


class Overheard(TorchEngine):
    """Remembers what its sequences were first given."""

    def __init__(self, *, context: int) -> None:
        super().__init__(random_network(Sharing.ROUTED, context=context), threads=1, max_sequences=1)
        self.prompts: list[tuple[int, ...]] = []
        self.seeds: list[int] = []

    def open(self, seed: int) -> TorchSequence:
        self.seeds.append(seed)
        return super().open(seed)

    def run(self, work: Sequence[tuple[TorchSequence, Step]]) -> list[Drawn]:
        self.prompts += [step.append for _, step in work if step.keep == 0]
        return super().run(work)


def tune(bars: int, *, meters: tuple[MeterChange, ...] = ()) -> Score:
    """Quarters in two parts, each bar from its own pitch on, a little off the grid."""
    notes = [
        Note(Tick(bar * BAR_TICKS + quarter * 480 + 3), part, 40 + bar % 40 + quarter + 12 * part, 70, 401)
        for bar in range(bars)
        for quarter in range(4)
        for part in range(2)
    ]
    return Score((Part(0, "left"), Part(33, "right")), tuple(sorted(notes)), (Tempo.from_bpm(100),), meters)


def new_notes(before: Score, after: Score) -> list[Note]:
    return [note for note in after.notes if note not in set(before.notes)]


@given(any_scores, st.integers(1, 2), st.integers(0, 9))
@settings(max_examples=15)
def test_the_given_notes_stay_and_new_ones_come_in_the_bars_asked_for(score: Score, bars: int, seed: int) -> None:
    engine = Overheard(context=256)
    after = continue_score(engine, score, bars=bars, sampling=PLAIN, seed=seed)
    added = new_notes(score, after)
    assert sorted([*score.notes, *added]) == list(after.notes)
    assert after.parts == score.parts
    assert after.tempos == score.tempos
    assert engine.kv_bytes == 0
    line = read_state(encode_score(score, end=False)).bar_end * TICKS_PER_STEP
    meter = METERS[meter_index(MeterMap(score.meters).bar_at(Tick(line)).meter)]
    assert all(line <= note.onset < line + bars * meter.bar_ticks for note in added)
    assert [on_grid(note) for note in added] == added


def test_new_bars_begin_at_the_bar_line_after_the_last_onset() -> None:
    for seed in range(5):
        after = continue_score(Overheard(context=512), tune(3), bars=2, sampling=PLAIN, seed=seed)
        added = new_notes(tune(3), after)
        assert added
        assert all(3 * BAR_TICKS <= note.onset < 5 * BAR_TICKS for note in added)


def test_the_last_meter_goes_on() -> None:
    waltz = (MeterChange(Tick(0), Meter()), MeterChange(Tick(2 * BAR_TICKS), Meter(3, 4)))
    score = tune(3, meters=waltz)  # two bars of 4/4, then 1 1/3 of 3/4
    end = 2 * BAR_TICKS + 2 * 1440
    onsets = [
        note.onset
        for seed in range(12)
        for note in new_notes(score, continue_score(Overheard(context=512), score, bars=1, sampling=PLAIN, seed=seed))
    ]
    assert end <= min(onsets)
    assert end + 1200 < max(onsets) < end + 1440


def test_a_meter_after_the_last_note_is_left_out() -> None:
    later = (MeterChange(Tick(0), Meter()), MeterChange(Tick(9 * BAR_TICKS), Meter(3, 4)))
    after = continue_score(Overheard(context=512), tune(2, meters=later), bars=1, sampling=PLAIN, seed=0)
    assert after.meters == later[:1]


def test_the_same_seed_writes_the_same_and_another_does_not() -> None:
    one, two, other = (
        continue_score(Overheard(context=256), tune(4), bars=6, sampling=PLAIN, seed=seed) for seed in (3, 3, 4)
    )
    assert one == two
    assert one != other


def test_the_prompt_is_the_header_and_the_last_bars_that_fit_in_half() -> None:
    engine = Overheard(context=400)
    continue_score(engine, tune(60), bars=1, sampling=PLAIN, seed=0, style="jazz")
    prompt = engine.prompts[0]
    header = header_of(tune(60), "jazz").tokens()
    assert list(prompt[: len(header)]) == header
    assert STYLE[STYLES.index("jazz")] in prompt
    bar_tokens = 1 + 4 * (1 + 2 * 4)
    assert 200 - bar_tokens < len(prompt) <= 200
    assert prompt[-1] in BAR
    heard = decode(prompt).notes
    shift = heard[0].onset - (60 * BAR_TICKS - len(heard) // 8 * BAR_TICKS)
    expected = [on_grid(note) for note in tune(60).notes[-len(heard) :]]
    assert [replace(note, onset=Tick(note.onset - shift)) for note in heard] == expected


def test_the_tempo_and_meter_of_the_prompt_are_those_of_its_first_bar() -> None:
    changed = replace(
        tune(60, meters=(MeterChange(Tick(0), FREE), MeterChange(Tick(BAR_TICKS), Meter(2, 4)))),
        tempos=(Tempo.from_bpm(60), Tempo.from_bpm(200, Tick(BAR_TICKS))),
    )
    engine = Overheard(context=400)
    continue_score(engine, changed, bars=1, sampling=PLAIN, seed=0)
    heard = decode(engine.prompts[0])
    assert heard.meters == (MeterChange(Tick(0), Meter(2, 4)),)
    assert heard.tempos[0].bpm == pytest.approx(200, rel=0.04)


def test_a_full_context_begins_again_with_the_last_bars() -> None:
    engine = Overheard(context=160)
    score = tune(2)
    after = continue_score(engine, score, bars=12, sampling=PLAIN, seed=1)
    assert len(engine.prompts) > 2
    assert len(set(engine.seeds)) == len(engine.prompts)  # the dice of one stretch do not fall again in the next
    assert max(map(len, engine.prompts)) <= 80
    for prompt in engine.prompts[1:]:  # what it hears is what it wrote
        heard = [(note.part, note.pitch, note.duration) for note in decode(prompt).notes]
        written = [(note.part, note.pitch, note.duration) for note in map(on_grid, after.notes)]
        assert any(written[i : i + len(heard)] == heard for i in range(len(written)))
    added = new_notes(score, after)
    assert max(note.onset for note in added) >= 12 * BAR_TICKS
    assert len({(note.onset, note.part, note.pitch) for note in added}) == len(added)


def test_progress_is_told_once_a_bar_even_when_the_context_fills_up() -> None:
    engine, told = Overheard(context=160), []
    continue_score(engine, tune(2), bars=9, sampling=PLAIN, seed=1, progress=lambda: told.append(len(engine.prompts)))
    assert len(told) == 9
    assert told[-1] > 1


def test_of_a_bar_too_dense_to_fit_its_last_notes_are_heard() -> None:
    thick = tuple(Note(Tick(step * 10), 0, pitch, 70, 10) for step in range(0, 190, 10) for pitch in range(20, 100, 4))
    engine = Overheard(context=SMALLEST_CAPACITY)
    after = continue_score(engine, Score((Part(DRUMS),), thick), bars=4, sampling=PLAIN, seed=0)
    assert set(thick) <= set(after.notes)
    assert all(len(prompt) <= SMALLEST_CAPACITY // 2 for prompt in engine.prompts)


def test_an_empty_score_is_filled_from_its_first_bar_on() -> None:
    empty = Score((Part(0),), ())
    after = continue_score(Overheard(context=256), empty, bars=2, sampling=PLAIN, seed=0)
    assert after.notes
    assert after.notes[-1].onset < 2 * BAR_TICKS
    assert after.notes[0].onset < BAR_TICKS


@pytest.mark.parametrize("bars", [0, -1])
def test_no_bars_are_refused(bars: int) -> None:
    with pytest.raises(BadSetting, match=f"expected at least one bar to write, got {bars}"):
        continue_score(Overheard(context=256), tune(1), bars=bars, sampling=PLAIN, seed=0)


def test_an_engine_too_small_is_refused() -> None:
    with pytest.raises(BadSetting, match="expected an engine that holds 128 tokens, got 127"):
        continue_score(Overheard(context=127), tune(1), bars=1, sampling=PLAIN, seed=0)


def test_a_style_that_nobody_knows_is_refused() -> None:
    with pytest.raises(BadSetting, match="expected a style of"):
        continue_score(Overheard(context=256), tune(1), bars=1, sampling=PLAIN, seed=0, style="polka")
