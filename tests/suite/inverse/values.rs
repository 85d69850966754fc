//! Values, gradients and residual visits of an independent program.

use softmdp::Inference::Variational;
use softmdp::Mdp;
use softmdp::inverse::{Demonstrations, Likelihood, Score};
use softmdp::ndarray::{Array1, Axis, array};

use super::formula::{
    assert_all_close, builder, five_demonstrations, four_demonstrations, four_states, gamble, gradient,
    initial, successor_feature, trajectory,
};

/// Largest error of a number that was printed with 13 digits after the point.
const DIGITS: f64 = 1e-12;

fn assert_score(score: &Score, value: f64, expected: &[f64]) {
    assert_all_close(&[score.value()], &[value], 10.0 * DIGITS);
    assert_all_close(&gradient(score), expected, 10.0 * DIGITS);
}

#[test]
fn trajectories_over_a_horizon() {
    let mdp = four_states(0.0, 1.0, &[3]);
    let seen = four_demonstrations();
    let score = Likelihood::trajectories().horizon(5).evaluate(&mdp, &seen).unwrap();
    assert_score(&score, -53.2910909994732, &[2.485352197374, 3.5747934682503, -7.0015741555359]);
    let values = [4.3035496419663, 4.5771218673372, 3.8337918775711, 0.46];
    assert_all_close(score.state_values().row(0).as_slice().unwrap(), &values, DIGITS);
    assert_all_close(&[score.temperature_gradient()], &[10.478322715578], 1e-11);
    assert!(score.is_locally_concave());
}

#[test]
fn trajectories_joint_with_the_start() {
    let mdp = four_states(0.0, 1.0, &[3]);
    let likelihood = Likelihood::trajectories().horizon(5).initial(initial(4, &[3]));
    let score = likelihood.evaluate(&mdp, &four_demonstrations()).unwrap();
    assert_score(&score, -58.8819120270843, &[2.1485260510402, 4.8993369880197, -5.7375517138481]);
}

#[test]
fn trajectories_that_may_leave() {
    let mdp = four_states(0.0, 0.9, &[3]);
    let (likelihood, seen) = (Likelihood::trajectories().horizon(5), five_demonstrations());
    let score = likelihood.evaluate(&mdp, &seen).unwrap();
    assert_score(&score, -66.8254936116621, &[5.7003104632733, 4.5480836586368, -10.190967285993]);
    assert_all_close(&[score.discount_gradient().unwrap()], &[-21.616984116207], 1e-11);
    let joint = likelihood.initial(initial(4, &[3])).evaluate(&mdp, &seen).unwrap();
    assert_score(&joint, -74.9682614327661, &[4.7896957643318, 7.6002712625892, -8.2056682426611]);
}

#[test]
fn actions_over_a_horizon() {
    let mdp = four_states(0.0, 0.9, &[3]);
    let likelihood = Likelihood::actions(Variational).horizon(5);
    let score = likelihood.evaluate(&mdp, &four_demonstrations()).unwrap();
    assert_score(&score, -18.348805893674, &[-0.8236285408311, -1.2351135500261, -0.5454931053922]);
    let visits = score.residual_visits();
    let first = [1.8283023945509, 0.7310039136477, 2.6241990781863, -0.1835053863849];
    assert_all_close(visits.row(1).as_slice().unwrap(), &first, DIGITS);
    let third = [1.3367417829885, -0.2435924213701, 1.1004322026273, -0.3330332504518];
    assert_all_close(visits.row(3).as_slice().unwrap(), &third, DIGITS);
    assert!(!score.is_locally_concave());
    let found = [score.temperature_gradient(), score.discount_gradient().unwrap()];
    assert_all_close(&found, &[5.845688478648, -0.824157242430], 1e-11);
}

#[test]
fn feature_matching_over_a_horizon() {
    let mdp = four_states(0.0, 0.9, &[3]);
    let likelihood = Likelihood::feature_matching().horizon(5);
    let score = likelihood.evaluate(&mdp, &four_demonstrations()).unwrap();
    assert_score(&score, -16.3570196124281, &[-1.8506317054579, -0.1226603107711, -1.9993501944115]);
    assert!(score.is_locally_concave());
}

