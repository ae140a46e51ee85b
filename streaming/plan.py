"""What the machine means to play: notes with ids, each in one state of its life, and what the player has been told.

Law: a committed note sounds. Only a transport stop takes it back. Knows nothing of tokens.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

from music.score import Note
from music.time import Tick
from streaming.messages import Plan, PlannedNote

IDS: Final = 2**24  # more than the notes of one life of a session


class Life(Enum):
    TENTATIVE = auto()  # may change
    COMMITTED = auto()  # will sound
    SOUNDING = auto()
    DONE = auto()
    CANCELLED = auto()  # did not sound


NEXT: Final[Mapping[Life, frozenset[Life]]] = {
    Life.TENTATIVE: frozenset({Life.COMMITTED, Life.CANCELLED}),
    Life.COMMITTED: frozenset({Life.SOUNDING, Life.CANCELLED}),
    Life.SOUNDING: frozenset({Life.DONE}),
    Life.DONE: frozenset(),
    Life.CANCELLED: frozenset(),
}


@dataclass(slots=True, eq=False)
class Planned:
    id: int
    note: Note
    life: Life = Life.TENTATIVE
    is_told: bool = False  # the player knows of it

    def become(self, life: Life) -> None:
        assert life in NEXT[self.life], f"expected one of {NEXT[self.life]}, got {life}"
        self.life = life

    def message(self) -> PlannedNote:
        note = self.note
        return PlannedNote(
            id=self.id,
            tick=note.onset,
            duration=note.duration,
            part=note.part,
            pitch=note.pitch,
            velocity=note.velocity,
        )


class LivePlan:
    """Never blocks; use from one thread. Holds only notes that are not over, so it stays small."""

    def __init__(self, commit: int) -> None:
        self.commit = commit  # ticks ahead of now
        self._notes: list[Planned] = []
        self._ids = 0
        self._committed: list[int] = []  # since the last `take`, as are the next two
        self._cancelled: list[int] = []
        self._silenced = False
        self._over: list[Note] = []  # sounded, since the last `take_over`

    def begin_anew(self, lives: int) -> None:
        """The player may have been told what we do not know: all of it is void, and its ids are not used again."""
        self._ids = lives * IDS
        self._silenced = True

    def add(self, note: Note) -> None:
        self._notes.append(Planned(self._ids, note))
        self._ids += 1

    @property
    def is_over(self) -> bool:
        """Nothing sounds or will."""
        return not self._notes

    def promise(self, note: Note) -> None:
        """A note that will sound, however far ahead it is."""
        self.add(note)
        self._commit_to(self._notes[-1])

    def shorten(self, part: int, pitch: int, end: Tick) -> list[Note]:
        """Let tentative notes of a key end at `end` instead of beyond it; returns them as they are now."""

        def is_too_long(planned: Planned) -> bool:
            note = planned.note
            on_key = planned.life is Life.TENTATIVE and (note.part, note.pitch) == (part, pitch)
            return on_key and note.onset < end < note.end

        shortened = [replace(note, duration=end - note.onset) for note in self._cancel_where(is_too_long)]
        for note in shortened:
            self.add(note)
        return shortened

    def cancel_tentative(self, since: Tick) -> list[Note]:
        """Take back tentative notes from `since` on; returns them."""
        return self._cancel_where(lambda planned: planned.life is Life.TENTATIVE and planned.note.onset >= since)

    def advance(self, now: Tick) -> list[Note]:
        """Bring every note to its state at `now`. Returns those whose moment passed before they were committed."""
        expired = self._cancel_where(lambda planned: planned.life is Life.TENTATIVE and planned.note.onset < now)
        over = len(self._over)
        for planned in self._notes:
            if planned.life is Life.TENTATIVE and planned.note.onset <= now + self.commit:
                self._commit_to(planned)
            if planned.life is Life.COMMITTED and planned.note.onset < now:
                planned.become(Life.SOUNDING)
            if planned.life is Life.SOUNDING and planned.note.end <= now:
                planned.become(Life.DONE)
                self._over.append(planned.note)
        if len(self._over) > over:
            self._forget_over()
        return expired

    def silence(self, now: Tick) -> tuple[list[Note], list[Note]]:
        """End everything: returns the notes that will not sound, and those cut at `now`."""
        cut = []
        for planned in self._notes:
            if planned.life is Life.COMMITTED and planned.note.onset < now:
                planned.become(Life.SOUNDING)
            if planned.life is Life.SOUNDING:
                planned.become(Life.DONE)
                if planned.note.end > now:
                    cut.append(replace(planned.note, duration=now - planned.note.onset))
                self._over.append(cut[-1] if planned.note.end > now else planned.note)
        self._silenced = True
        return self._cancel_where(lambda planned: planned.life is not Life.DONE), cut

    def take(self, answers_seq: int | None) -> Plan | None:
        """What has changed since the last call. A note that came and went between two calls is never told."""
        added = [planned for planned in self._notes if not planned.is_told]
        if not (added or self._committed or self._cancelled or self._silenced):
            return None
        plan = Plan(
            add=tuple(planned.message() for planned in added),
            commit=tuple(self._committed),
            cancel=tuple(self._cancelled),
            silence=self._silenced,
            answers_seq=answers_seq,
        )
        for planned in added:
            planned.is_told = True
        self._committed, self._cancelled, self._silenced = [], [], False
        return plan

    def take_over(self) -> list[Note]:
        """The notes that have sounded to their end since the last call."""
        over, self._over = self._over, []
        return over

    def next_change(self, now: Tick) -> Tick | None:
        """The earliest tick at which `advance` and `take` have something to tell."""
        if self._committed or self._cancelled or self._silenced or any(not planned.is_told for planned in self._notes):
            return now
        onsets = [planned.note.onset for planned in self._notes if planned.life is Life.TENTATIVE]
        return Tick(max(now, min(onsets) - self.commit)) if onsets else None

    def sounding(self, now: Tick) -> tuple[int, ...]:
        """Ids of the notes that sound at `now`."""
        certain = (Life.COMMITTED, Life.SOUNDING)
        return tuple(p.id for p in self._notes if p.life in certain and p.note.onset <= now < p.note.end)

    def _commit_to(self, planned: Planned) -> None:
        planned.become(Life.COMMITTED)
        self._committed.append(planned.id)

    def _cancel(self, planned: Planned) -> None:
        planned.become(Life.CANCELLED)
        if planned.is_told:
            self._cancelled.append(planned.id)

    def _cancel_where(self, is_wanted: Callable[[Planned], bool]) -> list[Note]:
        wanted = [planned for planned in self._notes if is_wanted(planned)]
        for planned in wanted:
            self._cancel(planned)
        if wanted:
            self._forget_over()
        return [planned.note for planned in wanted]

    def _forget_over(self) -> None:
        self._notes = [planned for planned in self._notes if planned.life not in (Life.DONE, Life.CANCELLED)]
