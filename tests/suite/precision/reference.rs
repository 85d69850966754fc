//! The equations of the crate as they stand, in floats of 256 bits whose exponents never run out.
//!
//! No maximum is taken out, nothing is scaled and nothing is rounded but by the arithmetic itself
//! (correctly rounded, 77 digits): exp(10^11) and e^-5000 are numbers like any other, and a message
//! is kept as itself and as its logarithm. Inputs are read back from the model and widened, which
//! is exact, so that `f32` models are judged by the numbers that they hold. Everything is in nats:
//! values and rewards are divided by τ.

use std::cell::RefCell;

use dashu_float::round::mode::HalfEven;
use dashu_float::{ConstCache, Context, FBig};
use ndarray::{ArrayRef1, ArrayRef2};
use softmdp::{Inference, Mdp, Real, ndarray};

pub(crate) type Big = FBig<HalfEven, 2>;

/// A logarithm; `None` is −∞.
pub(crate) type Log = Option<Big>;

/// 216 bits, 65 digits, are left of these where logarithms of 10^12 cancel.
pub(crate) const BITS: usize = 256;

const CONTEXT: Context<HalfEven> = Context::new(BITS);

thread_local! {
    /// Digits of log 2, which every exp and ln asks for.
    static CONSTANTS: RefCell<ConstCache> = const { RefCell::new(ConstCache::new()) };
}

/// The exact value of a finite number.
pub(crate) fn big<F: Real>(x: F) -> Big {
    Big::try_from(x.into_f64()).expect("not NaN").with_precision(BITS).value()
}

pub(crate) fn exp(log: &Log) -> Big {
    log.as_ref().map_or_else(
        || big(0.0),
        |x| CONSTANTS.with_borrow_mut(|cache| CONTEXT.exp(x.repr(), Some(cache)).expect("in range").value()),
    )
}

/// log x: a guess in double precision, and the artanh series of what exp says it is off by. Three
/// to ten terms do, which takes a third of the time of the general `FBig::ln`.
pub(crate) fn ln(x: &Big) -> Log {
    if *x == big(0.0) {
        return None;
    }
    let exponent = x.repr().exponent() + x.digits() as isize;
    let mantissa = small(&(x.clone() >> exponent));
    let guess = Some(big(mantissa.ln() + exponent as f64 * std::f64::consts::LN_2));
    let ratio = x / exp(&guess);
    let z = (&ratio - big(1.0)) / (&ratio + big(1.0));
    let square = &z * &z;
    let (mut sum, mut power, mut odd) = (z.clone(), z, 1.0);
    loop {
        power *= &square;
        odd += 2.0;
        let next = &sum + &power / big(odd);
        if next == sum {
            return Some(guess? + big(2.0) * sum);
        }
        sum = next;
    }
}

/// x as a double, for scales and errors.
pub(crate) fn small(x: &Big) -> f64 {
    x.to_f64().value()
}

/// Messages of one stage and their logarithms: β_t = exp(V_t/τ), `[s]`, where variational inference
/// has the same by (V3); or α_t, `[s]` and then α_t(†).
#[derive(Debug, Clone)]
pub(crate) struct Messages {
    pub(crate) logs: Vec<Log>,
    pub(crate) plain: Vec<Big>,
}

impl Messages {
    pub(crate) fn from_logs(logs: Vec<Log>) -> Self {
        Self { plain: logs.iter().map(exp).collect(), logs }
    }

    pub(crate) fn from_plain(plain: Vec<Big>) -> Self {
        Self { logs: plain.iter().map(ln).collect(), plain }
    }

    /// The largest |log|.
    pub(crate) fn scale(&self) -> f64 {
        largest(&self.logs)
    }

    /// α β, `[s]`, and then α(†).
    pub(crate) fn weigh(&self, values: &Messages) -> Vec<Big> {
        let mut masses = self.plain.clone();
        masses.iter_mut().zip(&values.plain).for_each(|(mass, beta)| *mass *= beta);
        masses
    }
}

/// One stage of a backward pass: β, and log π `[s][a]`.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) values: Messages,
    pub(crate) log_policy: Vec<Vec<Log>>,
}

#[derive(Debug)]
struct Pair {
    log_reward: Log, // r/τ
    log_prior: Log,
    factor: Big,                   // ρ exp(r/τ)
    successors: Vec<(usize, Big)>, // of positive probability
}

/// A model, widened.
#[derive(Debug)]
pub(crate) struct Exact {
    temperature: Big,
    discount: Big,
    leave: Big, // 1−γ
    is_terminal: Vec<bool>,
    pairs: Vec<Vec<Pair>>,    // [s][a]
    pub(crate) end: Messages, // V_T/τ
}

