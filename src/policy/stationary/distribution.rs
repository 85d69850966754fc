//! The stationary distribution of a policy.
//!
//! The code first finds the recurrent class, from the graph of possible steps. It solves a small
//! class by eliminating one state after the other without subtractions. So every probability keeps
//! its relative accuracy. In a large class it removes one state. The expected visits to the other
//! states between two visits to the removed state solve a linear system in a
//! [Markov chain](crate::markov_chain). Both methods work for periodic chains.
//!
//! # References
//!
//! W. Grassmann, M. Taksar, D. Heyman, *Regenerative analysis and steady state distributions for
//! Markov chains*, Oper. Res. 33, 1985, for the elimination.

use ndarray::Array1;

use super::StationaryPolicy;
use crate::markov_chain::Chain;
use crate::mdp::CheckedStage;
use crate::{Dynamics, Error, Model, Real, Table, arrays};

/// Largest class that is solved by elimination: about ten million operations.
const MOST_ELIMINATED: usize = 256;

/// Number of steps that shows roughly where the mass is.
const NUM_STEPS: usize = 30;

/// Largest number of visits to a state per visit to the removed state, if the removed state was a
/// good choice.
const MOST_VISITS: f64 = 1e3;

impl<F: Real> StationaryPolicy<F> {
    /// Computes the stationary distribution μ = P_πᵀ μ: the share of time spent in each state in
    /// the long run. It does not depend on the discount or the initial distribution.
    ///
    /// The policy must have exactly one recurrent class. A terminal state is a recurrent class,
    /// because mass that enters it stays (V5). Transient states have probability exactly 0. For a
    /// periodic chain, μ is the time average of its distributions.
    ///
    /// # Accuracy
    ///
    /// For recurrent classes of up to 256 states, every probability has a relative error of a few
    /// ulp per state. For larger classes, the absolute error is a few ulp of the largest
    /// probability times the mixing time; smaller probabilities may be returned as 0.
    ///
    /// # Shapes
    ///
    /// Returns `[s]`, sums to 1.
    ///
    /// # Errors
    ///
    /// [`Error::SeveralClasses`] if there are several recurrent classes;
    /// [`Error::NoRecurrentClass`] if there is none; [`Error::ShapeMismatch`] if the policy does
    /// not fit the model; [`Error::NotHomogeneous`]; [`Error::UnnormalizedTransition`] for the row
    /// of an action that the policy takes but the model excludes; [`Error::IllConditioned`] if the
    /// class nearly splits in two, to working precision; [`Error::TooLarge`]; errors of your own
    /// [`Model`].
    ///
    /// # Complexity
    ///
    /// Time O(transitions) plus the elimination of up to 256 states, or plus that of
    /// [`evaluate`](Self::evaluate); memory O(possible steps).
    ///
    /// # Example
    ///
    /// ```
    /// use softmdp::{Mdp, StationaryPolicy, ndarray::array};
    ///
    /// // State 2 is transient. States 0 and 1 alternate.
    /// let transitions = array![[[0.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]], [[0.5, 0.0, 0.5]]];
    /// let mdp = Mdp::new(transitions, array![[0.0], [0.0], [0.0]])?;
    /// let policy = StationaryPolicy::new(array![[1.0], [1.0], [1.0]])?;
    /// assert_eq!(policy.stationary_distribution(&mdp)?, array![0.5, 0.5, 0.0]);
    /// # Ok::<(), softmdp::Error>(())
    /// ```
    pub fn stationary_distribution<M>(&self, mdp: &M) -> Result<Array1<F>, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let stage = self.stage_of(mdp)?;
        let num_states = mdp.num_states();
        self.check_taken(mdp, &stage, &vec![true; num_states])?;
        let mut distribution = arrays::filled(Table::StationaryDistribution, num_states, F::zero())?;
        let class = self.settles_in(mdp, &stage)?;
        let shares = match class.len() {
            1 => vec![F::one()],
            0..=MOST_ELIMINATED => self.eliminate(&stage, &class)?,
            _ => self.return_visits(&stage, &class)?,
        };
        class.iter().zip(shares).for_each(|(&state, share)| distribution[state] = share);
        Ok(distribution)
    }

    /// The only recurrent class. A terminal state is a class of its own.
    fn settles_in<M>(&self, mdp: &M, stage: &CheckedStage<'_, F, M::Dynamics>) -> Result<Vec<usize>, Error>
    where
        M: Model<Scalar = F> + ?Sized,
    {
        let graph = self.graph(mdp, stage)?;
        let mut classes = graph.recurrent_classes();
        classes
            .extend((0..mdp.num_states()).filter(|&state| mdp.is_terminal(state)).map(|state| vec![state]));
        classes.sort_unstable_by_key(|class| class[0]);
        match &mut classes[..] {
            [class] => Ok(std::mem::take(class)),
            [first, second, ..] => Err(Error::SeveralClasses { first: first[0], second: second[0] }),
            [] => {
                let is_dead_end = |state: &usize| graph.successors(*state).len() == 0;
                Err(Error::NoRecurrentClass { state: (0..mdp.num_states()).find(is_dead_end).unwrap_or(0) })
            }
        }
    }

    /// Calls `visit(s', π P)` for each successor of each action that the policy takes.
    fn for_each_step<D>(&self, stage: &CheckedStage<'_, F, D>, state: usize, mut visit: impl FnMut(usize, F))
    where
        D: Dynamics<Scalar = F> + ?Sized,
    {
        for (action, &chance) in self.probabilities().row(state).iter().enumerate() {
            if chance > F::zero() {
                stage.dynamics.for_each_successor(state, action, &mut |next_state, p| {
                    visit(next_state, chance * p);
                });
            }
        }
    }

    /// The distribution over the states of a class, by elimination.
    fn eliminate<D>(&self, stage: &CheckedStage<'_, F, D>, class: &[usize]) -> Result<Vec<F>, Error>
    where
        D: Dynamics<Scalar = F> + ?Sized,
    {
        let n = class.len();
        let mut table = vec![0.0; n * n];
        for (row, &state) in table.chunks_exact_mut(n).zip(class) {
            self.for_each_step(stage, state, |next_state, p| {
                if let Ok(place) = class.binary_search(&next_state) {
                    row[place] += p.into_f64();
                }
            });
        }
        let shares = eliminate(&mut table, n);
        let singular = Error::IllConditioned { table: Table::StationaryDistribution, residual: 1.0 };
        shares.map(|shares| shares.into_iter().map(F::from_f64).collect()).ok_or(singular)
    }

    /// The distribution over the states of a class, by the visits between two returns to one of
    /// them.
    fn return_visits<D>(&self, stage: &CheckedStage<'_, F, D>, class: &[usize]) -> Result<Vec<F>, Error>
    where
        D: Dynamics<Scalar = F> + ?Sized,
    {
        let num_states = stage.dynamics.num_states();
        let (policy, _) = self.tables();
        let mut takes_part = vec![false; num_states];
        class.iter().for_each(|&state| takes_part[state] = true);
        let mut visits = {
            let chain = Chain::new(stage.dynamics, policy, &takes_part, F::one())?;
            let mut x: Vec<F> =
                takes_part.iter().map(|&is_in| if is_in { F::one() } else { F::zero() }).collect();
            let mut y = vec![F::zero(); num_states];
            for _ in 0..NUM_STEPS {
                // A lazy step, half of which stays, converges for periodic chains too.
                chain.multiply_transposed(&x, &mut y);
                x.iter_mut().zip(&y).for_each(|(x, &y)| *x = (*x + y) * F::from_f64(0.5));
            }
            x
        };
        let mut origin = most_visited(&visits, class);
        for _ in 0..2 {
            takes_part[origin] = false;
            let chain = Chain::new(stage.dynamics, policy, &takes_part, F::one())?;
            let mut b = vec![F::zero(); num_states];
            self.for_each_step(stage, origin, |next_state, p| b[next_state] += p);
            let singular =
                |singular: crate::markov_chain::Singular| singular.of(Table::StationaryDistribution);
            visits = chain.solve_transposed_exactly(&b).map_err(singular)?;
            visits[origin] = F::one();
            takes_part[origin] = true;
            origin = most_visited(&visits, class);
            if visits[origin] <= F::from_f64(MOST_VISITS) {
                break;
            }
        }
        let total = class.iter().fold(0.0, |total, &state| total + visits[state].into_f64());
        Ok(class.iter().map(|&state| F::from_f64(visits[state].into_f64() / total)).collect())
    }
}

/// The most visited state of a class.
fn most_visited<F: Real>(visits: &[F], class: &[usize]) -> usize {
    class
        .iter()
        .copied()
        .reduce(|best, state| if visits[state] > visits[best] { state } else { best })
        .unwrap_or(0)
}

/// The stationary distribution of an irreducible chain of n states, from its table `[s, s']`, which
/// is overwritten.
///
/// Eliminating the last state gives the chain observed only in the other states. The diagonal is
/// never read: the probability of staying is 1 minus that of leaving, which is computed as a sum.
/// Returns `None` if probabilities of leaving underflow.
fn eliminate(table: &mut [f64], n: usize) -> Option<Vec<f64>> {
    for last in (1..n).rev() {
        let (rows, row) = table.split_at_mut(last * n);
        let leaving = row[..last].iter().sum::<f64>();
        if !(leaving > 0.0) {
            return None;
        }
        for other in rows.chunks_exact_mut(n) {
            // Expected visits to the last state per visit to this one.
            other[last] /= leaving;
            let share = other[last];
            if share > 0.0 {
                other[..last].iter_mut().zip(&row[..last]).for_each(|(p, &detour)| *p += share * detour);
            }
        }
    }
    let mut visits = vec![1.0];
    for state in 1..n {
        let found: f64 =
            visits.iter().enumerate().map(|(other, visits)| visits * table[other * n + state]).sum();
        visits.push(found);
        if found > 1e150 {
            visits.iter_mut().for_each(|visits| *visits /= found);
        }
    }
    let total: f64 = visits.iter().sum();
    (total.is_finite()).then(|| visits.into_iter().map(|visits| visits / total).collect())
}
