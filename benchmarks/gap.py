"""The lecture's sentence: over how many words does a network remember the country that determines the language?

    python benchmarks/gap.py [--quick]

"I have been staying in Brazil ... I can speak fluent ___": 40 countries, 26 languages, `gap` words between the country
and the blank. The words between form sentences of eight words from a vocabulary of seventy; one in ten mentions another
country, none names a language. Training and test have different sentences of the same words.

The network is an embedding, one recurrent layer of 32 units and a softmax over the languages. One network is trained
and tested for each gap: 1,200 steps of Adam on 64 texts, gradients clipped at norm 1. The training gaps are either
log-uniform from 5 to the tested gap, or (rows `_only_`) the tested gap alone. All cells start with a long memory
(`init_forget_bias`): the forget gate of the LSTM and the update gate of the GRU with bias 1, the plain layer with
orthogonal weights; rows `_torch_` start with torch's defaults. A training stops early when the mean loss of its last
steps is below 0.01. A cell whose mean accuracy is below a half at 100 words or more is not trained at longer gaps.
Learning rates were chosen on the part "validation".
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from record import record, row
from skysure.methods.recurrent import gradient_by_lag, init_forget_bias
from skysure.training import seeded

COUNTRIES = {
    "portuguese": "brazil portugal angola", "spanish": "spain mexico argentina chile peru colombia",
    "french": "france senegal gabon", "german": "germany austria", "english": "australia ireland jamaica",
    "arabic": "egypt jordan morocco", "italian": "italy", "japanese": "japan", "korean": "korea", "greek": "greece",
    "polish": "poland", "swedish": "sweden", "turkish": "turkey", "thai": "thailand", "hungarian": "hungary",
    "finnish": "finland", "norwegian": "norway", "danish": "denmark", "dutch": "netherlands", "russian": "russia",
    "chinese": "china", "vietnamese": "vietnam", "icelandic": "iceland", "romanian": "romania",
    "ukrainian": "ukraine", "czech": "czechia",
}  # fmt: skip
LANGUAGES = tuple(COUNTRIES)
NATIONS = [(country, k) for k, names in enumerate(COUNTRIES.values()) for country in names.split()]
OPENINGS = ("i have been staying in", "i was born in", "my home is in", "i have lived for years in")
END = "i can speak fluent"
SUBJECTS = "we they people friends neighbours children teachers painters"
VERBS = "watch paint follow describe remember visit admire photograph"
ADJECTIVES = "old quiet bright narrow green distant"
NOUNS = "river garden market mountain bridge harbour forest village"
PREPOSITIONS = "in near behind beside beyond around"
TIMES = "spring summer winter morning evening rain"
NEUTRAL = [f"{s} {v} the {a} {n} {p} the {t}" for s, v, a, n, p, t in
           product(*(w.split() for w in (SUBJECTS, VERBS, ADJECTIVES, NOUNS, PREPOSITIONS, TIMES)))]  # fmt: skip
ABROAD = [template.format(country=c, time=t) for template, (c, _), t in
          product(("my cousin once flew to {country} last {time}", "a letter came from {country} in the {time}",
                   "the train never went to {country} in {time}"), NATIONS, TIMES.split())]  # fmt: skip
PARTS = {"train": (0.0, 0.8), "validation": (0.8, 0.9), "test": (0.9, 1.0)}
ALL_TEXT = (*OPENINGS, END, SUBJECTS, VERBS, ADJECTIVES, NOUNS, PREPOSITIONS, TIMES, NEUTRAL[0], *ABROAD)
WORDS = [".", *dict.fromkeys(" ".join(ALL_TEXT).split())]

CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
LEARNING_RATE = {"rnn": 3e-3, "lstm": 1e-2, "gru": 1e-2}
GAPS = (5, 10, 20, 50, 100, 200, 500, 1000)
LAGS = (1, 2, 5, 10, 20, 50, 100, 200)
UNITS, BATCH, STEPS, TESTED, LEARNED = 32, 64, 1200, 512, 0.01


def encode(sentences: list[str]) -> np.ndarray:
    """Word indices of sentences of equal length, shape (sentence, word)."""
    number = {word: k for k, word in enumerate(WORDS)}
    return np.array([[number[word] for word in sentence.split()] for sentence in sentences])


@cache
def of_part(part: str) -> tuple[np.ndarray, np.ndarray]:
    """Neutral sentences of a part, and those about other countries; the same in every run."""
    kinds = []
    for sentences in (NEUTRAL, ABROAD):
        low, high = (round(share * len(sentences)) for share in PARTS[part])
        kinds.append(encode([sentences[k] for k in np.random.default_rng(17).permutation(len(sentences))[low:high]]))
    return kinds[0], kinds[1]


class Texts:
    """Random texts of the lecture's form, from the sentences of one part."""

    def __init__(self, part: str, *key: int) -> None:
        self.random = np.random.default_rng([list(PARTS).index(part), *key])
        self.neutral, self.abroad = of_part(part)
        longest = max(len(opening.split()) for opening in OPENINGS)
        self.openings = encode([". " * (longest - len(o.split())) + o for o in OPENINGS])
        self.nations, self.end = encode([country for country, _ in NATIONS]), encode([END])

    def draw(self, gap: int, n: int) -> tuple[Tensor, Tensor]:
        """Draw n texts with `gap` words between country and blank, shape (text, word), and their languages."""
        pick, words = self.random.integers, gap - self.end.shape[1]
        shape = (n, -(-words // self.neutral.shape[1]))
        abroad = self.random.random(shape) < 0.1
        between = np.where(abroad[..., None], self.abroad[pick(len(self.abroad), size=shape)],
                           self.neutral[pick(len(self.neutral), size=shape)])  # fmt: skip
        nation = pick(len(NATIONS), size=n)
        pieces = [self.openings[pick(len(self.openings), size=n)], self.nations[nation],
                between.reshape(n, -1)[:, :words], self.end.repeat(n, 0)]  # fmt: skip
        language = np.array([language for _, language in NATIONS])[nation]
        return torch.from_numpy(np.concatenate(pieces, 1)), torch.from_numpy(language)


class Speaker(nn.Module):
    """Embedding, recurrent layer, and the logits of the languages after the last word."""

    def __init__(self, cell: str, start: str) -> None:
        super().__init__()
        self.embedding = nn.Embedding(len(WORDS), UNITS)
        self.layer = CELLS[cell](UNITS, UNITS, batch_first=True)
        self.head = nn.Linear(UNITS, len(LANGUAGES))
        if start == "keeping":
            init_forget_bias(self.layer)

    def forward(self, words: Tensor) -> Tensor:
        return self.head(self.layer(self.embedding(words))[0][:, -1])


@dataclass(frozen=True)
class Lesson:
    """A training: cell, longest gap, range of gaps (`up_to` the longest, or it `only`), initial weights, seed."""

    cell: str
    gap: int
    gap_range: str = "up_to"
    start: str = "keeping"
    seed: int = 0

    @property
    def gaps(self) -> Iterator[int]:
        """Random gap of each batch."""
        random = np.random.default_rng([self.seed, self.gap, 5])
        while True:
            shortest = self.gap if self.gap_range == "only" else GAPS[0]
            yield round(math.exp(random.uniform(math.log(shortest), math.log(self.gap))))

    def network(self) -> Speaker:
        """Make the untrained network."""
        with seeded(self.seed, self.gap):
            return Speaker(self.cell, self.start)


def train(lesson: Lesson, steps: int = STEPS) -> Speaker:
    """Train until the loss is small or the steps are over."""
    network, texts = lesson.network(), Texts("train", lesson.seed, lesson.gap)
    adam = torch.optim.Adam(network.parameters())
    recent_loss = math.log(len(LANGUAGES))
    for step, gap in zip(range(steps), lesson.gaps, strict=False):
        progress = step / steps
        warmup = min(1.0, (step + 1) / 50)
        adam.param_groups[0]["lr"] = LEARNING_RATE[lesson.cell] * warmup * 0.5 * (1 + math.cos(math.pi * progress))
        words, language = texts.draw(gap, BATCH)
        loss = nn.functional.cross_entropy(network(words), language)
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        adam.step()
        recent_loss += 0.05 * (float(loss.detach()) - recent_loss)
        if recent_loss < LEARNED:
            break
    return network


@torch.inference_mode()
def accuracy(network: Speaker, gap: int, seed: int, part: str = "test") -> float:
    """Share of texts whose language is predicted correctly at this gap."""
    texts, correct = Texts(part, seed, gap), 0
    for _ in range(TESTED // BATCH):
        words, language = texts.draw(gap, BATCH)
        correct += int((network(words).argmax(1) == language).sum())
    return correct / TESTED


def curve(
    cell: str, gap_range: str, start: str, gaps: tuple[int, ...], seeds: int, steps: int
) -> Iterator[dict[str, Any]]:
    """Accuracy at each gap of networks trained for it."""
    name = {("up_to", "keeping"): "accuracy", ("only", "keeping"): "only", ("up_to", "torch"): "torch"}[
        gap_range, start
    ]
    for gap in gaps:
        lessons = [Lesson(cell, gap, gap_range, start, seed) for seed in range(seeds)]
        accuracies = [accuracy(train(lesson, steps), gap, lesson.seed) for lesson in lessons]
        mean = statistics.mean(accuracies)
        error = max(math.sqrt(mean * (1 - mean) / (seeds * TESTED)),
                    statistics.stdev(accuracies) / math.sqrt(seeds) if seeds > 1 else 0.0)  # fmt: skip
        note = f"{seeds} networks: {', '.join(f'{share:.3f}' for share in accuracies)}"
        yield row(f"{cell}_{name}_{gap}", mean, error=error, n=seeds * TESTED, note=note)
        if gap >= 100 and mean < 0.5:
            return


def gradients(cell: str, steps: int) -> Iterator[dict[str, Any]]:
    """Gradient at each lag over that at lag 0, median over texts: with both initial weights, and after training."""
    words, _ = Texts("test", 0).draw(LAGS[-1], 32)
    lesson = Lesson(cell, 100)
    networks = {"torch": Lesson(cell, 100, start="torch").network(), "start": lesson.network()}
    for when, network in (networks | {"trained": train(lesson, steps)}).items():
        network = network.double()
        by_lag = gradient_by_lag(network.layer, network.embedding(words).detach())
        median = (by_lag / by_lag[:, :1]).median(0).values
        for lag in LAGS:
            yield row(f"{cell}_gradient_{when}_{lag}", float(median[lag]), n=len(words))


def main(quick: bool) -> None:
    torch.set_num_threads(1)
    gaps, seeds, steps = ((5, 20, 100), 1, 200) if quick else (GAPS, 3, STEPS)
    rows: list[dict[str, Any]] = []
    for cell in CELLS:
        rows += curve(cell, "up_to", "keeping", gaps, seeds, steps)
        rows += curve(cell, "only", "keeping", gaps, seeds, steps)
        rows += curve(cell, "up_to", "torch", (20, 100), seeds, steps)
        rows += gradients(cell, steps)
    record("gap", rows, quick=quick)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    main(parser.parse_args().quick)
