"""Stages of a large deterministic grid in float32, in memory that is used again: plain loops of numba, and jax."""

import numpy as np
from numba import njit, prange

from jax_peer import jax, jnp
from models import VARIATIONAL
from numba_peer import OPTIONS
from registry import program


@njit(parallel=True, **OPTIONS)
def loops(successors, rewards, weight, values):
    num_states, num_actions = rewards.shape
    for t in range(len(values) - 2, -1, -1):
        for s in prange(num_states):
            largest = np.float32(-np.inf)
            for a in range(num_actions):
                largest = max(largest, rewards[s, a] + values[t + 1, successors[s, a]])
            total = np.float32(0)
            for a in range(num_actions):
                total += np.exp(rewards[s, a] + values[t + 1, successors[s, a]] - largest)
            values[t, s] = largest + np.log(weight * total)
    return values


@program("moves", VARIATIONAL, "numba", "transcription: a plain loop over states")
def numba_moves(model):
    values = np.zeros((model.horizon + 1, model.num_states), dtype=np.float32)
    return lambda: loops(model.successors, model.rewards, np.float32(model.weight), values)


@program("moves", VARIATIONAL, "jax", "transcription: successors gathered action by action; new memory each time")
def jax_moves(model):
    successors, rewards = jnp.asarray(model.successors.T), jnp.asarray(model.rewards.T)
    last = jnp.zeros(model.num_states, dtype=jnp.float32)

    @jax.jit
    def solve(successors, rewards, last):
        def stage(after, _):
            q = jax.lax.optimization_barrier([rewards[a] + after[successors[a]] for a in range(model.num_actions)])
            largest = q[0]
            for x in q[1:]:
                largest = jnp.maximum(largest, x)
            values = largest + jnp.log(np.float32(model.weight) * sum(jnp.exp(x - largest) for x in q))
            return values, values

        return jax.lax.scan(stage, last, None, length=model.horizon, reverse=True)[1]

    return lambda: (solve(successors, rewards, last).block_until_ready(), last)


def tables(result):
    """By name."""
    if isinstance(result, tuple):
        values, last = map(np.asarray, result)
        return {"V": np.concatenate([values, last[None]])}
    return {"V": result.copy()}
