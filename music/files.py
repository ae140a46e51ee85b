"""MIDI files to scores and back. Knows no tokens, and nothing of live playing."""

import io
import stat
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from itertools import chain
from operator import itemgetter
from pathlib import Path

import mido

from music.errors import BadMidi
from music.limits import DEFAULT_LIMITS, MidiLimits
from music.messages import CONTROL, NOTE_ON, PEDAL_DOWN, PROGRAM
from music.score import DRUMS, Note, Part, Score
from music.smf import ChannelEvent, RawFile, read_smf
from music.time import FREE, TICKS_PER_QUARTER, Meter, MeterChange, MeterMap, Tempo, TempoMap, Tick

MOST_PARTS = 16
DRUM_CHANNEL = 9  # "10" on every instrument
UNMETERED = "unmetered"  # a marker of ours: MIDI files can say every meter, but not that there is none

Key = tuple[int, int, int]  # track, channel, pitch
Voice = tuple[int, int, int]  # track, channel, program: what becomes a part
Span = tuple[int, int, int, int]  # pitch, onset, end, velocity
Timed = tuple[int, int, mido.Message | mido.MetaMessage]  # tick, rank at that tick, message


class NoNotes(BadMidi):
    """A MIDI file like any other, but silent."""


def read_midi(source: Path | bytes, limits: MidiLimits = DEFAULT_LIMITS) -> Score:
    """A file, or its bytes, as a score: 480 ticks to the quarter, a part for every track, channel and program.

    Raises BadMidi, and nothing else, for whatever is not a MIDI file with notes within `limits`.

    - A note without an end lasts to the last note-off of its pitch in that track, else to the end of the track.
    - The sustain pedal is a channel's, in whichever track it stands: notes last until it comes up.
    - A note that is struck again while it sounds ends there; of several at one tick the longest stays.
    - Of more than 16 parts, the smallest join the largest of the same program, until 16 are left;
      where that is not enough, the smallest are left out.
    """
    raw = read_smf(source if isinstance(source, bytes) else _load(source, limits), limits)
    voices = _voices(raw)
    if not voices:
        raise NoNotes("expected a MIDI file with notes, got none")
    kept = _at_most(MOST_PARTS, voices)
    score = Score(
        parts=tuple(Part(program, raw.names.get(track, "")) for track, _, program in kept),
        notes=_notes(kept.values(), raw),
        tempos=_tempos(raw),
        meters=_meters(raw),
    )
    seconds = TempoMap(score.tempos).nanos_at(score.end) / 1e9
    if seconds > limits.seconds:
        raise BadMidi(f"expected a piece of at most {limits.seconds} seconds, got {seconds:.0f}")
    if len(score.meters) > limits.meters:
        raise BadMidi(f"expected at most {limits.meters} changes of meter, got {len(score.meters)}")
    return score


def save_midi(score: Score, path: Path) -> None:
    path.write_bytes(write_midi(score))


def write_midi(score: Score, markers: Iterable[tuple[Tick, str]] = ()) -> bytes:
    """A file of format 1: tempo, meter and markers in the first track, then a track for every part.

    Every part has a channel of its own, drums all have channel 10; a sixteenth melodic part shares the first's.
    Read again it is the same score, with its first tempo and meter at tick 0 and without parts that have no notes.
    """
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_QUARTER, charset="utf-8")
    told = ((tick, 1, mido.MetaMessage("marker", text=text)) for tick, text in markers)
    file.tracks.append(_track(chain(_conductor(score), told)))
    by_part: list[list[Note]] = [[] for _ in score.parts]
    for note in score.notes:
        by_part[note.part].append(note)
    melodic = [channel for channel in range(16) if channel != DRUM_CHANNEL]
    pitched = 0
    for part, notes in zip(score.parts, by_part, strict=True):
        channel = DRUM_CHANNEL if part.is_drums else melodic[pitched % len(melodic)]
        pitched += not part.is_drums
        file.tracks.append(_track(_part_messages(part, notes, channel)))
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


# ---- reading -----------------------------------------------------------------------------------------


def _load(path: Path, limits: MidiLimits) -> bytes:
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):  # reading a pipe could wait for ever
            raise BadMidi(f"expected a MIDI file, got {path}, which is not a file")
        if about.st_size > limits.file_bytes:
            raise BadMidi(f"expected a MIDI file of at most {limits.file_bytes} bytes, got {about.st_size} in {path}")
        with path.open("rb") as file:
            return file.read(limits.file_bytes + 1)  # it may have grown
    except OSError as error:
        raise BadMidi(f"expected a MIDI file at {path}, got: {error.strerror or error}") from error
    except ValueError as error:  # a name that no file can have
        raise BadMidi(f"expected a MIDI file at {path!r}, got: {error}") from error


