//! Zip archives, as far as `.npz` files need them: stored and deflated entries, with the 64-bit extension.
//!
//! Reading looks at the bytes of the whole file: every length found in it is compared with what is really there before
//! anything is taken, and an entry that claims to expand to more than it does costs what it expands to, no more.

use std::borrow::Cow;
use std::io::Read;

use flate2::Crc;
use flate2::read::DeflateDecoder;

use crate::io::{Error, Place, Reason};

pub(super) const LOCAL: u32 = 0x0403_4b50;
pub(super) const CENTRAL: u32 = 0x0201_4b50;
pub(super) const END: u32 = 0x0605_4b50;
pub(super) const END_64: u32 = 0x0606_4b50;
pub(super) const LOCATOR_64: u32 = 0x0706_4b50;
/// Stands in a 32-bit field whose number is in the 64-bit extension.
pub(super) const IN_EXTENSION: u64 = 0xffff_ffff;
pub(super) const EXTENSION_64: u16 = 1;
pub(super) const STORED: u16 = 0;
pub(super) const DEFLATED: u16 = 8;
const IS_ENCRYPTED: u16 = 1;
/// Deflate cannot pack a byte into less than this part of a byte.
const MOST_EXPANSION: u64 = 1032;

/// The table of contents of an archive, over its bytes.
#[derive(Debug)]
pub(super) struct Archive<'a> {
    bytes: &'a [u8],
    entries: Vec<Entry<'a>>,
}

/// What the table of contents says of an entry.
#[derive(Debug, Clone, Copy)]
struct Entry<'a> {
    name: &'a [u8],
    flags: u16,
    method: u16,
    checksum: u32,
    packed: u64,
    size: u64,
    header_at: u64,
}

impl<'a> Archive<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, Error> {
        let fail = |reason| Error::new(Place::File, reason);
        let (mut directory, mut count) = find_directory(bytes).map_err(fail)?;
        let mut entries = Vec::new();
        while count > 0 {
            // An entry takes more of the directory than of this list.
            entries.push(Entry::parse(&mut directory).map_err(fail)?);
            count -= 1;
        }
        Ok(Self { bytes, entries })
    }

    /// Names of the entries, where they are text.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.entries.iter().filter_map(|entry| std::str::from_utf8(entry.name).ok())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.name == name.as_bytes())
    }

    /// The bytes of an entry, or `None` if there is none of that name.
    pub(super) fn read(&self, name: &str) -> Result<Option<Cow<'a, [u8]>>, Reason> {
        let mut named = self.entries.iter().filter(|entry| entry.name == name.as_bytes());
        let Some(entry) = named.next() else { return Ok(None) };
        if named.next().is_some() {
            return Err(Reason::Repeated { what: "the array" });
        }
        let packed = entry.packed_bytes(self.bytes)?;
        let bytes = match entry.method {
            STORED => Cow::Borrowed(packed),
            DEFLATED => Cow::Owned(entry.inflate(packed)?),
            _ => return Err(Reason::Unsupported { what: "this method of compression" }),
        };
        let (found, expected) = (bytes.len() as u64, entry.size);
        if found != expected {
            return Err(Reason::Length { found, expected });
        }
        let (found, expected) = (checksum(&bytes), entry.checksum);
        if found != expected {
            return Err(Reason::Checksum { found, expected });
        }
        Ok(Some(bytes))
    }
}

impl<'a> Entry<'a> {
    /// Reads an entry of the table of contents.
    fn parse(bytes: &mut Bytes<'a>) -> Result<Self, Reason> {
        bytes.signature(CENTRAL, "the table of contents")?;
        bytes.skip(4)?; // versions
        let (flags, method) = (bytes.u16()?, bytes.u16()?);
        bytes.skip(4)?; // time and date
        let checksum = bytes.u32()?;
        let (packed, size) = (u64::from(bytes.u32()?), u64::from(bytes.u32()?));
        let (name_len, extra_len, comment_len) = (bytes.u16()?, bytes.u16()?, bytes.u16()?);
        bytes.skip(8)?; // disk and attributes
        let header_at = u64::from(bytes.u32()?);
        let name = bytes.take(name_len.into())?;
        let mut extra = Bytes(bytes.take(extra_len.into())?);
        bytes.skip(comment_len.into())?;

        let mut entry = Self { name, flags, method, checksum, packed, size, header_at };
        while extra.0.len() >= 4 {
            let (kind, len) = (extra.u16()?, extra.u16()?);
            let mut field = Bytes(extra.take(len.into())?);
            if kind == EXTENSION_64 {
                for number in [&mut entry.size, &mut entry.packed, &mut entry.header_at] {
                    if *number == IN_EXTENSION {
                        *number = field.u64()?;
                    }
                }
            }
        }
        Ok(entry)
    }

