'use strict';
// Does what its payload says.
const { Job } = require(`${process.env.CLIENT}/bootstrap_process`);

Job.run(async (job) => {
  const { kind, number } = job.payload;
  if (kind === 'exit') process.exit(number);
  if (kind === 'raise') throw new Error(`no luck at attempt ${job.attempt}`);
  if (kind === 'never') throw Object.assign(new Error('it never works'), { retry: false });
  job.progress('half');
  job.log('doubling');
  return number * 2;
});
