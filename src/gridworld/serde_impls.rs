//! Gridworlds for serde: the map as text, and the options.

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

use super::{Direction, Gridworld, Moves};

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename = "Gridworld", deny_unknown_fields)]
struct GridworldParts {
    map: String,
    moves: Moves,
    goal_reward: f64,
    trap_reward: f64,
    step_reward: f64,
    slip: f64,
    wind: Option<(Direction, f64)>,
}

/// As the text of the map and every option.
impl Serialize for Gridworld {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        GridworldParts {
            map: self.render_map().to_string(),
            moves: self.moves,
            goal_reward: self.goal_reward,
            trap_reward: self.trap_reward,
            step_reward: self.step_reward,
            slip: self.slip,
            wind: self.wind,
        }
        .serialize(serializer)
    }
}

/// By [`Gridworld::parse`], with its errors. Options are checked by [`Gridworld::mdp`], as always.
impl<'de> Deserialize<'de> for Gridworld {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let GridworldParts { map, moves, goal_reward, trap_reward, step_reward, slip, wind } =
            GridworldParts::deserialize(deserializer)?;
        let world = Gridworld::parse(&map).map_err(D::Error::custom)?;
        Ok(Self { moves, goal_reward, trap_reward, step_reward, slip, wind, ..world })
    }
}
