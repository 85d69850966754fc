//! One backup of a small model by direct inference, on messages that are carried from stage to
//! stage as plain numbers.
//!
//! # Form computed
//!
//! ```text
//! b        = exp((V_{t+1} − base)/τ),   b(†) that of V(†)
//! y(s,a)   = γ Σ_s' P(s'|s,a) b(s') + (1−γ) b(†)
//! x(s,a)   = w(s,a) y(s,a),   w = ρ exp(r/τ)
//! b'(s)    = Σ_a x(s,a)
//! Q        = r + base + τ log y
//! V        = base + τ log b'
//! π        = x / b',   log π = log w + log y − log b'
//! ```
//!
//! The next stage waits for b' alone: a product and a few sums. No stage takes an exponential, and
//! no stage waits for a logarithm. Where messages have grown or shrunk, all of them are multiplied
//! by one power of two, which is exact, and the base moves with them.

use super::block_backup::is_valid;
use super::small_backup::vectorised_for_size;
use super::small_backup::{LANES, by_state, multiply, num_vectors, of_both, vectors, vectors_mut};
use super::soft_maxima::most_value;
use super::tables::{CarriedMessages, MessageRule, SmallOutputs, SmallTables, SoftRows};
use super::{Aligned, exp_all, for_each_lane, gap, least_lifted, least_lowered, vectorised};
use crate::Real;

/// Writes w = ρ exp(r/τ) and its logarithm, from r, ρ and log ρ. Returns whether all are valid, and
/// messages can be carried with them.
pub(crate) fn message_weights<F: Real>(
    temperature: F,
    (rewards, prior, log_prior): (&[F], &[F], &[F]),
    acts: &[F],
    (weights, log_weights): (&mut [F], &mut [F]),
) -> bool {
    let (dead, mut is_in_range) = (F::neg_infinity(), temperature * F::from_f64(1000.0) < most_carried());
    for (i, log_weight) in log_weights.iter_mut().enumerate() {
        let is_possible = rewards[i] > dead && prior[i] > F::zero();
        *log_weight = if is_possible { log_prior[i] + rewards[i] / temperature } else { dead };
        weights[i] = if is_possible { rewards[i] / temperature } else { dead };
        is_in_range &= is_valid(rewards[i], prior[i]);
        is_in_range &= !is_possible || log_weight.abs() <= most_log_weight();
    }
    exp_all(weights);
    weights.iter_mut().zip(prior).for_each(|(weight, &prior)| *weight *= prior);
    // V of a state without a choice is exact elsewhere: it needs no logarithm.
    let has_choice = |(lane, _): (usize, &F)| {
        let of_state = weights[lane..].iter().step_by(acts.len());
        of_state.filter(|weight| **weight > F::zero()).count() > 1
    };
    is_in_range && acts.iter().enumerate().filter(|(_, acts)| **acts > F::zero()).all(has_choice)
}

/// The largest |log w| of carried messages. No product of messages within [`DRIFT`] leaves the
/// number type then, nor loses digits.
fn most_log_weight<F: Real>() -> F {
    (F::max_value().ln() - F::LOG_LIFT) * F::from_f64(0.5)
}

/// Values below this are carried: no action value leaves the number type then.
fn most_carried<F: Real>() -> F {
    most_value::<F>() * F::from_f64(0.5)
}

/// Powers of two by which the largest message may leave `LIFT` before all are scaled.
const DRIFT: i32 = 8;

/// Writes a stage, and replaces the messages by those of its values. Returns whether nothing was
/// lost; if not, the outputs and messages are meaningless.
pub(crate) fn carry_small<F: Real>(
    tables: &SmallTables<'_, F>,
    rule: MessageRule<F>,
    carried: &mut CarriedMessages<'_, F>,
    outputs: SmallOutputs<'_, F>,
) -> bool {
    F::compiled_carry_small(tables, rule, carried, outputs)
}

