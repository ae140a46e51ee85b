"""What goes in comes out: exact on the grid, within half a step beside it."""

import csv
from itertools import accumulate, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.tokens.codec import (
    Encoder,
    Header,
    decode,
    duration_token,
    encode_score,
    header_of,
    on_grid,
    read_state,
    unison_free,
)
from model.tokens.grammar import BadToken, advance
from model.tokens.vocabulary import (
    BAR,
    BEGIN,
    DURATION_STEPS,
    END,
    METER,
    STYLES,
    TEMPOS,
    TICKS_PER_STEP,
    VELOCITY_WIDTH,
    bar_steps,
    bpm_of,
    meter_index,
    tempo_index,
)
from music.errors import BadMidi, BadSetting
from music.files import read_midi
from music.score import DRUMS, Note, Part, Score
from music.time import FREE, Meter, MeterChange, MeterMap, Tick
from tests.model.scores import any_scores, grid_scores

LONGEST = DURATION_STEPS[-1] * TICKS_PER_STEP


def note(onset: int, pitch: int = 60, *, part: int = 0, velocity: int = 66, duration: int = 480) -> Note:
    return Note(Tick(onset), part, pitch, velocity, duration)


def solo(*notes: Note, meters: tuple[MeterChange, ...] = ()) -> Score:
    return Score((Part(0),), tuple(sorted(notes)), meters=meters)


@given(grid_scores)
def test_notes_on_the_grid_come_back_to_the_tick(score: Score) -> None:
    longest: dict[tuple[int, int, int], Note] = {}
    for each in score.notes:  # of unisons the longest stays
        key = (each.onset, each.part, each.pitch)
        if key not in longest or each.duration > longest[key].duration:
            longest[key] = each
    decoded = decode(encode_score(score))
    assert decoded.notes == tuple(longest.values())
    assert [part.program for part in decoded.parts] == [part.program for part in score.parts]


@given(any_scores)
def test_notes_beside_the_grid_come_back_nearby(score: Score) -> None:
    decoded = decode(encode_score(score)).notes
    assert decoded == tuple(unison_free(score.notes))
    by_key = {(n.onset, n.part, n.pitch): n for n in decoded}
    for each in score.notes:
        there = on_grid(each)
        assert abs(there.onset - each.onset) * 2 <= TICKS_PER_STEP
        assert there.velocity // VELOCITY_WIDTH == each.velocity // VELOCITY_WIDTH
        assert by_key[there.onset, there.part, there.pitch].duration >= there.duration


@given(st.integers(1, 10_000))
def test_a_duration_comes_back_as_the_nearest_of_the_table(duration: int) -> None:
    came = on_grid(note(0, duration=duration)).duration
    if duration <= 48 * TICKS_PER_STEP:
        assert abs(came - duration) * 2 <= TICKS_PER_STEP or came == TICKS_PER_STEP
    nearest = min(abs(steps * TICKS_PER_STEP - min(duration, LONGEST)) for steps in DURATION_STEPS)
    assert abs(came - min(duration, LONGEST)) <= nearest + TICKS_PER_STEP


@given(any_scores)
def test_a_second_round_trip_changes_nothing(score: Score) -> None:
    once = decode(encode_score(score))
    assert decode(encode_score(once)).notes == once.notes


@given(any_scores)
def test_notes_one_by_one_are_the_whole_piece(score: Score) -> None:
    tokens = header_of(score).tokens()
    encoder = Encoder(MeterMap(score.meters), read_state(tokens))
    for each in unison_free(score.notes):
        # As live play writes it: the onset when the key goes down, the duration when it comes up.
        tokens += encoder.onset(each)
        duration = duration_token(each.duration)
        encoder.state = advance(encoder.state, duration)
        tokens.append(duration)
    assert tokens == encode_score(score, end=False)


