//! Pictures: the place, colour and text of their shapes, their errors, and whether files decode.

#![cfg(feature = "plot")]
#![allow(clippy::float_cmp, reason = "places on the grid are whole numbers, and zeros are exact")]

mod cells;
mod errors;
mod files;
mod large;
mod structure;
mod svg;
