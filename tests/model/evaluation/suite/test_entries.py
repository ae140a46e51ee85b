"""Whatever lies in an entry's folder is counted, said, and never a crash."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.evaluation.suite.baselines import truth
from model.evaluation.suite.entries import Entry, file_of, read_entry, write_entry
from model.evaluation.suite.prompts import Prompt
from music.errors import TradefoursError
from tests.model.evaluation.suite.made_set import made_prompts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A faultless entry."""
    write_entry(tmp_path, made_prompts(), truth(made_prompts()))
    return tmp_path


def entry(folder: Path, *, with_prompt: bool = False) -> Entry:
    return read_entry(folder, made_prompts(), with_prompt=with_prompt)


def first(folder: Path) -> tuple[Prompt, Path]:
    return made_prompts()[0], file_of(folder, made_prompts()[0].place.name)


def test_a_faultless_entry_is_read_to_the_tick(folder: Path) -> None:
    found = entry(folder)
    assert [passage.notes for passage in found.passages] == [prompt.truth.notes for prompt in made_prompts()]
    assert (found.missing, found.broken, found.empty, found.short) == ((), {}, (), ())


def test_a_missing_a_broken_and_a_silent_file_are_said_and_count_as_silence(folder: Path) -> None:
    missing, broken, empty = (prompt.place.name for prompt in made_prompts()[:3])
    file_of(folder, missing).unlink()
    file_of(folder, broken).write_bytes(b"no music")
    write_entry(folder, made_prompts()[2:3], [replace(made_prompts()[2].truth, notes=())])
    found = entry(folder)
    assert (found.missing, list(found.broken), found.empty) == ((missing,), [broken], (empty,))
    assert found.broken[broken].startswith("expected ")
    assert [passage.notes for passage in found.passages[:3]] == [(), (), ()]


def test_a_file_that_ends_in_the_first_half_is_short_and_counts_as_it_is(folder: Path) -> None:
    prompt, _ = first(folder)
    half = replace(prompt.truth, notes=prompt.truth.cut(0, 4).notes)
    write_entry(folder, [prompt], [half])
    found = entry(folder)
    assert found.short == (prompt.place.name,)
    assert found.passages[0].notes == half.notes


def test_what_follows_the_bars_that_count_is_left_out(folder: Path) -> None:
    prompt, _ = first(folder)
    write_entry(folder, [prompt], [prompt.truth.then(prompt.truth)])
    assert entry(folder).passages[0].notes == prompt.truth.notes


def test_files_may_begin_with_the_prompt(folder: Path) -> None:
    whole = [replace(p.prompt, programs=p.truth.programs).then(p.truth) for p in made_prompts()]
    write_entry(folder, made_prompts(), whole)
    found = entry(folder, with_prompt=True)
    assert [passage.notes for passage in found.passages] == [prompt.truth.notes for prompt in made_prompts()]


@given(noise=st.binary(max_size=200), place=st.integers(0, 120))
def test_damaged_bytes_never_crash(tmp_path_factory: pytest.TempPathFactory, noise: bytes, place: int) -> None:
    folder = tmp_path_factory.mktemp("entry")
    prompts = made_prompts()[:1]
    write_entry(folder, prompts, truth(prompts))
    file = file_of(folder, prompts[0].place.name)
    data = file.read_bytes()
    file.write_bytes(data[:place] + noise + data[place + len(noise) :])
    found = read_entry(folder, prompts, with_prompt=False)
    assert len(found.passages) == 1
    assert found.passages[0].ticks == prompts[0].truth.ticks


def test_no_folder_and_a_folder_of_other_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TradefoursError, match=r"such as \w+-001.mid, in .*, got none"):
        entry(tmp_path)
    with pytest.raises(TradefoursError, match="which is none"):
        entry(tmp_path / "nowhere")