impl Exact {
    pub(crate) fn new<F: Real>(mdp: &Mdp<F>) -> Self {
        let (temperature, discount) = (big(mdp.temperature()), big(mdp.discount()));
        let pair = |state, action| {
            let log_prior = ln(&big(mdp.prior_weights()[[state, action]]));
            let log_reward = nats(mdp.rewards()[[state, action]], &temperature);
            let transitions = mdp.dynamics().transitions();
            let row = (0..mdp.num_states()).map(|next_state| transitions[[state, action, next_state]]);
            let successors = row.enumerate().filter(|(_, p)| *p > F::zero()).map(|(s, p)| (s, big(p)));
            let factor = exp(&product(&log_prior, &log_reward));
            Pair { log_reward, log_prior, factor, successors: successors.collect() }
        };
        let row = |state| (0..mdp.num_actions()).map(|action| pair(state, action)).collect();
        let end = mdp.terminal_values().iter().map(|&v| nats(v, &temperature)).collect();
        Self {
            pairs: (0..mdp.num_states()).map(row).collect(),
            is_terminal: (0..mdp.num_states()).map(|state| mdp.is_terminal(state)).collect(),
            end: Messages::from_logs(end),
            leave: big(1.0) - &discount,
            discount,
            temperature,
        }
    }

    /// Values of the crate, in reward units, as messages.
    pub(crate) fn widen<F: Real>(&self, values: &ArrayRef1<F>) -> Messages {
        Messages::from_logs(values.iter().map(|&v| nats(v, &self.temperature)).collect())
    }

    /// Every stage from 0 to T; that of T has no policy.
    pub(crate) fn solve(&self, inference: Inference, horizon: usize) -> Vec<Stage> {
        let mut stages = vec![Stage { values: self.end.clone(), log_policy: Vec::new() }];
        for t in 0..horizon {
            stages.push(self.backup(inference, &stages[t].values));
        }
        stages.reverse();
        stages
    }

    /// (D1, D2, D3) or (V2, V3).
    pub(crate) fn backup(&self, inference: Inference, next: &Messages) -> Stage {
        let continuation = |pair: &Pair| match inference {
            Inference::Direct => ln(&self.continuation(pair, &next.plain)),
            Inference::Variational => self.expectation(pair, &next.logs),
        };
        // log ρ + Q/τ, [s][a]
        let term = |pair: &Pair| product(&product(&pair.log_prior, &pair.log_reward), &continuation(pair));
        let terms: Vec<Vec<Log>> = self.pairs.iter().map(|row| row.iter().map(term).collect()).collect();
        let value = |state: usize| match inference {
            _ if self.is_terminal[state] => next.plain[state].clone(),
            Inference::Direct => self.step(state, &next.plain),
            Inference::Variational => terms[state].iter().fold(big(0.0), |sum, term| sum + exp(term)),
        };
        let values = Messages::from_plain((0..terms.len()).map(value).collect());
        let log_policy = (terms.iter().zip(&values.logs).enumerate())
            .map(|(state, (terms, log))| match log {
                Some(log) if !self.is_terminal[state] => {
                    terms.iter().map(|term| term.as_ref().map(|term| term - log)).collect()
                }
                _ => self.log_prior(state),
            })
            .collect();
        Stage { values, log_policy }
    }

    /// The logarithm of the normalised prior.
    fn log_prior(&self, state: usize) -> Vec<Log> {
        let weights: Vec<Big> = self.pairs[state].iter().map(|pair| exp(&pair.log_prior)).collect();
        let total = sum(&weights);
        weights.iter().map(|weight| ln(&(weight / &total))).collect()
    }

    /// β_t(s) from β_{t+1}, by multiplications and additions alone (D11).
    pub(crate) fn step(&self, state: usize, next: &[Big]) -> Big {
        let pairs = self.pairs[state].iter();
        pairs.fold(big(0.0), |sum, pair| sum + &pair.factor * self.continuation(pair, next))
    }

    /// exp(V_t/τ) from exp(V_{t+1}/τ) in variational inference, for γ = 1 and probabilities in
    /// quarters: the expectation is then a geometric mean, the fourth root of a product.
    pub(crate) fn step_by_roots(&self, state: usize, next: &[Big]) -> Big {
        self.pairs[state].iter().fold(big(0.0), |sum, pair| {
            if let [(next_state, _)] = pair.successors[..] {
                return sum + &pair.factor * &next[next_state];
            }
            let product = pair.successors.iter().fold(big(1.0), |product, (next_state, p)| {
                let quarters = small(&(p * big(4.0)));
                assert!(quarters.fract() == 0.0, "{quarters} quarters");
                (0..quarters as usize).fold(product, |product, _| product * &next[*next_state])
            });
            let root = |x: &Big| CONTEXT.sqrt(x.repr()).expect("positive").value();
            sum + &pair.factor * root(&root(&product))
        })
    }

    /// γ Σ P exp(V/τ) + 1−γ.
    fn continuation(&self, pair: &Pair, next: &[Big]) -> Big {
        let sum = (pair.successors.iter()).fold(big(0.0), |sum, (s, p)| sum + p * &next[*s]);
        &self.discount * sum + &self.leave
    }