#[test]
fn actions_without_a_horizon() {
    let mdp = four_states(0.0, 0.95, &[]);
    let seen = Demonstrations::new([
        trajectory(&[0, 1, 2, 3, 3, 0], &[0, 2, 1, 1, 0]),
        trajectory(&[3, 3, 1], &[2, 2]),
    ]);
    let seen = seen.with_weights([1.0, 2.0]).unwrap();
    let score = Likelihood::actions(Variational).evaluate(&mdp, &seen).unwrap();
    assert_score(&score, -10.445689764609, &[-2.0011582544888, -1.1250399421722, 0.9756233152554]);
    let visits = [1.6227842260853, 0.4654431537319, 0.8953512832874, 6.0164213368948];
    assert_all_close(score.residual_visits().row(0).as_slice().unwrap(), &visits, 10.0 * DIGITS);
    let values = [23.3092239408392, 23.1845694440312, 22.9017575443705, 24.0764251350271];
    assert_all_close(score.state_values().row(0).as_slice().unwrap(), &values, 10.0 * DIGITS);
    let found = [score.temperature_gradient(), score.discount_gradient().unwrap()];
    assert_all_close(&found, &[5.0070231245, -0.1832695029], 2e-10);
    assert!(score.is_locally_concave());
    // The counts of the same steps tell as much.
    let counts = Demonstrations::from_counts(seen.counts(&mdp).unwrap()).unwrap();
    let same = Likelihood::actions(Variational).evaluate(&mdp, &counts).unwrap();
    assert_score(&same, score.value(), &gradient(&score));
}

#[test]
fn trajectories_until_the_end() {
    let mdp = four_states(-2.0, 1.0, &[3]);
    let all = four_demonstrations();
    let whole = all.clone().with_weights([0.0, 2.5, 0.5, 0.0]).unwrap();
    let score = Likelihood::trajectories().evaluate(&mdp, &whole).unwrap();
    let values = [-1.2393473349503, -1.6588299332666, -1.5865062173615, 0.46];
    assert_all_close(score.state_values().row(0).as_slice().unwrap(), &values, DIGITS);
    assert_score(&score, -14.0834973147998, &[-0.3312537019271, -1.3252538279502, 0.4455048789895]);
    assert!(score.is_locally_concave());
    let all = all.with_cut_off([true, false, false, true]).unwrap();
    let score = Likelihood::trajectories().evaluate(&mdp, &all).unwrap();
    assert_score(&score, -61.4475390677862, &[-7.8937773706023, -5.19561462662, -0.0789670810096]);
    assert!(!score.is_locally_concave()); // its second derivatives have an eigenvalue of +0.0685
}

#[test]
fn actions_until_the_end() {
    let mdp = four_states(-2.0, 1.0, &[3]);
    let score = Likelihood::actions(Variational).evaluate(&mdp, &four_demonstrations()).unwrap();
    assert_score(&score, -19.778524589176, &[-0.8257374394939, -0.451628050482, 2.3271452688657]);
    let values = [-3.2242419469676, -3.8940757072178, -3.4696595231556, 0.46];
    assert_all_close(score.state_values().row(0).as_slice().unwrap(), &values, 10.0 * DIGITS);
    let visits = [5.7746020372071, 3.7446696037166, 4.4804187253548, 0.0];
    assert_all_close(score.residual_visits().row(0).as_slice().unwrap(), &visits, 10.0 * DIGITS);
}

#[test]
fn rewards_on_the_successor() {
    let theta = [0.5, -0.3];
    let folded = builder(super::formula::rewards(4, 3, 0)).terminal_states([3]).build().unwrap();
    let folded = folded
        .with_successor_rewards(|s, a, next| {
            (0..2).map(|k| theta[k] * successor_feature(s, a, next, k)).sum()
        })
        .unwrap();
    let gradient = |score: &Score| {
        let pairs = (0..4).flat_map(|s| (0..3).map(move |a| (s, a)));
        let transitions = pairs.flat_map(|(s, a)| (0..4).map(move |next| (s, a, next)));
        let mut sums = vec![0.0; 2];
        for ((s, a, next), entry) in transitions.zip(score.successor_gradient()) {
            (0..2).for_each(|k| sums[k] += entry * successor_feature(s, a, next, k));
        }
        sums
    };
    let seen = four_demonstrations();
    let score = Likelihood::trajectories().horizon(5).evaluate(&folded, &seen).unwrap();
    // Rewards averaged over successors first would give -54.7.
    assert_all_close(&[score.value()], &[-51.7975441496398], 1e-11);
    assert_all_close(&gradient(&score), &[-0.8812521950633, -0.0369390868885], 1e-11);
    let score = Likelihood::actions(Variational).horizon(5).evaluate(&folded, &seen).unwrap();
    assert_all_close(&[score.value()], &[-19.5889917877216], 1e-11);
    assert_all_close(&gradient(&score), &[-1.4301246191184, -0.7965087049589], 1e-11);
}

