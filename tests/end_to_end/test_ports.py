"""The whole way: keys into `Tradefours In`, through bridge, server and network, and out of `Tradefours Out`."""

import json
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic_ns
from typing import Any

import pytest

from benchmarks.performance import Phrase, Struck, messages
from tests.clients.midi_peers import Heard, Keyboard, Recorder, hanging
from tests.end_to_end.phrases import TUNE, from_file, only_member
from tests.end_to_end.programs import Program, Server, bridge

pytestmark = [pytest.mark.jack, pytest.mark.slow]

ANSWER_NS = 700_000_000  # promised, from the last key-up to the first note of the answer
SILENT_NS = 1_000_000_000  # promised, from a cut to the last note-off
BAR_NS = 2_000_000_000  # 4/4 at 120 bpm
SHORT = (Struck(0.0, 0.21, 60, 80), Struck(0.24, 0.47, 64, 74), Struck(0.49, 0.83, 67, 86))


@dataclass(frozen=True)
class Scene:
    bridge: Program
    keyboard: Keyboard
    recorder: Recorder
    stats: Path

    def play(self, phrase: Phrase) -> list[int]:
        return self.keyboard.play(messages(phrase))

    def until_something_sounds(self) -> None:
        self.recorder.wait_until(lambda heard: len(hanging(heard)) > 0, timeout_s=15)

    def until_silent(self) -> list[Heard]:
        return self.recorder.wait_until(lambda heard: not hanging(heard))

    def until_counted_on(self, ons: int) -> list[Heard]:
        return self.recorder.wait_until(lambda heard: len(onsets(heard)) >= ons, timeout_s=15)

    def statistics(self) -> dict[str, Any]:
        statistics: dict[str, Any] = json.loads(self.stats.read_text())
        return statistics


@contextmanager
def scene(server: Server, folder: Path, mode: str) -> Iterator[Scene]:
    """A bridge with a keyboard and a recorder at its ports. At the end no note may hang."""
    stats = folder / "stats.json"
    with (
        bridge(server.url, "--mode", mode, "--stats", str(stats)) as program,
        Keyboard("Tradefours In") as keyboard,
        Recorder("Tradefours Out") as recorder,
    ):
        yield Scene(program, keyboard, recorder, stats)


def onsets(heard: Sequence[Heard]) -> list[int]:
    return [event.at for event in heard if event.is_on]


@pytest.fixture(params=["a tune", pytest.param("a pianist", marks=pytest.mark.corpus)])
def phrase(request: pytest.FixtureRequest, tmp_path: Path) -> Phrase:
    if request.param == "a tune":
        return TUNE
    archive: Path = request.getfixturevalue("corpus_archive")
    return from_file(only_member(archive, "Bach_Prelude_and_Fugue_in_A-flat_major_BWV862", tmp_path / "played.mid"))


def test_a_pause_is_answered_in_time_and_every_note_ends(
    jack_server: dict[str, str], server: Server, tmp_path: Path, phrase: Phrase
) -> None:
    with scene(server, tmp_path, "answer") as live:
        last_up = live.play(phrase)[-1]
        live.until_counted_on(1)
        first = onsets(live.recorder.heard)[0]
        assert last_up < first <= last_up + ANSWER_NS
        live.until_something_sounds()
        assert live.bridge.stop() == 0
        heard = live.until_silent()
        statistics = live.statistics()
        assert statistics["notes_on"] == statistics["notes_off"] == len(onsets(heard))
        assert statistics["dropped"] == 0


def test_a_duet_plays_in_the_bars_in_which_the_human_plays(
    jack_server: dict[str, str], server: Server, tmp_path: Path, phrase: Phrase
) -> None:
    with scene(server, tmp_path, "duet") as live:
        sent = live.play(phrase)
        assert live.bridge.stop() == 0
        heard = live.until_silent()
        together = [at for at in onsets(heard) if at <= sent[-1]]
        assert together
        assert min(onsets(heard)) > sent[0]
        human_bars = {(at - sent[0]) // BAR_NS for at in sent}
        machine_bars = {(at - sent[0]) // BAR_NS for at in together}
        assert len(machine_bars & human_bars) >= 2
        statistics = live.statistics()
        assert statistics["notes_on"] == statistics["notes_off"] == len(onsets(heard))


def test_a_killed_server_falls_silent_and_a_new_one_answers_again(
    jack_server: dict[str, str], server: Server, tmp_path: Path
) -> None:
    with scene(server, tmp_path, "answer") as live:
        live.play(SHORT)
        live.until_something_sounds()
        cut = monotonic_ns()
        server.kill()
        heard = live.until_silent()
        assert heard[-1].at <= cut + SILENT_NS

        server.start()
        live.bridge.says("connected", times=2)
        sounded = len(onsets(live.recorder.heard))
        assert sounded == len(onsets(heard))  # what was planned before the cut is forgotten
        last_up = live.play(SHORT)[-1]
        live.until_counted_on(sounded + 1)
        assert onsets(live.recorder.heard)[sounded] <= last_up + ANSWER_NS
        assert live.bridge.stop() == 0
        live.until_silent()


def test_a_killed_bridge_leaves_no_note_sounding(jack_server: dict[str, str], server: Server, tmp_path: Path) -> None:
    with scene(server, tmp_path, "answer") as live:
        live.play(SHORT)
        live.until_something_sounds()
        cut = monotonic_ns()
        live.bridge.send(signal.SIGKILL)
        assert live.until_silent()[-1].at <= cut + SILENT_NS
        live.bridge.wait()


def test_a_stopped_server_ends_its_notes_before_it_goes(
    jack_server: dict[str, str], server: Server, tmp_path: Path
) -> None:
    with scene(server, tmp_path, "answer") as live:
        live.play(SHORT)
        live.until_something_sounds()
        cut = monotonic_ns()
        assert server.stop() == 0
        assert live.until_silent()[-1].at <= cut + SILENT_NS


def test_a_player_who_dies_with_a_key_held_leaves_a_duet_whose_notes_all_end(
    jack_server: dict[str, str], server: Server, tmp_path: Path
) -> None:
    with scene(server, tmp_path, "duet") as live:
        live.keyboard.play([(0.0, b"\x90\x3c\x50"), (0.2, b"\x90\x40\x50")])
        live.until_something_sounds()
        live.keyboard.kill()
        live.until_counted_on(len(onsets(live.recorder.heard)) + 2)  # the other player plays on
        cut = monotonic_ns()
        assert live.bridge.stop() == 0
        assert live.until_silent()[-1].at <= cut + SILENT_NS
        statistics = live.statistics()
        assert statistics["notes_on"] == statistics["notes_off"]
