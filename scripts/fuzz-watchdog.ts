// Beside a fuzzing run, in a thread of its own: ends the process when the inputs stop coming, which a thread that hangs
// cannot do for itself.

declare const self: Worker;

const TICK_MS = 1000;
/** Of the whole process: a machine that is busy with other things, or asleep, is no hang. */
const MAX_CPU_MS = 60_000;
/** For what waits without working; counted in ticks, which do not pass while this process is stopped. */
const MAX_TICKS = 600;

let number = 0;
let ticks = 0;
let cpu = process.cpuUsage();

self.onmessage = ({ data }: MessageEvent<{ number: number }>) => {
  number = data.number;
  ticks = 0;
  cpu = process.cpuUsage();
};

setInterval(() => {
  ticks += 1;
  const { user, system } = process.cpuUsage(cpu);
  if ((user + system) / 1000 < MAX_CPU_MS && ticks < MAX_TICKS) return;
  console.log(`FOUND a hang: one of the 64 inputs from ${number} takes more than a minute`);
  process.kill(process.pid, "SIGKILL");
}, TICK_MS);
