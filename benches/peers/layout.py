"""Layouts that more than one peer takes."""

import numpy as np
import scipy.sparse


def looping(model):
    """Compressed rows where each terminal state, whose value has to be 0, loops on itself, and rewards."""
    assert not model.terminal_values[model.terminal_states].any()
    shape = (model.num_states * model.num_actions, model.num_states)
    matrix = scipy.sparse.csr_matrix((model.probabilities, model.columns, model.offsets), shape=shape)
    pairs = (model.terminal_states[:, None] * model.num_actions + np.arange(model.num_actions)).reshape(-1)
    loops = (np.ones(len(pairs)), (pairs, pairs // model.num_actions))
    rewards = model.rewards.copy()
    rewards[model.terminal_states] = 0
    return matrix + scipy.sparse.csr_matrix(loops, shape=shape), rewards
