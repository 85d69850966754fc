//! The search for the best class, and for the way there.
//!
//! A trajectory finally stays in a maximal end component, whatever the policy does. Inside one, the
//! agent can go from every state to every other one. So all states of a component share the gain of
//! the best policy that never leaves it. With V = −∞ outside, B keeps to the pairs that stay.
//!
//! If some policy leads to the best components from every state with probability 1, all states
//! share their gain. The search then continues with all states, so that the policy covers the way
//! there. Otherwise the gain depends on the initial state, and the search names two states.

use crate::dynamics::for_each_possible_successor;
use crate::markov_chain::{Choices, EndComponents, Successors};
use crate::mdp::{CheckedStage, is_possible};
use crate::stationary::climb::{Bounds, Climb, Found};
use crate::{Dynamics, Error, Model, Real};

/// With several components, the share of the tolerance for each of them. Components that are equal
/// to within their bounds can then share a gain that meets the tolerance.
const SHARE: f64 = 0.25;

/// Finds the gain that all states share, if they do.
pub(super) fn find<F, M, D>(
    mut search: Climb<'_, F, M>,
    tolerance: f64,
    stage: &CheckedStage<'_, F, D>,
    temperature: F,
) -> Result<Found<F>, Error>
where
    F: Real,
    M: Model<Scalar = F> + ?Sized,
    D: Dynamics<Scalar = F> + ?Sized,
{
    let num_states = search.values().len();
    let choices = choices(stage)?;
    let goes_on: Vec<bool> = (0..num_states).map(|state| choices.has_choice(state)).collect();
    let components = choices.end_components()?;
    if components.components().is_empty() {
        return Err(Error::NoEndlessTrajectory);
    }
    let mut start = vec![F::zero(); num_states];
    if components.components().len() > 1 {
        let gains = Gains { stage, temperature, components: &components, tolerance };
        gains.share(&mut search, &goes_on, &mut start)?;
    }
    search.start(&goes_on, |state| start[state]);
    let bounds = search.climb(&goes_on, tolerance, f64::NEG_INFINITY)?;
    search.finish(&goes_on, bounds)
}

/// The pairs that a policy may choose: available, with a finite reward, and without a transition to
/// a state that cannot go on.
fn choices<F: Real, D: Dynamics<Scalar = F> + ?Sized>(
    stage: &CheckedStage<'_, F, D>,
) -> Result<Choices<impl Successors>, Error> {
    let (num_states, num_actions) = (stage.dynamics.num_states(), stage.dynamics.num_actions());
    let (rewards, prior) = stage.rows(0..num_states);
    let allowed = |pair: usize| is_possible(rewards[pair], prior[pair]);
    Choices::new(num_states, num_actions, allowed, move |pair, visit: &mut dyn FnMut(usize)| {
        stage.for_each_next_state(pair, visit);
    })
}

/// The gains of several components.
struct Gains<'a, F: Real, D: ?Sized> {
    stage: &'a CheckedStage<'a, F, D>,
    temperature: F,
    components: &'a EndComponents,
    tolerance: f64,
}

impl<F: Real, D: Dynamics<Scalar = F> + ?Sized> Gains<'_, F, D> {
    /// Checks that all states share the gain of the best components, and writes the relative values
    /// of these components.
    fn share<M: Model<Scalar = F> + ?Sized>(
        &self,
        search: &mut Climb<'_, F, M>,
        goes_on: &[bool],
        start: &mut [F],
    ) -> Result<(), Error> {
        let classes = self.components.components();
        let mut bounds: Vec<Option<Bounds>> = vec![None; classes.len()];
        let mut best_lower = f64::NEG_INFINITY;
        // Components of one state cost nothing, and may allow others to stop early.
        let mut order: Vec<usize> = (0..classes.len()).collect();
        order.sort_by_key(|&class| classes[class].len() > 1);
        for class in order {
            let found = self.gain(search, &classes[class], best_lower)?;
            best_lower = best_lower.max(found.lower);
            bounds[class] = Some(found);
            if classes[class].len() > 1 {
                classes[class].iter().for_each(|&state| start[state] = search.values()[state]);
            }
        }
        let is_best = |class: usize| bounds[class].is_some_and(|bounds| bounds.upper >= best_lower);
        let is_goal = |state: usize| self.components.of_state(state).is_some_and(is_best);
        let leads = choices(self.stage)?.surely_leading_to(is_goal)?;
        if leads == goes_on {
            return Ok(());
        }
        // One class that cannot be left is among those that do not lead there.
        let is_closed = |class: &&Vec<usize>| {
            !leads[class[0]] && class.iter().all(|&state| self.cannot_leave(goes_on, state))
        };
        let other = classes.iter().find(is_closed).map_or(&classes[0], |class| class);
        let best = (0..classes.len()).find(|&class| is_best(class)).unwrap_or(0);
        let mut middle = |class: &[usize]| {
            self.gain(search, class, f64::NEG_INFINITY).map(|b| b.lower / 2.0 + b.upper / 2.0)
        };
        let (first, second) = (classes[best][0], other[0]);
        Err(Error::SeveralGains {
            first,
            first_gain: middle(&classes[best])?,
            second,
            second_gain: middle(other)?,
        })
    }

    /// Whether every pair of a state that a policy may choose stays in its component.
    fn cannot_leave(&self, goes_on: &[bool], state: usize) -> bool {
        let (rewards, prior) = self.stage.rows(state..state + 1);
        let num_actions = prior.len();
        (0..num_actions).all(|action| {
            let mut goes_on_surely = is_possible(rewards[action], prior[action]);
            for_each_possible_successor(self.stage.dynamics, (state, action), |next, _| {
                goes_on_surely &= goes_on[next];
            });
            !goes_on_surely || self.components.stays(state * num_actions + action)
        })
    }

    /// Bounds on the gain of a component, loose if it is below `enough`.
    fn gain<M: Model<Scalar = F> + ?Sized>(
        &self,
        search: &mut Climb<'_, F, M>,
        class: &[usize],
        enough: f64,
    ) -> Result<Bounds, Error> {
        if let [state] = *class {
            let (rewards, prior) = self.stage.rows(state..state + 1);
            let pairs = (0..prior.len()).filter(|&a| self.components.stays(state * prior.len() + a));
            let terms: Vec<(f64, f64)> =
                pairs.map(|a| (prior[a].into_f64().ln(), rewards[a].into_f64())).collect();
            return Ok(Bounds::of_loop(self.temperature, &terms));
        }
        let mut is_in = vec![false; search.values().len()];
        class.iter().for_each(|&state| is_in[state] = true);
        search.start(&is_in, |_| F::zero());
        search.climb_if_possible(&is_in, (SHARE * self.tolerance, self.tolerance), enough)
    }
}
