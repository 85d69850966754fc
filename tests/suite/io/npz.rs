//! Archives: what is written is read again to the bit, and what is wrong with a file is named with
//! its place.
#![cfg(feature = "npz")]
#![allow(unreachable_pub, reason = "shared by the modules below")]
#![allow(clippy::float_cmp, reason = "files hold numbers to the bit")]

mod archive;
mod bundled;
mod damage;
mod errors;
mod invalid;
mod misread;
mod round_trips;
mod rounded_rows;
mod rows;
mod sound;
mod stationary;
