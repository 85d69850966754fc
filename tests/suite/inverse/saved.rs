//! Demonstrations are read as they were written, and checked.

#![cfg(feature = "serde")]

use softmdp::inverse::Demonstrations;
use softmdp::ndarray::array;

use super::formula::{five_demonstrations, trajectory};

#[test]
fn what_is_written_is_read() {
    let seen = Demonstrations::new([trajectory(&[0, 1], &[0])]);
    let marked = seen.with_cut_off([true]).unwrap().with_first_stages([3]).unwrap();
    let counts = Demonstrations::from_counts(array![[1.0, 2.5]]).unwrap();
    for demonstrations in [five_demonstrations(), marked, counts] {
        let text = ron::to_string(&demonstrations).unwrap();
        assert_eq!(ron::from_str::<Demonstrations>(&text).unwrap(), demonstrations);
        let bytes = postcard::to_allocvec(&demonstrations).unwrap();
        assert_eq!(postcard::from_bytes::<Demonstrations>(&bytes).unwrap(), demonstrations);
    }
}

#[test]
fn invalid_weights_marks_and_counts_are_refused() {
    let refused = |text: &str, from: &str, to: &str| {
        assert!(text.contains(from), "{text}");
        let error = ron::from_str::<Demonstrations>(&text.replacen(from, to, 1)).unwrap_err();
        error.to_string()
    };
    let seen = Demonstrations::<f64>::new([trajectory(&[0, 1], &[0]), trajectory(&[0], &[0])]);
    let text = ron::to_string(&seen).unwrap();
    assert!(refused(&text, "weight:1.0", "weight:-1.0").contains("the weight of demonstration 0 is -1"));
    let second = text.rfind("is_cut_off:false").unwrap();
    let (first, last) = text.split_at(second);
    let marked = format!("{first}{}", last.replacen("false", "true", 1));
    let error = ron::from_str::<Demonstrations>(&marked).unwrap_err().to_string();
    assert!(error.contains("trajectory 1 is marked as cut off but has no last state"), "{error}");
    let counts = ron::to_string(&Demonstrations::from_counts(array![[1.0, 2.5]]).unwrap()).unwrap();
    assert!(refused(&counts, "2.5", "-2.5").contains("the count of (state 0, action 1) is -2.5"));
}
