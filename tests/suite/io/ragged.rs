//! Files in which few states have many choices.