def _voices(raw: RawFile) -> dict[Voice, list[Span]]:
    """The notes of every voice in the file's own ticks, the pedal folded in."""
    voices: defaultdict[Voice, list[Span]] = defaultdict(list)
    held: defaultdict[Key, deque[tuple[int, int, Voice]]] = defaultdict(deque)  # onset, velocity
    offs: dict[Key, int] = {}  # the newest
    ringing: defaultdict[int, list[tuple[int, int, int, Voice]]] = defaultdict(list)  # the key is up, the pedal down
    pedals: set[int] = set()  # channels whose pedal is down
    programs: dict[tuple[int, int], int] = {}  # by track and channel, and by channel alone as of track -1
    for tick, track, kind, channel, first, second in _in_order(raw.events):
        key = track, channel, first
        if kind == PROGRAM:
            programs[track, channel] = programs[-1, channel] = first
        elif kind == NOTE_ON and second:
            program = programs.get((track, channel), programs.get((-1, channel), 0))
            held[key].append((tick, second, (track, channel, DRUMS if channel == DRUM_CHANNEL else program)))
        elif kind != CONTROL:
            offs[key] = tick
            if held.get(key):
                onset, velocity, voice = held[key].popleft()
                if channel in pedals:
                    ringing[channel].append((first, onset, velocity, voice))
                else:
                    voices[voice].append((first, onset, tick, velocity))
        elif second >= PEDAL_DOWN:
            pedals.add(channel)
        else:
            pedals.discard(channel)
            for pitch, onset, velocity, voice in ringing.pop(channel, ()):
                voices[voice].append((pitch, onset, tick, velocity))
    for pitch, onset, velocity, voice in chain.from_iterable(ringing.values()):
        voices[voice].append((pitch, onset, raw.ends[voice[0]], velocity))
    for key, notes in held.items():
        for onset, velocity, voice in notes:
            off = offs.get(key, 0)
            voices[voice].append((key[2], onset, off if off > onset else raw.ends[key[0]], velocity))
    return dict(sorted(voices.items()))


def _in_order(events: list[ChannelEvent]) -> list[ChannelEvent]:
    """All tracks as one; a program counts for notes of its own tick, even of tracks before it."""
    return sorted(events, key=lambda event: event[0] * 2 + (event[2] != PROGRAM))


def _at_most(most: int, voices: dict[Voice, list[Span]]) -> dict[Voice, list[Span]]:
    """Consumes `voices`."""
    by_size = sorted(voices, key=lambda voice: len(voices[voice]))
    largest = {program: (track, channel, program) for track, channel, program in by_size}
    kept = dict(voices)
    for voice in by_size:
        if len(kept) > most and (home := largest[voice[2]]) != voice:
            kept[home] += kept.pop(voice)
    for voice in by_size:
        if len(kept) > most:
            kept.pop(voice, None)
    return kept


def _notes(parts: Iterable[list[Span]], raw: RawFile) -> tuple[Note, ...]:
    """At 480 ticks to the quarter. Onsets and ends are rounded, not durations, so what touched still touches."""
    notes = []
    for part, spans in enumerate(parts):
        rounded = sorted(
            (pitch, raw.score_tick(on), raw.score_tick(end), velocity) for pitch, on, end, velocity in spans
        )
        for (pitch, onset, end, velocity), after in zip(rounded, [*rounded[1:], None], strict=True):
            if after and after[0] == pitch:
                if after[1] == onset:
                    continue  # `after` is at least as long
                end = min(end, after[1])
            notes.append((onset, part, pitch, velocity, max(1, end - onset)))
    return tuple(Note(*note) for note in sorted(notes))


def _tempos(raw: RawFile) -> tuple[Tempo, ...]:
    paces = {Tick(0): 500_000}  # what MIDI files begin with, if they say nothing
    paces.update((raw.score_tick(tick), pace) for tick, pace in sorted(raw.tempos, key=itemgetter(0)))
    return tuple(Tempo(tick, pace) for tick, pace in paces.items())


def _meters(raw: RawFile) -> tuple[MeterChange, ...]:
    meters = {Tick(0): Meter()}
    for tick, numerator, denominator in sorted(raw.meters, key=itemgetter(0)):
        meters[raw.score_tick(tick)] = Meter(numerator, denominator)
    meters.update((raw.score_tick(tick), FREE) for tick, text in raw.markers if text == UNMETERED)
    return tuple(MeterChange(tick, meter) for tick, meter in sorted(meters.items(), key=itemgetter(0)))


# ---- writing -----------------------------------------------------------------------------------------


def _conductor(score: Score) -> Iterator[Timed]:
    for tempo in TempoMap(score.tempos).changes:
        yield tempo.tick, 0, mido.MetaMessage("set_tempo", tempo=tempo.us_per_quarter)
    for change in MeterMap(score.meters).changes:
        above, below = change.meter.numerator or 4, change.meter.denominator
        yield change.tick, 0, mido.MetaMessage("time_signature", numerator=above, denominator=below)
        if not change.meter.numerator:
            yield change.tick, 0, mido.MetaMessage("marker", text=UNMETERED)


def _part_messages(part: Part, notes: Iterable[Note], channel: int) -> Iterator[Timed]:
    if part.name:
        yield 0, 0, mido.MetaMessage("track_name", name=part.name)
    if not part.is_drums:
        yield 0, 0, mido.Message("program_change", channel=channel, program=part.program)
    for note in notes:
        yield note.end, 0, mido.Message("note_off", channel=channel, note=note.pitch)
        yield note.onset, 1, mido.Message("note_on", channel=channel, note=note.pitch, velocity=note.velocity)


def _track(messages: Iterable[Timed]) -> mido.MidiTrack:
    """In the order of ticks; at one tick, a note ends before it is struck again."""
    track, now = mido.MidiTrack(), 0
    for tick, _, message in sorted(messages, key=itemgetter(0, 1)):
        message.time, now = tick - now, tick
        track.append(message)
    return track
