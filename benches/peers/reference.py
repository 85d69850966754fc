"""What the numbers should be: the recursion in float64 with every log-sum-exp taken from its own maximum."""

import sys

import numpy as np

from models import DIRECT, ROWS, read

# Of V and Q relative to max(1, |V|), of π to π itself.
TOLERANCE = 1e-9
TOLERANCE_SINGLE = 1e-3  # of programs in float32


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


def errors(found, expected):
    """Largest relative error of each table that is compared; infinity where a number is not one."""
    largest = {}
    for name, table in expected.items():
        scale = table if name == "pi" else np.maximum(1, np.abs(table))
        error = np.abs(found[name] - table) / scale
        largest[name] = float(np.nan_to_num(error.max(), nan=np.inf))
    return largest


def main():
    """Writes the reference of a row into a file."""
    key, inference, model, out = sys.argv[1:]
    row = next(row for row in ROWS if row.key == key)
    np.savez(out, **solve(row, read(row, model), inference))


if __name__ == "__main__":
    main()