/// [`carry_small`] in the widest vector arithmetic.
pub(super) fn at_once<F: Real>(
    tables: &SmallTables<'_, F>,
    rule: MessageRule<F>,
    carried: &mut CarriedMessages<'_, F>,
    mut outputs: SmallOutputs<'_, F>,
) -> bool {
    vectorised_for_size!(tables, carry(tables, rule, carried, &mut outputs))
}

/// [`carry_small`] in one vector arithmetic. `BLOCKS` is the number of vectors for each action, or
/// the most there may be if it is not known at compile time.
#[inline(always)]
fn carry<const FUSED: bool, F: Real, const BLOCKS: usize, const ENTRIES: usize>(
    tables: &SmallTables<'_, F>,
    MessageRule { temperature, discount, leaves }: MessageRule<F>,
    carried: &mut CarriedMessages<'_, F>,
    (values, action_values, policy): &mut SmallOutputs<'_, F>,
) -> bool {
    let SmallTables { num_states, num_actions, rewards, weights, log_weights, acts, .. } = *tables;
    let (mut logs, mut terms) = (Aligned::<F, ENTRIES>::zeros(), Aligned::<F, ENTRIES>::zeros());
    let (logs, terms) = (&mut logs.0[..weights.len()], &mut terms.0[..weights.len()]);
    // As wide as the numbers, so that the loops are vectorised.
    let mut num_lost = 0_u64;
    let least = least_lifted::<F>();
    for &message in &*carried.messages {
        num_lost |= u64::from(!((message >= least) | (message == F::zero())));
    }
    num_lost |= u64::from(leaves & !(carried.absorbed >= least));
    multiply::<FUSED, F>(tables, &carried.messages[..num_states], logs);
    if discount < F::one() {
        let leaving = if leaves { (F::one() - discount) * carried.absorbed } else { F::zero() };
        logs.iter_mut().for_each(|y| *y = discount * *y + leaving);
    }

    let trusted = least_lowered::<F>();
    let num_blocks = num_vectors::<BLOCKS>(tables.num_lanes);
    let (mut sums, mut log_sums) = ([[F::zero(); LANES]; BLOCKS], [[[F::zero(); LANES]; 2]; BLOCKS]);
    let sums = &mut sums[..num_blocks];
    let log_sums = &mut log_sums.as_flattened_mut()[..num_blocks.next_multiple_of(2)];
    for ((term, &y), &weight) in terms.iter_mut().zip(&*logs).zip(weights) {
        num_lost |= u64::from(!((y >= trusted) | (y == F::zero())));
        *term = y * weight;
    }
    for terms in vectors(terms).chunks_exact(num_blocks).take(num_actions) {
        for (sum, term) in sums.iter_mut().zip(terms) {
            *sum = of_both(sum, term, |sum, term| sum + term);
        }
    }
    log_sums[..num_blocks].copy_from_slice(sums);
    let base = carried.base;
    let mut peaks = [carried.absorbed; LANES];
    for ((message, sum), acts) in vectors_mut(carried.messages).iter_mut().zip(&*sums).zip(vectors(acts)) {
        for i in 0..LANES {
            message[i] = if acts[i] > F::zero() { sum[i] } else { message[i] };
            let found = if acts[i] > F::zero() { sum[i] } else { F::LIFT };
            num_lost |= u64::from(!(found >= trusted));
        }
        peaks = of_both(message, &peaks, |message, peak| if message > peak { message } else { peak });
    }
    let peak = peaks.iter().fold(F::zero(), |max, &peak| if peak > max { peak } else { max });
    // A smaller discount may take a product to 0 that no successor is missing from.
    if num_lost > 0 || peak == F::infinity() || discount < F::epsilon() {
        return false;
    }
    carried.scale(peak, temperature);

    for_each_lane(log_sums.as_flattened_mut(), |log| *log = (*log * F::UNLIFT).ln_lane::<FUSED>());
    let mut num_wrong = 0_u64;
    for (value, &log) in values.iter_mut().zip(log_sums.as_flattened()) {
        *value = base + temperature * log;
    }
    for (value, &acts) in values.iter().zip(acts) {
        num_wrong |= u64::from(!(value.abs() < most_carried()) & (acts > F::zero()));
    }
    if num_wrong > 0 || (action_values.is_none() && policy.is_none()) {
        return num_wrong == 0;
    }

    for_each_lane(logs, |y| *y = (*y * F::UNLIFT).ln_lane::<FUSED>());
    if let Some(SoftRows { probabilities, logs: log_probabilities }) = policy {
        let rows = vectors_mut(terms).chunks_exact_mut(num_blocks);
        for terms in rows.take(num_actions) {
            for (term, sum) in terms.iter_mut().zip(&*sums) {
                *term = of_both(term, sum, |term, sum| term / sum);
            }
        }
        by_state(tables, num_blocks, terms, probabilities);
        let rows =
            vectors_mut(terms).chunks_exact_mut(num_blocks).zip(vectors(logs).chunks_exact(num_blocks));
        for ((terms, logs), log_weights) in rows.zip(vectors(log_weights).chunks_exact(num_blocks)) {
            for (((term, log), log_weight), log_sum) in
                terms.iter_mut().zip(logs).zip(log_weights).zip(&*log_sums)
            {
                *term = of_both(log, log_weight, |log, log_weight| log + log_weight);
                *term = of_both(term, log_sum, |term, log_sum| term - log_sum);
            }
        }
        by_state(tables, num_blocks, terms, log_probabilities);
    }
    if let Some(action_values) = action_values {
        let dead = F::neg_infinity();
        let inputs = logs.iter().zip(rewards).zip(weights);
        for (q, ((&log, &reward), &weight)) in terms.iter_mut().zip(inputs) {
            let continued = reward + (base + temperature * log);
            *q = if weight > F::zero() { continued } else { dead };
        }
        by_state(tables, num_blocks, terms, action_values);
    }
    true
}

