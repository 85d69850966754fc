//! Ends that are very improbable: every digit is kept, or the result says that it is not.
//!
//! The reference is Gauss in floats of 4096 bits, in which nothing is lost to cancellation. It
//! reads the model as the crate does: a state is left with its stored probabilities of leaving, and
//! stays with what is left of 1.

use dashu_float::FBig;
use dashu_float::round::mode::HalfEven;
use ndarray::{Array1, Array2, Array3, ArrayRef1};
use softmdp::{Error, Mdp, Real, SparseDynamics, StationaryPolicy, Table, ndarray};

use crate::common::elimination::eliminate;
use crate::common::random::Random;

pub(crate) type Big = FBig<HalfEven, 2>;

pub(crate) fn big<F: Real>(x: F) -> Big {
    Big::try_from(x.into_f64()).expect("not NaN").with_precision(4096).value()
}

fn tenth(power: usize) -> f64 {
    format!("1e-{power}").parse().unwrap()
}

/// Classes in series that are left with probabilities down to 10^−290.
#[derive(Debug)]
pub(crate) struct Series<F> {
    transitions: Array3<F>,
    pub(crate) policy: Array2<F>,
    pub(crate) rewards: Array2<F>,
    ends: Array1<F>, // values of the terminal states, which come last
    discount: F,
    initial: Array1<F>,
}

impl<F: Real> Series<F> {
    pub(crate) fn random(seed: u64, deepest: usize, discount: F) -> Self {
        let mut random = Random(seed);
        let depth = random.below(deepest);
        let sizes: Vec<usize> = (0..=random.below(3)).map(|_| 1 + random.below(4)).collect();
        let (num_inside, num_ends, width) = (sizes.iter().sum(), 1 + random.below(2), 1 + random.below(2));
        let num = num_inside + num_ends;
        let mut weights = Array3::<f64>::zeros((num, width, num));
        let mut first = 0;
        for size in sizes {
            let behind = first + size;
            for (s, a) in (first..behind).flat_map(|s| (0..width).map(move |a| (s, a))) {
                for next in first..behind {
                    // A ring, so that the class is one.
                    if next == first + (s - first + 1) % size || random.chance(0.4) {
                        let faint = random.chance(0.2);
                        let scale = if faint { tenth(random.below(1 + (deepest - depth) / 5)) } else { 1.0 };
                        weights[[s, a, next]] = scale * (0.1 + random.uniform());
                    }
                }
                if s == first || random.chance(0.3) {
                    let next = behind + random.below(num - behind);
                    weights[[s, a, next]] = tenth(random.below(1 + depth)) * (0.1 + random.uniform());
                }
            }
            first = behind;
        }
        (num_inside..num).for_each(|s| (0..width).for_each(|a| weights[[s, a, s]] = 1.0));
        let normalized = |mut rows: Array2<f64>| {
            rows.rows_mut().into_iter().for_each(|mut row| row /= row.sum());
            rows
        };
        let rows = normalized(weights.into_shape_with_order((num * width, num)).unwrap());
        let policy = normalized(Array2::from_shape_fn((num, width), |_| 0.1 + random.uniform()));
        Self {
            transitions: rows.mapv(F::from_f64).into_shape_with_order((num, width, num)).unwrap(),
            policy: policy.mapv(F::from_f64),
            rewards: Array2::from_shape_fn((num, width), |_| F::from_f64(random.uniform() * 2.0 - 1.0)),
            ends: Array1::from_shape_fn(num_ends, |_| F::from_f64(random.uniform() * 2.0 - 1.0)),
            discount,
            initial: random.distribution(num, 0.5).mapv(F::from_f64),
        }
    }

    fn num_states(&self) -> usize {
        self.policy.nrows()
    }

    pub(crate) fn num_inside(&self) -> usize {
        self.num_states() - self.ends.len()
    }

    pub(crate) fn mdp(&self) -> Mdp<F> {
        let mut values = Array1::zeros(self.num_states());
        values.slice_mut(ndarray::s![self.num_inside()..]).assign(&self.ends);
        Mdp::builder(self.transitions.clone(), self.rewards.clone())
            .temperature(F::zero())
            .discount(self.discount)
            .terminal_states(self.num_inside()..self.num_states())
            .terminal_values(values)
            .build()
            .unwrap()
    }

