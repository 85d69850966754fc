"""The rows of the table and the models behind them, as files that every program reads.

Models are archives of numpy in the layout that the crate documents in its module `io`, so that no number goes through
text. Dense models are made here, grids by the crate's own `Gridworld`.
"""

from dataclasses import dataclass

import numpy as np

DIRECT, VARIATIONAL = "direct", "variational"


@dataclass(frozen=True)
class Row:
    """One table of results: a model, a horizon and what is kept of the solution."""

    key: str
    title: str
    kind: str  # dense or grid: which functions of a peer are asked
    size: int  # states of a dense model, cells along an edge of a grid
    num_actions: int
    horizon: int
    seconds: float  # of runs for each program and round; one run at least
    rounds: int = 2  # how often all programs take their turn
    # Stages whose values are compared: all of them, or every so many where they would fill the disk.
    stride: int = 1


ROWS = [
    Row("dense1000", "(a) dense, S = 1000, A = 4, T = 100: V, Q and π of all stages", "dense", 1000, 4, 100, 0.5, 3),
    Row("grid300", "(b) slippery grid, 300 × 300, T = 100: V of all stages", "grid", 300, 4, 100, 0.8, 2, 10),
    Row("grid1000", "(b) slippery grid, 1000 × 1000, T = 100: V of all stages", "grid", 1000, 4, 100, 1.0, 2, 10),
    Row("small", "(d) dense, S = 5, A = 3, T = 20: V, Q and π of all stages", "dense", 5, 3, 20, 0.2, 3),
]


@dataclass
class Model:
    """What is solved. γ = τ = 1, and the prior weight of every action is the same number."""

    num_states: int
    num_actions: int
    horizon: int
    rewards: np.ndarray  # [s, a]
    weight: float  # 1 in the counting prior, 1 / A in the uniform one
    transitions: np.ndarray | None = None  # [s, a, s'], or in compressed rows s · A + a:
    offsets: np.ndarray | None = None
    columns: np.ndarray | None = None
    probabilities: np.ndarray | None = None
    terminal_states: np.ndarray | None = None
    terminal_values: np.ndarray | None = None  # [s]


def write_dense(row, path):
    """Writes a model with random rows, rewards in [-1, 0], the counting prior and no terminal states."""
    rng = np.random.default_rng(2026)
    transitions = rng.random((row.size, row.num_actions, row.size))
    transitions /= transitions.sum(axis=2, keepdims=True)
    np.savez(path, transitions=transitions, rewards=-rng.random((row.size, row.num_actions)))


def read(row, path):
    """The model of a row."""
    with np.load(path) as file:
        arrays = dict(file)
    num_states, num_actions = arrays["rewards"].shape
    uniform = bool(arrays.get("uniform_prior", False))
    model = Model(
        num_states,
        num_actions,
        row.horizon,
        rewards=arrays["rewards"],
        weight=1 / num_actions if uniform else 1.0,
        terminal_states=arrays.get("terminal_states", np.zeros(0, dtype=np.int64)),
        terminal_values=arrays.get("terminal_values", np.zeros(num_states)),
    )
    if row.kind == "dense":
        model.transitions = arrays["transitions"]
    else:
        # Indices of 32 bits are what all of these libraries are fastest with.
        model.offsets = arrays["row_offsets"].astype(np.int32)
        model.columns = arrays["next_states"].astype(np.int32)
        model.probabilities = arrays["probabilities"]
    return model
