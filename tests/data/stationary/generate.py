"""Writes values.txt: what other programs find for the models of `tests/suite/worlds`.

    pip install gymnasium==1.4.0 mdpsolver==0.10.2 mpmath==1.3.0 numpy==2.4.6 pymdptoolbox==4.0b3 quantecon==0.11.4
    python generate.py

The models are built here once more, from the same descriptions and in another language; those of Gymnasium are its own
lists, cut at `terminated`. Values are those of exact solvers where there are such:

- QuantEcon's policy iteration, which solves linear equations, and whose last policy is improved by no other;
- of the small forest pymdptoolbox's, as in its documentation;
- of the bus, soft policy iteration in 30 digits by mpmath.

Before anything is written, MDPSolver's policy iteration has to agree with QuantEcon, and values with one more backup: what is
left, over 1 − γ, is how far they can be from the truth, and written beside them (rounded up to a power of ten).
"""

import datetime
import math
import platform
from importlib.metadata import version

import gymnasium
import mdpsolver
import mdptoolbox
import mpmath
import numpy as np
import quantecon
from mdptoolbox import example, mdp

# What two programs may differ by, relative to the largest value.
AGREEMENT = 1e-9


def quantecon_values(rows, rewards, discount):
    """By policy iteration; `rows[s][a]` maps successors to probabilities."""
    num_states, num_actions = rewards.shape
    transitions = np.zeros((num_states, num_actions, num_states))
    for s in range(num_states):
        for a in range(num_actions):
            for next_state, p in rows[s][a].items():
                transitions[s, a, next_state] += p
    problem = quantecon.markov.DiscreteDP(rewards, transitions, discount)
    values = problem.solve(method="policy_iteration").v
    others = mdpsolver_values(rows, rewards, discount)
    assert np.abs(values - others).max() <= AGREEMENT * max(1, np.abs(values).max()), np.abs(values - others).max()
    backup = (rewards + discount * transitions @ values).max(axis=1)
    return values, np.abs(backup - values).max() / (1 - discount)


def mdpsolver_values(rows, rewards, discount):
    model = mdpsolver.model()
    model.mdp(
        discount=discount,
        rewards=rewards.tolist(),
        tranMatProbs=[[[float(p) for p in row.values()] for row in actions] for actions in rows],
        tranMatColumns=[[[int(n) for n in row] for row in actions] for actions in rows],
    )
    model.solve(algorithm="pi", tolerance=1e-12)
    return np.array(model.getValueVector())


def model(num_states, num_actions, outcomes):
    """Rows and expected rewards from lists of (next state, probability, reward); no list is the end, of value 0."""
    rows, rewards = [], np.zeros((num_states, num_actions))
    for s in range(num_states):
        rows.append([])
        for a in range(num_actions):
            row = {}
            for next_state, p, reward in outcomes(s, a) or [(s, 1.0, 0.0)]:
                row[next_state] = row.get(next_state, 0.0) + p
                rewards[s, a] += p * reward
            rows[-1].append(row)
    return rows, rewards


def environment(name, ends=(), **options):
    """The lists of a Gymnasium environment, `terminated` leading to a last state of value 0; `ends` are states that no
    episode leaves, and have lists all the same."""
    made = gymnasium.make(name, **options).unwrapped
    end = made.observation_space.n

    def outcomes(s, a):
        if s == end or s in ends:
            return []
        return [(end if over else int(n), p, float(r)) for p, n, r, over in made.P[s][a]]

    return model(end + 1, int(made.action_space.n), outcomes)


def forest(num_ages):
    oldest, burns = num_ages - 1, 0.1

    def outcomes(s, a):
        if a == 1:
            return [(0, 1.0, 0 if s == 0 else 2 if s == oldest else 1)]
        reward = 4 if s == oldest else 0
        return [(0, burns, reward), (min(s + 1, oldest), 1 - burns, reward)]

    return model(num_ages, 2, outcomes)


def ring(num_places, fails):
    def outcomes(s, a):
        if a == 1:
            return [(s, 1.0, 1.0 if s == 0 else 0.0)]
        return [(s, fails, -0.01), ((s + a - 1) % num_places, 1 - fails, -0.01)]

    return model(num_places, 3, outcomes)


def queue(capacity):
    def outcomes(s, a):
        joined = min(s + 1, capacity) if a == 1 else s
        cost = -0.05 * s
        return [(joined, 0.48, (20.0 if joined > s else 0.0) + cost), (max(s - 1, 0), 1 - 0.48, cost)]

    return model(capacity + 1, 2, outcomes)


class SplitMix:
    def __init__(self, seed):
        self.state = seed

    def bits(self):
        mask = (1 << 64) - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        z = self.state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & mask
        return z ^ (z >> 31)

    def unit(self):
        return (self.bits() >> 11) / 2**53


