"""What the numbers should be: the recursion in float64 with every log-sum-exp taken from its own maximum.

Stationary values are iterated until they are known a thousand times better than they are asked for. The largest likelihood of
choices is searched without derivatives.
"""

import sys

import numpy as np
import scipy.optimize

import models
from models import DIRECT, HARD, ROWS, VARIATIONAL, read

# Of V and Q relative to max(1, |V|), of π to π itself.
TOLERANCE = 1e-9
TOLERANCE_SINGLE = 1e-3  # of programs in float32
# Of stationary values themselves, and of log-likelihoods.
TOLERANCE_STATIONARY = 1.001 * models.TOLERANCE


def solve(row, model, inference):
    """V of the stages that are compared, and of dense models Q and π of all stages."""
    horizon, shape = model.horizon, (model.num_states, model.num_actions)
    expectation = dense_expectation(model) if row.kind == "dense" else sparse_expectation(model)
    values = model.terminal_values.copy()
    kept = {"V": [values.copy()], "Q": [], "pi": []}
    for t in reversed(range(horizon)):
        action_values = model.rewards + expectation(values, inference).reshape(shape)
        values = log_sum_exp(action_values.T, model.weight)
        values[model.terminal_states] = model.terminal_values[model.terminal_states]
        if t % row.stride == 0:
            kept["V"].append(values.copy())
        if row.kind == "dense":
            kept["Q"].append(action_values)
            kept["pi"].append(model.weight * np.exp(action_values - values[:, None]))
    return {name: np.array(stages[::-1]) for name, stages in kept.items() if stages}


def moves(model):
    """V of all stages in float64, where every step succeeds."""
    values = [model.terminal_values.astype(np.float64)]
    for _ in range(model.horizon):
        values.append(log_sum_exp((model.rewards + values[-1][model.successors]).T, model.weight))
    return {"V": np.array(values[::-1])}


def forward(row, model, question):
    """log α, posterior marginals or occupancy of the stages that are compared. Plain numbers hold all messages of this
    model."""
    shape = (model.num_states, model.num_actions)
    expectation = sparse_expectation(model)
    rows = np.repeat(np.arange(model.rewards.size), np.diff(model.offsets))
    is_terminal = model.is_terminal
    inference = VARIATIONAL if question == models.OCCUPANCY else DIRECT
    values, policies = [model.terminal_values.copy()], []
    for _ in range(model.horizon):
        q = model.rewards + expectation(values[-1], inference).reshape(shape)
        v = log_sum_exp(q.T, model.weight)
        v[is_terminal] = model.terminal_values[is_terminal]
        policies.append(model.weight * np.exp(q - v[:, None]))
        values.append(v)
    values, policies = values[::-1], policies[::-1]
    mass = np.full(model.num_states, 1 / model.num_states)
    kept = []
    for t in range(model.horizon + 1):
        if t % row.stride == 0:
            marginal = mass * np.exp(values[t] - values[t].max())
            tables = {models.MESSAGES: np.log(mass), models.MARGINALS: marginal / marginal.sum(), models.OCCUPANCY: mass}
            kept.append(tables[question])
        if t < model.horizon:
            weights = policies[t] if question == models.OCCUPANCY else model.weight * np.exp(model.rewards)
            pairs = weights * np.where(is_terminal, 0, mass)[:, None]
            pushed = np.bincount(model.columns, pairs.reshape(-1)[rows] * model.probabilities, model.num_states)
            mass = pushed + np.where(is_terminal, mass, 0)
            if question != models.OCCUPANCY:
                mass /= mass.sum()
    return {"V": np.array(kept)}


def stationary(model, question):
    """V by value iteration, and the middle of the bounds of MacQueen and Porteus on what it tends to."""
    expectation, shape = sparse_expectation(model), (model.num_states, model.num_actions)
    factor, terminal = model.discount / (1 - model.discount), model.terminal_states
    values = model.terminal_values.copy()
    while True:
        q = model.rewards + model.discount * expectation(values, None).reshape(shape)
        after = q.max(axis=1) if question == HARD else log_sum_exp(q.T, model.weight)
        after[terminal] = model.terminal_values[terminal]
        lowest, highest = (after - values).min(), (after - values).max()
        values = after
        if factor * (highest - lowest) / 2 <= models.TOLERANCE / 1000:
            values += factor * (highest + lowest) / 2
            values[terminal] = model.terminal_values[terminal]
            return {"V": values}