    /// γ Σ P V/τ.
    fn expectation(&self, pair: &Pair, next: &[Log]) -> Log {
        let mut sum = big(0.0);
        for (next_state, p) in &pair.successors {
            sum += p * next[*next_state].as_ref()?;
        }
        Some(&self.discount * sum)
    }

    /// (V6) for one stage of a policy, `[s, a]`; `next` and the result are V^π/τ.
    pub(crate) fn evaluate<F: Real>(&self, policy: &ArrayRef2<F>, next: &[Log]) -> Vec<Log> {
        let value = |state: usize| {
            let mut value = big(0.0);
            for (pair, &p) in self.pairs[state].iter().zip(policy.row(state)).filter(|(_, p)| **p > F::zero())
            {
                let q = product(&pair.log_reward, &self.expectation(pair, next))?;
                value += big(p) * (q - ln(&big(p))? + pair.log_prior.as_ref()?);
            }
            Some(value)
        };
        let states = self.is_terminal.iter().enumerate();
        states.map(|(s, &is_terminal)| if is_terminal { next[s].clone() } else { value(s) }).collect()
    }

    /// α_0 … α_T and log Z_0 … log Z_{T−1} (D4, D5).
    pub(crate) fn forward<F: Real>(
        &self,
        initial: &ArrayRef1<F>,
        horizon: usize,
    ) -> (Vec<Messages>, Vec<Log>) {
        let first = initial.iter().map(|&p| big(p)).chain([big(0.0)]).collect();
        let (mut alphas, mut normalizers) = (vec![Messages::from_plain(first)], Vec::new());
        for t in 0..horizon {
            let (normalizer, alpha) = self.push(&alphas[t].plain);
            normalizers.push(normalizer);
            alphas.push(alpha);
        }
        (alphas, normalizers)
    }

    /// (D4, D5) for one stage: log Z_t and α_{t+1}.
    pub(crate) fn push(&self, now: &[Big]) -> (Log, Messages) {
        let leave = now.len() - 1; // †
        let mut next = vec![big(0.0); now.len()];
        next[leave] += &now[leave];
        let mut normalizer = now[leave].clone();
        for (state, (pairs, alpha)) in self.pairs.iter().zip(now).enumerate() {
            if self.is_terminal[state] {
                normalizer += alpha;
                next[state] += alpha;
                continue;
            }
            for pair in pairs {
                let mass = &pair.factor * alpha;
                for (next_state, p) in &pair.successors {
                    next[*next_state] += &self.discount * p * &mass;
                }
                next[leave] += &self.leave * &mass;
                normalizer += mass;
            }
        }
        let next = next.into_iter().map(|mass| mass / &normalizer).collect();
        (ln(&normalizer), Messages::from_plain(next))
    }

    /// A row of (D9), `[s']`; zeros for a pair that is not possible.
    pub(crate) fn luck(&self, (state, action): (usize, usize), next: &Messages) -> Vec<Big> {
        let pair = &self.pairs[state][action];
        let total = self.continuation(pair, &next.plain);
        let mut row = vec![big(0.0); next.plain.len()];
        if !self.is_terminal[state] && &pair.factor * &total != big(0.0) {
            for (next_state, p) in &pair.successors {
                row[*next_state] = &self.discount * p * &next.plain[*next_state] / &total;
            }
        }
        row
    }

    /// max(1, |r|/τ) over the pairs that can be used.
    pub(crate) fn reward_scale(&self) -> f64 {
        let used = self.pairs.iter().flatten().filter(|pair| pair.log_prior.is_some());
        used.fold(1.0, |scale, pair| scale.max(size(&pair.log_reward)))
    }

    /// max |log ρ| over the same pairs.
    pub(crate) fn prior_scale(&self) -> f64 {
        self.pairs.iter().flatten().fold(0.0, |scale, pair| scale.max(size(&pair.log_prior)))
    }
}

/// A logarithm of the crate, exactly.
pub(crate) fn widen_log<F: Real>(log: F) -> Log {
    (log > F::neg_infinity()).then(|| big(log))
}

/// A number in reward units, in nats.
fn nats<F: Real>(value: F, temperature: &Big) -> Log {
    (value > F::neg_infinity()).then(|| big(value) / temperature)
}

pub(crate) fn sum(terms: &[Big]) -> Big {
    terms.iter().fold(big(0.0), |sum, term| sum + term)
}

/// The largest |x|, leaving out −∞.
pub(crate) fn largest(logs: &[Log]) -> f64 {
    logs.iter().map(size).fold(0.0, f64::max)
}

fn size(log: &Log) -> f64 {
    log.as_ref().map_or(0.0, |x| small(x).abs())
}

/// The product of what two logarithms stand for.
pub(crate) fn product(a: &Log, b: &Log) -> Log {
    Some(a.as_ref()? + b.as_ref()?)
}