    /// The bytes as they stand in the archive, behind a second header.
    fn packed_bytes(&self, archive: &'a [u8]) -> Result<&'a [u8], Reason> {
        if self.flags & IS_ENCRYPTED != 0 {
            return Err(Reason::Unsupported { what: "encryption" });
        }
        let mut bytes = Bytes(archive).at(self.header_at)?;
        bytes.signature(LOCAL, "the header of an entry")?;
        bytes.skip(22)?; // what the table of contents says too
        let (name_len, extra_len) = (bytes.u16()?, bytes.u16()?);
        bytes.skip(u64::from(name_len) + u64::from(extra_len))?;
        bytes.take(self.packed)
    }

    fn inflate(&self, packed: &[u8]) -> Result<Vec<u8>, Reason> {
        let most = (packed.len() as u64).saturating_mul(MOST_EXPANSION);
        if self.size > most {
            return Err(Reason::Length { found: most, expected: self.size });
        }
        let mut bytes = Vec::new();
        // One byte more than it should be shows that it is too long.
        let mut decoder = DeflateDecoder::new(packed).take(self.size + 1);
        decoder.read_to_end(&mut bytes).map_err(|_| Reason::Damaged)?;
        Ok(bytes)
    }
}

/// Where the table of contents starts, and its number of entries.
fn find_directory(bytes: &[u8]) -> Result<(Bytes<'_>, u64), Reason> {
    const END_LEN: usize = 22;
    let missing = Reason::NotAnArchive { expected: "its end" };
    // The end is followed by a comment of at most 2^16 − 1 bytes, whose length it gives.
    let last = bytes.len().checked_sub(END_LEN).ok_or(missing)?;
    let end_at = (last.saturating_sub(usize::from(u16::MAX))..=last)
        .rev()
        .find(|&at| {
            let comment_len = u16::from_le_bytes([bytes[at + 20], bytes[at + 21]]);
            bytes[at..].starts_with(&END.to_le_bytes())
                && at + END_LEN + usize::from(comment_len) == bytes.len()
        })
        .ok_or(Reason::NotAnArchive { expected: "its end" })?;
    let mut end = Bytes(&bytes[end_at + 10..]);
    let (count, _size, start) = (u64::from(end.u16()?), end.u32()?, u64::from(end.u32()?));

    let locator = end_at.checked_sub(20).map(|at| Bytes(&bytes[at..]));
    if let Some(mut locator) = locator
        && locator.u32()? == LOCATOR_64
    {
        locator.skip(4)?; // disk
        let mut end = Bytes(bytes).at(locator.u64()?)?;
        end.signature(END_64, "the end of its table of contents")?;
        end.skip(28)?; // length, versions, disks, entries of this disk
        let (count, _size, start) = (end.u64()?, end.u64()?, end.u64()?);
        return Ok((Bytes(bytes).at(start)?, count));
    }
    Ok((Bytes(bytes).at(start)?, count))
}

/// Bytes that are still to be read; every step past their end is an error.
#[derive(Debug, Clone, Copy)]
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, len: u64) -> Result<&'a [u8], Reason> {
        let taken = usize::try_from(len).ok().and_then(|len| self.0.split_at_checked(len));
        let (taken, rest) = taken.ok_or(Reason::NotAnArchive { expected: "a part" })?;
        self.0 = rest;
        Ok(taken)
    }

    fn skip(&mut self, len: u64) -> Result<(), Reason> {
        self.take(len).map(drop)
    }

    /// What comes from a place on.
    fn at(mut self, place: u64) -> Result<Self, Reason> {
        self.skip(place)?;
        Ok(self)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Reason> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N as u64)?);
        Ok(array)
    }

    fn u16(&mut self) -> Result<u16, Reason> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, Reason> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, Reason> {
        self.array().map(u64::from_le_bytes)
    }

    fn signature(&mut self, signature: u32, expected: &'static str) -> Result<(), Reason> {
        if self.u32()? == signature { Ok(()) } else { Err(Reason::NotAnArchive { expected }) }
    }
}

pub(super) fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}
