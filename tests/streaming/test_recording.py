"""What was played can be kept."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from model.tokens.codec import Header
from music.events import NoteOff, NoteOn
from music.files import read_midi, write_midi
from music.score import Note
from music.time import Tick
from streaming.messages import Start, Transport
from streaming.recording import Recording
from tests.streaming.live_set import human_notes, live_set, playing
from tests.streaming.test_modes import BAR, key, steady

HEADER = Header(programs={0: 5, 2: 128}, bpm=90)

notes = st.builds(
    Note,
    st.integers(0, 3000).map(Tick),
    st.sampled_from([0, 2]),
    st.integers(60, 61),
    st.integers(1, 127),
    st.integers(1, 900),
)


@given(st.lists(notes, min_size=1, max_size=30))
def test_a_recording_is_a_file_that_reads_back_and_no_two_notes_of_a_key_overlap(played: list[Note]) -> None:
    recording = Recording()
    for note in played:
        recording.add(note)
    score = recording.score(HEADER, frozenset({0}))
    read = read_midi(write_midi(score)).notes
    assert sorted((n.onset, n.pitch, n.duration) for n in read) == sorted(
        (n.onset, n.pitch, n.duration) for n in score.notes
    )
    assert {(n.onset, 2 * n.part, n.pitch) for n in score.notes} == {(n.onset, n.part, n.pitch) for n in played}
    for part, pitch in {(n.part, n.pitch) for n in score.notes}:
        line = [n for n in score.notes if (n.part, n.pitch) == (part, pitch)]
        assert all(a.end <= b.onset for a, b in pairwise(line))


def test_players_are_apart_and_named() -> None:
    recording = Recording()
    recording.add(Note(Tick(0), 0, 60, 80, 100))
    score = recording.score(HEADER, frozenset({0}))
    assert [(part.name, part.program) for part in score.parts] == [("Human 1", 5), ("Machine 3", 128)]
    assert round(score.tempos[0].bpm) == 90


def test_a_set_is_recorded_as_it_sounded_with_exact_ticks() -> None:
    arrivals = [(Tick(7 + at), event) for at, event in steady(0, 6 * BAR)]
    chord = [event for pitch, at in ((40, 3001), (44, 3005), (47, 3013)) for event in key(at, 333, pitch)]
    played = live_set(Start(mode="duet"), seed=3)
    played.play([*arrivals, *chord], until=30 * BAR)
    score = played.session.recorded()()
    human = [note for note in score.notes if note.part == 0]
    exact = {(on.tick, on.pitch) for _, on in [*arrivals, *chord] if isinstance(on, NoteOn)}
    assert {(note.onset, note.pitch) for note in human} == exact
    machine = [(n.onset, n.pitch) for n in score.notes if n.part == 1]
    assert sorted(machine) == sorted((n.onset, n.pitch) for n in played.listener.sounded())


def test_what_a_stop_cut_is_as_short_as_it_was_and_what_it_took_back_is_not_there() -> None:
    played = live_set(Start(mode="duet", commit_beats=4), seed=3)
    played.play([*steady(0, BAR), (Tick(BAR + 77), Transport(action="stop", tick=BAR + 77))], until=4 * BAR)
    machine = [note for note in played.session.recorded()().notes if note.part == 1]
    assert machine
    assert all(note.end <= BAR + 77 for note in machine)


def test_the_count_in_is_no_music() -> None:
    played = live_set(Start(mode="trade", count_in_bars=2))
    played.play([], until=3 * BAR)
    assert played.listener.sounded()
    assert played.session.recorded()().notes == ()


@given(playing())
def test_every_finished_key_is_recorded_once(arrivals: list[tuple[Tick, NoteOn | NoteOff]]) -> None:
    played = live_set(Start(mode="answer"))
    played.play(arrivals, until=60_000)
    recorded = {(n.onset, n.pitch) for n in played.session.recorded()().notes if n.part == 0}
    assert len(recorded) >= len({n.pitch for n in human_notes(arrivals, 9600)})
    assert recorded <= {(on.tick, on.pitch) for _, on in arrivals if isinstance(on, NoteOn)}
