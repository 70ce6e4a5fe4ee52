"""The texts of `benchmarks/gap.py` are what they are said to be."""

import importlib
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def gap():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
        return importlib.import_module("gap")


def draw_sentences(gap, part, between, n=200):
    words, language = gap.Texts(part, 3).draw(between, n)
    return [[gap.WORDS[k] for k in text] for text in words.tolist()], [gap.LANGUAGES[k] for k in language.tolist()]


@pytest.mark.parametrize("between", [5, 30, 101])
def test_the_gap_is_the_words_between_country_and_blank(gap, between):
    texts, languages = draw_sentences(gap, "test", between)
    for text, language in zip(texts, languages, strict=True):
        assert text[-between - 1] in gap.COUNTRIES[language].split()
        opening = " ".join(word for word in text[: -between - 1] if word != ".")
        assert opening in gap.OPENINGS
        assert " ".join(text[-4:]) == gap.END
    assert len(set(languages)) > 15


def test_no_language_is_named_and_other_countries_are(gap):
    assert not set(gap.WORDS) & set(gap.LANGUAGES)
    texts, _ = draw_sentences(gap, "train", 100)
    countries = {country for country, _ in gap.NATIONS}
    counts = [sum(word in countries for word in text[-100:-4]) for text in texts]
    assert 0.8 < sum(counts) / len(counts) < 1.7  # twelve sentences, one in ten


def test_sentences_of_parts_differ_and_their_words_do_not(gap):
    sentences = {part: [set(map(tuple, kind.tolist())) for kind in gap.of_part(part)] for part in gap.PARTS}
    for kind in (0, 1):
        train, validation, test = (sentences[part][kind] for part in gap.PARTS)
        assert not (train & test) | (train & validation) | (validation & test)
        assert {word for text in test for word in text} <= {word for text in train for word in text}


def test_a_lesson_is_the_same_each_time_and_of_its_gaps(gap):
    lesson = gap.Lesson("gru", 50)
    gaps = [k for k, _ in zip(lesson.gaps, range(300), strict=False)]
    assert min(gaps) == 5
    assert 45 <= max(gaps) <= 50
    assert gaps == [k for k, _ in zip(lesson.gaps, range(300), strict=False)]
    assert {k for k, _ in zip(gap.Lesson("gru", 50, "only").gaps, range(9), strict=False)} == {50}
    assert gap.accuracy(gap.train(gap.Lesson("gru", 5), 3), 5, 0) < 0.5
