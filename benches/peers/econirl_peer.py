"""econirl, a library: its nested fixed point (Rust 1987), with its own start, optimiser (BHHH) and tolerances.

Standard errors, for which it differentiates numerically, are left out. It takes months one by one, a jax panel.
"""

import numpy as np
from econirl.core.types import DDCProblem, Panel, Trajectory
from econirl.estimation.nfxp import NFXPEstimator
from econirl.preferences.linear import LinearUtility

from models import VARIATIONAL
from registry import program


@program("choices", VARIATIONAL, "econirl", "library: `NFXPEstimator`, without standard errors")
def nested_fixed_point(model):
    states, actions = np.nonzero(model.choices)
    times = model.choices[states, actions].astype(int)
    states, actions = np.repeat(states, times).astype(np.int32), np.repeat(actions, times).astype(np.int32)
    # Where a bus came to next is not used: transitions are given.
    months = Trajectory(states=states, actions=actions, next_states=np.zeros_like(states), individual_id=0)
    panel = Panel(trajectories=[months])
    problem = DDCProblem(
        num_states=model.num_states, num_actions=model.num_actions, discount_factor=model.discount, scale_parameter=1.0
    )
    # Its start takes the last parameter for RC, and the first for a cost of about 1 / S a bin.
    scales = np.array([1000.0, 1.0])
    features = (model.features[:, :, ::-1] * scales).astype(np.float32)
    utility = LinearUtility(feature_matrix=features, parameter_names=["cost", "RC"])
    transitions = model.transitions.transpose(1, 0, 2)
    estimator = NFXPEstimator(compute_hessian=False)

    def solve():
        found = np.asarray(estimator.estimate(panel, utility, problem, transitions).parameters, dtype=np.float64)
        return {"parameters": (found * scales)[::-1]}

    return solve


def tables(result):
    return result