    /// γ P_π.
    fn step(&self, s: usize, next: usize) -> Big {
        let terms =
            (0..self.policy.ncols()).map(|a| big(self.policy[[s, a]]) * big(self.transitions[[s, a, next]]));
        big(self.discount) * terms.fold(big(0.0), |sum, term| sum + term)
    }

    /// I − γ P_π over the states that are not terminal.
    pub(crate) fn matrix(&self) -> Vec<Vec<Big>> {
        let row = |s: usize| {
            let others = (0..self.num_states()).filter(|&next| next != s);
            let leaves = others.fold(big(1.0) - big(self.discount), |sum, next| sum + self.step(s, next));
            let entry = |next: usize| if next == s { leaves.clone() } else { -self.step(s, next) };
            (0..self.num_inside()).map(entry).collect()
        };
        (0..self.num_inside()).map(row).collect()
    }

    /// Σ_a π r plus what the ends pay, with or without signs.
    pub(crate) fn rewards(&self, sign: fn(Big) -> Big) -> Vec<Big> {
        let row = |s: usize| {
            let own =
                (0..self.policy.ncols()).map(|a| big(self.policy[[s, a]]) * sign(big(self.rewards[[s, a]])));
            let ends = self.ends.iter().enumerate();
            let paid = ends.map(|(end, &value)| self.step(s, self.num_inside() + end) * sign(big(value)));
            own.chain(paid).fold(big(0.0), |sum, term| sum + term)
        };
        (0..self.num_inside()).map(row).collect()
    }

    /// The visits of all states.
    fn visits(&self) -> Vec<Big> {
        let matrix = self.matrix();
        let n = matrix.len();
        let transposed = (0..n).map(|i| (0..n).map(|j| matrix[j][i].clone()).collect()).collect();
        let mut visits = eliminate(transposed, self.initial.iter().take(n).map(|&p| big(p)).collect());
        for end in n..self.num_states() {
            let entered = (0..n).map(|s| visits[s].clone() * self.step(s, end));
            visits.push(entered.fold(big(self.initial[end]), |sum, term| sum + term));
        }
        visits
    }
}

/// |found − expected|, as a share of `scale`.
fn error<F: Real>(found: F, expected: &Big, scale: &Big) -> f64 {
    assert!(found.is_finite(), "{found}");
    let difference = big(found) - expected;
    if difference == big(0.0) {
        return 0.0;
    }
    (difference / scale).to_f64().value().abs()
}

fn largest_error<F: Real>(found: &ArrayRef1<F>, expected: &[Big], scales: &[Big]) -> f64 {
    let errors = found.iter().zip(expected.iter().zip(scales));
    errors.map(|(&found, (expected, scale))| error(found, expected, scale)).fold(0.0, f64::max)
}

/// A few units in the last place for each state.
fn tolerance<F: Real>(series: &Series<F>) -> f64 {
    6.0 * F::epsilon().into_f64() * series.num_states() as f64
}

fn absolute(x: Big) -> Big {
    if x < big(0.0) { -x } else { x }
}

