"""numpy and scipy: products with vectors, and everything else on whole tables.

Tables are kept action by action, [a, s], because sums over a short last axis are slow in numpy.
"""

import numpy as np
import scipy.sparse
import scipy.sparse.linalg

from models import DIRECT, HARD, SOFT, TOLERANCE, VARIATIONAL
from registry import program

np.seterr(divide="ignore", invalid="ignore")  # terminal states have empty rows; their values are set afterwards


def by_action(model):
    """Transitions as rows a · S + s, and rewards [a, s]."""
    rows = model.transitions.swapaxes(0, 1).reshape(-1, model.num_states)
    return np.ascontiguousarray(rows), np.ascontiguousarray(model.rewards.T)


def dense(model, inference):
    rows, rewards = by_action(model)
    horizon, shape = model.horizon, rewards.shape

    def solve():
        values = np.empty((horizon + 1, model.num_states))
        action_values, policy = np.empty((horizon, *shape)), np.empty((horizon, *shape))
        values[horizon] = model.terminal_values
        for t in reversed(range(horizon)):
            after, q, pi = values[t + 1], action_values[t], policy[t]
            if inference == DIRECT:
                largest = after.max()
                np.matmul(rows, np.exp(after - largest), out=q.reshape(-1))
                np.log(q, out=q)
                q += largest
            else:
                np.matmul(rows, after, out=q.reshape(-1))
            q += rewards
            # The counting prior has weight 1.
            largest = q.max(axis=0)
            np.exp(q - largest, out=pi)
            total = pi.sum(axis=0)
            pi /= total
            np.log(total, out=values[t])
            values[t] += largest
        return {"V": values, "Q": action_values, "pi": policy}

    return solve


@program("dense", DIRECT, "numpy", "transcription: a product with P a stage")
def dense_direct(model):
    return dense(model, DIRECT)


@program("dense", VARIATIONAL, "numpy", "transcription: a product with P a stage")
def dense_variational(model):
    return dense(model, VARIATIONAL)


@program("dense", DIRECT, "numpy, linear", "transcription: exp V by M = Σ_a ρ exp(r) P, all Q in one matrix product")
def dense_linear(model):
    rows, rewards = by_action(model)
    horizon, num_states = model.horizon, model.num_states
    transitions = rows.reshape(model.num_actions, num_states, num_states)

    def solve():
        weights = np.exp(rewards)
        merged = weights[0][:, None] * transitions[0]
        for a in range(1, model.num_actions):
            merged += weights[a][:, None] * transitions[a]
        messages, scales = np.empty((horizon + 1, num_states)), np.empty(horizon + 1)
        scales[horizon] = model.terminal_values.max()
        np.exp(model.terminal_values - scales[horizon], out=messages[horizon])
        for t in reversed(range(horizon)):
            np.matmul(merged, messages[t + 1], out=messages[t])
            largest = messages[t].max()
            messages[t] /= largest
            scales[t] = scales[t + 1] + np.log(largest)
        values = np.log(messages)
        values += scales[:, None]
        expectations = (messages[1:] @ rows.T).reshape(horizon, *rewards.shape)
        action_values = np.log(expectations)
        action_values += rewards
        action_values += scales[1:, None, None]
        policy = expectations
        policy *= weights
        policy /= (messages[:-1] * np.exp(scales[:-1] - scales[1:])[:, None])[:, None, :]
        return {"V": values, "Q": action_values, "pi": policy}

    return solve


def compressed_by_action(model):
    """Rows a · S + s of the transitions as a matrix of scipy, and rewards [a, s]."""
    order = np.arange(model.num_states * model.num_actions).reshape(model.num_states, model.num_actions).T.reshape(-1)
    return compressed(model)[order], np.ascontiguousarray(model.rewards.T)


def grid(model, inference):
    (matrix, rewards), num_states = compressed_by_action(model), model.num_states
    terminal, horizon = model.terminal_states, model.horizon

    def solve():
        values = np.empty((horizon + 1, num_states))
        values[horizon] = model.terminal_values
        for t in reversed(range(horizon)):
            after = values[t + 1]
            if inference == DIRECT:
                largest = after.max()
                q = (matrix @ np.exp(after - largest)).reshape(rewards.shape)
                np.log(q, out=q)
                q += largest
            else:
                q = (matrix @ after).reshape(rewards.shape)
            q += rewards
            largest = q.max(axis=0)
            q -= largest
            np.exp(q, out=q)
            total = q.sum(axis=0)
            total *= model.weight
            np.log(total, out=values[t])
            values[t] += largest
            values[t, terminal] = model.terminal_values[terminal]
        return {"V": values}

    return solve


def compressed(model):
    shape = (model.num_states * model.num_actions, model.num_states)
    return scipy.sparse.csr_array((model.probabilities, model.columns, model.offsets), shape=shape)


@program("grid", DIRECT, "scipy", "transcription: a sparse product with P a stage; one thread, it has no more")
def grid_direct(model):
    return grid(model, DIRECT)


