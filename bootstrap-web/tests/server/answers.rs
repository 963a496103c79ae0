//! Reads what a server has answered, as strictly as the standard demands.

/// One answer. Interim ones, as 100, are part of the final one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// In small letters.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Whether the server has said that it closes the connection.
    pub(crate) fn is_last(&self) -> bool {
        self.header("connection") == Some("close")
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// All answers of a connection that the server has closed. What is not an answer, or is cut off, is an error. If a
/// request may have been one with the method HEAD, an answer may have a length and no body.
pub(crate) fn answers(mut bytes: &[u8], may_be_head: bool) -> Result<Vec<Answer>, String> {
    let mut answers = Vec::new();
    while !bytes.is_empty() {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut parsed = httparse::Response::new(&mut headers);
        let status = parsed.parse(bytes);
        let status = status.map_err(|error| format!("not an answer: {error}: {}", shown(bytes)))?;
        let httparse::Status::Complete(length) = status else {
            return Err(format!("cut off in the head: {}", shown(bytes)));
        };
        let status = parsed.code.expect("it is complete");
        let (head, rest) = bytes.split_at(length);
        bytes = rest;
        if status == 100 {
            continue;
        }
        let mut answer = Answer {
            status,
            head: String::from_utf8_lossy(head).to_lowercase(),
            body: Vec::new(),
        };
        if status == 101 {
            // The rest is another protocol.
            answers.push(answer);
            return Ok(answers);
        }
        let has_no_body = may_be_head && (bytes.is_empty() || bytes.starts_with(b"HTTP/1."));
        if !has_no_body && !matches!(status, 204 | 304) {
            let length = body(&mut answer, bytes)?;
            bytes = &bytes[length..];
        }
        answers.push(answer);
    }
    Ok(answers)
}

/// Reads the body of an answer, and returns how many bytes that takes.
fn body(answer: &mut Answer, bytes: &[u8]) -> Result<usize, String> {
    if answer.header("transfer-encoding") == Some("chunked") {
        return chunks(answer, bytes);
    }
    let length = match answer.header("content-length") {
        Some(length) => length.parse().map_err(|_| answer.head.clone())?,
        None if answer.is_last() || answer.head.starts_with("http/1.0") => bytes.len(),
        None => return Err(format!("an answer without an end: {}", answer.head)),
    };
    let body = bytes.get(..length);
    let cut = || format!("cut off in the body: {}{}", answer.head, shown(bytes));
    answer.body = body.ok_or_else(cut)?.to_vec();
    Ok(length)
}

fn chunks(answer: &mut Answer, bytes: &[u8]) -> Result<usize, String> {
    let mut place = 0;
    loop {
        let rest = &bytes[place..];
        let Ok(httparse::Status::Complete((start, size))) = httparse::parse_chunk_size(rest) else {
            return Err(format!("cut off, or not a chunk: {}", shown(rest)));
        };
        let end = start + usize::try_from(size).map_err(|_| "a large chunk")?;
        let chunk = rest
            .get(start..end)
            .filter(|_| rest[end..].starts_with(b"\r\n"));
        let chunk = chunk.ok_or_else(|| format!("a chunk is cut off: {}", shown(rest)))?;
        answer.body.extend_from_slice(chunk);
        place += end + 2;
        if size == 0 {
            return Ok(place);
        }
    }
}

/// The beginning of bytes.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let dots = if bytes.len() > 2000 { ".." } else { "" };
    format!(
        "\"{}{dots}\"",
        bytes[..bytes.len().min(2000)].escape_ascii()
    )
}