fn check<F: Real>(series: &Series<F>, seed: u64) {
    let (mdp, policy) = (series.mdp(), StationaryPolicy::new(series.policy.clone()).unwrap());
    let tolerance = tolerance(series);
    let inside = ndarray::s![..series.num_inside()];
    let values = policy.evaluate(&mdp).unwrap();
    let expected = eliminate(series.matrix(), series.rewards(|x| x));
    let scales = eliminate(series.matrix(), series.rewards(absolute));
    let found = largest_error(&values.slice(inside), &expected, &scales);
    assert!(found <= tolerance, "seed {seed}: values {found:e} {series:?}");
    // Without signs, each digit of each entry is right.
    let costs = mdp.with_rewards(series.rewards.mapv(num_traits::Float::abs)).unwrap();
    let ends = costs.terminal_values().mapv(num_traits::Float::abs);
    let costs = costs.with_terminal_values(ends).unwrap();
    let found = largest_error(&policy.evaluate(&costs).unwrap().slice(inside), &scales, &scales);
    assert!(found <= tolerance, "seed {seed}: costs {found:e} {series:?}");
    let visits = policy.expected_visits(&mdp, &series.initial).unwrap();
    let expected = series.visits();
    let found = largest_error(&visits, &expected, &expected);
    assert!(found <= tolerance, "seed {seed}: visits {found:e} {series:?}");
    if series.discount < F::one() {
        let left = big(1.0) - big(series.discount);
        let share = |(s, x): (usize, &Big)| if s < series.num_inside() { x * &left } else { x.clone() };
        let expected: Vec<Big> = expected.iter().enumerate().map(share).collect();
        let occupancy = policy.discounted_occupancy(&mdp, &series.initial).unwrap();
        let found = largest_error(&occupancy, &expected, &expected);
        assert!(found <= tolerance, "seed {seed}: occupancy {found:e}");
    }
}

#[test]
fn every_digit_is_right_however_improbable_the_end() {
    for seed in 0..300 {
        check(&Series::random(seed, 290, 1.0), seed);
    }
}

#[test]
fn every_digit_is_right_next_to_discount_1() {
    for (seed, discount) in (0..200).zip([0.9995, 1.0 - 1e-8, 1.0 - f64::EPSILON / 2.0].iter().cycle()) {
        check(&Series::random(seed, 290, *discount), seed);
    }
}

#[test]
fn single_precision_keeps_its_digits() {
    for (seed, discount) in (0..200).zip([1.0, 1.0 - f32::EPSILON / 2.0].iter().cycle()) {
        check(&Series::<f32>::random(seed, 30, *discount), seed);
    }
}

/// Two states: the second is entered with probability p, and pays nothing.
pub(crate) fn coin(p: f64) -> Mdp {
    let transitions = ndarray::array![[[1.0 - p, p]], [[0.0, 1.0]]];
    Mdp::builder(transitions, ndarray::array![[-1.0], [0.0]]).terminal_states([1]).build().unwrap()
}

#[test]
fn the_stored_probability_of_the_end_counts() {
    let only = StationaryPolicy::new(ndarray::array![[1.0], [1.0]]).unwrap();
    let start = ndarray::array![1.0, 0.0];
    for p in [1e-13, 1e-15, 1e-17, 1e-300] {
        // 1 − p has lost most digits of p, or all.
        assert_eq!(only.evaluate(&coin(p)).unwrap()[0], -1.0 / p);
        let visits = only.expected_visits(&coin(p), &start).unwrap();
        assert_eq!(visits[0], 1.0 / p);
        assert!((visits[1] - 1.0).abs() <= f64::EPSILON, "{p:e} {}", visits[1]);
    }
    // More than the number type can hold.
    let rare = coin(1e-310);
    let found = only.evaluate(&rare);
    assert!(matches!(found, Err(Error::Overflow { table: Table::StateValues, .. })), "{found:?}");
    let found = only.expected_visits(&rare, &start);
    assert!(matches!(found, Err(Error::Overflow { table: Table::ExpectedVisits, .. })), "{found:?}");
}

/// 0.6 down and 0.4 up: the time of a step up is 1/p plus q/p times that of the step before.
#[test]
fn against_the_stream_every_digit_is_right() {
    let row = |s: usize, _| [((s + 1).min(1000), 0.4), (s.saturating_sub(1), 0.6)];
    let dynamics = SparseDynamics::from_fn(1001, 1, row).unwrap();
    let mdp =
        Mdp::builder(dynamics, Array2::from_elem((1001, 1), -1.0)).terminal_states([1000]).build().unwrap();
    let only = StationaryPolicy::new(Array2::ones((1001, 1))).unwrap();
    let values = only.evaluate(&mdp).unwrap();
    let mut up = Vec::with_capacity(1000);
    let mut last = 0.0_f64;
    for _ in 0..1000 {
        last = (1.0 + 0.6 * last) / 0.4;
        up.push(last);
    }
    assert!(last > 1e170, "{last:e}");
    let mut expected = 0.0_f64;
    for s in (0..1000).rev() {
        expected -= up[s];
        assert!(((values[s] - expected) / expected).abs() < 1e-12, "{s}: {} {expected}", values[s]);
    }
}

