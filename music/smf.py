"""The bytes of a Standard MIDI File to plain events, within limits. Knows no notes, parts or scores.

One pass over the bytes, so that a limit stops the reading before anything large has been made.
"""

import struct
from dataclasses import dataclass, field

from music.errors import BadMidi
from music.limits import MidiLimits
from music.messages import CONTROL, NOTE_ON, PROGRAM, SUSTAIN, SYSTEM
from music.time import TICKS_PER_QUARTER, Tick

TRACK_NAME, MARKER, END_OF_TRACK, SET_TEMPO, TIME_SIGNATURE = 0x03, 0x06, 0x2F, 0x51, 0x58
LONGEST_DELTA = 2**28 - 1  # what a variable-length quantity of four bytes holds

# (tick, track, kind, channel, first data byte, second data byte): a bare tuple, for there may be 200,000.
ChannelEvent = tuple[int, int, int, int, int, int]


@dataclass(slots=True)
class RawFile:
    """What a file says, in the order of its bytes, in its own ticks: `division` to the quarter note."""

    division: int
    events: list[ChannelEvent] = field(default_factory=list)  # notes, programs and the sustain pedal
    tempos: list[tuple[int, int]] = field(default_factory=list)  # tick, microseconds to the quarter
    meters: list[tuple[int, int, int]] = field(default_factory=list)  # tick, numerator, denominator
    markers: list[tuple[int, str]] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)  # by track
    ends: list[int] = field(default_factory=list)  # by track, the tick of its last event
    seen: int = 0  # events of every kind

    def score_tick(self, tick: int) -> Tick:
        """The nearest of our ticks, 480 to the quarter note."""
        return Tick((tick * TICKS_PER_QUARTER * 2 + self.division) // (self.division * 2))


def read_smf(data: bytes, limits: MidiLimits) -> RawFile:
    """Raises BadMidi for bytes that are no MIDI file of format 0 or 1, are damaged, or are beyond `limits`."""
    if len(data) > limits.file_bytes:
        raise BadMidi(f"expected a MIDI file of at most {limits.file_bytes} bytes, got {len(data)}")
    division, tracks = _read_header(data, limits)
    raw = RawFile(division)
    at = 14
    while len(raw.ends) < tracks:
        if at + 8 > len(data):
            raise BadMidi(f"expected {tracks} tracks, got {len(raw.ends)} in {len(data)} bytes: the file is cut short")
        kind, size = struct.unpack_from(">4sI", data, at)
        at += 8
        if at + size > len(data):
            raise BadMidi(f"expected {size} bytes of chunk at byte {at}, got {len(data) - at}: the file is cut short")
        if kind == b"MTrk":
            _read_track(data[at : at + size], at, raw, limits)
        at += size
    return raw


def _read_header(data: bytes, limits: MidiLimits) -> tuple[int, int]:
    """Returns the division and the number of tracks."""
    if data[:4] != b"MThd":
        raise BadMidi(f"expected a MIDI file, which begins with MThd, got {data[:4]!r} at byte 0")
    if len(data) < 14:
        raise BadMidi(f"expected a header of 14 bytes, got {len(data)}")
    size, form, tracks, division = struct.unpack_from(">IHHH", data, 4)
    if size != 6:
        raise BadMidi(f"expected a header chunk of 6 bytes, got {size} at byte 4")
    if form not in (0, 1):
        raise BadMidi(f"expected MIDI file format 0 or 1, got {form} at byte 8")
    if not 1 <= tracks <= limits.tracks:
        raise BadMidi(f"expected 1 to {limits.tracks} tracks, got {tracks} at byte 10")
    if not 1 <= division <= 32767:
        raise BadMidi(f"expected 1 to 32767 ticks to the quarter note, not SMPTE time, got {division} at byte 12")
    return division, tracks


def _read_track(body: bytes, at: int, raw: RawFile, limits: MidiLimits) -> None:
    """Add a track's events to `raw`. `at` is where `body` lies in the file."""
    track, size, budget = len(raw.ends), len(body), limits.events - raw.seen
    last_tick = min(limits.ticks - 1, LONGEST_DELTA * raw.division // TICKS_PER_QUARTER)
    add = raw.events.append
    i = tick = status = seen = 0
    try:
        while i < size:
            delta = body[i]
            i += 1
            if delta > 127:
                delta, i = _quantity(body, i - 1, at)
            tick += delta
            seen += 1
            if seen > budget or tick > last_tick:
                _refuse_length(tick, last_tick, limits, at + i)
            byte = body[i]
            if byte >= SYSTEM:
                i, ended = _read_long(body, i, at, tick, raw, limits)
                if ended:
                    break
                continue
            if byte > 127:
                status = byte
                i += 1
            elif not status:
                raise BadMidi(f"expected a status byte, got {byte} at byte {at + i}")
            kind = status & 0xF0
            first = body[i]
            if kind in (0xC0, 0xD0):
                second = 0
                i += 1
            else:
                second = body[i + 1]
                i += 2
            if first > 127 or second > 127:
                raise BadMidi(f"expected data bytes of at most 127, got {max(first, second)} before byte {at + i}")
            if kind <= NOTE_ON or kind == PROGRAM or (kind == CONTROL and first == SUSTAIN):
                add((tick, track, kind, status & 15, first, second))
    except IndexError:
        raise BadMidi(f"expected a whole event, got the end of the track at byte {at + size}") from None
    raw.seen += seen
    raw.ends.append(tick)


def _refuse_length(tick: int, last_tick: int, limits: MidiLimits, where: int) -> None:
    if tick > last_tick:
        raise BadMidi(f"expected ticks of at most {last_tick}, got {tick} at byte {where}")
    raise BadMidi(f"expected at most {limits.events} events, got more at byte {where}")


def _read_long(body: bytes, i: int, at: int, tick: int, raw: RawFile, limits: MidiLimits) -> tuple[int, bool]:
    """A meta or sysex event that begins at `body[i]`. Returns where it ends, and whether it ends the track."""
    status, kind = body[i], -1
    if status == 0xFF:
        kind = body[i + 1]
        i += 1
    elif status not in (0xF0, 0xF7):
        raise BadMidi(f"expected an event that files may hold, got status {status:#x} at byte {at + i}")
    size, i = _quantity(body, i + 1, at)
    if size > limits.payload_bytes:
        raise BadMidi(f"expected at most {limits.payload_bytes} bytes in one event, got {size} at byte {at + i}")
    if i + size > len(body):
        raise BadMidi(f"expected {size} bytes of event at byte {at + i}, got {len(body) - i}")
    if kind == SET_TEMPO:
        raw.tempos.append((tick, _tempo(body[i : i + size], at + i)))
    elif kind == TIME_SIGNATURE:
        raw.meters.append((tick, *_meter(body[i : i + size], at + i)))
    elif kind == TRACK_NAME:
        raw.names.setdefault(len(raw.ends), _text(body[i : i + size]))
    elif kind == MARKER:
        raw.markers.append((tick, _text(body[i : i + size])))
    return i + size, kind == END_OF_TRACK


def _quantity(body: bytes, i: int, at: int) -> tuple[int, int]:
    """A variable-length quantity, and where it ends."""
    value = 0
    for j in range(i, i + 4):
        value = value << 7 | body[j] & 0x7F
        if body[j] < 128:
            return value, j + 1
    raise BadMidi(f"expected a length or time of at most 4 bytes, got more at byte {at + i}")


def _tempo(payload: bytes, where: int) -> int:
    if len(payload) != 3 or not any(payload):
        raise BadMidi(f"expected a tempo of 3 bytes and above 0, got {payload[:8].hex() or 'none'} at byte {where}")
    return int.from_bytes(payload)


def _meter(payload: bytes, where: int) -> tuple[int, int]:
    if len(payload) < 2 or payload[0] < 1 or payload[1] > 6:
        raise BadMidi(f"expected a meter such as 4/4 or 6/8, at most n/64, got {payload[:2].hex()} at byte {where}")
    return payload[0], 2 ** payload[1]


def _text(payload: bytes) -> str:
    """Names come as UTF-8 from new programs, in the code page of their time from old ones."""
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return payload.decode("latin-1")