def largest_likelihood(model):
    """The parameters that make the choices of a model most probable, and all that it takes to compute a log-likelihood."""
    given = {name: getattr(model, name) for name in ["transitions", "choices", "features", "discount"]}
    options = {"xatol": 1e-4, "fatol": models.TOLERANCE / 1e4}
    start = np.array([8.0, 2.0])
    found = scipy.optimize.minimize(lambda x: -log_likelihood(x, given), start, method="Nelder-Mead", options=options)
    return given | {"parameters": found.x, "log_likelihood": -found.fun}


def log_likelihood(parameters, given):
    """Σ n(s,a) log π(a∣s) of the soft policy for rewards features · parameters, by policy iteration."""
    transitions, discount = given["transitions"], given["discount"]
    rewards = given["features"] @ parameters
    values = np.zeros(len(rewards))
    while True:
        q = rewards + discount * transitions @ values
        after = log_sum_exp(q.T, 1.0)
        policy = np.exp(q - after[:, None])
        matrix = np.eye(len(values)) - discount * np.einsum("sa,san->sn", policy, transitions)
        change = np.linalg.solve(matrix, after - values)
        values += change
        if np.abs(change).max() <= 1e-12 * max(1, np.abs(values).max()):
            return (given["choices"] * (q - after[:, None])).sum()


def log_sum_exp(terms, weights):
    """log Σ weights · exp(terms) along the first axis."""
    largest = terms.max(axis=0)
    return largest + np.log((weights * np.exp(terms - largest)).sum(axis=0))


def dense_expectation(model):
    """E V or log E exp V over the successors of each pair."""
    rows = model.transitions.reshape(-1, model.num_states)

    def expectation(values, inference):
        if inference == DIRECT:
            # Every state is a successor of every pair.
            return values.max() + np.log(rows @ np.exp(values - values.max()))
        return rows @ values

    return expectation


def sparse_expectation(model):
    """The same over compressed rows, as tables [k, row] that are filled up with first successors, of probability 0."""
    lengths, last = np.diff(model.offsets), len(model.columns) - 1
    starts = np.minimum(model.offsets[:-1], last)
    columns = np.repeat(model.columns[starts][None], lengths.max(), axis=0)
    probabilities = np.zeros(columns.shape)
    probabilities[0, lengths == 0] = 1  # from a terminal state, whose value is set afterwards
    for k in range(lengths.max()):
        there = k < lengths
        columns[k, there] = model.columns[starts[there] + k]
        probabilities[k, there] = model.probabilities[starts[there] + k]

    def expectation(values, inference):
        successors = values[columns]
        if inference == DIRECT:
            return log_sum_exp(successors, probabilities)
        return (probabilities * successors).sum(axis=0)

    return expectation


def errors(found, expected, row):
    """Largest relative error of each table that is compared, of stationary values the largest error, of parameters the nats
    that are missing; infinity where a number is not one."""
    if row.kind == "choices":
        missing = abs(expected["log_likelihood"] - log_likelihood(found["parameters"], expected))
        return {"nats": float(np.nan_to_num(missing, nan=np.inf))}
    largest = {}
    for name, table in expected.items():
        is_probability = name == "pi" or (row.kind == "forward" and table.min() >= 0)
        scale = table if is_probability else 1 if row.kind == "stationary" else np.maximum(1, np.abs(table))
        error = np.abs(found[name] - table) / scale
        largest[name] = float(np.nan_to_num(error.max(), nan=np.inf))
    return largest


def main():
    """Writes the reference of a row into a file."""
    key, inference, model, out = sys.argv[1:]
    row = next(row for row in ROWS if row.key == key)
    model = read(row, model)
    if row.kind == "choices":
        tables = largest_likelihood(model)
    elif row.kind == "stationary":
        tables = stationary(model, inference)
    elif row.kind == "moves":
        tables = moves(model)
    elif row.kind == "forward":
        tables = forward(row, model, inference)
    else:
        tables = solve(row, model, inference)
    np.savez(out, **tables)


if __name__ == "__main__":
    main()
