'use strict';
// Emits numbers as fast as they are handled: `count` of them, then `done`.
const { BufferFull, Process } = require(`${process.env.CLIENT}/bootstrap_process.js`);

const daemon = new Process({
  onCommand(name, data) {
    if (name === 'echo') daemon.emit('echo', data);
    else if (name === 'crash') process.exit(3);
    else if (name === 'fail') throw new Error('as it was told');
  },
});
daemon.emit('ready', daemon.metadata);
let number = 0;
let full = 0;
const timer = setInterval(() => {
  if (number === daemon.metadata.count) return;
  try {
    daemon.emit('tick', number + 1);
    number += 1;
  } catch (error) {
    if (!(error instanceof BufferFull)) throw error;
    full += 1;
  }
  if (number === daemon.metadata.count) daemon.emit('done');
}, 2);
daemon.onStop(async () => {
  clearInterval(timer);
  daemon.emit('stopping', full);
  await daemon.close();
});
