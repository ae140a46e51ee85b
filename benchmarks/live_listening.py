"""`tradefours bench live --sim`: does the machine listen? Recorded human performances, played to the real session.

On a virtual clock, so that music takes no longer than it is computed. A performance is four bars, at the tempo of their
beginning. Sessions begin cold, but for `continue`, which is given the four bars before. In `trade` and `answer` the
human plays two bars and rests for two, twice, and the rests are measured. How the machine kept up, means over pieces
but for the last four:

- `reaction`: from a human note (`answer`: from the end of the pause) to the first note planned in return.
- `in_time_share`: of the sixteenths of the machine's turns, those that were decided before they came: StreamMUSE's
  ISR, where a rest that was meant counts as something to play.
- `stale`: age of what sounds, in sixteenths, from when it was told to its onset: StreamMUSE's staleness.
- `cancelled`: share of the notes told that were taken back.
- `notes` that sounded, `late` ones that were dropped, `rested` for want of speed, `engine_s` of computing.

How it fits (`model/evaluation/listening.py`), means over pieces with 95 % bootstrap intervals, beside whom:

- `recorded partner`: who played there with this human; a drummer was alone.
- `other piece`: the machine that listened to other humans, beside this one; mean over all of the same kind.
  The fairer control: notes as many and as musical, only who was listened to differs.
- `withheld`: the same session, seed and turns, but the network is not told the human's notes.
- `gain`: the machine less a control, piece by piece.
"""

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np
from tqdm import tqdm

from benchmarks.live_pieces import Performance, choose_performances
from benchmarks.live_sim import Set, simulate
from benchmarks.report import Row, write_report
from model.engine.work import Engine
from model.evaluation.intervals import Interval, mean_interval
from model.evaluation.listening import Listening, key_of, listening
from model.evaluation.passage import Passage
from music.score import Note
from server.engine_choice import load_engine
from server.settings import Settings
from server.train import open_corpus
from streaming.foresight import SIXTEENTH
from streaming.messages import Mode, PlayerPart, PromptNote, Start

MODES: Final[tuple[Mode, ...]] = ("duet", "accompany", "trade", "answer", "continue")
IN_TURNS: Final = ("trade", "answer")
TURN_BARS: Final = 2
TOGETHER_BARS: Final = 4
PIECES: Final = 40  # at most: the validation split has 38
TAKES: Final = 3  # of each, with other dice: a piece counts as the mean of its takes
QUICK_PIECES: Final = 2
QUICK_KIND: Final = "song"  # of one kind, or nobody would be another piece
SPLIT: Final = "valid"
MEASURES: Final = tuple(field.name for field in fields(Listening))
CLAIMED: Final = ("in_key", "chord_tones", "together")  # where more is better
CONTROLS: Final = {"other": "other piece", "withheld": "withheld"}


@dataclass(frozen=True)
class Played:
    """A performance in a mode: what the machine that listens made of it, and the one that does not."""

    performance: Performance
    mode: Mode
    take: int
    listens: Set
    is_deaf: Set

    @cached_property
    def machine(self) -> Passage:
        return self._heard(self.listens.notes)

    @cached_property
    def deaf(self) -> Passage:
        return self._heard(self.is_deaf.notes)

    @cached_property
    def human(self) -> Passage:
        return machines_bars(self.performance.human, self.mode)

    def fit_of(self, partner: Passage | None) -> Listening:
        if partner is None:
            return _mean([])
        found = listening(partner, self.human, key_of(self.performance.human))
        # Who plays in turns has nobody to be together with.
        return replace(found, together=float("nan")) if self.mode in IN_TURNS else found

    def recorded(self) -> Listening:
        partner = self.performance.partner
        return self.fit_of(None if partner is None else machines_bars(partner, self.mode))

    def beside(self, others: Sequence["Played"]) -> Listening:
        """What others' machines would be worth here."""
        like = [each for each in others if each is not self and each.performance.kind == self.performance.kind]
        return _mean([self.fit_of(self._in_these_bars(each.machine)) for each in like])

    def _in_these_bars(self, other: Passage) -> Passage:
        """The same notes in this meter, as far as these bars go."""
        return replace(self.human, notes=other.notes, programs=other.programs).cut(0, self.human.bars)

    def _heard(self, notes: Sequence[Note]) -> Passage:
        return machines_bars(replace(self.performance.played, notes=tuple(notes)), self.mode)


