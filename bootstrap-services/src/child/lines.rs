//! Lines of JSON with a limit.

use std::io;

use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The longest line in bytes, without its end.
pub(crate) const LONGEST_LINE: usize = 1 << 20;

/// How much is read at once.
const CHUNK: usize = 16 << 10;

/// Why no further line is read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LineError {
    #[error("a line has more than {LONGEST_LINE} bytes")]
    TooLong,
    #[error("the last line has no end")]
    Cut,
    #[error("a line is not a message: {0}")]
    NotMessage(#[from] serde_json::Error),
    #[error("reading failed: {0}")]
    Read(#[from] io::Error),
}

/// Messages, one on each line.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    /// Where the next line begins.
    start: usize,
    /// From where on no end of a line was looked for.
    searched: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            reader,
            buffer: Vec::new(),
            start: 0,
            searched: 0,
        }
    }

    /// Returns the next message, or `None` at the end. Nothing is lost if the future is dropped.
    pub(crate) async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, LineError> {
        loop {
            if let Some(message) = self.buffered()? {
                return Ok(Some(message));
            }
            if !self.fill().await? {
                return match self.buffer.len() - self.start {
                    0 => Ok(None),
                    _ => Err(LineError::Cut),
                };
            }
        }
    }

    /// Returns the next message if it was read already.
    pub(crate) fn buffered<T: DeserializeOwned>(&mut self) -> Result<Option<T>, LineError> {
        let rest = &self.buffer[self.searched..];
        let Some(length) = rest.iter().position(|byte| *byte == b'\n') else {
            self.searched = self.buffer.len();
            return match self.searched - self.start {
                0..=LONGEST_LINE => Ok(None),
                _ => Err(LineError::TooLong),
            };
        };
        let end = self.searched + length;
        let line = &self.buffer[self.start..end];
        if line.len() > LONGEST_LINE {
            return Err(LineError::TooLong);
        }
        let message = serde_json::from_slice(line)?;
        self.start = end + 1;
        self.searched = self.start;
        Ok(Some(message))
    }

    async fn fill(&mut self) -> io::Result<bool> {
        // Before the buffer grows.
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        self.buffer.reserve(CHUNK);
        match self.reader.read_buf(&mut self.buffer).await {
            // The other side was killed, or has closed without reading all that was sent to it.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(false),
            read => Ok(read? > 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    async fn all(bytes: &[u8]) -> (Vec<Value>, Option<LineError>) {
        let mut lines = Lines::new(bytes);
        let mut messages = Vec::new();
        loop {
            match lines.next().await {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => return (messages, None),
                Err(error) => return (messages, Some(error)),
            }
        }
    }

    #[tokio::test]
    async fn each_line_is_a_message() {
        let (messages, error) = all(b"{\"a\":1}\n[2]\n").await;
        assert_eq!(messages, [json!({ "a": 1 }), json!([2])]);
        assert!(error.is_none(), "{error:?}");
    }

    #[tokio::test]
    async fn a_line_without_its_end_is_an_error_and_no_message() {
        let (messages, error) = all(b"1\n2").await;
        assert_eq!(messages, [json!(1)]);
        assert!(matches!(error, Some(LineError::Cut)), "{error:?}");
    }

    #[tokio::test]
    async fn garbage_and_text_that_is_not_unicode_are_errors() {
        for garbage in [&b"hello\n"[..], b"\"\xff\"\n", b"\0\n", b"\n"] {
            let (messages, error) = all(garbage).await;
            assert!(messages.is_empty());
            assert!(matches!(error, Some(LineError::NotMessage(_))), "{error:?}");
        }
    }

    #[tokio::test]
    async fn the_longest_line_is_a_message_and_a_longer_one_an_error() {
        let line = |length: usize| format!("\"{}\"\n", "x".repeat(length - 2));
        let (messages, error) = all(line(LONGEST_LINE).as_bytes()).await;
        assert!(messages.len() == 1 && error.is_none(), "{error:?}");
        let (_, error) = all(line(LONGEST_LINE + 1).as_bytes()).await;
        assert!(matches!(error, Some(LineError::TooLong)), "{error:?}");
    }

    #[tokio::test]
    async fn a_line_without_an_end_does_not_fill_the_memory() {
        let mut lines = Lines::new(tokio::io::repeat(b'x'));
        let error = lines.next::<Value>().await.unwrap_err();
        assert!(matches!(error, LineError::TooLong), "{error}");
        assert!(lines.buffer.capacity() < 4 * LONGEST_LINE);
    }
}
