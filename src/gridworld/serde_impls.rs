//! Gridworlds for serde: the map as text, the legend, and the options.

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

use super::{Cell, Direction, Gridworld, Moves};

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename = "Gridworld", deny_unknown_fields)]
struct GridworldParts {
    map: String,
    legend: Vec<(char, Cell)>,
    moves: Moves,
    step_reward: f64,
    slip: f64,
    wind: Option<(Direction, f64)>,
    wind_by_column: Option<(Direction, Vec<usize>)>,
}

/// Writes the text of the map, the legend and every option. The values of goals and traps are
/// entries of the legend.
impl Serialize for Gridworld {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        GridworldParts {
            map: self.map.text(),
            legend: self.map.legend(),
            moves: self.moves,
            step_reward: self.step_reward,
            slip: self.slip,
            wind: self.wind,
            wind_by_column: self.column_wind.clone(),
        }
        .serialize(serializer)
    }
}

/// By [`Gridworld::parse_with`], with its errors. Options are checked by [`Gridworld::mdp`], as
/// always.
impl<'de> Deserialize<'de> for Gridworld {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let GridworldParts { map, legend, moves, step_reward, slip, wind, wind_by_column } =
            GridworldParts::deserialize(deserializer)?;
        let world = Gridworld::parse_with(&map, &legend).map_err(D::Error::custom)?;
        Ok(Self { moves, step_reward, slip, wind, column_wind: wind_by_column, ..world })
    }
}
