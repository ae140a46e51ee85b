"""What has sounded and what was asked for, told event by event: enough to go on with a session, or to write it down.

Knows no tokens' history and no plan: of the machine it hears what was promised.
"""

from collections.abc import Iterable
from dataclasses import replace

from model.tokens.vocabulary import TICKS_PER_STEP
from music.errors import BadSetting
from music.events import NoteOff, NoteOn
from music.score import Note, Score
from music.time import Tick
from streaming.keys import Keys
from streaming.messages import Control, Pedal, PlayerPart, Start, Transport
from streaming.recording import Recording
from streaming.scribe import NOTE_TOKENS, Line
from streaming.settings import Settings

Happening = NoteOn | NoteOff | Control | Transport | Pedal
Mark = tuple[Tick, str]


class Truth:
    """Never blocks; use from one thread."""

    def __init__(self, start: Start) -> None:
        self.start = start
        self.settings = Settings.of(start)
        self.keys = Keys(self.settings.longest_key, self.settings.chord)
        self.reached = Tick(0)
        self.heard_seq: int | None = start.seq or None  # of the newest message of the player's that is known
        self.lives = 0  # how often the session went on after a sudden end
        self.rests = False  # until somebody plays, or a turn comes by itself
        self.is_over = False
        self.marks: list[Mark] = [(Tick(0), start.mode)]
        self._owner = self.settings.human  # the one who may go on with it; others join
        self._humans = self.settings.human
        self._human_lines: list[Line] = []
        self._machine_notes: list[Note] = []

    # ---- events --------------------------------------------------------------------------------------

    def reach(self, now: Tick) -> None:
        self.reached = max(self.reached, now)

    def hear(self, event: Happening, now: Tick, seq: int | None = None) -> None:
        """As `Session.receive`."""
        if seq is not None and self._is_owners(event):
            self.heard_seq = max(seq, self.heard_seq or 0)
        match event:
            case NoteOn() if event.part not in self.settings.human:
                pass
            case NoteOn() | NoteOff() | Pedal():
                ended, begun = self.keys.hear(event, self.settings.near(Tick(event.tick), now), now)
                for line, duration in ended:
                    self._end(line, duration)
                self.rests = self.rests and begun is None
            case Control():
                before, self.settings = self.settings, self.settings.changed(event)
                if self.settings.mode != before.mode:
                    self.marks.append((now, self.settings.mode))
                    self._rest()
                    self.rests = self.settings.mode not in ("trade", "continue")  # they give a turn by themselves
            case Transport():
                self.marks.append((now, event.action))
                self._rest()
                if event.action == "stop":
                    self._cut(now)

    def join(self, player: PlayerPart) -> None:
        self.settings = self.settings.joined(player)
        self._humans |= {player.part}

    def promise(self, notes: Iterable[Note]) -> None:
        """The machine will play them."""
        music = [note for note in notes if note.onset >= self.settings.count_in]
        self._machine_notes += music
        if music and self.settings.mode == "answer":
            self.keys.phrase_start = None

    def go_on(self) -> None:
        """A sudden end is over. Who joined has to join again."""
        self.lives += 1
        self.marks.append((self.reached, "cut"))
        self._cut(self.reached)
        self.settings = replace(self.settings, human=self._owner)
        for line in self.keys.held:
            if line.part not in self._owner or line.onset + self.settings.longest_key <= self.reached:
                self._release(line)

    # ---- what came of them ---------------------------------------------------------------------------

    def notes(self) -> list[Note]:
        """All that has sounded to its end."""
        return [*(_as_played(line) for line in self._human_lines), *self._machine_notes]

    def last_lines(self, tokens: int) -> list[Line]:
        """The last whole bars that so many tokens can tell, in order."""
        machine = [Line.of(note) for note in self._machine_notes]
        lines = [*prompt_lines(self.start, self.settings), *self._human_lines, *machine, *self.keys.held]
        lines.sort(key=lambda line: line.key)
        room = max(1, tokens // NOTE_TOKENS)
        if len(lines) <= room:
            return lines
        bar = self.settings.bar // TICKS_PER_STEP
        first = (lines[-room].step // bar + 1) * bar
        return [line for line in lines[-room:] if line.step >= first] or lines[-1:]

    def score(self) -> Score:
        """Humans and machine on parts of their own. What sounds still ends here, where no more is known.

        Nothing may be told any more.
        """
        for line in self.keys.held:
            self._release(line)
        self._cut(self.reached)
        recording = Recording()
        for note in self.notes():
            recording.add(note)
        return recording.score(self.settings.header, self._humans)

    def _is_owners(self, event: Happening) -> bool:
        """Nobody else can have sent it."""
        if isinstance(event, Control | Transport):
            return self._humans == self._owner
        return event.part in self._owner

    def _rest(self) -> None:
        self.rests = True
        self.keys.phrase_start = None

    def _release(self, line: Line) -> None:
        if released := self.keys.release(line.part, line.pitch, self.reached):
            self._end(*released)

    def _end(self, line: Line, duration: int) -> None:
        line.duration, line.is_held = duration, False
        self._human_lines.append(line)

    def _cut(self, now: Tick) -> None:
        """What the machine sounds ends, what it would have played will not be."""
        begun = [note for note in self._machine_notes if note.onset < now]
        self._machine_notes = [note if note.end <= now else replace(note, duration=now - note.onset) for note in begun]


def prompt_lines(start: Start, settings: Settings) -> list[Line]:
    """Music from before tick 0: as many whole bars as hold it. Raises BadSetting."""
    bars = max((note.tick // settings.bar + 1 for note in start.prompt), default=0)
    lines = []
    for note in sorted(start.prompt, key=lambda note: note.tick):
        if note.part not in settings.header.programs:
            raise BadSetting(f"expected a prompt of parts that somebody plays, got part {note.part}")
        onset = Tick(note.tick - bars * settings.bar)
        lines.append(Line(onset, note.part, note.pitch, note.velocity, note.duration))
    return lines


def _as_played(line: Line) -> Note:
    return Note(line.onset, line.part, line.pitch, line.velocity, line.duration or 1)