/// Each state has five random successors, and ends with probability p: 1/p steps from anywhere.
fn tangle(num: usize, p: f64) -> Mdp<f64, SparseDynamics> {
    let row = |s: usize, _| {
        let mut random = Random(s as u64);
        let mut weights = vec![0.0; num];
        (0..5).for_each(|_| weights[random.below(num)] += (1.0 - p) / 5.0);
        let mut row: Vec<(usize, f64)> = weights.into_iter().enumerate().filter(|x| x.1 > 0.0).collect();
        row.push((num, p));
        row
    };
    let dynamics = SparseDynamics::from_fn(num + 1, 1, row).unwrap();
    Mdp::builder(dynamics, Array2::from_elem((num + 1, 1), -1.0)).terminal_states([num]).build().unwrap()
}

#[test]
fn a_large_class_keeps_the_digits_that_it_promises_or_is_an_error() {
    let num = 6000;
    let only = StationaryPolicy::new(Array2::ones((num + 1, 1))).unwrap();
    let start = Array1::from_shape_fn(num + 1, |s| if s == 0 { 1.0 } else { 0.0 });
    for p in [1e-3, 1e-6, 1e-9] {
        let mdp = tangle(num, p);
        let bound = 4.0 * f64::EPSILON / p;
        let values = only.evaluate(&mdp).unwrap();
        assert!(values.iter().take(num).all(|v| (v * p + 1.0).abs() <= bound), "{p:e} {}", values[0]);
        let visits = only.expected_visits(&mdp, &start).unwrap();
        assert!((visits[num] - 1.0).abs() <= bound, "{p:e} {}", visits[num]);
    }
    let mdp = tangle(num, 1e-12);
    let lost = only.evaluate(&mdp).unwrap_err();
    let Error::ImprobableEnd { table: Table::StateValues, num_states, error, .. } = lost else {
        panic!("{lost}")
    };
    assert!(num_states > 5000 && (1e-5..=1.0).contains(&error), "{num_states} {error:e}");
    let lost = only.expected_visits(&mdp, &start);
    assert!(matches!(lost, Err(Error::ImprobableEnd { table: Table::ExpectedVisits, .. })), "{lost:?}");
    // A thousand such states are eliminated.
    let values =
        StationaryPolicy::new(Array2::ones((1001, 1))).unwrap().evaluate(&tangle(1000, 1e-12)).unwrap();
    assert!(values.iter().take(1000).all(|v| (v * 1e-12 + 1.0).abs() <= 1e-13), "{}", values[0]);
}

/// Rows that sum to 1 within the tolerance of the model, but not within rounding, count as they
/// are.
#[test]
fn rows_that_are_off_by_more_than_rounding_count_as_they_are() {
    let only = StationaryPolicy::new(ndarray::array![[1.0], [1.0]]).unwrap();
    let of_row = |stay: f64, leave: f64| {
        let transitions = ndarray::array![[[stay, leave]], [[0.0, 1.0]]];
        let rewards = ndarray::array![[-1.0], [0.0]];
        only.evaluate(&Mdp::builder(transitions, rewards).terminal_states([1]).build().unwrap())
    };
    // What is missing is lost, as a step to an end of value 0.
    let found = of_row(1.0 - 1e-9, 1e-12).unwrap()[0];
    assert!((found * 1e-9 + 1.0).abs() < 1e-6, "{found}");
    // What is too much reduces the chance of leaving.
    let found = of_row(0.9, 0.1 + 1e-9).unwrap()[0];
    assert!((found * 0.1 + 1.0).abs() < 1e-14, "{found}");
    // And may leave none.
    let found = of_row(1.0 + 1e-9, 1e-12);
    assert!(matches!(found, Err(Error::UnnormalizedTransition { state: 0, action: 0, .. })), "{found:?}");
}
