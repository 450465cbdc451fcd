// Modules of Node's that few starts come to need. Bun evaluates what is imported before a program's first line, and
// each of these would cost every start one to three milliseconds.

export function nodeCrypto(): typeof import("node:crypto") {
  return process.getBuiltinModule("node:crypto");
}

export function nodeHttp(): typeof import("node:http") {
  return process.getBuiltinModule("node:http");
}

export function nodeTls(): typeof import("node:tls") {
  return process.getBuiltinModule("node:tls");
}
