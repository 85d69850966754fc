"""Forward passes over grids by scipy and numba, with the tricks of the crate: M of the linear recursion for messages, and rows
by successor, whose layout is not timed."""

import numpy as np
import scipy.sparse
from numba import njit, prange

from models import DIRECT, MARGINALS, MESSAGES, OCCUPANCY, VARIATIONAL
from numba_peer import OPTIONS
from numpy_peer import compressed
from registry import program


def backward(model, inference):
    """V and π [t, s, a] of all stages: what a forward pass starts from."""
    matrix, shape, flags = compressed(model), model.rewards.shape, model.is_terminal
    values, policies = [model.terminal_values], []
    for _ in range(model.horizon):
        after = values[-1]
        largest = after.max() if inference == DIRECT else 0
        y = largest + np.log(matrix @ np.exp(after - largest)) if inference == DIRECT else matrix @ after
        q = model.rewards + y.reshape(shape)
        largest = q.max(axis=1)
        v = largest + np.log(model.weight * np.exp(q - largest[:, None]).sum(axis=1))
        v[flags] = model.terminal_values[flags]
        policies.append(np.where(flags[:, None], 0, model.weight * np.exp(q - v[:, None])))
        values.append(v)
    return np.array(values[::-1]), np.array(policies[::-1])


def merged(model):
    """A function that makes M by successor, [s', s], from the rewards: that is timed, and which places are filled is not."""
    pairs = np.repeat(np.arange(model.rewards.size), np.diff(model.offsets))
    joined, places = np.unique(
        model.columns.astype(np.int64) * model.num_states + pairs // model.num_actions, return_inverse=True
    )
    starts = np.searchsorted(joined, np.arange(model.num_states + 1) * model.num_states).astype(np.int32)
    columns, shape = (joined % model.num_states).astype(np.int32), (model.num_states, model.num_states)

    def make():
        weights = model.weight * np.exp(model.rewards)
        weights[model.terminal_states] = 0
        entries = np.bincount(places, weights.reshape(-1)[pairs] * model.probabilities, len(joined))
        return scipy.sparse.csr_array((entries, columns, starts), shape=shape)

    return make


def uniform(model):
    return np.full(model.num_states, 1 / model.num_states)


def step(matrix, flags, mass):
    """α of the next stage, normalised."""
    after = matrix @ mass
    after[flags] += mass[flags]
    return after / after.sum()


WHAT = "transcription: α by sparse M by successor; one thread"


@program("forward", MESSAGES, "scipy", WHAT)
def scipy_messages(model):
    flags, make = model.is_terminal, merged(model)

    def solve():
        matrix, mass = make(), uniform(model)
        logs = np.empty((model.horizon + 1, model.num_states))
        for t in range(model.horizon + 1):
            np.log(mass, out=logs[t])
            if t < model.horizon:
                mass = step(matrix, flags, mass)
        return logs

    return solve


@program("forward", MARGINALS, "scipy", WHAT)
def scipy_marginals(model):
    flags, (values, policies), make = model.is_terminal, backward(model, DIRECT), merged(model)

    def solve():
        matrix, mass = make(), uniform(model)
        marginals, pairs = np.empty((model.horizon + 1, model.num_states)), np.empty(policies.shape)
        for t in range(model.horizon + 1):
            np.exp(values[t] - values[t].max(), out=marginals[t])
            marginals[t] *= mass
            marginals[t] /= marginals[t].sum()
            if t < model.horizon:
                np.multiply(marginals[t][:, None], policies[t], out=pairs[t])
                mass = step(matrix, flags, mass)
        return marginals, pairs

    return solve


@program("forward", OCCUPANCY, "scipy", "transcription: d π by rows of P by successor; one thread")
def scipy_occupancy(model):
    matrix, flags = compressed(model).T.tocsr(), model.is_terminal
    _, policies = backward(model, VARIATIONAL)

    def solve():
        occupancy = np.empty((model.horizon + 1, model.num_states))
        occupancy[0] = 1 / model.num_states
        for t in range(model.horizon):
            pairs = policies[t] * occupancy[t][:, None]
            occupancy[t + 1] = matrix @ pairs.reshape(-1)
            occupancy[t + 1, flags] += occupancy[t, flags]
        return occupancy

    return solve


@njit(parallel=True, **OPTIONS)
def message_loops(offsets, columns, strengths, flags, values, policies, horizon, is_posterior):
    num_states = len(flags)
    pairs = np.empty(policies.shape)
    found, mass = np.empty((horizon + 1, num_states)), np.full(num_states, 1 / num_states)
    for t in range(horizon + 1):
        if is_posterior:
            largest, total = values[t].max(), 0.0
            for s in prange(num_states):
                found[t, s] = mass[s] * np.exp(values[t, s] - largest)
                total += found[t, s]
            for s in prange(num_states):
                found[t, s] /= total
                if t < horizon:
                    for a in range(policies.shape[2]):
                        pairs[t, s, a] = found[t, s] * policies[t, s, a]
        else:
            for s in prange(num_states):
                found[t, s] = np.log(mass[s])
        if t < horizon:
            after, total = np.empty(num_states), 0.0
            for s in prange(num_states):
                x = mass[s] if flags[s] else 0.0
                for i in range(offsets[s], offsets[s + 1]):
                    x += strengths[i] * mass[columns[i]]
                after[s] = x
                total += x
            for s in prange(num_states):
                mass[s] = after[s] / total
    return found, pairs


def numba_messages_of(model, is_posterior):
    flags, horizon = model.is_terminal, model.horizon
    values, policies = backward(model, DIRECT) if is_posterior else (np.empty((1, 1)), np.empty((1, 1, 1)))
    make = merged(model)

    def solve():
        matrix = make()
        return message_loops(matrix.indptr, matrix.indices, matrix.data, flags, values, policies, horizon, is_posterior)

    return solve


NUMBA = "transcription: loops over rows of M by successor"


@program("forward", MESSAGES, "numba", NUMBA)
def numba_messages(model):
    return numba_messages_of(model, False)


@program("forward", MARGINALS, "numba", NUMBA)
def numba_marginals(model):
    return numba_messages_of(model, True)


@njit(parallel=True, **OPTIONS)
def occupancy_loops(offsets, columns, probabilities, flags, policies):
    horizon, num_states, num_actions = policies.shape
    occupancy = np.empty((horizon + 1, num_states))
    occupancy[0] = 1 / num_states
    pairs = np.empty((num_states, num_actions))
    for t in range(horizon):
        for s in prange(num_states):
            for a in range(num_actions):
                pairs[s, a] = occupancy[t, s] * policies[t, s, a]
        flat = pairs.reshape(-1)
        for s in prange(num_states):
            x = occupancy[t, s] if flags[s] else 0.0
            for i in range(offsets[s], offsets[s + 1]):
                x += probabilities[i] * flat[columns[i]]
            occupancy[t + 1, s] = x
    return occupancy


@program("forward", OCCUPANCY, "numba", "transcription: loops over rows of P by successor")
def numba_occupancy(model):
    matrix, (_, policies) = compressed(model).T.tocsr(), backward(model, VARIATIONAL)
    layout = matrix.indptr, matrix.indices, matrix.data, model.is_terminal
    return lambda: occupancy_loops(*layout, policies)


def tables(result):
    """By name."""
    return {"V": result[0] if isinstance(result, tuple) else result}
