//! The channels, their last events and their clients.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use crate::events::{After, Queue, Refused};
use crate::sse::{SseError, SseEvent, event};

/// An event with its number.
#[derive(Clone)]
pub(super) struct Frame {
    number: u64,
    text: Bytes,
}

/// What a client has not read.
pub(super) type Client = Arc<Queue<Bytes>>;

pub(super) struct Limits {
    /// How many events each channel keeps.
    pub(super) history: usize,
    /// How many events each client may have waiting.
    pub(super) queue: usize,
    pub(super) clients: usize,
    pub(super) channels: usize,
}

/// One lock for all channels, so that their events have one order, and one id is a place in all of them.
pub(super) struct Board {
    /// What begins each id: ids of earlier processes, and of other ones, are none of this one.
    epoch: String,
    limits: Limits,
    /// The number of the last event.
    last: u64,
    /// The last event of the channels that were forgotten.
    forgotten: u64,
    channels: HashMap<String, Channel>,
    clients: usize,
    is_closed: bool,
}

#[derive(Default)]
struct Channel {
    recent: VecDeque<Frame>,
    /// The last event that is not in `recent` any more.
    dropped: u64,
    /// The last event.
    last: u64,
    clients: Vec<Client>,
}

/// How an event was delivered.
pub(super) struct Delivered {
    pub(super) clients: usize,
    pub(super) lagging: usize,
    /// To be finished without the lock.
    pub(super) after: After<Bytes>,
}

/// A client that was added.
pub(super) struct Joined {
    /// What it gets first.
    pub(super) first: Vec<Bytes>,
    pub(super) queue: Client,
}

impl Board {
    pub(super) fn new(epoch: String, limits: Limits) -> Self {
        Self {
            epoch,
            limits,
            last: 0,
            forgotten: 0,
            channels: HashMap::new(),
            clients: 0,
            is_closed: false,
        }
    }

    pub(super) fn clients(&self) -> usize {
        self.clients
    }

    pub(super) fn send(&mut self, channel: &str, event: &SseEvent) -> Result<Delivered, SseError> {
        let number = self.last + 1;
        let text = event.to_wire(&self.id(number));
        let history = self.limits.history;
        let channel = self.channel(channel)?;
        let (mut after, mut lagging) = (After::new(), 0);
        // A client with a full queue is closed. Its other channels remove it with their next event.
        channel
            .clients
            .retain(|client| match client.offer(text.clone()) {
                Ok(reader) => {
                    after.wake(reader);
                    true
                }
                Err(Refused::Full) => {
                    client.close();
                    lagging += 1;
                    false
                }
                Err(Refused::Closed) => false,
            });
        let clients = channel.clients.len();
        channel.remember(Frame { number, text }, history);
        self.last = number;
        Ok(Delivered {
            clients,
            lagging,
            after,
        })
    }

