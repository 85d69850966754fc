"""Writes a tabular Gymnasium environment as a model file of the crate `softmdp`.

    pip install gymnasium numpy
    python export_gymnasium.py FrozenLake-v1 frozen_lake.npz --option map_name=8x8
    softmdp frozen_lake.npz --horizon 100 --inference variational --temperature 0

Tabular environments list their transitions: P[s][a] = [(probability, next_state, reward, terminated), ..]. Three things
in these lists are not what they look like:

- A successor may be listed more than once: its probabilities are added up.
- `terminated` ends the episode, also where the next state is listed with moves of its own (CliffWalking, Taxi). A state
  that other states enter only by ending becomes a terminal state, and its own list is dropped. Where a state is entered
  both ways, the ends lead to a terminal copy of it, which comes after all ordinary states; `copy_of` says of which.
- Rewards belong to the transition. They are written as such, and not averaged; a transition that is listed with two
  different rewards has no place in the layout, and is an error.
"""

import argparse
import ast
import datetime
import platform

import gymnasium
import numpy as np


def terminal_states(P, initial):
    """States that are entered from other states only by ending, and never begin an episode."""
    terminal = set()
    while True:
        entered, passed = set(), set()
        for s in P.keys() - terminal:
            for entries in P[s].values():
                for p, next_state, _, terminated in entries:
                    if p > 0 and next_state != s:
                        (entered if terminated else passed).add(int(next_state))
        new = {s for s in entered - passed - terminal if initial[s] == 0}
        if not new:
            return terminal
        terminal |= new


def model(P, num_actions, initial):
    """The arrays of a model file."""
    num_states = len(P)
    terminal = terminal_states(P, initial)
    copies = {}  # state -> its terminal copy

    rows = []  # for each pair: {next_state: [probability, reward]}
    for s in range(num_states):
        for a in range(num_actions):
            row = {}
            for p, next_state, reward, terminated in P[s].get(a, []) if s not in terminal else []:
                next_state = int(next_state)
                if p == 0:
                    continue
                if terminated and next_state not in terminal:
                    next_state = copies.setdefault(next_state, num_states + len(copies))
                entry = row.setdefault(next_state, [0.0, reward])
                if entry[1] != reward:
                    raise ValueError(f"P[{s}][{a}]: rewards {entry[1]} and {reward} for next state {next_state}")
                entry[0] += p
            rows.append(sorted(row.items()))
    rows += [[]] * (num_actions * len(copies))

    entries = [entry for row in rows for entry in row]
    arrays = {
        "num_actions": np.int64(num_actions),
        "row_offsets": np.cumsum([0] + [len(row) for row in rows]),
        "next_states": np.array([next_state for next_state, _ in entries]),
        "probabilities": np.array([p for _, (p, _) in entries]),
        "successor_rewards": np.array([float(reward) for _, (_, reward) in entries]),
        "terminal_states": np.array(sorted(terminal) + list(copies.values()), dtype=np.int64),
        "initial": np.concatenate([initial, np.zeros(len(copies))]),
        "copy_of": np.array(list(copies), dtype=np.int64),
    }
    if any(a not in P[s] for s in P for a in range(num_actions)):
        available = [[a in P[s] for a in range(num_actions)] for s in range(num_states)]
        arrays["available_actions"] = np.array(available + [[True] * num_actions] * len(copies))
    return arrays


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("environment", help="its id, as for gymnasium.make")
    parser.add_argument("output", help="the .npz file to write")
    parser.add_argument("--option", action="append", default=[], metavar="KEY=VALUE", help="for gymnasium.make")
    arguments = parser.parse_args()

    options = {}
    for option in arguments.option:
        key, _, value = option.partition("=")
        try:
            options[key] = ast.literal_eval(value)
        except (SyntaxError, ValueError):
            options[key] = value  # a plain word
    environment = gymnasium.make(arguments.environment, **options).unwrapped
    initial = np.asarray(environment.initial_state_distrib, dtype=float)
    arrays = model(environment.P, int(environment.action_space.n), initial)
    provenance = (
        f"export_gymnasium.py; {arguments.environment} {options}; gymnasium {gymnasium.__version__}, "
        f"numpy {np.__version__}, Python {platform.python_version()}; {datetime.date.today()}"
    )
    np.savez_compressed(arguments.output, provenance=np.array(provenance), **arrays)
    num_states = len(arrays["initial"])
    print(f"{arguments.output}: {num_states} states, of which {len(arrays['terminal_states'])} terminal", end="")
    print(f" and {len(arrays['copy_of'])} copies; {len(arrays['next_states'])} transitions")


if __name__ == "__main__":
    main()
