'use strict';
/**
 * The client of a process that bootstrap supervises. One file, Node 16 or later, no other packages.
 *
 *     const { Process } = require('./bootstrap_process');
 *     const process_ = new Process();
 *     const timer = setInterval(() => process_.emit('tick', { level: 7 }), 1000);
 *     process_.onStop(async () => { clearInterval(timer); await process_.close(); });
 *
 * Events are kept until the service has handled and acknowledged them, also while it is restarted: none is lost, and none handled
 * twice. They are lost if this process ends before; `close` waits for the service for 3 seconds.
 *
 * At most 10,000 events or 16 MiB are kept. Then `emit` throws `BufferFull`, and keeps nothing: emit it again later, or wait with
 * `flush`. `SIGTERM` sets `stopping`, and calls what was passed to `onStop`.
 *
 * A program that does jobs of the service, one each time that it is started:
 *
 *     const { Job } = require('./bootstrap_process');
 *     Job.run(async (job) => {
 *       job.progress('half');
 *       return { width: job.payload.width };
 *     });
 */
const net = require('net');

const LONGEST_LINE = 1 << 20;
const DEEPEST = 100;
// How long a connection that is closed may write what it has, in milliseconds.
const LAST_WORDS = 100;

/** So many messages are not acknowledged that no more are kept. */
class BufferFull extends Error {}

/**
 * Numbered messages to the service, each kept until it is acknowledged, over connections that are made for ever. It knows nothing of
 * events and commands: `onMessage(message)` gets each message that is not one of the channel itself.
 */
class Channel {
  constructor(path, token, { heartbeat = null, onMessage = () => {}, most = 10000, mostBytes = 16 << 20 } = {}) {
    Object.assign(this, { path, token, onMessage, most, mostBytes });
    this.kept = new Map();
    this.bytes = 0;
    this.last = 0;
    this.socket = null;
    this.current = null;
    this.closed = false;
    this.pause = 50;
    this.flushed = new Set();
    this.retry = null;
    this.beat = heartbeat && setInterval(() => this.write(line({ type: 'heartbeat' })), heartbeat);
    this.connect();
  }

  /**
   * Keeps a message, to be sent until it is acknowledged. Returns its number. Throws `BufferFull`, or a `TypeError` or `RangeError` for
   * a type that is not a string, and for what JSON can't hold or is longer than 1 MiB.
   */
  post(type, fields) {
    checkName(type);
    if (this.closed) throw new TypeError('the channel is closed');
    check(fields, 0);
    const text = line({ ...fields, type, seq: this.last + 1 });
    if (this.kept.size >= this.most || this.bytes + text.length > this.mostBytes) {
      throw new BufferFull(`${this.kept.size} messages are not acknowledged`);
    }
    this.last += 1;
    this.kept.set(this.last, text);
    this.bytes += text.length;
    this.write(text);
    return this.last;
  }

  /** Waits until all messages are acknowledged, for `ms` milliseconds at most. Resolves to whether they are. */
  flush(ms = Infinity) {
    if (this.kept.size === 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      let timer = null;
      const done = (flushed) => {
        this.flushed.delete(done);
        // A timer keeps the process alive.
        clearTimeout(timer);
        resolve(flushed);
      };
      this.flushed.add(done);
      if (ms !== Infinity) timer = setTimeout(() => done(false), ms);
    });
  }

  /** Closes the connection for good. What is not acknowledged is lost. */
  close() {
    this.closed = true;
    clearInterval(this.beat);
    clearTimeout(this.retry);
    const socket = this.current;
    // A service that does not read does not hold this up.
    const timer = setTimeout(() => socket.destroy(), LAST_WORDS);
    socket.on('close', () => clearTimeout(timer));
    if (socket.destroyed) clearTimeout(timer);
    this.write(line({ type: 'disconnecting' }));
    socket.end(() => socket.destroy());
  }

  write(text) {
    if (this.socket) this.socket.write(text);
  }

  connect() {
    const socket = net.connect(this.path);
    this.current = socket;
    let parts = [];
    socket.on('connect', () => {
      const first = this.kept.size ? this.kept.keys().next().value : this.last + 1;
      socket.write(line({ type: 'connected', token: this.token, first, last: this.last }));
    });
    socket.on('data', (data) => {
      let end;
      while ((end = data.indexOf(10)) >= 0) {
        const text = Buffer.concat([...parts, data.subarray(0, end)]).toString();
        parts = [];
        data = data.subarray(end + 1);
        this.received(socket, JSON.parse(text));
      }
      parts.push(data);
    });
    // `close` follows.
    socket.on('error', () => {});
    socket.on('close', () => {
      this.socket = null;
      if (this.closed) return;
      this.retry = setTimeout(() => this.connect(), this.pause * (0.5 + Math.random() / 2));
      this.pause = Math.min(this.pause * 2, 1000);
    });
  }

  received(socket, message) {
    if (message.type === 'welcome') {
      this.acknowledged(message.acknowledged);
      this.socket = socket;
      this.pause = 50;
      for (const text of this.kept.values()) socket.write(text);
    } else if (message.type === 'acknowledged') {
      this.acknowledged(message.seq);
    } else {
      this.onMessage(message);
    }
  }

  acknowledged(seq) {
    for (const [number, text] of this.kept) {
      if (number > seq) break;
      this.kept.delete(number);
      this.bytes -= text.length;
    }
    if (this.kept.size === 0) {
      for (const done of [...this.flushed]) done(true);
    }
  }
}

