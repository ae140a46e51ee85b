"""What a session was told, in ticks."""

import pytest

from music.errors import BadSetting
from streaming.messages import Control, PlayerPart, Start
from streaming.settings import Settings


@pytest.mark.parametrize(("bpm", "silence"), [(60, 240), (125, 500), (240, 960)])
def test_half_a_second_is_more_ticks_the_faster_the_music(bpm: float, silence: int) -> None:
    assert Settings.of(Start(bpm=bpm, silence_ms=500)).silence == silence


@pytest.mark.parametrize(("meter", "bar"), [("4/4", 1920), ("6/8", 1440), ("9/4", 1440)])
def test_a_bar_is_the_bar_that_tokens_can_say(meter: str, bar: int) -> None:
    settings = Settings.of(Start(meter=meter, answer_bars=3))
    assert (settings.bar, settings.answer, settings.idle) == (bar, 3 * bar, 8 * bar)


def test_every_part_is_in_the_header_and_has_one_player() -> None:
    start = Start(human=(PlayerPart(part=2, program=5),), machine=(PlayerPart(part=0), PlayerPart(part=3, program=128)))
    settings = Settings.of(start)
    assert settings.header.programs == {2: 5, 0: 0, 3: 128}
    assert settings.human == {2}
    assert settings.machine == 0b1001
    with pytest.raises(BadSetting, match="got part 3"):
        Settings.of(Start(human=(PlayerPart(part=3),), machine=(PlayerPart(part=3),)))


def test_a_meter_that_is_none_is_refused() -> None:
    with pytest.raises(BadSetting, match="meter"):
        Settings.of(Start(meter="waltz"))


def test_a_control_changes_what_it_says_and_nothing_else() -> None:
    before = Settings.of(Start(temperature=0.9, top_p=0.8, min_p=0.1))
    after = before.changed(Control(mode="duet", top_p=0.5, min_p=0.0))
    assert after.mode == "duet"
    assert (after.sampling.temperature, after.sampling.top_p, after.sampling.min_p) == (0.9, 0.5, 0.0)
    assert before.changed(Control()) == before
