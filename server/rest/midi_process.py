"""`python -m server.rest.midi_process`: reads MIDI files that strangers have sent, and may be killed for it.

Knows no server: on stdin comes a file, on stdout goes its score or why there is none, each with its length before it,
until stdin ends. Where the system can, a file has so much processor time, and the process so much memory.
"""

import signal
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any, Final

import msgpack

from music.errors import BadMidi
from music.files import read_midi
from music.score import Note, Part, Score
from music.time import Meter, MeterChange, Tempo, Tick

PROCESSOR_S: Final = 1.0  # for a file of no size, and
BYTES_PER_S: Final = 100_000  # one second more for so many of its bytes, but
MOST_S: Final = 5.0  # in all: the worst within the limits of `music`, 600 KB, takes 1 s, and 4 on a busy machine
MEMORY: Final = 256 * 2**20  # of addresses; it takes 150 MB
LENGTH: Final = struct.Struct(">I")


def packed(score: Score) -> bytes:
    fields = (
        [(part.program, part.name) for part in score.parts],
        [(note.onset, note.part, note.pitch, note.velocity, note.duration) for note in score.notes],
        [(tempo.tick, tempo.us_per_quarter) for tempo in score.tempos],
        [(change.tick, change.meter.numerator, change.meter.denominator) for change in score.meters],
    )
    return bytes(msgpack.packb(fields))


def unpacked(fields: Any) -> Score:
    parts, notes, tempos, meters = fields
    return Score(
        parts=tuple(Part(*part) for part in parts),
        notes=tuple(Note(*note) for note in notes),
        tempos=tuple(Tempo(*tempo) for tempo in tempos),
        meters=tuple(MeterChange(Tick(tick), Meter(*meter)) for tick, *meter in meters),
    )


def put(file: IO[bytes], message: bytes) -> None:
    file.write(LENGTH.pack(len(message)) + message)
    file.flush()


def take(file: IO[bytes]) -> bytes | None:
    """None at the end, also in the midst of a message."""
    head = file.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    message = file.read(length)
    return message if len(message) == length else None


def answer(midi: bytes, read: Callable[[bytes], Score]) -> bytes:
    try:
        return packed(read(midi))
    except BadMidi as error:
        return bytes(msgpack.packb(str(error)))


def main(read: Callable[[bytes], Score] = read_midi) -> None:
    """`read` may do its worst."""
    _limit_memory()
    while (midi := take(sys.stdin.buffer)) is not None:
        _limit_processor(min(MOST_S, PROCESSOR_S + len(midi) / BYTES_PER_S))
        told = answer(midi, read)
        _limit_processor(0)
        put(sys.stdout.buffer, told)


if sys.platform == "win32":

    def _limit_memory() -> None:
        """It has none."""

    def _limit_processor(seconds: float) -> None:
        """It has none: the parent's clock remains."""

else:
    import resource

    def _limit_memory() -> None:
        with suppress(ValueError, OSError):  # macOS has such a limit, and refuses it
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

    def _limit_processor(seconds: float) -> None:
        """When it is over the process dies of the signal, whatever it does."""
        signal.setitimer(signal.ITIMER_PROF, seconds)


if __name__ == "__main__":
    main()