@program("grid", VARIATIONAL, "scipy", "transcription: a sparse product with P a stage; one thread, it has no more")
def grid_variational(model):
    return grid(model, VARIATIONAL)


@program("grid", DIRECT, "scipy, linear", "transcription: exp V by sparse M = Σ_a ρ exp(r) P; one thread")
def grid_linear(model):
    matrix, horizon, num_states = compressed(model), model.horizon, model.num_states
    terminal, terminal_values = model.terminal_states, model.terminal_values
    pairs = num_states * model.num_actions
    states = np.arange(0, pairs + 1, model.num_actions, dtype=np.int32)

    def solve():
        weights = model.weight * np.exp(model.rewards).reshape(-1)
        sums = scipy.sparse.csr_array((weights, np.arange(pairs, dtype=np.int32), states), shape=(num_states, pairs))
        merged = sums @ matrix
        values = np.empty((horizon + 1, num_states))
        values[horizon] = terminal_values
        scale = terminal_values.max()
        message = np.exp(terminal_values - scale)
        for t in reversed(range(horizon)):
            message = merged @ message
            message[terminal] = np.exp(terminal_values[terminal] - scale)
            largest = message.max()
            message /= largest
            scale += np.log(largest)
            np.log(message, out=values[t])
            values[t] += scale
        # A copy, not the way through exp and log and back.
        values[:, terminal] = terminal_values[terminal]
        return {"V": values}

    return solve


def soft_maximum(q, weight):
    """τ = 1, over actions; q is overwritten."""
    largest = q.max(axis=0)
    q -= largest
    np.exp(q, out=q)
    total = q.sum(axis=0)
    total *= weight
    np.log(total, out=total)
    return total + largest


def span(model, question):
    """Value iteration, and the middle of the bounds of MacQueen and Porteus once they are near each other."""
    matrix, rewards = compressed_by_action(model)
    discount, terminal = model.discount, model.terminal_states
    factor = discount / (1 - discount)

    def solve():
        values = model.terminal_values.copy()
        while True:
            q = (matrix @ values).reshape(rewards.shape)
            q *= discount
            q += rewards
            after = q.max(axis=0) if question == HARD else soft_maximum(q, model.weight)
            after[terminal] = model.terminal_values[terminal]
            change = after - values
            lowest, highest, values = change.min(), change.max(), after
            if factor * (highest - lowest) <= 2 * TOLERANCE:
                values += factor * (highest + lowest) / 2
                values[terminal] = model.terminal_values[terminal]
                return {"V": values}

    return solve


@program("stationary", HARD, "scipy", "transcription: value iteration with the span rule; one thread, it has no more")
def span_hard(model):
    return span(model, HARD)


@program("stationary", SOFT, "scipy", "transcription: value iteration with the span rule; one thread, it has no more")
def span_soft(model):
    return span(model, SOFT)


def policy_iteration(model, question):
    """Newton's method: V of each policy from a sparse factorisation, until the bounds are near each other."""
    (matrix, rewards), num_states = compressed_by_action(model), model.num_states
    discount, terminal = model.discount, model.terminal_states
    factor, identity = discount / (1 - discount), scipy.sparse.identity(num_states, format="csr")
    pairs = np.arange(rewards.size, dtype=np.int32)
    states, shape = np.arange(num_states), (num_states, rewards.size)

    def solve():
        values = model.terminal_values.copy()
        while True:
            q = (matrix @ values).reshape(rewards.shape)
            q *= discount
            q += rewards
            if question == HARD:
                best = q.argmax(axis=0)
                after, policy = q[best, states], np.zeros(rewards.shape)
                policy[best, states] = 1.0
            else:
                # Afterwards q is proportional to the policy.
                after = soft_maximum(q, model.weight)
                policy = q / q.sum(axis=0)
            after[terminal] = model.terminal_values[terminal]
            policy[:, terminal] = 0
            change = after - values
            lowest, highest = change.min(), change.max()
            if factor * (highest - lowest) <= 2 * TOLERANCE:
                after += factor * (highest + lowest) / 2
                after[terminal] = model.terminal_values[terminal]
                return {"V": after}
            weights = scipy.sparse.csr_array((policy.reshape(-1), (np.tile(states, len(rewards)), pairs)), shape)
            system = (identity - discount * (weights @ matrix)).tocsc()
            values = values + scipy.sparse.linalg.splu(system).solve(change)

    return solve


# Beyond, factors fill up memory.
MOST_FACTORED = 5000
NEWTON = "transcription: policy iteration, sparse factorisations by SuperLU; one thread"


@program("stationary", HARD, "scipy, Newton", NEWTON, at_most=MOST_FACTORED)
def policy_iteration_hard(model):
    return policy_iteration(model, HARD)


@program("stationary", SOFT, "scipy, Newton", NEWTON, at_most=MOST_FACTORED)
def policy_iteration_soft(model):
    return policy_iteration(model, SOFT)


def tables(result):
    """Of [t, a, s], [t, s, a]."""
    return {name: table if name == "V" else table.swapaxes(1, 2) for name, table in result.items()}
