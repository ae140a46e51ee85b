"""A process that reads MIDI files and does to itself what the worst of them could."""

import os
import time

from music.files import read_midi
from music.score import Score
from server.rest import midi_process


def read(midi: bytes) -> Score:
    match midi:
        case b"hangs":
            while True:
                pass
        case b"sleeps":
            time.sleep(3600)
        case b"eats":
            hoard = []
            while True:
                hoard.append(bytearray(2**20))
        case b"dies":
            os._exit(3)
        case b"tells half":
            os.write(1, b"\x00\x00\x10\x00half")
            os._exit(0)
    return read_midi(midi)


if __name__ == "__main__":
    midi_process.PROCESSOR_S = 0.5  # type: ignore[misc]  # a test has less patience
    midi_process.main(read)
