//! The records that a stage's journal has already, held against the list of those that it should have.
//!
//! As long as they stand in the order of the list, which they do unless somebody removed a line, nothing of
//! them is kept in memory. From the first that is out of order on, their keys are, and all of them are
//! checked before any work is done.

use std::collections::{HashMap, HashSet, VecDeque};

use ts_run::{Journal, Key, Lookup, Record, Records};

use crate::Error;

/// The keys of a stage's records, in order.
pub(super) type Keys<'a> = Box<dyn Iterator<Item = Result<Key, Error>> + 'a>;

/// What a journal has.
pub(super) struct Present<R> {
    journal: std::path::PathBuf,
    /// Those in order that were not taken yet.
    records: Records<R>,
    n_taken: usize,
    /// Whether all were taken. What is appended from then on is not among them.
    is_taken: bool,
    scattered: Option<Scattered<R>>,
}

/// Records out of order, known by their keys.
struct Scattered<R> {
    /// Where the first of them begins, in bytes; the records before are in order.
    begin: u64,
    places: HashMap<Key, Place>,
    lookup: Lookup<R>,
}

#[derive(Clone, Copy)]
struct Place {
    offset: u64,
    line: u64,
}

impl<R: Record> Present<R> {
    pub(super) fn of(journal: &Journal<R>) -> Result<Self, Error> {
        Ok(Self {
            journal: journal.path().to_owned(),
            records: journal.records()?,
            n_taken: 0,
            is_taken: false,
            scattered: None,
        })
    }

    /// The record with this key, and where it begins; none if it is to be made. Asked for in the order of the
    /// list.
    pub(super) fn take<'k>(
        &mut self,
        key: &Key,
        list: &dyn Fn() -> Result<Keys<'k>, Error>,
    ) -> Result<Option<(R, u64)>, Error> {
        if self.is_taken {
            return Ok(None);
        }
        if self.scattered.is_none() {
            match self.records.peek()? {
                None => {
                    self.is_taken = true;
                    return Ok(None);
                }
                Some(row) if row.record.key() == *key => {
                    self.n_taken += 1;
                    let row = self.records.next().transpose()?;
                    return Ok(row.map(|row| (row.record, row.offset)));
                }
                Some(row) => {
                    let begin = row.offset;
                    self.scatter(begin, list()?)?;
                }
            }
        }
        let Some(scattered) = &mut self.scattered else { return Ok(None) };
        let Some(place) = scattered.places.remove(key) else { return Ok(None) };
        Ok(Some((scattered.lookup.at(place.offset)?, place.offset)))
    }

    /// From where on the records are out of order, in bytes; none if they are not.
    pub(super) fn scattered_from(&self) -> Option<u64> {
        self.scattered.as_ref().map(|scattered| scattered.begin)
    }

    /// Checks, after the whole list, that nothing is left.
    pub(super) fn finish(&mut self) -> Result<(), Error> {
        if self.is_taken || self.scattered.is_some() {
            return Ok(());
        }
        match self.records.next().transpose()? {
            Some(row) => Err(self.foreign(row.record.key(), row.line)),
            None => Ok(()),
        }
    }

    /// Takes the rest by their keys, and checks that each stands in the list once and is not among those
    /// taken before.
    fn scatter(&mut self, begin: u64, list: Keys<'_>) -> Result<(), Error> {
        let path = self.journal.clone();
        let duplicate = |key: &Key, line, first_line| {
            Error::from(ts_run::Error::Duplicate { path: path.clone(), line, first_line, key: key.clone() })
        };
        let mut places: HashMap<Key, Place> = HashMap::new();
        for row in self.records.by_ref() {
            let row = row?;
            let (key, place) = (row.record.key(), Place { offset: row.offset, line: row.line });
            if let Some(first) = places.insert(key.clone(), place) {
                return Err(duplicate(&key, place.line, first.line));
            }
        }
        let mut known = HashSet::new();
        for (position, key) in list.enumerate() {
            let key = key?;
            match places.get(&key) {
                Some(place) if position < self.n_taken => {
                    return Err(duplicate(&key, place.line, position as u64 + 1));
                }
                Some(place) => drop(known.insert(place.line)),
                None => {}
            }
        }
        let foreign = places.iter().filter(|(_, place)| !known.contains(&place.line));
        if let Some((key, place)) = foreign.min_by_key(|(_, place)| place.line) {
            return Err(self.foreign(key.clone(), place.line));
        }
        self.scattered = Some(Scattered { begin, places, lookup: self.records.lookup()? });
        Ok(())
    }

    fn foreign(&self, key: Key, line: u64) -> Error {
        let path = self.journal.clone();
        ts_run::Error::Unexpected { path, line: Some(line), found: Some(key), expected: None }.into()
    }
}

/// Where each record stands, in the order of the list, from the first one on that is out of order.
#[derive(Default)]
pub(super) struct Order {
    /// In bytes.
    pub(super) offsets: Vec<u64>,
    /// Behind them: places that are known, and those of records that are still being made.
    waiting: VecDeque<Option<u64>>,
}

impl Order {
    /// The next records of the list: where each stands, or none if it is being made. Those before `begin` are
    /// in order.
    pub(super) fn expect(&mut self, begin: u64, places: Vec<Option<u64>>) {
        self.waiting.extend(places.into_iter().filter(|place| place.is_none_or(|offset| offset >= begin)));
        self.settle();
    }

    /// The first of those that are being made is appended there.
    pub(super) fn appended(&mut self, offset: u64) {
        if let Some(place) = self.waiting.front_mut() {
            *place = Some(offset);
            self.settle();
        }
    }

    fn settle(&mut self) {
        while let Some(offset) = self.waiting.pop_front_if(|place| place.is_some()).flatten() {
            self.offsets.push(offset);
        }
    }
}
