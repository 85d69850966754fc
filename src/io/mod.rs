pub use error::{Error, Place, Reason};
pub use explicit::ExplicitMdp;

mod error;
mod explicit;
