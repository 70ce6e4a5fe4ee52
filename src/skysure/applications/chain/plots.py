"""Figures of the agents on the chain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure as Canvas

from skysure.evaluation import Evaluation
from skysure.report import Figure, style

FORWARD, BACKWARD = style.BLUE, style.VERMILLION
BALANCE = LinearSegmentedColormap.from_list("balance", [BACKWARD, "white", FORWARD])


def figures(evaluation: Evaluation) -> Iterator[Figure]:
    """Learning curves, final policies, learned values, and the best policy against the discount."""
    returns, learned = evaluation.curve("learning"), evaluation.curve("values")
    yield learning(returns)
    yield ends(returns)
    yield values(learned)
    yield policies(evaluation.curve("discounts"), learned["discount"])


def learning(curve: dict[str, Any]) -> Figure:
    """Exact return of the greedy policies after every episode, one panel per learning rule."""
    rules = curve["rules"]

    def draw(canvas: Canvas) -> None:
        rows = (len(rules) + 1) // 2
        grid = canvas.subplots(rows, min(2, len(rules)), sharex=True, sharey=True, squeeze=False)
        for axes, (i, rule) in zip(grid.flat, enumerate(rules), strict=False):
            episode = np.arange(1, len(rule["mean"]) + 1)
            axes.fill_between(episode, rule["low"], rule["high"], color=style.colour(i), alpha=0.25, lw=0)
            axes.plot(episode, rule["mean"], color=style.colour(i), lw=2)
            axes.axhline(curve["best"], color=style.BLACK, lw=0.9, ls="--")
            axes.set_title(rule["name"], color=style.colour(i), weight="bold")
            axes.set(xscale="log", xlim=(1, max(2, len(episode))), ylim=(0, 1.1 * curve["best"]))
            axes.xaxis.set_major_formatter("{x:g}")
        for axes in grid.flat[len(rules) :]:
            axes.set_visible(False)
        canvas.supxlabel("Episode", fontsize=9.5)
        canvas.supylabel("Return of the greedy policy", fontsize=9.5)

    caption = (
        "Mean over the agents, and the band of the central 68.3 % of them. After each episode the greedy policy of "
        f"every agent is evaluated exactly; dashed: the best policy, {curve['best']:,.1f}."
    )
    height = 1.1 + 1.4 * ((len(rules) + 1) // 2)
    return Figure("learning", "Learning curves", caption, draw, width=4.6, height=height)


def ends(curve: dict[str, Any]) -> Figure:
    """Final policies of the agents of each rule: one dot per policy, its area the number of agents."""
    rules = curve["rules"]
    total = sum(n for _, n in rules[0]["ends"])

    def draw(canvas: Canvas) -> None:
        axes = canvas.subplots()
        for i, rule in enumerate(rules):
            returns, counts = np.array(rule["ends"]).T
            area = 900 * counts / total
            axes.scatter(np.full(len(returns), i), returns, s=area, color=style.colour(i), alpha=0.55, lw=0)
            share = f"{100 * rule['optimal']:.0f} %"
            axes.text(i, 1.2 * curve["best"], share, ha="center", va="center", weight="bold")
        for key, label in (("best", "best"), ("random", "random\nactions")):
            axes.axhline(curve[key], color=style.GREY, lw=1, zorder=0)
            axes.text(len(rules) + 0.15, curve[key] + 40, label, ha="right", va="bottom", fontsize=8.5)
        axes.set_xticks(range(len(rules)), [rule["name"].replace("-", "\n", 1) for rule in rules])
        axes.set(ylabel="Return of the greedy policy", ylim=(0, 1.3 * curve["best"]))
        axes.set_xlim(-0.6, len(rules) + 0.2)

    caption = (
        f"Each dot is a policy, its area the share of the {total:,} agents that end with it; above, the share within "
        "1 % of the best return. The lecture's agent stops exploring in a state after its first reward there, and "
        "keeps the action that was rewarded first. With exploration and a step size of 0.8 the last slip outweighs "
        "all earlier ones. A small step size, or one that shrinks with the number of visits, averages over the slips."
    )
    return Figure("ends", "Final policies", caption, draw, width=4.6, height=3.7)


def values(curve: dict[str, Any]) -> Figure:
    """Learned values with their standard deviation between agents, beside the exact values."""
    states = np.arange(len(curve["exact"][0]))

    def draw(canvas: Canvas) -> None:
        axes = canvas.subplots()
        styles = zip(curve["actions"], (FORWARD, BACKWARD), style.MARKERS, (-0.14, 0.14), strict=False)
        for a, (action, colour, marker, shift) in enumerate(styles):
            exact, learned, error = (np.array(curve[key][a]) for key in ("exact", "learned", "error"))
            at = states + shift
            label = None if a else "exact"
            axes.hlines(exact, at - 0.12, at + 0.12, color=style.BLACK, lw=1.6, label=label)
            label = f"{action}, learned"
            axes.errorbar(at, learned, error, color=colour, fmt=marker, capsize=2.5, label=label)
        for s, probability in enumerate(curve["best_probability"]):
            _above(axes, s, f"{probability:.2f}")
        axes.set_title("Probability that the best is best:", fontsize=8.5, pad=20)
        axes.set_xticks(states, [f"s{s}" for s in states])
        axes.set(xlabel="State", ylabel=f"Value Q at γ = {curve['discount']:g}")
        canvas.legend(loc="outside lower center", ncols=3, columnspacing=1.2, handletextpad=0.5)

    caption = (
        "Points are means over the agents, error bars the standard deviation between agents, black bars the exact "
        "solution of Bellman's equation. The numbers above are the share of agents that prefer the action with the "
        "highest mean: errors common to both actions change no decision."
    )
    return Figure("values", "Learned values", caption, draw, width=4.6, height=3.9, section="trust")


def policies(curve: dict[str, Any], discount: float) -> Figure:
    """The exact best policy against the discount, and what it returns in an episode."""
    gamma = np.array(curve["discount"])
    advantage = np.array(curve["advantage"])
    n_states = len(advantage)

    def draw(canvas: Canvas) -> None:
        above, below = canvas.subplots(2, 1, sharex=True, height_ratios=(1, 1.6))
        above.plot(gamma[:-1], curve["return"][:-1], color=style.BLACK, drawstyle="steps-mid")
        above.plot(gamma[-1], curve["return"][-1], "o", color=style.BLACK, clip_on=False)
        above.set(ylabel="Return of\nthe best policy", ylim=(0, 1.1 * max(curve["return"])))
        shade = np.sign(advantage) * np.sqrt(np.abs(advantage))
        edges = np.append(gamma[:-1], 1.0)
        rows = np.arange(n_states + 1) - 0.5
        below.pcolormesh(edges, rows, shade[:, :-1], cmap=BALANCE, vmin=-1, vmax=1, rasterized=True)
        for s, row in enumerate(advantage):
            _turn(below, s, gamma[:-1], row[:-1] > 0)
        at_one = np.where(advantage[:, -1] > 0, FORWARD, BACKWARD)
        below.scatter(np.ones(n_states), np.arange(n_states), c=at_one, s=22, clip_on=False, zorder=3)
        below.set_yticks(range(n_states), [f"s{s}" for s in range(n_states)])
        below.set(xlabel="Discount γ", ylabel="State", xlim=(0, 1))
        for axes in (above, below):
            axes.axvline(discount, color=style.BLACK, ls=":", lw=1.2)

    caption = (
        "Exact. Below, the best action of each state; the deeper the colour, the larger the relative loss of the other "
        "action. Above, the undiscounted return of this policy in an episode: with a small discount factor agents take "
        f"the small reward at once. Dots: γ = 1, the sum over the {curve['horizon']:,} steps of an episode. Dotted: "
        f"γ = {discount:g}, the discount of this run."
    )
    return Figure("policies", "Best policy against the discount", caption, draw, width=4.6, height=4.3, section="trust")


def _turn(axes: Axes, state: int, gamma: np.ndarray, forward: np.ndarray) -> None:
    """Write the best action into a row of the map, on both sides of where it changes."""
    turns = np.flatnonzero(forward[1:] != forward[:-1])
    names = np.where(forward, "forward", "backward")
    for k in turns:
        axes.vlines(gamma[k + 1], state - 0.5, state + 0.5, color=style.BLACK, lw=1.6)
        axes.text(gamma[k + 1] - 0.015, state, names[k], ha="right", va="center", fontsize=8.5)
        axes.text(gamma[k + 1] + 0.015, state, names[k + 1], ha="left", va="center", fontsize=8.5)
    if not len(turns):
        axes.text(0.5, state, names[0], ha="center", va="center", fontsize=8.5)


def _above(axes: Axes, x: float, text: str) -> None:
    """Write above the frame."""
    axes.text(x, 1.02, text, transform=axes.get_xaxis_transform(), ha="center", fontsize=8.5)
