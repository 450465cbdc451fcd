// A pipe of the kernel's. What Bun calls a pipe is a pair of sockets, which a program cannot open again as /dev/stdout,
// and which bash takes for a network connection: it then reads ~/.bashrc. (bun 1.4.5)

import { closeSync } from "node:fs";
import { checked, libc } from "./libc.ts";

export interface Pipe {
  readonly reader: Descriptor;
  readonly writer: Descriptor;
}

/** A file descriptor that is closed once, however often it is disposed. */
export interface Descriptor extends Disposable {
  readonly number: number;
}

const O_CLOEXEC = 0o2000000;

/** Opens one, for nobody else to inherit. Throws SYSTEM_CALL_FAILED. */
export function openPipe(): Pipe {
  const numbers = new Int32Array(2);
  checked(libc().pipe2(numbers, O_CLOEXEC), "pipe");
  const [reader = -1, writer = -1] = numbers;
  return { reader: descriptor(reader), writer: descriptor(writer) };
}

function descriptor(number: number): Descriptor {
  let open = true;
  return {
    number,
    [Symbol.dispose]() {
      if (open) closeSync(number);
      open = false;
    },
  };
}
