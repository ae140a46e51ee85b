"""What a session was told to do, with every length in ticks. Knows nothing of time passing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from model.engine.work import Sampling
from model.tokens.codec import Header
from model.tokens.grammar import mask_of
from model.tokens.vocabulary import TICKS_PER_STEP, bar_steps, meter_index
from music.errors import BadSetting
from music.time import TICKS_PER_QUARTER, Meter, Tick
from streaming.messages import Control, Mode, PlayerPart, Start
from streaming.taste import Taste

LEAD_MS = 40  # a note is drawn at least this long before it sounds, so that decoding has time
OPENING_MS = 200  # an answer's first note comes within this, counted from the earliest it could
IDLE_BARS = 8  # after so many bars without a human note a duet rests
LONGEST_KEY_MS = 10_000  # a key down for longer is taken for a lost note-off
CHORD_MS = 30  # keys that go down within this are one chord
REACH_BEATS = 4  # events further than this from now, either way, are taken for that far


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    mode: Mode
    sampling: Sampling
    taste: Taste
    header: Header
    human: frozenset[int]
    machine: int  # bit i: part i is the machine's
    answer_on_bar: bool
    bar: int  # ticks, like all below
    beat: int
    commit: int
    lookahead: int
    silence: int
    answer: int
    trade: int
    count_in: int
    idle: int
    lead: int
    opening: int
    longest_key: int
    chord: int
    reach: int

    @classmethod
    def of(cls, start: Start) -> "Settings":
        meter = Meter.parse(start.meter)
        bar = bar_steps(meter_index(meter)) * TICKS_PER_STEP
        _check_players(frozenset(player.part for player in start.human), start.machine)

        def ticks(ms: float) -> int:
            return round(ms * start.bpm * TICKS_PER_QUARTER / 60_000)

        return cls(
            mode=start.mode,
            sampling=Sampling(temperature=start.temperature, top_p=start.top_p, min_p=start.min_p),
            taste=Taste.of(start),
            header=_header(start, meter),
            human=frozenset(_programs(start.human)),
            machine=mask_of(_programs(start.machine)),
            answer_on_bar=start.answer_on_bar,
            bar=bar,
            beat=TICKS_PER_QUARTER * 4 // meter.denominator,
            commit=round(start.commit_beats * TICKS_PER_QUARTER),
            lookahead=round(start.lookahead_beats * TICKS_PER_QUARTER),
            silence=ticks(start.silence_ms),
            answer=start.answer_bars * bar,
            trade=start.trade_bars * bar,
            count_in=start.count_in_bars * bar,
            idle=IDLE_BARS * bar,
            lead=ticks(LEAD_MS),
            opening=ticks(OPENING_MS),
            longest_key=ticks(LONGEST_KEY_MS),
            chord=ticks(CHORD_MS),
            reach=REACH_BEATS * TICKS_PER_QUARTER,
        )

    def near(self, tick: Tick, now: Tick) -> Tick:
        """When an event counts as having happened."""
        return Tick(max(0, min(max(tick, now - self.reach), now + self.reach)))

    def changed(self, control: Control) -> "Settings":
        """With what `control` says; what it leaves out stays. Raises BadSetting where that makes no sense.

        A part that the machine gives up stays in the header: what it has played is remembered.
        """
        said = control.model_dump(include={"temperature", "top_p", "min_p"}, exclude_none=True)
        changed = replace(
            self,
            mode=control.mode or self.mode,
            sampling=replace(self.sampling, **said),
            taste=self.taste.changed(control),
        )
        return changed if control.machine is None else changed._played_by(control.machine)

    def joined(self, player: PlayerPart) -> "Settings":
        """With one more human. Raises BadSetting where somebody plays that part already."""
        if player.part in self.human or self.machine >> player.part & 1:
            raise BadSetting(f"expected a part that nobody plays, got {player.part}")
        return replace(self, human=self.human | {player.part}, header=self._bound([player], self.machine))

    def _played_by(self, machine: tuple[PlayerPart, ...]) -> "Settings":
        _check_players(self.human, machine)
        parts = mask_of(_programs(machine))
        return replace(self, machine=parts, header=self._bound(machine, parts))

    def _bound(self, players: Sequence[PlayerPart], machine: int) -> Header:
        """As before where nobody is new: to the network another header is another piece, which it has to read."""
        programs = dict(self.header.programs) | _programs(players)
        if programs == self.header.programs:
            return self.header
        return replace(self.header, programs=programs, order=_order(programs, machine))


def _header(start: Start, meter: Meter) -> Header:
    programs = _programs(start.human) | _programs(start.machine)
    order = _order(programs, mask_of(_programs(start.machine)))
    return Header(programs=programs, order=order, meter=meter, bpm=start.bpm)


def _order(programs: Mapping[int, int], machine: int) -> tuple[int, ...]:
    """The machine's parts first: whether they play at a moment is drawn before anybody knows whether the humans will.

    Behind the humans it would be drawn only where they do not, and the machine would play beside the beat.
    """
    return tuple(sorted(programs, key=lambda part: (not machine >> part & 1, part)))


def _programs(players: Sequence[PlayerPart]) -> dict[int, int]:
    return {player.part: player.program for player in players}


def _check_players(human: frozenset[int], machine: tuple[PlayerPart, ...]) -> None:
    if shared := sorted(human & {player.part for player in machine}):
        raise BadSetting(f"expected every part to have one player, got part {shared[0]} for human and machine")
