//! The values of options, as they are written.

use std::path::PathBuf;
use std::str::FromStr;

use clap::ValueEnum;
use softmdp::{Cell, Direction, Inference, Method, Moves};

/// The answer to the question of the inference.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Question {
    Variational,
    Direct,
}

impl From<Question> for Inference {
    fn from(question: Question) -> Self {
        match question {
            Question::Variational => Inference::Variational,
            Question::Direct => Inference::Direct,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Precision {
    Double,
    Single,
}

/// [`Method`], by the names of the field.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Search {
    Automatic,
    ValueIteration,
    GaussSeidel,
    ModifiedPolicyIteration,
    PolicyIteration,
}

impl From<Search> for Method {
    fn from(search: Search) -> Self {
        match search {
            Search::Automatic => Method::Automatic,
            Search::ValueIteration => Method::ValueIteration,
            Search::GaussSeidel => Method::GaussSeidel,
            Search::ModifiedPolicyIteration => Method::ModifiedPolicyIteration,
            Search::PolicyIteration => Method::Newton,
        }
    }
}

/// [`Moves`] by their number.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum NumMoves {
    #[value(name = "4")]
    Four,
    #[value(name = "5")]
    Five,
    #[value(name = "8")]
    Eight,
    #[value(name = "9")]
    Nine,
}

impl From<NumMoves> for Moves {
    fn from(number: NumMoves) -> Self {
        match number {
            NumMoves::Four => Moves::Four,
            NumMoves::Five => Moves::Five,
            NumMoves::Eight => Moves::Eight,
            NumMoves::Nine => Moves::Nine,
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Prior {
    Counting,
    Uniform,
    File(PathBuf),
}

impl FromStr for Prior {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "counting" => Prior::Counting,
            "uniform" => Prior::Uniform,
            path => Prior::File(path.into()),
        })
    }
}

/// A terminal state, or the states of a label, and their value.
#[derive(Debug, Clone)]
pub(crate) struct Terminal {
    pub(crate) state: String,
    pub(crate) value: Option<f64>,
}

impl FromStr for Terminal {
    type Err = String;

    /// A label may contain `=`, a number does not: the last one separates.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((state, value)) = text.rsplit_once('=') else {
            return Ok(Self { state: text.to_owned(), value: None });
        };
        Ok(Self { state: state.to_owned(), value: Some(number(value)?) })
    }
}

/// A symbol of a map and its meaning, such as `g=goal:10`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Symbol(pub(crate) char, pub(crate) Cell);

impl FromStr for Symbol {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut characters = text.chars();
        let (Some(symbol), Some('=')) = (characters.next(), characters.next()) else {
            return Err("expected a symbol, `=` and a cell, such as g=goal:10".to_owned());
        };
        let cell = match characters.as_str().split_once(':') {
            None => match characters.as_str() {
                "wall" => Cell::Wall,
                "free" => Cell::Free,
                "start" => Cell::Start,
                other => {
                    return Err(format!("{other:?} is not wall, free, start, goal:V, trap:V or reward:R"));
                }
            },
            Some(("goal", value)) => Cell::Goal(number(value)?),
            Some(("trap", value)) => Cell::Trap(number(value)?),
            Some(("reward", value)) => Cell::Reward(number(value)?),
            Some((other, _)) => return Err(format!("{other:?} is not goal, trap or reward")),
        };
        Ok(Self(symbol, cell))
    }
}

/// A random wind `up:0.2`, or a steady one with a number of cells for each column, `up:0,1,2`.
#[derive(Debug, Clone)]
pub(crate) enum Wind {
    Random(Direction, f64),
    ByColumn(Direction, Vec<usize>),
}

impl FromStr for Wind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((direction, strength)) = text.split_once(':') else {
            return Err("expected a direction and a number, such as up:0.2".to_owned());
        };
        let direction = match direction {
            "up" => Direction::Up,
            "right" => Direction::Right,
            "down" => Direction::Down,
            "left" => Direction::Left,
            other => return Err(format!("{other:?} is not up, right, down or left")),
        };
        if !strength.contains(',') {
            return Ok(Self::Random(direction, number(strength)?));
        }
        let cells = strength.split(',').map(|cells| {
            cells.trim().parse().map_err(|_| format!("{cells:?} is not a whole number of cells"))
        });
        Ok(Self::ByColumn(direction, cells.collect::<Result<_, _>>()?))
    }
}

fn number(text: &str) -> Result<f64, String> {
    text.trim().parse().map_err(|_| format!("{text:?} is not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_equals_sign_separates_a_value() {
        let terminal: Terminal = "a=b=-1.5".parse().unwrap();
        assert_eq!((terminal.state.as_str(), terminal.value), ("a=b", Some(-1.5)));
        let terminal: Terminal = "goal".parse().unwrap();
        assert_eq!((terminal.state.as_str(), terminal.value), ("goal", None));
        assert!("goal=".parse::<Terminal>().is_err());
    }

    #[test]
    fn symbols_may_be_the_separators() {
        assert!(matches!("==goal:-1".parse(), Ok(Symbol('=', Cell::Goal(-1.0)))));
        assert!(matches!(":=wall".parse(), Ok(Symbol(':', Cell::Wall))));
        for wrong in ["", "g", "goal:10", "g=goal", "g=hole:1", "g=goal:ten"] {
            assert!(wrong.parse::<Symbol>().is_err(), "{wrong}");
        }
    }
}