/**
 * This process, as the service that started it sees it. Its settings are in the environment.
 *
 * `onCommand(name, data)` is called for each command, in their order. What it throws is printed, and the next command goes on.
 */
class Process {
  constructor({ onCommand = null } = {}) {
    const env = process.env;
    for (const name of ['BOOTSTRAP_PROCESS_ID', 'BOOTSTRAP_SOCKET_PATH', 'BOOTSTRAP_TOKEN']) {
      if (!env[name]) throw new Error(`${name} is not set: let bootstrap start this process`);
    }
    this.id = env.BOOTSTRAP_PROCESS_ID;
    this.metadata = JSON.parse(env.BOOTSTRAP_METADATA || 'null');
    this.onCommand = onCommand;
    this.stopping = false;
    this.stops = [];
    this.commands = Promise.resolve();
    if (process.listenerCount('SIGTERM') === 0) {
      process.on('SIGTERM', () => {
        this.stopping = true;
        for (const stop of this.stops.splice(0)) stop();
      });
    }
    const heartbeat = Number(env.BOOTSTRAP_HEARTBEAT_MS) || null;
    const onMessage = (message) => this.received(message);
    this.channel = new Channel(env.BOOTSTRAP_SOCKET_PATH, env.BOOTSTRAP_TOKEN, { heartbeat, onMessage });
  }

  /** Emits an event. Returns at once; the service handles it some time later. Throws as `Channel.post` does. */
  emit(event, data = null) {
    checkName(event);
    return this.channel.post('event', { event, data });
  }

  /** Calls a function at `SIGTERM`: at once if that was before. */
  onStop(stop) {
    if (this.stopping) stop();
    else this.stops.push(stop);
  }

  /** Waits until the service has handled all events, for `ms` milliseconds at most. Resolves to whether it has. */
  flush(ms) {
    return this.channel.flush(ms);
  }

  /** Flushes, and closes the connection for good. Resolves to whether all events were handled. */
  async close(ms = 3000) {
    const flushed = await this.channel.flush(ms);
    this.channel.close();
    if (!flushed) console.error('bootstrap_process: events were not acknowledged in time, and are lost');
    return flushed;
  }

  received({ type, name, data }) {
    if (type !== 'command') return;
    this.commands = this.commands.then(async () => {
      try {
        if (this.onCommand) await this.onCommand(name, data);
        else console.error(`bootstrap_process: no handler for the command ${JSON.stringify(name)}`);
      } catch (error) {
        console.error(error);
      }
    });
  }
}

/**
 * The job that this process was started for. `payload` is the payload, `id` and `name` are those of the job, and `attempt` counts from 1 on.
 * `traceparent` is the trace that the job belongs to, as the header of that name has it, or `null`.
 * `cancelled` is an `AbortSignal`: the job should end, as it is not wanted any more, or the service stops.
 */
class Job {
  /**
   * Waits for the job, and does it. What `work` returns is the result; if it throws, the job has failed, and an error with `retry: false` is not
   * retried. Resolves when the service has stored that.
   */
  static async run(work) {
    const job = await Job.start();
    try {
      const result = await work(job);
      job.end('completed', result === undefined ? null : result);
    } catch (error) {
      job.end('failed', { error: String((error && error.message) || error), retry: !error || error.retry !== false });
    }
    await job.process.close(30000);
  }

  /** Resolves to the job when the service has sent it. Rejects if the process is asked to end before that. */
  static start() {
    return new Promise((resolve, reject) => {
      const job = new Job();
      const onCommand = (name, data) => {
        if (name === 'cancel') job.abort.abort();
        // Again after each interruption of the connection.
        if (name !== 'job' || job.id) return;
        Object.assign(job, data);
        job.process.emit('started');
        resolve(job);
      };
      job.process = new Process({ onCommand });
      job.process.onStop(() => {
        job.abort.abort();
        if (job.id) return;
        job.process.channel.close();
        reject(new Error('the process was asked to end before it had a job'));
      });
    });
  }

  constructor() {
    this.abort = new AbortController();
    this.cancelled = this.abort.signal;
    this.id = null;
    this.traceparent = null;
  }

  /** Says how far the job is. */
  progress(text) {
    this.process.emit('progress', String(text));
  }

  /** Writes to the log of the service: `debug`, `info`, `warn` or `error`. */
  log(text, level = 'info') {
    this.process.emit('log', { level: String(level), text: String(text) });
  }

  end(event, data) {
    this.process.emit(event, data);
  }
}

/** Returns the bytes of a message. */
function line(message) {
  const bytes = Buffer.from(JSON.stringify(message, checkText) + '\n');
  if (bytes.length - 1 > LONGEST_LINE) {
    throw new RangeError(`a message has ${bytes.length - 1} bytes, more than ${LONGEST_LINE}`);
  }
  return bytes;
}

/** Refuses a name that the service could not read. */
function checkName(name) {
  if (typeof name !== 'string') throw new TypeError(`a name is a string, and not ${typeof name}`);
}

function checkText(key, value) {
  const isText = (text) => typeof text !== 'string' || !/\p{Surrogate}/u.test(text);
  if (!isText(key) || !isText(value)) throw new TypeError('a text is no Unicode');
  return value;
}

/** Refuses what the service could not read: it would close the connection each time that the message is sent again. */
function check(value, depth) {
  if (depth > DEEPEST) throw new RangeError(`the data is nested more than ${DEEPEST} times`);
  if (value && typeof value === 'object') {
    for (const item of Object.values(value)) check(item, depth + 1);
  }
}

module.exports = { BufferFull, Channel, Job, Process };
