"""What a session was told to do, with every length in ticks. Knows nothing of time passing."""

from dataclasses import dataclass, replace

from model.engine.work import Sampling
from model.tokens.codec import Header
from model.tokens.vocabulary import TICKS_PER_STEP, bar_steps, meter_index
from music.errors import BadSetting
from music.time import TICKS_PER_QUARTER, Meter
from streaming.messages import Control, Mode, Start

LEAD_MS = 40  # a note is drawn at least this long before it sounds, so that decoding has time
OPENING_MS = 200  # an answer's first note comes within this, counted from the earliest it could
IDLE_BARS = 8  # after so many bars without a human note a duet rests
LONGEST_KEY_MS = 10_000  # a key down for longer is taken for a lost note-off
REACH_BEATS = 4  # events further than this from now, either way, are taken for that far


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    mode: Mode
    sampling: Sampling
    header: Header
    human: frozenset[int]
    machine: int  # bit i: part i is the machine's
    bar: int  # ticks, like all below
    commit: int
    lookahead: int
    silence: int
    answer: int
    idle: int
    lead: int
    opening: int
    longest_key: int
    reach: int

    @classmethod
    def of(cls, start: Start) -> "Settings":
        human = {player.part: player.program for player in start.human}
        machine = {player.part: player.program for player in start.machine}
        if shared := sorted(human.keys() & machine.keys()):
            raise BadSetting(f"expected every part to have one player, got part {shared[0]} for human and machine")
        meter = Meter.parse(start.meter)
        bar = bar_steps(meter_index(meter)) * TICKS_PER_STEP

        def ticks(ms: float) -> int:
            return round(ms * start.bpm * TICKS_PER_QUARTER / 60_000)

        return cls(
            mode=start.mode,
            sampling=Sampling(temperature=start.temperature, top_p=start.top_p, min_p=start.min_p),
            header=Header(programs=human | machine, meter=meter, bpm=start.bpm),
            human=frozenset(human),
            machine=sum(1 << part for part in machine),
            bar=bar,
            commit=round(start.commit_beats * TICKS_PER_QUARTER),
            lookahead=round(start.lookahead_beats * TICKS_PER_QUARTER),
            silence=ticks(start.silence_ms),
            answer=start.answer_bars * bar,
            idle=IDLE_BARS * bar,
            lead=ticks(LEAD_MS),
            opening=ticks(OPENING_MS),
            longest_key=ticks(LONGEST_KEY_MS),
            reach=REACH_BEATS * TICKS_PER_QUARTER,
        )

    def changed(self, control: Control) -> "Settings":
        """With what `control` says; what it leaves out stays."""
        said = control.model_dump(include={"temperature", "top_p", "min_p"}, exclude_none=True)
        return replace(self, mode=control.mode or self.mode, sampling=replace(self.sampling, **said))
