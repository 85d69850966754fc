//! Archives: what is written is read again to the bit, and what is wrong with a file is named with its place.
#![cfg(feature = "npz")]
#![allow(unreachable_pub, reason = "shared by the modules of one test binary")]
#![allow(clippy::float_cmp, reason = "files hold numbers to the bit")]

#[path = "files/archive.rs"]
mod archive;
#[path = "files/bundled.rs"]
mod bundled;
mod common;
#[path = "files/damage.rs"]
mod damage;
#[path = "files/errors.rs"]
mod errors;
#[path = "files/invalid.rs"]
mod invalid;
#[path = "files/round_trips.rs"]
mod round_trips;
#[path = "files/sound.rs"]
mod sound;
