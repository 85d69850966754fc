//! Second derivatives and standard errors of an independent program.

use softmdp::Inference::{Direct, Variational};
use softmdp::inverse::{Demonstrations, Expansion, Likelihood, RewardFeatures};
use softmdp::ndarray::{Array1, Array2, Axis, array};
use softmdp::{Mdp, Model};

use crate::inverse::bus;
use crate::inverse::formula::{
    assert_all_close, builder, choice_model, counts, features, five_demonstrations, four_demonstrations,
    four_states, gamble, initial, successor_feature, three_features, trajectory, transitions,
};

/// Largest error of second derivatives that were printed with 13 digits after the point.
const DIGITS: f64 = 2e-12;

fn expand<M: Model<Scalar = f64>>(likelihood: &Likelihood, mdp: &M, seen: &Demonstrations) -> Expansion {
    likelihood.expand(mdp, seen, &three_features()).unwrap()
}

/// Compares with the upper triangle, row after row.
fn assert_hessian(expansion: &Expansion, expected: &[f64]) {
    let hessian = expansion.hessian();
    let k = hessian.nrows();
    let upper = (0..k).flat_map(|row| (row..k).map(move |column| (row, column)));
    let found: Vec<f64> = upper.map(|index| hessian[index]).collect();
    assert_all_close(&found, expected, DIGITS);
    assert_eq!(hessian, hessian.t());
}

#[test]
fn trajectories_over_a_horizon() {
    let (mdp, seen) = (four_states(0.0, 1.0, &[3]), four_demonstrations());
    let likelihood = Likelihood::trajectories().horizon(5);
    let expected = [
        -8.823218330707,
        -2.9750643868897,
        4.7393583652134,
        -29.9261398547412,
        3.6368090345474,
        -15.1415761847728,
    ];
    assert_hessian(&expand(&likelihood, &mdp, &seen), &expected);
    let joint = likelihood.initial(initial(4, &[3]));
    let expected = [
        -9.054540138474,
        -2.601295049367,
        3.4266463628876,
        -32.3649051350376,
        2.1173299438053,
        -16.2740433315486,
    ];
    assert_hessian(&expand(&joint, &mdp, &seen), &expected);
}

#[test]
fn trajectories_that_may_leave() {
    let (mdp, seen) = (four_states(0.0, 0.9, &[3]), five_demonstrations());
    let expected = [
        -11.7493251438129,
        -4.3971481049124,
        6.6541844472049,
        -37.5830723186209,
        5.1065735705749,
        -20.1998578251713,
    ];
    assert_hessian(&expand(&Likelihood::trajectories().horizon(5), &mdp, &seen), &expected);
}

#[test]
fn actions_and_feature_matching_over_a_horizon() {
    let (mdp, seen) = (four_states(0.0, 0.9, &[3]), four_demonstrations());
    let expected = [
        -5.353782544859,
        -5.3605602620203,
        1.2275460516081,
        -11.9483928742304,
        0.7770392031488,
        -9.0778541606964,
    ];
    assert_hessian(&expand(&Likelihood::actions(Variational).horizon(5), &mdp, &seen), &expected);
    let expected = [
        -4.1271807876059,
        -3.3976202949734,
        1.8266533675108,
        -12.0267456932737,
        2.0511186961097,
        -6.4861248894486,
    ];
    assert_hessian(&expand(&Likelihood::feature_matching().horizon(5), &mdp, &seen), &expected);
}

#[test]
fn actions_without_a_horizon() {
    let mdp = four_states(0.0, 0.95, &[]);
    let seen = Demonstrations::new([
        trajectory(&[0, 1, 2, 3, 3, 0], &[0, 2, 1, 1, 0]),
        trajectory(&[3, 3, 1], &[2, 2]),
    ]);
    let seen = seen.with_weights([1.0, 2.0]).unwrap();
    let expansion = expand(&Likelihood::actions(Variational), &mdp, &seen);
    let expected = [
        -2.0299991597419,
        -0.54600115572,
        0.94329765467,
        -2.6276740234099,
        -0.3294824435906,
        -2.5066656432323,
    ];
    assert_hessian(&expansion, &expected);
    let counts = Demonstrations::from_counts(seen.counts(&mdp).unwrap()).unwrap();
    let same = expand(&Likelihood::actions(Variational), &mdp, &counts);
    assert!((&same.hessian() - &expansion.hessian()).iter().all(|entry| entry.abs() < 1e-13));
}

