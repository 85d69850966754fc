"""jax: compiled loops over stages (`lax.scan`), in float64.

Tables are kept action by action, [a, s], as numpy's. Of the ways to write a sparse product, gathering from rows that
are filled up to the same length, with sums over successors and actions written out, was the fastest; segment sums and
BCOO matrices took two to three times as long.
"""

import functools
import operator

import jax
import jax.numpy as jnp
import numpy as np

from models import DIRECT, VARIATIONAL
from registry import program

jax.config.update("jax_enable_x64", True)


def timed(function, *arguments):
    """A call that is compiled, on arguments that are on the device, and waited for."""
    compiled, arguments = jax.jit(function), jax.device_put(arguments)
    return lambda: jax.block_until_ready(compiled(*arguments))


def soft_maximum(q):
    """V and π from Q, [a, s], in the counting prior."""
    largest = q.max(axis=0)
    terms = jnp.exp(q - largest)
    total = terms.sum(axis=0)
    return largest + jnp.log(total), terms / total


def dense(model, inference):
    horizon = model.horizon

    def solve(transitions, rewards, terminal_values):
        def stage(after, _):
            if inference == DIRECT:
                largest = after.max()
                expectation = largest + jnp.log(jnp.einsum("ast,t->as", transitions, jnp.exp(after - largest)))
            else:
                expectation = jnp.einsum("ast,t->as", transitions, after)
            q = rewards + expectation
            values, policy = soft_maximum(q)
            return values, (values, q, policy)

        _, (values, q, policy) = jax.lax.scan(stage, terminal_values, None, length=horizon, reverse=True)
        return {"V": jnp.concatenate([values, terminal_values[None]]), "Q": q, "pi": policy}

    return timed(solve, *by_action(model), model.terminal_values)


def by_action(model):
    return model.transitions.swapaxes(0, 1), model.rewards.T


@program("dense", DIRECT, "jax", "transcription: a product with P a stage")
def dense_direct(model):
    return dense(model, DIRECT)


@program("dense", VARIATIONAL, "jax", "transcription: a product with P a stage")
def dense_variational(model):
    return dense(model, VARIATIONAL)


@program("dense", DIRECT, "jax, linear", "transcription: exp V by M = Σ_a ρ exp(r) P, all Q in one matrix product")
def dense_linear(model):
    horizon, num_states, num_actions = model.horizon, model.num_states, model.num_actions

    def solve(transitions, rewards, terminal_values):
        weights = jnp.exp(rewards)
        merged = jnp.einsum("as,ast->st", weights, transitions)
        last_scale = terminal_values.max()
        last = jnp.exp(terminal_values - last_scale)

        def stage(after, _):
            message, scale = after
            message = merged @ message
            largest = message.max()
            after = message / largest, scale + jnp.log(largest)
            return after, after

        _, (messages, scales) = jax.lax.scan(stage, (last, last_scale), None, length=horizon, reverse=True)
        messages = jnp.concatenate([messages, last[None]])
        scales = jnp.concatenate([scales, last_scale[None]])
        rows = transitions.reshape(num_actions * num_states, num_states)
        expectations = (messages[1:] @ rows.T).reshape(horizon, num_actions, num_states)
        totals = messages[:-1] * jnp.exp(scales[:-1] - scales[1:])[:, None]
        return {
            "V": jnp.log(messages) + scales[:, None],
            "Q": rewards + jnp.log(expectations) + scales[1:, None, None],
            "pi": weights * expectations / totals[:, None],
        }

    return timed(solve, *by_action(model), model.terminal_values)


def filled_rows(lengths, starts, columns, probabilities):
    """Compressed rows as tables [k, row], filled up with successor 0 and probability 0."""
    shape = (lengths.max(), len(lengths))
    to, p = np.zeros(shape, dtype=np.int32), np.zeros(shape)
    for k in range(shape[0]):
        there = k < lengths
        to[k, there] = columns[starts[there] + k]
        p[k, there] = probabilities[starts[there] + k]
    return to, p


def total(terms):
    """A sum that is written out, which the compiler makes one loop of."""
    return functools.reduce(operator.add, terms)