    /// Adds a client to channels, and returns what it has missed since an id.
    pub(super) fn join(
        &mut self,
        channels: &[String],
        last_event_id: Option<&str>,
    ) -> Result<Joined, SseError> {
        if self.is_closed {
            return Err(SseError::Stopping);
        }
        if self.clients >= self.limits.clients {
            return Err(SseError::TooManyClients(self.clients));
        }
        let now = self.id(self.last);
        let mut first = Vec::new();
        match last_event_id.map(|id| self.missed(channels, id)) {
            None => first.push(event::hello(Some(&now))),
            Some(Some(missed)) => {
                first.push(event::hello(None));
                first.extend(missed);
            }
            Some(None) => first.extend([event::hello(None), event::reset(&now)]),
        }
        let queue = Arc::new(Queue::new(self.limits.queue));
        for name in channels {
            match self.channel(name) {
                Ok(channel) => channel.clients.push(Arc::clone(&queue)),
                Err(error) => {
                    self.leave(channels, &queue);
                    return Err(error);
                }
            }
        }
        self.clients += 1;
        Ok(Joined { first, queue })
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Counts a client less, and removes it from its channels.
    pub(super) fn remove(&mut self, channels: &[String], queue: &Client) {
        self.clients -= 1;
        self.leave(channels, queue);
    }

    fn leave(&mut self, channels: &[String], queue: &Client) {
        for name in channels {
            let Some(channel) = self.channels.get_mut(name) else {
                continue;
            };
            channel.clients.retain(|it| !Arc::ptr_eq(it, queue));
            if channel.clients.is_empty() && channel.last == 0 {
                self.channels.remove(name);
            }
        }
    }

    /// Closes all clients, and takes no more.
    pub(super) fn close(&mut self) {
        self.is_closed = true;
        let clients = self.channels.values_mut();
        let clients = clients.flat_map(|channel| channel.clients.drain(..));
        clients.for_each(|client| client.close());
    }

    fn id(&self, number: u64) -> String {
        format!("{}-{number}", self.epoch)
    }

    /// The number of an id of this hub.
    fn number(&self, id: &str) -> Option<u64> {
        let (epoch, number) = id.split_once('-')?;
        let number = number.parse().ok()?;
        (epoch == self.epoch && number <= self.last).then_some(number)
    }

    /// The events of channels after an id; `None` if they are not known any more.
    fn missed(&self, channels: &[String], id: &str) -> Option<Vec<Bytes>> {
        let number = self.number(id)?;
        let mut missed = Vec::new();
        for name in channels {
            match self.channels.get(name) {
                Some(channel) if channel.dropped > number => return None,
                Some(channel) => missed.extend(channel.after(number)),
                None if self.forgotten > number => return None,
                None => {}
            }
        }
        missed.sort_by_key(|frame| frame.number);
        Some(missed.into_iter().map(|frame| frame.text).collect())
    }

    fn channel(&mut self, name: &str) -> Result<&mut Channel, SseError> {
        if !self.channels.contains_key(name) {
            if self.channels.len() >= self.limits.channels {
                self.forget_one()?;
            }
            let channel = Channel {
                // Its earlier events, if it had any, were forgotten.
                dropped: self.forgotten,
                ..Channel::default()
            };
            self.channels.insert(name.to_owned(), channel);
        }
        let channel = self.channels.get_mut(name);
        channel.ok_or(SseError::TooManyChannels(self.limits.channels))
    }

    /// Forgets the channel without clients that has had no event for the longest time.
    fn forget_one(&mut self) -> Result<(), SseError> {
        let idle = self.channels.iter().filter(|(_, it)| it.clients.is_empty());
        let oldest = idle.min_by_key(|(_, channel)| channel.last);
        let oldest = oldest.map(|(name, channel)| (name.clone(), channel.last));
        let (name, last) = oldest.ok_or(SseError::TooManyChannels(self.limits.channels))?;
        self.channels.remove(&name);
        self.forgotten = self.forgotten.max(last);
        Ok(())
    }
}

impl Channel {
    fn after(&self, number: u64) -> impl Iterator<Item = Frame> {
        let first = self.recent.partition_point(|frame| frame.number <= number);
        self.recent.iter().skip(first).cloned()
    }

    fn remember(&mut self, frame: Frame, history: usize) {
        self.last = frame.number;
        self.recent.push_back(frame);
        if self.recent.len() > history
            && let Some(oldest) = self.recent.pop_front()
        {
            self.dropped = oldest.number;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_is_too_slow_is_counted_once_whatever_its_channels() {
        let limits = Limits {
            history: 4,
            queue: 1,
            clients: 1,
            channels: 2,
        };
        let mut board = Board::new("0".to_owned(), limits);
        let channels = ["a".to_owned(), "b".to_owned()];
        let joined = board.join(&channels, None).unwrap();
        let event = SseEvent::json(&1).unwrap();
        let lagging = ["a", "a", "b", "a"].map(|channel| {
            let delivered = board.send(channel, &event).unwrap();
            delivered.lagging
        });
        assert_eq!(lagging, [0, 1, 0, 0]);
        board.remove(&channels, &joined.queue);
    }
}
