//! Files: what is written is read again to the bit, and what is wrong with a file is named with its place.
#![allow(unreachable_pub, reason = "helpers of one test binary")]
#![cfg(feature = "npz")]
#![allow(clippy::float_cmp, reason = "files hold numbers to the bit")]

#[path = "files/archive.rs"]
mod archive;
mod common;
#[path = "files/round_trips.rs"]
mod round_trips;
