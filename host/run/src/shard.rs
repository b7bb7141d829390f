//! A share of the problems, for one of several machines.
//!
//! Shard i of n has the problems i, i + n, i + 2n, … of a set, so that hard problems that stand together are
//! spread. Every record of a stage that maps over problems belongs to one problem, so the shards' artefacts
//! joined in the problems' order are the whole's.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Most shards of a run.
const MAX_SHARDS: u32 = 1 << 16;

/// One of several shares: `2/3` is the second of three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Shard {
    index: u32,
    of: u32,
}

impl Shard {
    /// Share `index`, from 1, of `of`; none where there is no such share.
    pub fn new(index: u32, of: u32) -> Option<Self> {
        ((1..=of).contains(&index) && of <= MAX_SHARDS).then_some(Self { index, of })
    }

    /// Which one, from 1.
    pub fn index(self) -> u32 {
        self.index
    }

    /// How many there are.
    pub fn of(self) -> u32 {
        self.of
    }

    /// Whether the problem at this place of its set, from 0, is in it.
    pub fn has(self, place: usize) -> bool {
        place % self.of as usize == self.index as usize - 1
    }

    /// Its folder's name below `shards/`: `2-of-3`.
    pub fn folder_name(self) -> String {
        format!("{}-of-{}", self.index, self.of)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(i, n)| Self::new(i.parse().ok()?, n.parse().ok()?));
        parts.ok_or_else(|| format!("must be I/N with I from 1 to N and N at most {MAX_SHARDS}, such as 2/3"))
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> Self {
        shard.to_string()
    }
}

impl TryFrom<String> for Shard {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_written_as_they_are_read() {
        let shard: Shard = "2/3".parse().unwrap();
        assert_eq!((shard.index(), shard.of(), shard.to_string().as_str()), (2, 3, "2/3"));
        assert_eq!(serde_json::from_str::<Shard>("\"2/3\"").unwrap(), shard);
        for wrong in ["", "2", "0/3", "4/3", "1/0", "-1/3", "1/3/4", "a/b", "1/99999999"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_problem_is_in_one_share() {
        for of in 1..=7 {
            for place in 0..20 {
                let having = (1..=of).filter(|&index| Shard::new(index, of).unwrap().has(place)).count();
                assert_eq!(having, 1);
            }
        }
    }
}
