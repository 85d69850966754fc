//! What members agree on: small collective calls, all made of [`Team::all_gather`].
//!
//! Numbers are joined in the order of ranks by every member for itself, so all members have the
//! same result, to the bit. Two rules keep members together. A branch behind which a collective
//! call lies depends on joined numbers only. Work that can fail between two calls keeps its
//! `Result` until the next call, which tells the others.

use super::{Numbers, NumbersMut, Team};
use crate::Error;

/// Bytes of the name of a call.
const NAME: usize = 32;

impl dyn Team + '_ {
    /// The numbers of all members, in the order of ranks. If some members have an error, every
    /// member gets one: its own, or that of the lowest rank.
    ///
    /// `name` says where the call is made.
    pub(crate) fn gather<const N: usize>(
        &self,
        name: &str,
        mine: Result<[f64; N], Error>,
    ) -> Result<Vec<[f64; N]>, Error> {
        if self.size() == 1 {
            return mine.map(|mine| vec![mine]);
        }
        self.check_place(name)?;
        let width = N + 1;
        let mut numbers = vec![0.0; width];
        match &mine {
            Ok(mine) => numbers[1..].copy_from_slice(mine),
            Err(_) => numbers[0] = 1.0,
        }
        let mut all = vec![0.0; width * self.size()];
        let counts = vec![width; self.size()];
        self.all_gather(Numbers::F64(&numbers), NumbersMut::F64(&mut all), &counts)?;
        let rows = all.chunks_exact(width);
        if rows.clone().any(|row| row[0] != 0.0) {
            return Err(self.spread(mine.err())?);
        }
        Ok(rows.map(|row| std::array::from_fn(|i| row[i + 1])).collect())
    }

    /// The numbers of all members, joined in the order of ranks.
    pub(crate) fn join<const N: usize>(
        &self,
        name: &str,
        mine: Result<[f64; N], Error>,
        join: impl Fn([f64; N], [f64; N]) -> [f64; N],
    ) -> Result<[f64; N], Error> {
        if self.size() == 1 {
            return mine;
        }
        let all = self.gather(name, mine)?;
        Ok(all[1..].iter().fold(all[0], |joined, &next| join(joined, next)))
    }

    /// Checks that all members have the same options. `what` names the numbers that stand for them.
    pub(crate) fn check_same<const N: usize>(
        &self,
        what: &str,
        mine: Result<[f64; N], Error>,
    ) -> Result<(), Error> {
        let all = self.gather("the options", mine)?;
        let first = all[0].map(f64::to_bits);
        match all.iter().position(|numbers| numbers.map(f64::to_bits) != first) {
            None => Ok(()),
            Some(rank) => Err(Error::Team {
                message: format!(
                    "the processes of a team must solve the same model with the same options: {what} are {:?} in \
                     process 0, and {:?} in process {rank}",
                    all[0], all[rank]
                ),
            }),
        }
    }

    /// Whether something holds for all members.
    pub(crate) fn all(&self, name: &str, holds: bool) -> Result<bool, Error> {
        let [holds] = self.join(name, Ok([f64::from(u8::from(holds))]), |a, b| [a[0].min(b[0])])?;
        Ok(holds > 0.0)
    }

    /// An error of one member is an error of all.
    #[inline]
    pub(crate) fn agree<T>(&self, name: &str, mine: Result<T, Error>) -> Result<T, Error> {
        if self.size() == 1 {
            return mine;
        }
        match mine {
            Ok(mine) => self.gather(name, Ok([])).map(|_| mine),
            Err(error) => Err(self.gather::<0>(name, Err(error)).err().unwrap_or_else(|| unreachable!())),
        }
    }

    /// Turns an error of some members into one for each: its own, or one that says whose it is.
    fn spread(&self, mine: Option<Error>) -> Result<Error, Error> {
        let message = mine.as_ref().map_or_else(String::new, ToString::to_string);
        let mut lengths = vec![0.0; self.size()];
        let ones = vec![1; self.size()];
        self.all_gather(Numbers::F64(&[message.len() as f64]), NumbersMut::F64(&mut lengths), &ones)?;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "lengths of messages")]
        let counts: Vec<usize> = lengths.iter().map(|&length| length as usize).collect();
        let mut all = vec![0; counts.iter().sum()];
        self.all_gather(Numbers::Bytes(message.as_bytes()), NumbersMut::Bytes(&mut all), &counts)?;
        let rank = counts.iter().position(|&count| count > 0).unwrap_or_default();
        let message = String::from_utf8_lossy(&all[..counts[rank]]).into_owned();
        Ok(mine.unwrap_or(Error::Elsewhere { rank, message }))
    }

    /// With debug assertions, checks that all members have come to the same call.
    fn check_place(&self, name: &str) -> Result<(), Error> {
        if !cfg!(debug_assertions) {
            return Ok(());
        }
        let mut mine = [b' '; NAME];
        mine.iter_mut().zip(name.bytes()).for_each(|(place, byte)| *place = byte);
        let mut all = vec![0; NAME * self.size()];
        self.all_gather(Numbers::Bytes(&mine), NumbersMut::Bytes(&mut all), &vec![NAME; self.size()])?;
        let Some(rank) = all.chunks_exact(NAME).position(|theirs| theirs != mine) else { return Ok(()) };
        let theirs = String::from_utf8_lossy(&all[rank * NAME..(rank + 1) * NAME]);
        let theirs = theirs.trim_end();
        Err(Error::Team {
            message: format!(
                "process {rank} has come to `{theirs}`, and process {} to `{name}`: all must make the same calls in \
                 the same order, with the same options",
                self.rank()
            ),
        })
    }
}