impl<F: Real> CarriedMessages<'_, F> {
    /// Takes the messages of values, `[s]`, and of V(†). If plain numbers do not hold them, the
    /// next stage says so.
    pub(crate) fn start(&mut self, values: &[F], absorbed_value: F, temperature: F) {
        let largest = |largest: F, &value: &F| if value > largest { value } else { largest };
        self.base = values.iter().fold(absorbed_value, largest);
        let lifted = |value: F, e: F| match (value > F::neg_infinity(), e * F::LIFT) {
            (true, message) if message >= least_lifted() && value.abs() < most_carried() => message,
            (true, _) => F::nan(), // the next stage is lost
            (false, _) => F::zero(),
        };
        self.absorbed = lifted(absorbed_value, gap(absorbed_value, self.base, temperature).exp());
        let messages = &mut self.messages[..values.len()];
        messages.iter_mut().zip(values).for_each(|(e, &value)| *e = gap(value, self.base, temperature));
        exp_all(messages);
        messages.iter_mut().zip(values).for_each(|(e, &value)| *e = lifted(value, *e));
    }

    /// Brings the largest message, `peak`, back to `LIFT`, by a power of two, if it has drifted
    /// away.
    #[inline(always)]
    fn scale(&mut self, peak: F, temperature: F) {
        let drift = F::from_f64(2.0).powi(DRIFT);
        if peak > F::zero() && !(peak >= F::LIFT / drift && peak <= F::LIFT * drift) {
            // peak = mantissa · 2^exponent, with a whole mantissa.
            let (mantissa, exponent, _) = (peak * F::UNLIFT).integer_decode();
            let power = i32::from(exponent) + mantissa.checked_ilog2().unwrap_or(0) as i32;
            let factor = F::from_f64(2.0).powi(-power);
            self.messages.iter_mut().for_each(|b| *b *= factor);
            self.absorbed *= factor;
            self.base += temperature * (F::from_f64(f64::from(power)) * F::from_f64(std::f64::consts::LN_2));
        }
    }
}
