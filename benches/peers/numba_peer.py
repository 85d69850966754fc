"""numba: loops as one would write them in C, compiled, on all threads where there is enough to do."""

import numpy as np
from numba import njit, prange

from models import DIRECT, HARD, SOFT, TOLERANCE, VARIATIONAL
from registry import program

# Sums may be taken in any order, so that they are taken in vector registers, and nothing is raised in a loop; infinities
# are not assumed away.
OPTIONS = {"fastmath": {"reassoc", "contract", "nsz", "arcp", "afn"}, "error_model": "numpy", "cache": True}
BLOCK = 256  # states of a grid whose action values stay in the cache


@njit(**OPTIONS, inline="always")
def maximum(vector):
    """As its method `max` is, but ten times as fast where there is little."""
    largest = vector[0]
    for i in range(1, len(vector)):
        largest = max(largest, vector[i])
    return largest


def dense_loops(parallel):
    loop = prange if parallel else range  # also what tells the two apart in the cache, which options do not

    @njit(parallel=parallel, **OPTIONS)
    def solve(transitions, rewards, terminal_values, weight, horizon, is_direct):
        num_states, num_actions = rewards.shape
        values = np.empty((horizon + 1, num_states))
        action_values = np.empty((horizon, num_states, num_actions))
        policy = np.empty((horizon, num_states, num_actions))
        read = np.empty(num_states)
        values[horizon] = terminal_values
        for t in range(horizon - 1, -1, -1):
            shift = maximum(values[t + 1]) if is_direct else 0.0
            for s in range(num_states):
                read[s] = np.exp(values[t + 1, s] - shift) if is_direct else values[t + 1, s]
            for s in loop(num_states):
                largest = -np.inf
                for a in range(num_actions):
                    y = 0.0
                    for n in range(num_states):
                        y += transitions[s, a, n] * read[n]
                    q = rewards[s, a] + (shift + np.log(y) if is_direct else y)
                    action_values[t, s, a] = q
                    largest = max(largest, q)
                total = 0.0
                for a in range(num_actions):
                    term = weight * np.exp(action_values[t, s, a] - largest)
                    policy[t, s, a] = term
                    total += term
                for a in range(num_actions):
                    policy[t, s, a] /= total
                values[t, s] = largest + np.log(total)
        return values, action_values, policy

    return solve


dense_threads, dense_one_thread = dense_loops(True), dense_loops(False)


def dense(model, is_direct):
    # Starting threads takes longer than all there is to do in a small model.
    solve = dense_threads if model.num_states > 100 else dense_one_thread
    arguments = model.transitions, model.rewards, model.terminal_values, model.weight, model.horizon, is_direct
    return lambda: solve(*arguments)


@program("dense", DIRECT, "numba", "transcription: loops, one thread where S is small")
def dense_direct(model):
    return dense(model, True)


@program("dense", VARIATIONAL, "numba", "transcription: loops, one thread where S is small")
def dense_variational(model):
    return dense(model, False)


def linear_loops(parallel):
    loop = prange if parallel else range  # also what tells the two apart in the cache, which options do not

    @njit(parallel=parallel, **OPTIONS)
    def solve(transitions, rewards, terminal_values, weight, horizon):
        num_states, num_actions = rewards.shape
        weights = weight * np.exp(rewards)
        merged = np.empty((num_states, num_states))
        for s in loop(num_states):
            for n in range(num_states):
                merged[s, n] = weights[s, 0] * transitions[s, 0, n]
            for a in range(1, num_actions):
                for n in range(num_states):
                    merged[s, n] += weights[s, a] * transitions[s, a, n]
        messages, scales = np.empty((horizon + 1, num_states)), np.empty(horizon + 1)
        scales[horizon] = maximum(terminal_values)
        for s in range(num_states):
            messages[horizon, s] = np.exp(terminal_values[s] - scales[horizon])
        for t in range(horizon - 1, -1, -1):
            for s in loop(num_states):
                y = 0.0
                for n in range(num_states):
                    y += merged[s, n] * messages[t + 1, n]
                messages[t, s] = y
            largest = maximum(messages[t])
            for s in range(num_states):
                messages[t, s] /= largest
            scales[t] = scales[t + 1] + np.log(largest)
        rows = transitions.reshape(num_states * num_actions, num_states)
        expectations = np.dot(messages[1:], rows.T).reshape(horizon, num_states, num_actions)
        values, action_values = np.empty((horizon + 1, num_states)), np.empty(expectations.shape)
        values[horizon] = terminal_values
        for t in loop(horizon):
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


