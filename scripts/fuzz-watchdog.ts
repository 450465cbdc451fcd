// Beside a fuzzing run, in a thread of its own: ends the process when the inputs stop coming, which a thread that hangs
// cannot do for itself.

declare const self: Worker;

const PATIENCE_MS = 60_000;

let last = { number: 0, at: performance.now() };

self.onmessage = ({ data }: MessageEvent<{ number: number }>) => {
  last = { number: data.number, at: performance.now() };
};

setInterval(() => {
  if (performance.now() - last.at < PATIENCE_MS) return;
  console.log(`FOUND a hang: one of the 64 inputs from ${last.number} takes more than a minute`);
  process.kill(process.pid, "SIGKILL");
}, 1000);
