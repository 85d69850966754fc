//! Files that have come to harm.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// One change to the bytes of a file.
#[derive(Debug, Clone)]
pub enum Damage {
    Truncate(Index),
    Flip(Index, u8),
    Overwrite(Index, Vec<u8>),
    Insert(Index, Vec<u8>),
    /// A piece, put somewhere else.
    Splice(Index, Index, usize),
}

impl Damage {
    pub fn apply(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        let len = bytes.len() + 1; // so that there is a place in no bytes
        match self {
            Damage::Truncate(at) => bytes.truncate(at.index(len)),
            Damage::Flip(at, bit) => {
                bytes.iter_mut().skip(at.index(len)).take(1).for_each(|byte| *byte ^= 1 << bit);
            }
            Damage::Overwrite(at, new) => {
                bytes.iter_mut().skip(at.index(len)).zip(new).for_each(|(byte, &new)| *byte = new);
            }
            Damage::Insert(at, new) => drop(bytes.splice(at.index(len)..at.index(len), new.iter().copied())),
            Damage::Splice(from, to, most) => {
                let piece: Vec<u8> = bytes[from.index(len)..].iter().take(*most).copied().collect();
                drop(bytes.splice(to.index(len)..to.index(len), piece));
            }
        }
        bytes
    }
}

/// A few changes, one after the other.
pub fn damages() -> impl Strategy<Value = Vec<Damage>> {
    let at = any::<Index>;
    let bytes = || {
        prop_oneof![
            Just(vec![0xff; 8]),
            Just(vec![0; 4]),
            Just(b"999999999999".to_vec()),
            vec(any::<u8>(), 1..9),
        ]
    };
    let one = prop_oneof![
        1 => at().prop_map(Damage::Truncate),
        4 => (at(), 0..8_u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        3 => (at(), bytes()).prop_map(|(at, bytes)| Damage::Overwrite(at, bytes)),
        2 => (at(), bytes()).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        2 => (at(), at(), 1..200_usize).prop_map(|(from, to, most)| Damage::Splice(from, to, most)),
    ];
    vec(one, 1..4)
}

pub fn harmed(bytes: &[u8], damages: &[Damage]) -> Vec<u8> {
    damages.iter().fold(bytes.to_vec(), |bytes, damage| damage.apply(bytes))
}