def gather(probabilities, columns, vector):
    """Σ_k p_k v(column_k), of tables [k, s]."""
    read = vector.at[columns].get(mode="promise_in_bounds")
    return total(probabilities[k] * read[k] for k in range(len(columns)))


def grid(model, inference):
    lengths = np.diff(model.offsets)
    columns, probabilities = filled_rows(lengths, model.offsets[:-1], model.columns, model.probabilities)
    shape = (-1, model.num_states, model.num_actions)
    columns, probabilities = (table.reshape(shape).transpose(2, 0, 1) for table in (columns, probabilities))
    actions, horizon, weight = range(model.num_actions), model.horizon, model.weight

    def solve(columns, probabilities, rewards, terminal_values, is_terminal):
        def stage(after, _):
            largest = after.max()
            read = jnp.exp(after - largest) if inference == DIRECT else after
            q = [gather(probabilities[a], columns[a], read) for a in actions]
            if inference == DIRECT:
                q = [largest + jnp.log(q[a]) for a in actions]
            # The barrier keeps the compiler from gathering twice, for the maximum and for the sum.
            q = jax.lax.optimization_barrier([rewards[a] + q[a] for a in actions])
            largest = functools.reduce(jnp.maximum, q)
            values = largest + jnp.log(weight * total(jnp.exp(q[a] - largest) for a in actions))
            values = jnp.where(is_terminal, terminal_values, values)
            return values, values

        _, values = jax.lax.scan(stage, terminal_values, None, length=horizon, reverse=True)
        return values, terminal_values

    return timed(solve, columns, probabilities, model.rewards.T, *terminal(model))


def terminal(model):
    return model.terminal_values, model.is_terminal


@program("grid", DIRECT, "jax", "transcription: rows filled up to one length, gathered")
def grid_direct(model):
    return grid(model, DIRECT)


@program("grid", VARIATIONAL, "jax", "transcription: rows filled up to one length, gathered")
def grid_variational(model):
    return grid(model, VARIATIONAL)


@program("grid", DIRECT, "jax, linear", "transcription: exp V by M = Σ_a ρ exp(r) P, rows filled up to one length")
def grid_linear(model):
    num_states, horizon, weight = model.num_states, model.horizon, model.weight
    # Which pairs a state and a successor of it are joined by is layout; how strongly depends on rewards.
    pairs = np.repeat(np.arange(num_states * model.num_actions), np.diff(model.offsets))
    joined, entry = np.unique(pairs // model.num_actions * num_states + model.columns, return_inverse=True)
    states = joined // num_states
    lengths = np.bincount(states, minlength=num_states)
    starts = np.cumsum(lengths) - lengths
    columns, _ = filled_rows(lengths, starts, joined % num_states, np.zeros(len(joined)))
    place = (np.arange(len(joined)) - starts[states]) * num_states + states

    def solve(columns, place, pairs, probabilities, rewards, terminal_values, is_terminal):
        strengths = probabilities * (weight * jnp.exp(rewards)).reshape(-1)[pairs]
        merged = jnp.zeros(columns.size).at[place].add(strengths).reshape(columns.shape)
        last_scale = terminal_values.max()
        last = jnp.exp(terminal_values - last_scale)

        def stage(after, _):
            message, scale = after
            message = gather(merged, columns, message)
            message = jnp.where(is_terminal, jnp.exp(terminal_values - scale), message)
            largest = message.max()
            message, scale = message / largest, scale + jnp.log(largest)
            values = jnp.where(is_terminal, terminal_values, jnp.log(message) + scale)
            return (message, scale), values

        _, values = jax.lax.scan(stage, (last, last_scale), None, length=horizon, reverse=True)
        return values, terminal_values

    layout = columns, place[entry].astype(np.int32), pairs.astype(np.int32)
    return timed(solve, *layout, model.probabilities, model.rewards, *terminal(model))


def tables(result):
    """The results of these programs as tables of numpy, [t, s] and [t, s, a]."""
    if isinstance(result, tuple):  # V_T beside the other stages, which joining would be a copy of
        values, last = map(np.asarray, result)
        return {"V": np.concatenate([values, last[None]])}
    found = {name: np.asarray(table) for name, table in result.items()}
    return {name: table if name == "V" else table.swapaxes(1, 2) for name, table in found.items()}
