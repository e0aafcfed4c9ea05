//! Reads a file line by line, of which none is kept in memory beyond a bound.

use super::hashing::Hashing;
use character_domain::size::MAX_ROW;
use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader},
    path::Path,
};

/// The longest line that is kept, in bytes: a row with blanks around it.
pub(super) const LONGEST: usize = MAX_ROW + 1024;

/// The lines of a file.
pub(super) struct Lines<R> {
    reader: R,
    line: Vec<u8>,
}

/// One line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Text<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// It is longer than [`LONGEST`] and was passed over.
    TooLong,
}

/// The regular file at this path, or the one that a symbolic link there leads to. A pipe or a device is refused: it may never end,
/// and to open it may take for ever or have an effect.
pub(super) fn open_regular(path: &Path) -> io::Result<File> {
    let is_regular = |metadata: fs::Metadata| {
        let refused = || io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file");
        if metadata.is_file() { Ok(()) } else { Err(refused()) }
    };
    is_regular(fs::metadata(path)?)?;
    let file = File::open(path)?;
    // It may have been exchanged meanwhile.
    is_regular(file.metadata()?)?;
    Ok(file)
}

impl Lines<BufReader<Hashing<File>>> {
    /// Of the regular file at this path.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self::of(BufReader::new(Hashing::new(open_regular(path)?))))
    }

    /// The SHA-256 of the file, once its last line was read.
    pub(super) fn sha256(&self) -> String {
        self.reader.get_ref().sha256()
    }
}

impl<R: BufRead> Lines<R> {
    fn of(reader: R) -> Self {
        Self { reader, line: Vec::new() }
    }

    /// The next line and the number of bytes that were read for it; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<(Text<'_>, u64)>> {
        self.line.clear();
        let (mut read, mut is_long) = (0_u64, false);
        loop {
            let available = self.reader.fill_buf()?;
            if available.is_empty() && read == 0 {
                return Ok(None);
            }
            let end = available.iter().position(|byte| *byte == b'\n');
            let part = available.get(..end.unwrap_or(available.len())).unwrap_or_default();
            is_long |= self.line.len() + part.len() > LONGEST;
            if !is_long {
                self.line.extend_from_slice(part);
            }
            let (is_last, consumed) = (end.is_some() || available.is_empty(), part.len() + usize::from(end.is_some()));
            self.reader.consume(consumed);
            read += consumed as u64;
            if is_last {
                let text = if is_long { Text::TooLong } else { Text::Whole(&self.line) };
                return Ok(Some((text, read)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn all(text: impl BufRead) -> Vec<Option<usize>> {
        let (mut lines, mut found) = (Lines::of(text), Vec::new());
        while let Some((text, _)) = lines.next().unwrap() {
            found.push(match text {
                Text::Whole(line) => Some(line.len()),
                Text::TooLong => None,
            });
            assert!(lines.line.capacity() <= 2 * LONGEST, "{}", lines.line.capacity());
        }
        found
    }

    #[test]
    fn lines_end_where_they_end_also_the_last_one() {
        assert_eq!(all(&b"a\n\nbc"[..]), [Some(1), Some(0), Some(2)]);
        assert_eq!(all(&b"a\n"[..]), [Some(1)]);
        assert_eq!(all(&b""[..]), []);
    }

    #[test]
    fn a_line_of_any_length_takes_bounded_memory_and_the_next_one_is_read() {
        let long = io::repeat(b'x').take(20 * LONGEST as u64);
        let text = long.chain(&b"\nab\n"[..]).chain(io::repeat(b'y').take(LONGEST as u64)).chain(&b"\n"[..]);
        assert_eq!(all(BufReader::new(text)), [None, Some(2), Some(LONGEST)]);
        assert_eq!(all(BufReader::new(io::repeat(b'z').take(LONGEST as u64 + 1))), [None]);
    }

    #[test]
    fn only_a_regular_file_is_opened_directly_or_by_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "a\n").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert!(Lines::open(&file).is_ok() && Lines::open(&link).is_ok());
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for refused in [folder.path(), &socket, Path::new("/dev/zero")] {
            let error = Lines::open(refused).err().unwrap();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{}", refused.display());
        }
        assert_eq!(Lines::open(&folder.path().join("absent")).err().unwrap().kind(), io::ErrorKind::NotFound);
    }
}
