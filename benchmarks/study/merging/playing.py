"""Continuations in words. A word that the codec could not read is counted; one that it can is drawn in its place."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from benchmarks.study.merging.words import Words
from model.engine.together import Writer
from model.engine.torch_engine import TorchEngine, TorchSequence
from model.engine.work import Draw, Step
from model.evaluation.play import SAMPLING
from model.generate import NOTE_TOKENS, STRETCH, Continuation, Prompt, prompt_through, since
from model.tokens.codec import read_state
from model.tokens.grammar import Limits, State, advance, allowed, finished_note, mask_of, runs
from model.tokens.vocabulary import (
    BAR,
    BLOCK_OF,
    DURATION,
    END,
    IN_HEADER,
    METER,
    PART,
    PITCH,
    POSITION,
    TICKS_PER_STEP,
)
from music.score import Note
from music.time import Tick

TIMING: Final = "timing"  # a moment that is not after the last one, or not in this bar
ORDER: Final = "order"  # a player or a pitch out of order in its chord, or a player whom the header does not name
STRUCTURE: Final = "structure"  # an attribute where another one belongs
ERRORS: Final = (TIMING, ORDER, STRUCTURE)


@dataclass(slots=True)
class Tally:
    """What one continuation took."""

    words: int = 0  # written
    errors: Counter[str] = field(default_factory=Counter)  # of those, the first draws that could not be read, by kind


class Unreadable(Exception):
    """A word that is no music here; says which kind of error."""


@dataclass(slots=True)
class Reading:
    """What has been read so far of a context, from its prompt on."""

    state: State
    line: int  # absolute grid steps: of the context's first bar,
    end: int  # and where the music ends
    limits: Limits
    notes: list[Note] = field(default_factory=list)

    def allows(self, tokens: Sequence[int]) -> bool:
        """Whether they can be read, up to the end."""
        try:
            replace(self, notes=[]).read(tokens, len(tokens))
        except Unreadable:
            return False
        return True

    def read(self, tokens: Sequence[int], given: int) -> bool:
        """Whether the end is reached. The first `given` tokens were the prompt's. Raises Unreadable, unchanged."""
        state, notes = self.state, list[Note]()
        for i, token in enumerate(tokens):
            if not any(start <= token < stop for start, stop in allowed(state, self.limits)):
                raise Unreadable(kind(state, token))
            if i >= given and token in BAR and self.line + state.bar_end >= self.end:
                self.notes += notes
                return True
            note = finished_note(state, token)
            if note is not None and i >= given:
                notes.append(replace(note, onset=Tick(note.onset + self.line * TICKS_PER_STEP)))
            state = advance(state, token)
        self.state = state
        self.notes += notes
        return False


def kind(state: State, token: int) -> str:
    """Of an error."""
    block = BLOCK_OF[token]
    after_note = state.last in (DURATION, BAR)
    if block is POSITION and after_note:
        return TIMING
    if (block is PART and (after_note or state.last is POSITION)) or (block is PITCH and state.last is PART):
        return ORDER
    return STRUCTURE


class Player:
    """Goes on with music in words, by the reference engine: the same one for every vocabulary."""

    def __init__(self, engine: TorchEngine, words: Words) -> None:
        self._engine, self._words = engine, words
        self._opening: dict[int, list[int]] = {}  # token: the words that begin with it
        for word, tokens in enumerate(words.tokens):
            self._opening.setdefault(tokens[0], []).append(word)
        # Neither an end nor another meter is asked for, and a header is nobody's to write.
        self._free = mask_of(
            word
            for word, tokens in enumerate(words.tokens)
            if not any(IN_HEADER[token] or token in METER or token in END for token in tokens)
        )

    def write(self, order: Continuation, seed: int, tally: Tally) -> Writer[TorchSequence, list[Note]]:
        """The new notes. A context holds as much music for every vocabulary: as many tokens before merging."""
        known, prompt, line, added = order.near, order.prompt, order.line, list[Note]()
        while line < order.end:
            sequence = self._engine.open(seed)
            reading = Reading(read_state([]), prompt.start, order.end, order.limits)
            try:
                line = yield from self._fill(sequence, prompt, reading, tally)
            finally:
                sequence.close()
            added += reading.notes
            known = since(replace(known, notes=(*known.notes, *reading.notes)), prompt.start)
            prompt = prompt_through(known, line, self._engine.capacity // 2, begin=prompt.start)
            seed += STRETCH
        return added

    def _fill(
        self, sequence: TorchSequence, prompt: Prompt, reading: Reading, tally: Tally
    ) -> Writer[TorchSequence, int]:
        """Until the end or until the context is full. Returns the bar line after which to go on.

        The prompt's last word may be the beginning of a longer one that it would have been merged into: it is drawn
        again, among the words that begin with it.
        """
        *append, last = self._words.encode(prompt.tokens)
        tail = self._words.tokens[last]
        reading.state, given = read_state(prompt.tokens[: -len(tail)]), len(tail)
        choice, length, flat = mask_of(self._words.beginning(tail)), 0, len(prompt.tokens) - given
        throw = 0
        while True:
            draw = Draw(allowed=runs(choice), sampling=SAMPLING, throw=throw)
            (word,) = yield sequence, Step(keep=length, append=tuple(append), draw=draw)
            length, append = length + len(append), []
            tokens = self._words.tokens[word]
            try:
                if reading.read(tokens, given):
                    return reading.end
            except Unreadable as error:
                tally.errors[str(error)] += 1
                choice, throw = self._readable(choice, reading), 1
                continue
            tally.words += 1
            append, choice, given, throw, flat = [word], self._free, 0, 0, flat + len(tokens)
            is_between = reading.state.last in (BAR, DURATION)
            if flat + 1 + NOTE_TOKENS * is_between > self._engine.capacity:
                return prompt.start + reading.state.bar_start

    def _readable(self, choice: int, reading: Reading) -> int:
        """Those of the chosen words that the codec can read now. Slow: asked only after an error."""
        spans = allowed(reading.state, reading.limits)
        chosen = (word for start, stop in spans for token in range(start, stop) for word in self._opening[token])
        return mask_of(word for word in chosen if choice >> word & 1 and reading.allows(self._words.tokens[word]))


def run_on(engine: TorchEngine, words: Words, prompt: Sequence[int], tokens: int) -> Writer[TorchSequence, int]:
    """Words drawn one after the other, read by nobody, until they hold so many tokens. Returns their notes."""
    sequence, append, drawn = engine.open(seed=0), tuple(words.encode(prompt)), list[int]()
    everything = Draw(allowed=((0, len(words.tokens)),), sampling=SAMPLING)
    while len(drawn) < tokens:
        (word,) = yield sequence, Step(keep=sequence.length, append=append, draw=everything)
        append = (word,)
        drawn += words.tokens[word]
    sequence.close()
    return sum(token in DURATION for token in drawn)