#[test]
fn trajectories_until_the_end() {
    let (mdp, all) = (four_states(-2.0, 1.0, &[3]), four_demonstrations());
    let whole = all.clone().with_weights([0.0, 2.5, 0.5, 0.0]).unwrap();
    let expected = [
        -2.2465592165864,
        -1.0507594263794,
        1.0732410453985,
        -4.5928175623758,
        0.726335462882,
        -2.4293460834821,
    ];
    assert_hessian(&expand(&Likelihood::trajectories(), &mdp, &whole), &expected);
    // Cut-offs cost concavity.
    let all = all.with_cut_off([true, false, false, true]).unwrap();
    let expansion = expand(&Likelihood::trajectories(), &mdp, &all);
    for (eigenvalue, error) in [(-5.643, 5e-4), (-1.717, 5e-4), (0.0685, 5e-5)] {
        let at = |shift| determinant(&(&expansion.hessian() - &(Array2::<f64>::eye(3) * shift)));
        assert!(at(eigenvalue - error) * at(eigenvalue + error) < 0.0, "{eigenvalue}");
    }
}

#[test]
fn actions_until_the_end() {
    let (mdp, seen) = (four_states(-2.0, 1.0, &[3]), four_demonstrations());
    let expected = [
        -4.6901396540517,
        -4.1310016768157,
        2.6576721044343,
        -8.3444084264536,
        2.0584585355867,
        -7.379360007273,
    ];
    assert_hessian(&expand(&Likelihood::actions(Variational), &mdp, &seen), &expected);
}

#[test]
fn trajectories_with_features_on_successors() {
    let known = builder(crate::inverse::formula::rewards(4, 3, 0)).terminal_states([3]).build().unwrap();
    let known = known.with_successor_rewards(|_, _, _| 0.0).unwrap();
    let features = RewardFeatures::on_successors(2, |s, a, next, values| {
        (0..2).for_each(|k| values[k] = successor_feature(s, a, next, k));
    });
    let mdp = features.model(&known, &array![0.5, -0.3]).unwrap();
    let seen = four_demonstrations();
    let expansion = Likelihood::trajectories().horizon(5).expand(&mdp, &seen, &features).unwrap();
    assert_all_close(&[expansion.score().value()], &[-51.7975441496398], 1e-11);
    assert_all_close(&expansion.gradient().to_vec(), &[-0.8812521950633, -0.0369390868885], DIGITS);
    assert_hessian(&expansion, &[-12.3376590541765, 2.5044659797965, -15.304018798523]);
    let actions = Likelihood::actions(Variational).horizon(5).expand(&mdp, &seen, &features).unwrap();
    assert_all_close(&actions.gradient().to_vec(), &[-1.4301246191184, -0.7965087049589], DIGITS);
}

/// At θ = 0, the likelihood of actions has a minimum, and the dual has its maximum.
#[test]
fn a_minimum_is_told_from_a_maximum() {
    let (mdp, features, seen) = gamble();
    let likelihoods = [
        (Likelihood::actions(Variational), 0.440398538988941),
        (Likelihood::feature_matching(), -0.059601461011059),
    ];
    for (likelihood, expected) in likelihoods {
        let expansion = likelihood.horizon(2).expand(&mdp, &seen, &features).unwrap();
        assert_all_close(&expansion.gradient().to_vec(), &[0.0], 1e-15);
        assert_hessian(&expansion, &[expected]);
    }
}

/// Under stochastic dynamics and γ = 1, the second derivatives of feature matching are those of the
/// expected likelihood of actions.
#[test]
fn errors_of_feature_matching_from_second_derivatives_alone() {
    let theta = array![0.6, -0.4];
    for (discount, expected) in
        [(1.0, [1.262023799179434, 1.209572579830795]), (0.8, [1.526330838591872, 1.444271778900905])]
    {
        let known = Mdp::new(transitions(3, 2, 0), Array2::zeros((3, 2))).unwrap();
        let features = RewardFeatures::on_pairs(features(3, 2, 2, 0));
        let mdp = features.model(&known.with_discount(discount).unwrap(), &theta).unwrap();
        // Any trajectory of four steps that starts in state 0: only the start counts.
        let seen = Demonstrations::new([trajectory(&[0, 1, 2, 0, 1], &[0, 1, 1, 0])]);
        let expansion = Likelihood::feature_matching().horizon(4).expand(&mdp, &seen, &features).unwrap();
        assert_all_close(&errors(&inverse(&expansion.hessian().mapv(|h| -h))), &expected, 1e-13);
    }
}

