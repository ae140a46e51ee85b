"""MIDI files from strangers, read in a process that is killed where a file takes too long or too much.

One thread at a time. The process starts with the first file and stays for the next ones. Knows nothing of MIDI.
"""

import logging
import subprocess
import sys
from contextlib import suppress
from threading import Timer
from typing import Final

import msgpack

from music.errors import BadMidi
from music.score import Score
from server.rest.midi_process import put, take, unpacked

CLOCK_S: Final = 10.0  # for a file, whatever the processor does meanwhile
PROGRAM: Final = "server.rest.midi_process"

log = logging.getLogger(__name__)


class MidiReader:
    def __init__(self, program: str = PROGRAM, clock_s: float = CLOCK_S) -> None:
        self._program = program
        self._clock_s = clock_s
        self._process: subprocess.Popen[bytes] | None = None

    def read(self, midi: bytes) -> Score:
        """Raises BadMidi where it is none, or reading it was the end of the process."""
        if self._process is not None and self._process.poll() is not None:  # somebody else killed it
            self.close()
        process = self._process or self._started()
        deadline = Timer(self._clock_s, process.kill)
        deadline.start()
        try:
            told = self._told(process, midi)
        finally:
            deadline.cancel()
        if told is None:
            self.close()
            log.warning("a file was the end of its reader: exit code %s", process.returncode)
            raise BadMidi("expected a MIDI file that is read within the limits of time and memory, got one that is not")
        found = msgpack.unpackb(told, use_list=False)
        if isinstance(found, str):
            raise BadMidi(found)
        return unpacked(found)

    def close(self) -> None:
        """Any thread. Whoever reads meanwhile is told that the file was too much."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with process:
                pass

    def _started(self) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            [sys.executable, "-m", self._program], stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL
        )
        return self._process

    def _told(self, process: subprocess.Popen[bytes], midi: bytes) -> bytes | None:
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(BrokenPipeError):  # it died of the file before this one, or of this
            put(process.stdin, midi)
            return take(process.stdout)
        return None
