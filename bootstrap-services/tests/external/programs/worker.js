'use strict';
// Does what its payload says.
const fs = require('fs');
const { Job } = require(`${process.env.CLIENT}/bootstrap_process`);

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

Job.run(async (job) => {
  const { kind, number, file } = job.payload;
  if (kind === 'exit') process.exit(number);
  if (kind === 'raise') throw new Error(`no luck at attempt ${job.attempt}`);
  if (kind === 'never') throw Object.assign(new Error('it never works'), { retry: false });
  if (kind === 'trace') return job.traceparent;
  if (kind === 'wait') {
    fs.appendFileSync(file, `${process.pid}\n`);
    while (!job.cancelled.aborted && !job.process.stopping) {
      if (fs.existsSync(`${file}.go`)) return 'went on';
      await sleep(10);
    }
    fs.appendFileSync(file, 'told\n');
    process.exit(0);
  }
  if (kind === 'hang') {
    fs.appendFileSync(file, `${process.pid}\n`);
    await sleep(1000000);
  }
  if (kind === 'odd') {
    job.process.emit('weather', 'rain');
    await sleep(1000000);
  }
  job.progress('half');
  job.log('doubling');
  return number * 2;
});