@njit(parallel=True, **OPTIONS)
def grid_loops(offsets, columns, probabilities, rewards, terminal_values, terminal_states, weight, horizon, is_direct):
    num_states, num_actions = rewards.shape
    values = np.empty((horizon + 1, num_states))
    values[horizon] = terminal_values
    read = np.empty(num_states)
    for t in range(horizon - 1, -1, -1):
        after = values[t + 1]
        shift = after.max() if is_direct else 0.0
        if is_direct:
            for s in prange(num_states):
                read[s] = np.exp(after[s] - shift)
        else:
            read = after
        for block in prange((num_states + BLOCK - 1) // BLOCK):
            first = block * BLOCK
            count = min(BLOCK, num_states - first)
            action_values = np.empty((num_actions, BLOCK))
            for b in range(count):
                for a in range(num_actions):
                    row = (first + b) * num_actions + a
                    y = 0.0
                    for i in range(offsets[row], offsets[row + 1]):
                        y += probabilities[i] * read[columns[i]]
                    action_values[a, b] = rewards[first + b, a] + (shift + np.log(y) if is_direct else y)
            for b in range(count):
                largest, total = action_values[0, b], 0.0
                for a in range(1, num_actions):
                    largest = max(largest, action_values[a, b])
                for a in range(num_actions):
                    total += np.exp(action_values[a, b] - largest)
                values[t, first + b] = largest + np.log(weight * total)
        for s in terminal_states:
            values[t, s] = terminal_values[s]
    return values


def grid(model, is_direct):
    rows, terminal = (model.offsets, model.columns, model.probabilities), (model.terminal_values, model.terminal_states)
    return lambda: grid_loops(*rows, model.rewards, *terminal, model.weight, model.horizon, is_direct)


@program("grid", DIRECT, "numba", "transcription: loops over compressed rows")
def grid_direct(model):
    return grid(model, True)


@program("grid", VARIATIONAL, "numba", "transcription: loops over compressed rows")
def grid_variational(model):
    return grid(model, False)


@njit(parallel=True, **OPTIONS)
def grid_linear_loops(rows, merged_rows, places, rewards, terminal_values, is_terminal, weight, horizon):
    offsets, columns, probabilities = rows
    starts, merged_columns = merged_rows
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
    rows = model.offsets, model.columns, model.probabilities
    layout = rows, (starts, (joined % num_states).astype(np.int32)), places.astype(np.int32)
    terminal = model.terminal_values, model.is_terminal
    return lambda: grid_linear_loops(*layout, model.rewards, *terminal, model.weight, model.horizon)


@njit(parallel=True, **OPTIONS)
def span_loops(offsets, columns, probabilities, rewards, terminal_values, is_terminal, weight, discount, is_soft, tolerance):
    num_states, num_actions = rewards.shape
    factor = discount / (1 - discount)
    values, following = terminal_values.copy(), np.empty(num_states)
    num_blocks = (num_states + BLOCK - 1) // BLOCK
    lowest, highest = np.empty(num_blocks), np.empty(num_blocks)
    while True:
        for block in prange(num_blocks):
            first = block * BLOCK
            action_values = np.empty(num_actions)
            low, high = np.inf, -np.inf
            for s in range(first, min(first + BLOCK, num_states)):
                largest = -np.inf
                for a in range(num_actions):
                    y = 0.0
                    for i in range(offsets[s * num_actions + a], offsets[s * num_actions + a + 1]):
                        y += probabilities[i] * values[columns[i]]
                    action_values[a] = rewards[s, a] + discount * y
                    largest = max(largest, action_values[a])
                after = largest
                if is_soft:
                    total = 0.0
                    for a in range(num_actions):
                        total += np.exp(action_values[a] - largest)
                    after += np.log(weight * total)
                if is_terminal[s]:
                    after = terminal_values[s]
                change = after - values[s]
                low, high = min(low, change), max(high, change)
                following[s] = after
            lowest[block], highest[block] = low, high
        low, high = lowest.min(), highest.max()
        if factor * (high - low) <= 2 * tolerance:
            for s in range(num_states):
                if not is_terminal[s]:
                    following[s] += factor * (high + low) / 2
            return following
        values, following = following, values


def span(model, question):
    rows = model.offsets, model.columns, model.probabilities
    terminal = model.terminal_values, model.is_terminal
    return lambda: span_loops(*rows, model.rewards, *terminal, model.weight, model.discount, question == SOFT, TOLERANCE)


SPAN = "transcription: value iteration with the span rule, loops over compressed rows"


@program("stationary", HARD, "numba", SPAN)
def span_hard(model):
    return span(model, HARD)


@program("stationary", SOFT, "numba", SPAN)
def span_soft(model):
    return span(model, SOFT)


def tables(result):
    """By name."""
    names = ["V", "Q", "pi"]
    return dict(zip(names, result)) if isinstance(result, tuple) else {"V": result}
