"""pymdptoolbox, a library: value iteration. It stops by the span rule and leaves out the shift, which is ours, as is its
backup.

It has no temperature. A solver runs once; making it includes a bound on the number of its sweeps, which takes minutes where
there are many states, and is not timed.
"""

import warnings

import numpy as np
import scipy.sparse
from mdptoolbox import mdp

from layout import looping
from models import HARD, TOLERANCE
from registry import program

warnings.simplefilter("ignore", scipy.sparse.SparseEfficiencyWarning)
WHAT = "library: `ValueIteration`; the last backup, and the shift that makes its bound one of values, are ours"


@program("stationary", HARD, "pymdptoolbox", WHAT, at_most=5000, renews=True)
def value_iteration(model):
    matrix, rewards = looping(model)
    discount, terminal, num_states = model.discount, model.terminal_states, model.num_states
    by_action = [matrix[a :: model.num_actions] for a in range(model.num_actions)]
    factor = discount / (1 - discount)
    # Solvers are the same but for what a run leaves behind.
    made = mdp.ValueIteration(by_action, rewards, discount, epsilon=2 * TOLERANCE, max_iter=10**6)
    most = made.max_iter

    def renew():
        made.V, made.iter, made.max_iter = np.zeros(num_states), 0, most
        return solve

    def solve():
        made.run()
        values = np.array(made.V)
        after = (rewards + discount * (matrix @ values).reshape(rewards.shape)).max(axis=1)
        change = after - values
        after += factor * (change.max() + change.min()) / 2
        after[terminal] = 0
        return {"V": after}

    return renew


def tables(result):
    return result
