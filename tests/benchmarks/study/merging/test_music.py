"""A piece is piano, or for several instruments, or neither."""

from dataclasses import replace

import numpy as np

from benchmarks.study.merging.music import Music, joined, only, whole_notes
from model.tokens.vocabulary import BAR, DURATION, END, PITCH
from model.training.corpus import Corpus
from tests.benchmarks.study.merging.made_music import made_corpus, made_piece


def test_each_kind_of_music_is_found_and_no_piece_is_of_both() -> None:
    corpus = made_corpus()
    piano, band = (only(music, corpus) for music in Music)
    assert {piece.programs for piece in piano.pieces} == {(0,)}
    assert {piece.programs for piece in band.pieces} == {(0, 32, 128), (24, 73)}
    assert len(piano.pieces) + len(band.pieces) == len(corpus.pieces)


def test_a_tune_that_a_file_gives_to_a_piano_is_no_piano_music() -> None:
    assert only(Music.PIANO, Corpus((made_piece(1, (0,), "train"),))).pieces == ()
    assert only(Music.BAND, Corpus((made_piece(1, (0, 0), "train"),))).pieces == ()


def test_two_hands_become_one_part_in_order_without_a_key_struck_twice() -> None:
    piece = made_piece(3, (0, 0), "train")
    both = replace(piece, notes=np.concatenate((piece.notes, piece.notes[:3] + np.array([0, 1, 0, 0, 0], np.int32))))
    notes = joined(both).notes
    assert set(notes[:, 1]) == {0}
    assert len(notes) == len(piece.notes)
    assert notes.tolist() == sorted(notes.tolist())


def test_music_is_cut_after_a_whole_note() -> None:
    tokens = np.array([BAR[0], DURATION[3], BAR[0], PITCH[3]])
    assert whole_notes(tokens).tolist() == [BAR[0], DURATION[3]]
    assert whole_notes(np.array([DURATION[3], END[0]])).tolist() == [DURATION[3], END[0]]
    assert whole_notes(tokens[2:]).size == 0