def garnet(seed, num_states, num_actions, branching):
    random = SplitMix(seed)

    def outcomes(s, a):
        successors = []
        while len(successors) < branching:
            drawn = random.bits() % num_states
            if drawn not in successors:
                successors.append(drawn)
        cuts = sorted([0.0, 1.0] + [random.unit() for _ in range(branching - 1)])
        reward = random.unit()
        return [(n, cuts[i + 1] - cuts[i], reward) for i, n in enumerate(successors)]

    return model(num_states, num_actions, outcomes)


def bus(replacement, maintenance, increments, discount, num_states=90):
    """Rust's model at temperature 1: V = log Σ exp Q, no Euler's constant. Numbers are those of double precision."""
    mpmath.mp.dps = 30
    increments = [mpmath.mpf(p) for p in increments]
    discount, driven = mpmath.mpf(discount), range(num_states)
    keep = [mpmath.mpf(-0.001 * maintenance * s) for s in driven]

    def expectation(values, s):
        return mpmath.fsum(p * values[min(s + j, num_states - 1)] for j, p in enumerate(increments))

    values = [mpmath.mpf(0)] * num_states
    for _ in range(50):
        q = [(keep[s] + discount * expectation(values, s), -replacement + discount * expectation(values, 0)) for s in driven]
        backup = [mpmath.log(mpmath.exp(k - max(k, r)) + mpmath.exp(r - max(k, r))) + max(k, r) for k, r in q]
        residual = [b - v for b, v in zip(backup, values)]
        if max(map(abs, residual)) < mpmath.mpf(10) ** -22:
            return np.array([float(v) for v in values])
        system = mpmath.eye(num_states)
        for s in driven:
            for start, weight in [(s, mpmath.exp(q[s][0] - backup[s])), (0, mpmath.exp(q[s][1] - backup[s]))]:
                for j, p in enumerate(increments):
                    system[s, min(start + j, num_states - 1)] -= discount * weight * p
        values = [v + x for v, x in zip(values, mpmath.lu_solve(system, mpmath.matrix(residual)))]
    raise RuntimeError("no convergence")


def entry(name, discount, temperature, source, error, values):
    error = max(error, 1e-12)
    tolerance = 10.0 ** math.ceil(math.log10(error))
    # Zeros may come with a sign, which says nothing.
    lines = [" ".join(repr(float(v) + 0.0) for v in values[i : i + 5]) for i in range(0, len(values), 5)]
    head = f"model: {name}; γ = {discount}; τ = {temperature}; {source}; within {tolerance:g}"
    return "\n".join([head, *lines]) + "\n"


def entries():
    by_quantecon = f"QuantEcon {version('quantecon')}"
    transitions, rewards = example.forest()
    solved = mdp.PolicyIteration(transitions, rewards, 0.9)
    solved.run()
    yield entry("forest 3", 0.9, 0, f"pymdptoolbox {version('pymdptoolbox')}", 1e-12, solved.V)

    taxi = "Taxi-v4"  # as Taxi-v3 is with its options off
    for name, discount, (rows, rewards), kept in [
        ("forest 100", 0.99, forest(100), 100),
        ("FrozenLake 4x4", 0.99, environment("FrozenLake-v1"), 16),
        ("FrozenLake 8x8", 0.99, environment("FrozenLake-v1", map_name="8x8"), 64),
        ("CliffWalking", 0.9, environment("CliffWalking-v1", ends=[47]), 48),
        ("Taxi", 0.95, environment(taxi), 500),
        ("ring 40", 0.99, ring(40, 0.1), 40),
        ("queue 100", 0.999, queue(100), 101),
        ("Garnet 200x4x5", 0.95, garnet(1995, 200, 4, 5), 200),
    ]:
        values, error = quantecon_values(rows, rewards, discount)
        values = values[:kept]
        if name == "Taxi":
            values = np.concatenate([values, np.zeros(4)])
        yield entry(name, discount, 0, by_quantecon, error, values)

    values = bus(10.0750, 2.2930, [0.3919, 0.5953, 0.0128], 0.9999)
    yield entry("bus, group 4", 0.9999, 1, f"mpmath {version('mpmath')}", 1e-12, values)


def main():
    programs = ["gymnasium", "mdpsolver", "mpmath", "numpy", "pymdptoolbox", "quantecon"]
    versions = ", ".join(f"{name} {version(name)}" for name in programs)
    with open("values.txt", "w") as file:
        file.write(f"# Written by generate.py on {datetime.date.today()} with {versions}, Python {platform.python_version()}.\n")
        file.write("# V of states 0, 1, …, five a line, under what was solved, by what, and how near the truth.\n")
        for text in entries():
            file.write(text)


if __name__ == "__main__":
    main()