def bench_listening(
    *, model: str, corpus: Path | None, step_ms: float | None, quick: bool, json_file: Path | None
) -> int:
    """Measure, print, write. Returns the exit code."""
    if corpus is None:
        print(
            "expected a corpus of recorded performances, got none: "
            "say --corpus, set TRADEFOURS_CORPUS, or build one with `tradefours corpus build`; nothing was measured"
        )
        return 0
    with redirect_stdout(sys.stderr):  # what the corpus is, is no result
        pieces = open_corpus(corpus).split(SPLIT).pieces
    performances = choose_performances(pieces)[:PIECES]
    if quick:
        performances = [each for each in performances if each.kind == QUICK_KIND][:QUICK_PIECES]
    engine = load_engine(Settings(model=model, max_sessions=1)).engine
    takes, step_ns = 1 if quick else TAKES, None if step_ms is None else round(step_ms * 1e6)
    played = play_all(engine, performances, takes, step_ns)
    live = [live_row(mode, [each for each in played if each.mode == mode]) for mode in MODES]
    fits = {mode: fits_of([each for each in played if each.mode == mode]) for mode in MODES}
    music = [row for mode in MODES for row in music_rows(mode, fits[mode])]
    price = "what it took" if step_ms is None else f"{step_ms:g} ms a pass"
    bars = [humans_bars(each.performance, each.mode) for each in played]
    minutes = 2 * sum(each.seconds(each.ticks) for each in bars) / 60
    about = f"{len(performances)} performances, takes of each: {takes}, {minutes:.0f} minutes of music"
    write_report("live-sim", live, ratios(fits), json_file, [f"{about}; the engine's time {price}."], further=music)
    return 0


def play_all(engine: Engine[Any], performances: Sequence[Performance], takes: int, step_ns: int | None) -> list[Played]:
    sets = [(take, *each) for take in range(takes) for each in product(enumerate(performances), MODES)]
    played = []
    for take, (i, performance), mode in tqdm(sets, desc="sets", disable=None):
        played.append(play(engine, performance, mode, take, take * len(performances) + i, step_ns))
    return played


def play(
    engine: Engine[Any], performance: Performance, mode: Mode, take: int, seed: int, step_ns: int | None
) -> Played:
    start, human = start_of(performance, mode, seed), humans_bars(performance, mode)
    listens, is_deaf = (
        simulate(engine, start, human.notes, human.ticks, step_ns=step_ns, is_deaf=each) for each in (False, True)
    )
    return Played(performance, mode, take, listens, is_deaf)


def start_of(performance: Performance, mode: Mode, seed: int) -> Start:
    played, before = performance.played, performance.before
    players = [PlayerPart(part=part, program=program) for part, program in enumerate(played.programs)]
    prompt = [
        PromptNote(tick=n.onset, duration=n.duration, part=n.part, pitch=n.pitch, velocity=n.velocity)
        for n in before.notes
    ]
    return Start(
        mode=mode,
        bpm=played.bpm,
        meter=str(played.meter),
        human=(players[0],),
        machine=tuple(players[1:]),
        seed=seed,
        trade_bars=TURN_BARS,
        answer_bars=TURN_BARS,
        prompt=tuple(prompt[-600:]) if mode == "continue" else (),
    )


def humans_bars(performance: Performance, mode: Mode) -> Passage:
    """What the human plays; in turns, two bars of every four."""
    human = performance.human
    if mode not in IN_TURNS:
        return human.cut(0, TOGETHER_BARS)
    rest = replace(human, notes=(), bars=TURN_BARS)
    return human.cut(0, TURN_BARS).then(rest).then(human.cut(2 * TURN_BARS, TURN_BARS)).then(rest)


