"""numba: loops as one would write them in C, compiled, on all threads where there is enough to do."""

import numpy as np
from numba import njit, prange

from models import DIRECT, VARIATIONAL
from registry import program

# Sums may be taken in any order, so that they are taken in vector registers; infinities are not assumed away.
FAST = {"reassoc", "contract", "nsz", "arcp", "afn"}


@njit(fastmath=FAST, cache=True, inline="always")
def soft_maximum(action_values, policy, weight):
    """V of one state, and its row of the policy."""
    largest = action_values.max()
    total = 0.0
    for a in range(len(action_values)):
        policy[a] = weight * np.exp(action_values[a] - largest)
        total += policy[a]
    for a in range(len(action_values)):
        policy[a] /= total
    return largest + np.log(total)


@njit(fastmath=FAST, cache=True, inline="always")
def dot(row, vector):
    total = 0.0
    for i in range(len(row)):
        total += row[i] * vector[i]
    return total


def dense_loops(parallel):
    @njit(parallel=parallel, fastmath=FAST, cache=True)
    def solve(transitions, rewards, terminal_values, weight, horizon, is_direct):
        num_states, num_actions = rewards.shape
        values = np.empty((horizon + 1, num_states))
        action_values = np.empty((horizon, num_states, num_actions))
        policy = np.empty((horizon, num_states, num_actions))
        values[horizon] = terminal_values
        read = np.empty(num_states)
        for t in range(horizon - 1, -1, -1):
            largest = values[t + 1].max() if is_direct else 0.0
            for s in range(num_states):
                read[s] = np.exp(values[t + 1, s] - largest) if is_direct else values[t + 1, s]
            for s in prange(num_states):
                for a in range(num_actions):
                    y = dot(transitions[s, a], read)
                    action_values[t, s, a] = rewards[s, a] + (largest + np.log(y) if is_direct else y)
                values[t, s] = soft_maximum(action_values[t, s], policy[t, s], weight)
        return values, action_values, policy

    return solve


dense_threads, dense_one_thread = dense_loops(True), dense_loops(False)


def dense(model, is_direct):
    # Starting threads takes longer than all there is to do in a small model.
    solve = dense_threads if model.num_states > 100 else dense_one_thread
    arguments = model.transitions, model.rewards, model.terminal_values, model.weight, model.horizon, is_direct
    return lambda: solve(*arguments)


@program("dense", DIRECT, "numba", "transcription: loops; one thread where S is small")
def dense_direct(model):
    return dense(model, True)


@program("dense", VARIATIONAL, "numba", "transcription: loops; one thread where S is small")
def dense_variational(model):
    return dense(model, False)


def linear_loops(parallel):
    @njit(parallel=parallel, fastmath=FAST, cache=True)
    def solve(transitions, rewards, terminal_values, weight, horizon):
        num_states, num_actions = rewards.shape
        weights = weight * np.exp(rewards)
        merged = np.empty((num_states, num_states))
        for s in prange(num_states):
            for n in range(num_states):
                merged[s, n] = weights[s, 0] * transitions[s, 0, n]
            for a in range(1, num_actions):
                for n in range(num_states):
                    merged[s, n] += weights[s, a] * transitions[s, a, n]
        messages, scales = np.empty((horizon + 1, num_states)), np.empty(horizon + 1)
        scales[horizon] = terminal_values.max()
        messages[horizon] = np.exp(terminal_values - scales[horizon])
        for t in range(horizon - 1, -1, -1):
            for s in prange(num_states):
                messages[t, s] = dot(merged[s], messages[t + 1])
            largest = messages[t].max()
            messages[t] /= largest
            scales[t] = scales[t + 1] + np.log(largest)
        rows = transitions.reshape(num_states * num_actions, num_states)
        expectations = np.dot(messages[1:], rows.T).reshape(horizon, num_states, num_actions)
        values, action_values = np.empty((horizon + 1, num_states)), np.empty(expectations.shape)
        values[horizon] = terminal_values
        for t in prange(horizon):
            step = np.exp(scales[t + 1] - scales[t])
            for s in range(num_states):
                values[t, s] = np.log(messages[t, s]) + scales[t]
                for a in range(num_actions):
                    y = expectations[t, s, a]
                    action_values[t, s, a] = rewards[s, a] + scales[t + 1] + np.log(y)
                    expectations[t, s, a] = weights[s, a] * y * step / messages[t, s]
        return values, action_values, expectations

    return solve


linear_threads, linear_one_thread = linear_loops(True), linear_loops(False)


