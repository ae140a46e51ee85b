"""All ways of writing learn the same music in the same steps."""

from dataclasses import replace

import numpy as np
import torch

from benchmarks.study.merging.lesson import AS_WRITTEN, Merged, WordRows, tagged
from benchmarks.study.merging.music import Music, only
from benchmarks.study.merging.plan import runs
from benchmarks.study.merging.words import Scope, Words, unmerged
from model.networks.decoder import Decoder
from model.tokens.vocabulary import VOCABULARY
from model.training.crops import CropSampler, whole_piece
from model.training.segments import IGNORED
from tests.benchmarks.study.merging.made_music import PLAN, made_corpus, made_words

TRAIN = only(Music.BAND, made_corpus()).split("train")
WORDS = made_words(Scope.EVERYTHING)


def test_the_same_batch_is_the_same_music_in_every_vocabulary() -> None:
    crops = CropSampler(TRAIN, variation=AS_WRITTEN, seed=1)
    plain, merged = (WordRows(crops, words).batch(3, 4, 100) for words in (Words(unmerged(), 0), WORDS))
    assert merged.shape[1] < plain.shape[1] <= 101
    for flat, row in zip(plain, merged, strict=True):
        assert WORDS.decode(row[row != IGNORED].tolist()) == flat[flat != IGNORED].tolist()


def test_what_fills_a_row_up_teaches_nothing() -> None:
    run = replace(next(runs(PLAN, "made")), config=replace(PLAN.shape, vocabulary=len(WORDS.tokens)))
    lesson = Merged(run, WORDS, TRAIN, [whole_piece(TRAIN.pieces[0])[:100].tolist()])
    rows = torch.from_numpy(lesson.sampler.batch(0, 1, 100))
    longer = torch.cat((rows, torch.full((1, 9), IGNORED)), dim=1)
    torch.testing.assert_close(lesson.loss(longer), lesson.loss(rows))
    assert lesson.asked(2, 100) == 200
    assert np.isfinite(lesson.nll())


def test_a_network_reads_words_beyond_the_tokens() -> None:
    network = tagged(Decoder(replace(PLAN.shape, vocabulary=len(WORDS.tokens))), WORDS)
    logits = network(torch.tensor([[0, VOCABULARY, len(WORDS.tokens) - 1]]))
    assert logits.shape == (1, 3, len(WORDS.tokens))