def machines_bars(passage: Passage, mode: Mode) -> Passage:
    """Those in which the machine is to play."""
    if mode not in IN_TURNS:
        return passage.cut(0, TOGETHER_BARS)
    return passage.cut(TURN_BARS, TURN_BARS).then(passage.cut(3 * TURN_BARS, TURN_BARS))


# ---- figures -----------------------------------------------------------------------------------------


def live_row(mode: Mode, played: Sequence[Played]) -> Row:
    sets = [each.listens for each in played]
    ages = [np.array(each.ages) / SIXTEENTH for each in sets if each.ages]
    return {
        "mode": mode,
        "sets": len(sets),
        "reaction_p50_ms": _known_mean([(each.reaction_p50_ns or np.nan) / 1e6 for each in sets]),
        "reaction_p95_ms": _known_mean([(each.reaction_p95_ns or np.nan) / 1e6 for each in sets]),
        "in_time_share": _known_mean([each.in_time_share for each in sets]),
        "stale_p50": _known_mean([np.percentile(each, 50) for each in ages]),
        "stale_p95": _known_mean([np.percentile(each, 95) for each in ages]),
        "cancelled": _known_mean([each.cancelled / each.planned for each in sets if each.planned]),
        "notes": sum(len(each.notes) for each in sets),
        "late": sum(each.late for each in sets),
        "rested": sum(each.rested for each in sets),
        "engine_s": sum(each.engine_ns for each in sets) / 1e9,
    }


Fits = dict[str, list[Listening]]  # who -> one a piece


def fits_of(played: Sequence[Played]) -> Fits:
    """Means of a piece's takes."""
    takes = [_fits([each for each in played if each.take == take]) for take in sorted({each.take for each in played})]
    return {who: [_mean(fits) for fits in zip(*(take[who] for take in takes), strict=True)] for who in takes[0]}


def _fits(played: Sequence[Played]) -> Fits:
    """Of one take of each piece."""
    return {
        "machine": [each.fit_of(each.machine) for each in played],
        "recorded partner": [each.recorded() for each in played],
        CONTROLS["other"]: [each.beside(played) for each in played],
        CONTROLS["withheld"]: [each.fit_of(each.deaf) for each in played],
    }


def music_rows(mode: Mode, fits: Fits) -> list[Row]:
    def row(who: str, figures: Sequence[Interval]) -> Row:
        return {"mode": mode, "who": who, **dict(zip(MEASURES, map(str, figures), strict=True))}

    whose = [row(who, [mean_interval(_column(each, measure)) for measure in MEASURES]) for who, each in fits.items()]
    gains = [
        row(f"gain over {control}", [gain(fits, control, measure) for measure in MEASURES])
        for control in CONTROLS.values()
    ]
    return [*whose, *gains]


def gain(fits: Fits, control: str, measure: str) -> Interval:
    """Of the machine over a control, piece by piece."""
    pairs = zip(_column(fits["machine"], measure), _column(fits[control], measure), strict=True)
    return mean_interval([ours - theirs for ours, theirs in pairs])


def ratios(fits: dict[Mode, Fits]) -> dict[str, float]:
    """Gains and the lower ends of their intervals, where there was something to measure."""
    found: dict[str, float] = {}
    for mode, each in fits.items():
        for measure in CLAIMED:
            for name, control in CONTROLS.items():
                interval = gain(each, control, measure)
                if not np.isnan(interval.value):
                    found[f"{mode}_{measure}_over_{name}"] = interval.value
                    found[f"{mode}_{measure}_over_{name}_low"] = interval.low
    return found


def _column(fits: Sequence[Listening], measure: str) -> list[float]:
    return [getattr(fit, measure) for fit in fits]


def _mean(fits: Sequence[Listening]) -> Listening:
    return Listening(*(_nan_mean(_column(fits, measure)) for measure in MEASURES))


def _nan_mean(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def _known_mean(values: Sequence[float]) -> float | None:
    """None where nothing was measured."""
    mean = _nan_mean(values)
    return None if np.isnan(mean) else mean
