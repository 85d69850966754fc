#[path = "suite/common/mod.rs"]
mod common;
mod policy {
    pub mod stationary {
        #[path = "/work/wt/average/tests/suite/policy/stationary/reference.rs"]
        pub mod reference;
    }
}
#[path = "suite/stationary/average.rs"]
mod average;
#[path = "suite/stationary/growth.rs"]
mod growth;
#[path = "suite/stationary/average_stress.rs"]
mod stress;
