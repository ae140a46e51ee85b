"""A whole performance as tokens, all at once: what the encoder writes stroke by stroke, fifty times as fast.

For training only; a test holds the two equal.
"""

from collections.abc import Sequence

import numpy as np

from model.tokens.performance import END, OFF, ON, SHIFT, STEP_TICKS, VELOCITY, VELOCITY_WIDTH
from model.training.encoding import Tokens
from music.score import Note


def tokens_of(notes: Sequence[Note]) -> Tokens:
    """Notes as `performed` gives them."""
    begin = np.array([note.onset for note in notes], np.int64) // STEP_TICKS
    end = np.array([note.end for note in notes], np.int64) // STEP_TICKS
    pitch = np.array([note.pitch for note in notes], np.int64)
    velocity = np.array([note.velocity for note in notes], np.int64) // VELOCITY_WIDTH
    time, key = np.concatenate((end, begin)), np.concatenate((pitch, pitch))
    is_down = np.arange(len(time)) >= len(notes)
    order = np.lexsort((key, is_down, time))  # at one time keys come up before others go down
    time, key, is_down, loudness = time[order], key[order], is_down[order], np.tile(velocity, 2)[order]

    wait = np.diff(time, prepend=0)
    waits = -(-wait // len(SHIFT))  # tokens
    is_louder = np.zeros(len(time), bool)
    is_louder[is_down] = np.diff(loudness[is_down], prepend=-1) != 0
    after = (waits + is_louder + 1).cumsum()
    tokens = np.full(int(after[-1] if len(after) else 0) + 1, SHIFT[-1])
    tokens[after - 1] = np.where(is_down, ON.start, OFF.start) + key
    tokens[after[is_louder] - 2] = VELOCITY.start + loudness[is_louder]
    last_wait = (after - 2 - is_louder)[waits > 0]
    tokens[last_wait] = SHIFT.start + (wait[waits > 0] - 1) % len(SHIFT)
    tokens[-1] = END
    return tokens