#[test]
fn standard_errors_of_the_bus_engine_of_rust() {
    let (mdp, seen) = bus::group_four(10.0749422, 2.2930930, 0.9999);
    let expansion = Likelihood::actions(Variational).expand(&mdp, &seen, &bus::features()).unwrap();
    let covariance = inverse(&expansion.hessian().mapv(|h| -h));
    let found = [covariance[[0, 0]], covariance[[0, 1]], covariance[[1, 1]]];
    assert_all_close(&found, &[1.8259104, 0.6867558, 0.3067435], 1e-6);
    let outer = outer_product(&expansion, &seen.counts(&mdp).unwrap());
    assert_all_close(&errors(&inverse(&outer)), &[1.581529, 0.638278], 1e-6);
    assert_all_close(&errors(&covariance.dot(&outer).dot(&covariance)), &[1.154788, 0.483182], 1e-6);
}

#[test]
fn standard_errors_of_a_small_panel() {
    let (known, counts) = (choice_model(), counts());
    let features = RewardFeatures::on_pairs(features(4, 3, 3, 0));
    let theta = array![0.2038255575036, -0.6487843160585, 0.4702740408121];
    let mdp = features.model(&known, &theta).unwrap();
    let seen = Demonstrations::from_counts(counts.clone()).unwrap();
    let expansion = Likelihood::actions(Variational).expand(&mdp, &seen, &features).unwrap();
    let covariance = inverse(&expansion.hessian().mapv(|h| -h));
    assert_all_close(&errors(&covariance), &[0.3485931656157, 0.2517126051036, 0.3440192184295], 1e-12);
    let outer = outer_product(&expansion, &counts);
    let expected = [0.3291744744107, 0.2681940917004, 0.3336848583864];
    assert_all_close(&errors(&inverse(&outer)), &expected, 1e-12);
    let sandwich = covariance.dot(&outer).dot(&covariance);
    assert_all_close(&errors(&sandwich), &[0.3721981275688, 0.2364628112974, 0.3567673224421], 1e-12);
}

#[test]
fn a_free_table_of_indicators_is_the_reward_gradient() {
    let (mdp, seen) = (four_states(0.0, 0.9, &[3]), four_demonstrations());
    for inference in [Direct, Variational] {
        let likelihood = Likelihood::actions(inference).horizon(5);
        let table = RewardFeatures::table(&mdp);
        let expansion = likelihood.expand(&mdp, &seen, &table).unwrap();
        let expected: Vec<f64> = expansion.score().reward_gradient().iter().copied().collect();
        assert_all_close(&expansion.gradient().to_vec(), &expected, 1e-13);
        // The Hessian in features is that in the table, by the chain rule.
        let phi = features(4, 3, 3, 0).into_shape_with_order((12, 3)).unwrap();
        let on_pairs = RewardFeatures::on_pairs(features(4, 3, 3, 0));
        let chained = phi.t().dot(&expansion.hessian()).dot(&phi);
        let found = likelihood.expand(&mdp, &seen, &on_pairs).unwrap();
        assert!((&chained - &found.hessian()).iter().all(|difference| difference.abs() < 1e-12));
    }
}

/// Σ n s sᵀ.
fn outer_product(expansion: &Expansion, counts: &Array2<f64>) -> Array2<f64> {
    let k = expansion.gradient().len();
    let mut outer = Array2::zeros((k, k));
    for (score, &count) in expansion.scores().rows().into_iter().zip(counts) {
        let column = score.insert_axis(Axis(1));
        outer.scaled_add(count, &column.dot(&score.insert_axis(Axis(0))));
    }
    outer
}

fn errors(covariance: &Array2<f64>) -> Vec<f64> {
    covariance.diag().iter().map(|variance| variance.sqrt()).collect()
}

fn determinant(matrix: &Array2<f64>) -> f64 {
    let minor = |a, b, c, d| matrix[[1, a]] * matrix[[2, b]] - matrix[[1, c]] * matrix[[2, d]];
    matrix[[0, 0]] * minor(1, 2, 2, 1) - matrix[[0, 1]] * minor(0, 2, 2, 0)
        + matrix[[0, 2]] * minor(0, 1, 1, 0)
}

/// By Gauss–Jordan elimination, for definite matrices.
fn inverse(matrix: &Array2<f64>) -> Array2<f64> {
    let (mut left, mut right) = (matrix.clone(), Array2::eye(matrix.nrows()));
    for pivot in 0..matrix.nrows() {
        let scale = 1.0 / left[[pivot, pivot]];
        [&mut left, &mut right].into_iter().for_each(|table| {
            table.row_mut(pivot).mapv_inplace(|entry| scale * entry);
        });
        for row in (0..matrix.nrows()).filter(|&row| row != pivot) {
            let factor = left[[row, pivot]];
            for table in [&mut left, &mut right] {
                let own: Array1<f64> = table.row(pivot).to_owned();
                table.row_mut(row).scaled_add(-factor, &own);
            }
        }
    }
    right
}