@given(any_scores)
def test_a_prefix_decodes_to_the_notes_that_it_has_finished(score: Score) -> None:
    tokens = encode_score(score)
    whole = decode(tokens).notes
    for length in {len(tokens) // 2, len(tokens) - 1}:
        part = decode(tokens[:length]).notes
        assert part == whole[: len(part)]


@given(any_scores)
def test_bars_have_the_length_that_their_meter_says(score: Score) -> None:
    tokens = encode_score(score)
    states = list(accumulate(tokens, advance, initial=read_state([])))[1:]
    meters = MeterMap(score.meters)
    finished = [state for state, after in pairwise(states) if after.bars > state.bars > 0]
    for state in finished:
        meter = meters.bar_at(Tick(state.bar_start * TICKS_PER_STEP)).meter
        assert state.bar_length == bar_steps(meter_index(meter))


def test_a_change_inside_a_bar_waits_for_the_next_bar_line() -> None:
    score = solo(note(0), note(1920), meters=(MeterChange(Tick(0), Meter()), MeterChange(Tick(960), Meter(3, 4))))
    decoded = decode(encode_score(score))
    assert decoded.notes == (note(0), note(1920))
    assert decoded.meters == (MeterChange(Tick(0), Meter()), MeterChange(Tick(1920), Meter(3, 4)))


def test_unmetered_music_says_so_in_its_header() -> None:
    score = solo(note(0), meters=(MeterChange(Tick(0), FREE),))
    assert METER[meter_index(FREE)] in encode_score(score)
    assert decode(encode_score(score)).meters == (MeterChange(Tick(0), FREE),)


@pytest.mark.parametrize(
    ("meter", "becomes"), [(Meter(9, 4), Meter(3, 4)), (Meter(11, 32), Meter(4, 4)), (Meter(12, 8), Meter(12, 8))]
)
def test_a_meter_that_the_table_lacks_becomes_one_that_divides_its_bar(meter: Meter, becomes: Meter) -> None:
    assert decode(encode_score(solo(note(0), meters=(MeterChange(Tick(0), meter),)))).meters[0].meter == becomes


def test_a_piece_without_notes_is_a_header_without_an_end() -> None:
    tokens = encode_score(solo())
    assert tokens[0] == BEGIN[0]
    assert END[0] not in tokens
    assert decode(tokens).parts == (Part(0),)


def test_a_note_still_without_its_duration_is_left_out() -> None:
    assert decode(encode_score(solo(note(0), note(480)), end=False)[:-1]).notes == (note(0),)


def test_of_a_unison_the_longer_stays() -> None:
    assert unison_free([note(0, duration=480), note(3, duration=960), note(0, 64)]) == [
        note(0, duration=960),
        note(0, 64),
    ]


def test_a_header_needs_a_part() -> None:
    with pytest.raises(BadSetting, match="at least one part"):
        Header(programs={})


def test_a_header_names_the_styles_that_it_knows() -> None:
    assert decode(Header(programs={0: DRUMS}, style=STYLES[-1]).tokens()).parts == (Part(DRUMS),)
    with pytest.raises(BadSetting, match=r"expected a style of folk, .*, got 'polka'"):
        Header(programs={0: 0}, style="polka")


@given(st.floats(30, 300))
def test_a_tempo_comes_back_within_four_percent(bpm: float) -> None:
    assert bpm_of(tempo_index(bpm)) == pytest.approx(bpm, rel=0.04)


@given(st.integers(0, TEMPOS - 1))
def test_the_tempos_of_the_table_are_exact(index: int) -> None:
    assert tempo_index(bpm_of(index)) == index


def test_tokens_in_a_wrong_order_are_refused_by_name() -> None:
    tokens = encode_score(solo(note(0)), end=False)
    with pytest.raises(BadToken, match=r"^expected velocity, got bar$"):
        decode([*tokens[:-2], BAR[0]])


@pytest.mark.corpus
def test_real_music_survives_the_round_trip(corpus_dir: Path) -> None:
    with (corpus_dir / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    wanted, compared = 200, 0
    for row in rows[:: len(rows) // wanted]:
        try:
            score = read_midi(corpus_dir / row["path"])
        except BadMidi:
            continue
        score = Score(score.parts, score.notes[:600], score.tempos, score.meters)
        decoded = decode(encode_score(score))
        assert decoded.notes == tuple(unison_free(score.notes)), row["path"]
        assert [part.program for part in decoded.parts] == [part.program for part in score.parts]
        compared += 1
    assert compared >= 0.9 * wanted


def test_a_meter_whose_bars_are_as_long_as_the_last_ones_is_written_too() -> None:
    waltz, jig = Meter(3, 4), Meter(6, 8)
    notes = tuple(Note(Tick(i * 720), 0, 60, 62, 240) for i in range(8))
    score = Score((Part(),), notes, meters=(MeterChange(Tick(0), waltz), MeterChange(Tick(2880), jig)))
    assert decode(encode_score(score)).meters == score.meters