@program("dense", DIRECT, "numba, linear", "transcription: exp V by M = Σ_a ρ exp(r) P, all Q in one matrix product")
def dense_linear(model):
    solve = linear_threads if model.num_states > 100 else linear_one_thread
    arguments = model.transitions, model.rewards, model.terminal_values, model.weight, model.horizon
    return lambda: solve(*arguments)


@njit(parallel=True, fastmath=FAST, cache=True)
def grid_loops(offsets, columns, probabilities, rewards, terminal_values, is_terminal, weight, horizon, is_direct):
    num_states, num_actions = rewards.shape
    values = np.empty((horizon + 1, num_states))
    values[horizon] = terminal_values
    read = np.empty(num_states)
    for t in range(horizon - 1, -1, -1):
        after = values[t + 1]
        largest = after.max() if is_direct else 0.0
        if is_direct:
            for s in prange(num_states):
                read[s] = np.exp(after[s] - largest)
        else:
            read = after
        for s in prange(num_states):
            if is_terminal[s]:
                values[t, s] = terminal_values[s]
                continue
            # The largest so far is taken out of the sum as it grows, so that nothing is kept of single actions.
            best, total = -np.inf, 0.0
            for a in range(num_actions):
                y = 0.0
                for i in range(offsets[s * num_actions + a], offsets[s * num_actions + a + 1]):
                    y += probabilities[i] * read[columns[i]]
                q = rewards[s, a] + (np.log(y) if is_direct else y)
                if q > best:
                    total = total * np.exp(best - q) + 1.0
                    best = q
                else:
                    total += np.exp(q - best)
            values[t, s] = largest + best + np.log(weight * total)
    return values


def grid(model, is_direct):
    is_terminal = np.zeros(model.num_states, dtype=np.bool_)
    is_terminal[model.terminal_states] = True
    rows = model.offsets, model.columns, model.probabilities
    arguments = *rows, model.rewards, model.terminal_values, is_terminal, model.weight, model.horizon
    return lambda: grid_loops(*arguments, is_direct)


@program("grid", DIRECT, "numba", "transcription: loops over compressed rows")
def grid_direct(model):
    return grid(model, True)


@program("grid", VARIATIONAL, "numba", "transcription: loops over compressed rows")
def grid_variational(model):
    return grid(model, False)


@njit(parallel=True, fastmath=FAST, cache=True)
def grid_linear_loops(
    offsets, columns, probabilities, starts, merged_columns, places, rewards, terminal_values, is_terminal, weight, horizon
):
    num_states, num_actions = rewards.shape
    merged = np.zeros(len(merged_columns))
    for s in prange(num_states):
        for a in range(num_actions):
            strength = weight * np.exp(rewards[s, a])
            for i in range(offsets[s * num_actions + a], offsets[s * num_actions + a + 1]):
                merged[places[i]] += strength * probabilities[i]
    values = np.empty((horizon + 1, num_states))
    values[horizon] = terminal_values
    scale = terminal_values.max()
    message, following = np.exp(terminal_values - scale), np.empty(num_states)
    for t in range(horizon - 1, -1, -1):
        largest = 0.0
        for s in prange(num_states):
            y = 0.0
            for i in range(starts[s], starts[s + 1]):
                y += merged[i] * message[merged_columns[i]]
            if is_terminal[s]:
                y = np.exp(terminal_values[s] - scale)
            largest = max(largest, y)
            following[s] = y
            values[t, s] = terminal_values[s] if is_terminal[s] else np.log(y) + scale
        # Scaled as it is read next; most stages need none.
        if largest < 1e-100 or largest > 1e100:
            following /= largest
            scale += np.log(largest)
        message, following = following, message
    return values


@program("grid", DIRECT, "numba, linear", "transcription: exp V by compressed rows of M = Σ_a ρ exp(r) P")
def grid_linear(model):
    num_states = model.num_states
    # Which pairs a state and a successor of it are joined by is layout; how strongly depends on rewards.
    states = np.repeat(np.arange(num_states * model.num_actions), np.diff(model.offsets)) // model.num_actions
    joined, places = np.unique(states * num_states + model.columns, return_inverse=True)
    starts = np.searchsorted(joined, np.arange(num_states + 1) * num_states).astype(np.int32)
    is_terminal = np.zeros(num_states, dtype=np.bool_)
    is_terminal[model.terminal_states] = True
    rows = model.offsets, model.columns, model.probabilities
    merged = starts, (joined % num_states).astype(np.int32), places.astype(np.int32)
    terminal = model.terminal_values, is_terminal
    return lambda: grid_linear_loops(*rows, *merged, model.rewards, *terminal, model.weight, model.horizon)


def tables(result):
    """By name."""
    names = ["V", "Q", "pi"]
    return dict(zip(names, result)) if isinstance(result, tuple) else {"V": result}