#[test]
fn trajectories_that_were_cut_off() {
    let seen = Demonstrations::new([trajectory(&[0, 1, 2], &[0, 2])]).with_cut_off([true]).unwrap();
    let cases = [
        (1.0, -5.622855912114, [-0.5755191537896, -2.0345434229436, -0.6449293820567]),
        (0.9, -5.627048683721, [-0.5861924821066, -2.0436286608052, -0.6340967487568]),
    ];
    for (discount, value, expected) in cases {
        let mdp = four_states(0.0, discount, &[3]);
        let score = Likelihood::trajectories().horizon(5).evaluate(&mdp, &seen).unwrap();
        assert_score(&score, value, &expected);
    }
}

#[test]
fn actions_where_the_likelihood_is_not_concave() {
    let (known, features, seen) = gamble();
    let gamble = |theta: f64| features.model(&known, &array![theta]).unwrap();
    let derivative = |score: &Score| score.reward_gradient()[[2, 0]] - score.reward_gradient()[[2, 1]];
    let actions = Likelihood::actions(Variational).horizon(2);
    let cases = [(0.0, -2.820075191602918), (3.0, -1.8957469103563809), (10.0, -0.7611885102356756)];
    for (theta, value) in cases {
        let score = actions.evaluate(&gamble(theta), &seen).unwrap();
        assert_all_close(&[score.value()], &[value], 1e-14);
        assert!(!score.is_locally_concave());
    }
    let at = |theta| actions.evaluate(&gamble(theta), &seen).unwrap();
    assert_all_close(&[derivative(&at(0.0)), derivative(&at(3.0))], &[0.0, 0.348064080374507], 1e-14);
    let dual = |theta| Likelihood::feature_matching().horizon(2).evaluate(&gamble(theta), &seen).unwrap();
    assert_all_close(
        &[dual(0.0).value(), dual(3.0).value()],
        &[-2.820075191602918, -3.0504111626452737],
        1e-14,
    );
    assert_all_close(&[derivative(&dual(0.0))], &[0.0], 1e-15);
}

#[test]
fn the_bus_engine_of_rust() {
    let (mdp, counts) = super::bus::group_four(10.0749422, 2.2930930, 0.9999);
    let likelihood = Likelihood::actions(Variational);
    let score = likelihood.evaluate(&mdp, &counts).unwrap();
    assert_all_close(&[score.value()], &[-163.584283657], 1e-8);
    assert_all_close(&super::bus::gradient(&score), &[0.0, 0.0], 1e-5);
    let values = score.state_values();
    let found = [values[[0, 0]], values[[0, 44]], values[[0, 89]]];
    assert_all_close(&found, &[-1278.528090, -1284.363450, -1285.981774], 3e-5);
    assert!(score.is_locally_concave());
    let least = score.residual_visits().iter().copied().fold(f64::INFINITY, f64::min);
    assert_all_close(&[least], &[0.0481], 5e-5);

    let (mdp, counts) = super::bus::group_four(7.6357828405, 71.5133131695, 0.0);
    let score = likelihood.evaluate(&mdp, &counts).unwrap();
    assert_all_close(&[score.value()], &[-165.458522185], 1e-9);
    assert_all_close(&super::bus::gradient(&score), &[0.0, 0.0], 1e-7);
}

#[test]
fn the_maximum_of_a_small_panel() {
    let theta = Array1::from_vec(vec![0.2038255575036, -0.6487843160585, 0.4702740408121]);
    let rewards = (&super::formula::features(4, 3, 3, 0) * &theta).sum_axis(Axis(2));
    let mdp = Mdp::new(super::formula::transitions(4, 3, 0), rewards).unwrap().with_discount(0.95).unwrap();
    let seen = Demonstrations::from_counts(super::formula::counts()).unwrap();
    let score = Likelihood::actions(Variational).evaluate(&mdp, &seen).unwrap();
    assert_all_close(&[score.value()], &[-53.2541629163897], 1e-11);
    let pairs = &super::formula::features(4, 3, 3, 0) * &score.reward_gradient().insert_axis(Axis(2));
    assert_all_close(&pairs.sum_axis(Axis(0)).sum_axis(Axis(0)).to_vec(), &[0.0; 3], 1e-10);
}
