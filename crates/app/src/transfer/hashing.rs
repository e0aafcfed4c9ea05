//! The hash of a file, without a second reading of it.

use sha2::{Digest, Sha256};
use std::io::{self, Read, Write};

/// A file whose bytes are hashed as they are read or written.
#[derive(Debug)]
pub(super) struct Hashing<F> {
    pub(super) file: F,
    hash: Sha256,
}

impl<F> Hashing<F> {
    pub(super) fn new(file: F) -> Self {
        Self { file, hash: Sha256::new() }
    }

    /// Of what was read or written so far.
    pub(super) fn sha256(&self) -> String {
        format!("{:x}", self.hash.clone().finalize())
    }
}

impl<F: Read> Read for Hashing<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.hash.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

impl<F: Write> Write for Hashing<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
