"""imitation, a library: its soft value iteration of a finite horizon, in numpy.

Its rewards stand on states, and it keeps no V_T, so it solves a model of its own of the same size.
"""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
from imitation.algorithms.mce_irl import mce_partition_fh

import reference
from models import VARIATIONAL
from registry import program


def with_rewards_on_states(model):
    return replace(model, rewards=np.repeat(model.rewards[:, :1], model.num_actions, axis=1))


def expected(row, model):
    tables = reference.solve(row, with_rewards_on_states(model), VARIATIONAL)
    return tables | {"V": tables["V"][:-1]}


@program("dense", VARIATIONAL, "imitation", "library: `mce_partition_fh`; rewards on states", reference=expected)
def dense_variational(model):
    environment = SimpleNamespace(
        horizon=model.horizon,
        state_dim=model.num_states,
        action_dim=model.num_actions,
        transition_matrix=model.transitions,
        reward_matrix=model.rewards[:, 0],
    )
    return lambda: mce_partition_fh(environment)


def tables(result):
    """By name."""
    return dict(zip(["V", "Q", "pi"], result))
