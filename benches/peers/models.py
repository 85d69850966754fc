"""The rows of the table and the models behind them, as files that every program reads.

Models are archives of numpy in the layout that the crate documents in its module `io`, so that no number goes through
text. Dense models are made here, grids by the crate's own `Gridworld`.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

# What is asked of a finite horizon, and of an infinite one: variational inference at τ = 0 and at τ = 1.
DIRECT, VARIATIONAL = "direct", "variational"
HARD, SOFT = "hard", "soft"
# What is asked of a forward pass from a uniform start.
MESSAGES, MARGINALS, OCCUPANCY = "forward messages", "posterior marginals", "occupancy"
TOLERANCE = 1e-6  # of stationary values, as every program has to promise it; of log-likelihoods in nats
BUS_ENGINES = Path(__file__).resolve().parents[2] / "examples" / "data" / "bus_engines.txt"


@dataclass(frozen=True)
class Row:
    """One table of results: a model, a horizon and what is kept of the solution."""

    key: str
    title: str
    kind: str  # dense, grid, moves, forward, stationary or choices: which functions of a peer are asked
    size: int  # states, but of a grid (also of moves and forward) cells along an edge
    num_actions: int
    horizon: int
    seconds: float  # of runs for each program and round; one run at least
    rounds: int = 2  # how often all programs take their turn
    # Stages whose values are compared: all of them, or every so many where they would fill the disk.
    stride: int = 1
    questions: tuple = (DIRECT, VARIATIONAL)
    discount: float = 1.0

    @property
    def num_states(self):
        return self.size**2 if self.kind in ("grid", "moves", "forward") else self.size

    @property
    def is_single(self):
        """Whether all programs compute in float32."""
        return self.kind == "moves"


ROWS = [
    Row("dense1000", "(a) dense, S = 1000, A = 4, T = 100: V, Q and π of all stages", "dense", 1000, 4, 100, 0.5, 3),
    Row("grid300", "(b) slippery grid, 300 × 300, T = 100: V of all stages", "grid", 300, 4, 100, 0.8, 2, 10),
    Row("grid1000", "(b) slippery grid, 1000 × 1000, T = 100: V of all stages", "grid", 1000, 4, 100, 1.0, 2, 10),
    Row(
        "garnet",
        "(c) Garnet, S = 10⁴, A = 6, 100 successors, γ = 0.99: V within 10⁻⁶",
        *("stationary", 10_000, 6, 0, 1.5, 3),
        questions=(HARD, SOFT),
        discount=0.99,
    ),
    Row(
        "looping",
        "(c) slippery grid, 50 × 50, a corner that loops, γ = 0.999: V within 10⁻⁶",
        *("stationary", 2500, 4, 0, 1.0, 3),
        questions=(HARD, SOFT),
        discount=0.999,
    ),
    Row(
        "terminal",
        "(c) slippery grid, 50 × 50, a terminal corner, γ = 0.999: V within 10⁻⁶",
        *("stationary", 2500, 4, 0, 1.0, 3),
        questions=(HARD, SOFT),
        discount=0.999,
    ),
    Row("small", "(d) dense, S = 5, A = 3, T = 20: V, Q and π of all stages", "dense", 5, 3, 20, 0.2, 3),
    Row(
        "bus",
        "(e) Rust's bus engines, group 4, γ = 0.9999: RC and θ within 10⁻⁶ nats of the largest likelihood",
        *("choices", 90, 2, 0, 0.5, 3),
        questions=(VARIATIONAL,),
        discount=0.9999,
    ),
    Row(
        "forward300",
        "(f) slippery grid, 300 × 300, T = 100, from a uniform start",
        *("forward", 300, 4, 100, 0.8, 2, 10),
        questions=(MESSAGES, MARGINALS, OCCUPANCY),
    ),
    *[
        Row(
            f"moves{horizon}",
            f"(g) deterministic grid, 1414 × 1414, in f32, T = {horizon}, memory reused: V of all stages",
            *("moves", 1414, 4, horizon, 0.8, 2),
            questions=(VARIATIONAL,),
        )
        for horizon in (1, 20)
    ],
]


@dataclass
class Model:
    """What is solved. The prior weight of every action is the same number, and γ = τ = 1 unless the problem is stationary."""

    num_states: int
    num_actions: int
    horizon: int
    rewards: np.ndarray  # [s, a]
    weight: float  # 1 in the counting prior, 1 / A in the uniform one
    transitions: np.ndarray | None = None  # [s, a, s'], or in compressed rows s · A + a:
    offsets: np.ndarray | None = None
    columns: np.ndarray | None = None
    probabilities: np.ndarray | None = None
    successors: np.ndarray | None = None  # [s, a], where every step succeeds
    terminal_states: np.ndarray | None = None
    terminal_values: np.ndarray | None = None  # [s]
    discount: float = 1.0
    # What an agent chose, and what it may have got for it: rewards are features · parameters.
    choices: np.ndarray | None = None  # [s, a]
    features: np.ndarray | None = None  # [s, a, k]

    @property
    def is_terminal(self):
        """Whether each state is terminal, [s]."""
        flags = np.zeros(self.num_states, dtype=np.bool_)
        flags[self.terminal_states] = True
        return flags


def write_dense(row, path):
    """Writes a model with random rows, rewards in [-1, 0], the counting prior and no terminal states."""
    rng = np.random.default_rng(2026)
    transitions = rng.random((row.size, row.num_actions, row.size))
    transitions /= transitions.sum(axis=2, keepdims=True)
    np.savez(path, transitions=transitions, rewards=-rng.random((row.size, row.num_actions)))


def write_stationary(row, path):
    """Writes a model in compressed rows with the counting prior: the Garnet one, or a grid with its corner."""
    if row.key == "garnet":
        rows, rewards, terminal = garnet(row)
    else:
        rows, rewards, terminal = slippery(row)
    np.savez(
        path,
        num_actions=np.int64(row.num_actions),
        row_offsets=np.cumsum([0] + [len(row) for row, _ in rows]),
        next_states=np.concatenate([row for row, _ in rows]).astype(np.int64),
        probabilities=np.concatenate([p for _, p in rows]),
        rewards=rewards,
        terminal_states=np.array(terminal, dtype=np.int64),
        discount=np.float64(row.discount),
    )


def write_choices(row, path):
    """Writes the choices of Rust's group 4, and the model that his table IX fits to them: keeping an engine of bin x costs
    0.001 θ x, replacing it costs RC, and it is driven 0, 1 or 2 bins with the frequencies of the records."""
    groups = np.loadtxt(BUS_ENGINES, dtype=np.int64)
    months = np.zeros((row.size, row.num_actions, 3))
    for _, bin_of_miles, *counts in groups[groups[:, 0] == 4]:
        months[bin_of_miles] += np.reshape(counts, (row.num_actions, 3))
    driven = months.sum(axis=(0, 1)) / months.sum()
    transitions = np.zeros((row.size, row.num_actions, row.size))
    for s in range(row.size):
        for bins, p in enumerate(driven):
            transitions[s, 0, min(s + bins, row.size - 1)] += p
            transitions[s, 1, bins] += p
    features = np.zeros((row.size, row.num_actions, 2))
    features[:, 1, 0] = -1
    features[:, 0, 1] = -0.001 * np.arange(row.size)
    rewards, choices = np.zeros((row.size, row.num_actions)), months.sum(axis=2)
    np.savez(
        path, transitions=transitions, rewards=rewards, choices=choices, features=features, discount=np.float64(row.discount)
    )


def write_moves(row, path):
    """Writes a grid where every step succeeds, and costs from 1 to 2; at an edge it leads nowhere."""
    i, j = np.divmod(np.arange(row.num_states), row.size)
    last = row.size - 1
    steps = [(np.maximum(i - 1, 0), j), (i, np.minimum(j + 1, last)), (np.minimum(i + 1, last), j), (i, np.maximum(j - 1, 0))]
    successors = np.stack([down * row.size + right for down, right in steps], axis=1).astype(np.int32)
    pairs = np.arange(row.num_states * row.num_actions).reshape(successors.shape)
    np.savez(path, successors=successors, rewards=(-1 - pairs % 11 / 11).astype(np.float32))


def garnet(row, branching=100):
    """Distinct successors drawn without preference, probabilities the pieces of a unit interval cut at random, rewards
    uniform in [0, 1) (Archibald, McKinnon and Thomas, J. Oper. Res. Soc. 46, 1995)."""
    rng = np.random.default_rng(1995)
    rows = []
    for _ in range(row.size * row.num_actions):
        successors = np.sort(rng.choice(row.size, branching, replace=False, shuffle=False))
        cuts = np.sort(rng.random(branching - 1))
        rows.append((successors, np.diff(cuts, prepend=0.0, append=1.0)))
    return rows, rng.random((row.size, row.num_actions)), []


def slippery(row):
    """The grid of `tests/suite/worlds/grids.rs`: steps cost 1 and go astray to either side with probability 0.1; in the corner
    nothing is paid any more, and it ends the walk or loops on itself."""
    edge, is_terminal = int(row.size**0.5), row.key == "terminal"
    rewards = np.full((row.size, row.num_actions), -1.0)
    rewards[0] = 0
    moves = [(-1, 0), (0, 1), (1, 0), (0, -1)]  # up, right, down, left

    def step(s, direction):
        (i, j), (down, right) = divmod(s, edge), moves[direction % 4]
        return min(max(i + down, 0), edge - 1) * edge + min(max(j + right, 0), edge - 1)

    rows = []
    for s in range(row.size):
        for a in range(row.num_actions):
            moved = [(step(s, a), 0.8), (step(s, a + 1), 0.1), (step(s, a + 3), 0.1)]
            if s == 0:
                moved = [] if is_terminal else [(0, 1.0)]
            successors = sorted({n for n, _ in moved})
            rows.append((successors, [sum(p for m, p in moved if m == n) for n in successors]))
    return rows, rewards, [0] if is_terminal else []


def read(row, path):
    """The model of a row."""
    with np.load(path) as file:
        arrays = dict(file)
    num_states, num_actions = arrays["rewards"].shape
    uniform = bool(arrays.get("uniform_prior", False))
    terminal = arrays.get("terminal_states", np.zeros(0, dtype=np.int64))
    model = Model(
        num_states,
        num_actions,
        row.horizon,
        rewards=arrays["rewards"],
        weight=1 / num_actions if uniform else 1.0,
        # The crate writes a mask, and takes indices too.
        terminal_states=np.flatnonzero(terminal) if terminal.dtype == np.bool_ else terminal,
        terminal_values=arrays.get("terminal_values", np.zeros(num_states)),
        discount=float(arrays.get("discount", 1.0)),
        choices=arrays.get("choices"),
        features=arrays.get("features"),
    )
    if row.kind in ("dense", "choices"):
        model.transitions = arrays["transitions"]
    elif row.kind == "moves":
        model.successors = arrays["successors"]
    else:
        # Indices of 32 bits are what all of these libraries are fastest with.
        model.offsets = arrays["row_offsets"].astype(np.int32)
        model.columns = arrays["next_states"].astype(np.int32)
        model.probabilities = arrays["probabilities"]
    return model
