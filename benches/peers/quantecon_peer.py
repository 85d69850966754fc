"""QuantEcon, a library: its modified policy iteration, which is its fastest method here and shifts by what the bounds say.

It has no temperature. A terminal state loops on itself, for nothing.
"""

import numpy as np
from quantecon.markov import DiscreteDP

from layout import looping
from models import HARD, TOLERANCE
from registry import program


@program("stationary", HARD, "QuantEcon", "library: `DiscreteDP.solve`, modified policy iteration; one thread")
def modified_policy_iteration(model):
    matrix, rewards = looping(model)
    states = np.repeat(np.arange(model.num_states), model.num_actions)
    actions = np.tile(np.arange(model.num_actions), model.num_states)
    problem = DiscreteDP(rewards.reshape(-1), matrix, model.discount, states, actions)
    # Its ε is the width of the interval of which it returns the middle.
    solve = lambda: problem.solve(method="modified_policy_iteration", epsilon=2 * TOLERANCE, max_iter=10**6)
    return lambda: {"V": solve().v}


def tables(result):
    return result
