"""The chain as an environment: the small reward is near, the large one at the end of the chain.

Strens (2000), A Bayesian framework for reinforcement learning, figure 1; Gym offered it as NChain-v0. There are
`length` states in a row. Action 0, forward, moves one state on and pays nothing; in the last state it stays and
pays `large`. Action 1, backward, pays `small` and returns to the first state. With probability `slip` the
other action happens. After `horizon` steps the episode is truncated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Discrete
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from jaxtyping import Float

from skysure.data.sources import InMemorySource

from .settings import Schema, Settings

FORWARD, BACKWARD = 0, 1

Tensor3 = Float[np.ndarray, "state action next"]


def process(settings: Settings) -> tuple[Tensor3, Tensor3]:
    """Write the chain as tensors: the probability of s' after (s, a), and the mean reward of that transition.

    >>> transition, reward = process(Settings())
    >>> transition[0, FORWARD]
    array([0.2, 0.8, 0. , 0. , 0. ])
    """
    n = settings.length
    on, off = 1 - settings.slip, settings.slip
    transition, reward = np.zeros((n, 2, n)), np.zeros((n, 2, n))
    for s in range(n):
        ahead = min(s + 1, n - 1)
        paid = settings.large if s == n - 1 else 0.0
        for a, p_forward in ((FORWARD, on), (BACKWARD, off)):
            transition[s, a, ahead] += p_forward
            transition[s, a, 0] += 1 - p_forward
            reward[s, a, ahead] += p_forward * paid
            reward[s, a, 0] += (1 - p_forward) * settings.small
    reward = np.divide(reward, transition, out=np.zeros_like(reward), where=transition > 0)
    return transition, reward


@dataclass(frozen=True)
class States:
    """Some states of the chain: the chunks of this application.

    Parameters
    ----------
    state : ndarray of int, shape (row,)
    """

    state: np.ndarray

    @property
    def ids(self) -> np.ndarray:
        """Their names."""
        return self.state.astype(str)

    def __len__(self) -> int:
        return len(self.state)

    def __getitem__(self, selection: Any) -> States:
        return States(self.state[selection])


class Chain(gymnasium.Env[int, int]):
    """One agent on the chain.

    >>> env = Chain(slip=0.0)
    >>> env.reset(seed=1)
    (0, {})
    >>> env.step(FORWARD)
    (1, 0.0, False, False, {})
    >>> env.step(BACKWARD)
    (0, 2.0, False, False, {})
    """

    metadata = {"render_modes": ["ansi"], "render_fps": 4}  # noqa: RUF012
    observation_space: Discrete
    action_space: Discrete

    def __init__(
        self,
        length: int = 5,
        slip: float = 0.2,
        small: float = 2.0,
        large: float = 10.0,
        horizon: int = 1000,
        render_mode: str | None = None,
    ) -> None:
        self.observation_space, self.action_space = Discrete(length), Discrete(2)
        self.slip, self.small, self.large = slip, float(small), float(large)
        self.horizon, self.render_mode = horizon, render_mode
        self.state, self.elapsed = 0, horizon

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """Return to the first state, and draw the steps at which the other action will happen."""
        super().reset(seed=seed)
        self.slips = self.np_random.random(self.horizon) < self.slip
        self.state = self.elapsed = 0
        return self.state, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """Take an action; the module describes the rewards."""
        if self.elapsed >= self.horizon:
            raise gymnasium.error.ResetNeeded("the episode is over: call reset() before step()")
        forward = (action == FORWARD) ^ self.slips[self.elapsed]
        last = int(self.observation_space.n) - 1
        reward = (self.large if self.state == last else 0.0) if forward else self.small
        self.state = min(self.state + 1, last) if forward else 0
        self.elapsed += 1
        return self.state, reward, False, self.elapsed >= self.horizon, {}

    def render(self) -> str:
        """Draw the chain as text, the agent in its state: `· · ● · ·`."""
        return " ".join("●" if s == self.state else "·" for s in range(int(self.observation_space.n)))


class ChainVector(VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """Many agents, each on its own chain, moved by one array operation.

    Agent i sees what a `Chain` reset with its seed would see, to the bit. An episode that is over starts again
    at the next step (gymnasium's NEXT_STEP).
    """

    metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012

    def __init__(
        self,
        num_envs: int = 1,
        length: int = 5,
        slip: float = 0.2,
        small: float = 2.0,
        large: float = 10.0,
        horizon: int = 1000,
    ) -> None:
        self.num_envs, self.last, self.slip, self.horizon = num_envs, length - 1, slip, horizon
        self.single_observation_space, self.single_action_space = Discrete(length), Discrete(2)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.paid_forward = np.zeros(length)
        self.paid_forward[-1] = large
        self.small = float(small)
        self.elapsed, self.never = horizon, np.zeros(num_envs, dtype=bool)
        self.ahead = np.minimum(np.arange(length) + 1, length - 1)
        self.randoms = [np.random.default_rng() for _ in range(num_envs)]

    @property
    def length(self) -> int:
        """Number of states."""
        return self.last + 1

    @property
    def schema(self) -> Schema:
        """The actions of the agents."""
        return Schema()

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Return every agent to the first state; seed i, or seed + i, is agent i's."""
        if isinstance(seed, int):
            seed = [seed + i for i in range(self.num_envs)]
        for i, seed_i in enumerate(seed or []):
            if seed_i is not None:
                self.randoms[i], _ = gymnasium.utils.seeding.np_random(seed_i)
        self.slips = np.stack([random.random(self.horizon) for random in self.randoms], axis=1) < self.slip
        self.state, self.elapsed = np.zeros(self.num_envs, dtype=np.int64), 0
        return self.state, {}

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Take an action with every agent; the module describes the rewards."""
        never = self.never.copy()
        if self.elapsed >= self.horizon:
            self.reset()
            return self.state, np.zeros(self.num_envs), never, never, {}
        forward = (actions == FORWARD) ^ self.slips[self.elapsed]
        reward = np.where(forward, self.paid_forward[self.state], self.small)
        self.state = np.where(forward, self.ahead[self.state], 0)
        self.elapsed += 1
        cut = ~never if self.elapsed >= self.horizon else never
        return self.state, reward, never, cut, {}


def environment(settings: Settings) -> ChainVector:
    """Make the chains of all agents."""
    s = settings
    return ChainVector(s.agents, s.length, s.slip, s.small, s.large, s.horizon)


def states(environment: ChainVector) -> InMemorySource:
    """Give all states of the chain: what a prediction without data answers for."""
    return InMemorySource(environment.schema, [States(np.arange(environment.length))])


gymnasium.register(
    id="skysure/Chain-v0",
    entry_point="skysure.applications.chain.environments:Chain",
    vector_entry_point="skysure.applications.chain.environments:ChainVector",
)
