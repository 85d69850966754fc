//! Slices of one of the number types, for code that is not generic.

/// Numbers to be sent.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Numbers<'a> {
    /// Single precision.
    F32(&'a [f32]),
    /// Double precision.
    F64(&'a [f64]),
    /// Bytes, of messages.
    Bytes(&'a [u8]),
}

/// Room for numbers that are received.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub enum NumbersMut<'a> {
    /// Single precision.
    F32(&'a mut [f32]),
    /// Double precision.
    F64(&'a mut [f64]),
    /// Bytes, of messages.
    Bytes(&'a mut [u8]),
}
