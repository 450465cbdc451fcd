// How clients reach a server that does not serve PORT by itself, and what they may.

import * as v from "valibot";
import { SERVER_TRANSPORTS } from "../gateway/way.ts";
import type { SettingRow } from "./row.ts";
import { byteCount, listOf, oneOf, text, wholeNumber } from "./schemas.ts";

export const FAILURE_MANNERS = ["exit", "page"] as const;

export const GATEWAY_ROWS = {
  serverTransport: {
    env: "SERVER_TRANSPORT",
    flag: "server-transport",
    value: SERVER_TRANSPORTS.join("|"),
    about:
      "What the server speaks by itself: `http` on PORT, or `stdio`, which the runner then serves over HTTP; `auto` decides by the image and by what the server does. See Over HTTP.",
    schema: oneOf(SERVER_TRANSPORTS),
    fallback: "auto",
  },
  targetPort: {
    env: "TARGET_PORT",
    flag: "target-port",
    value: "1-65535",
    about: "Port of the server's own, where it does not listen on PORT; the runner leads to it.",
    schema: wholeNumber(1, 65_535),
  },
  authToken: {
    env: "AUTH_TOKEN",
    about:
      "Token that clients have to send: `Authorization: Bearer …`. Without it, anyone who reaches the port may use the server.",
    schema: v.pipe(text, v.regex(/^[\x21-\x7e]+$/, "must be printable ASCII without spaces")),
    secret: true,
  },
  allowedHosts: {
    env: "ALLOWED_HOSTS",
    flag: "allowed-hosts",
    value: "names",
    about:
      "Host names, separated by commas, under which clients may call the runner's own HTTP server, or `*`. Addresses, localhost and the names that known platforms give are always allowed.",
    schema: listOf(/^(?:\*|[\w.:[\]-]+)$/, "must be host names separated by commas, or *"),
  },
  allowedOrigins: {
    env: "ALLOWED_ORIGINS",
    flag: "allowed-origins",
    value: "origins",
    about:
      "Origins, separated by commas, whose web pages may call the server, such as `https://app.example`. The runner's own page may.",
    schema: listOf(/^https?:\/\/[\w.:[\]-]+$/, "must be origins such as https://app.example"),
  },
  maxSessions: {
    env: "MAX_SESSIONS",
    flag: "max-sessions",
    value: "number",
    about: "Sessions at a time, each with a process of a stdio server.",
    schema: wholeNumber(1, 10_000),
    fallback: "64",
  },
  sessionIdle: {
    env: "SESSION_IDLE",
    flag: "session-idle",
    value: "seconds",
    about: "Seconds without a request or an open stream after which a session ends.",
    schema: wholeNumber(1, 604_800),
    fallback: "1800",
  },
  sessionAge: {
    env: "SESSION_AGE",
    flag: "session-age",
    value: "seconds",
    about: "Seconds after which a session ends in any case.",
    schema: wholeNumber(1, 31_536_000),
    fallback: "86400",
  },
  maxRequestBytes: {
    env: "MAX_REQUEST_BYTES",
    flag: "max-request-bytes",
    value: "bytes",
    about: "Bytes that the body of a request to a stdio server may have.",
    schema: byteCount,
    fallback: "16M",
  },
  maxLineBytes: {
    env: "MAX_LINE_BYTES",
    flag: "max-line-bytes",
    value: "bytes",
    about: "Bytes that one message of a stdio server may have.",
    schema: byteCount,
    fallback: "64M",
  },
  startTimeout: {
    env: "START_TIMEOUT",
    flag: "start-timeout",
    value: "seconds",
    about: "Seconds that a process of the server has until it answers, or listens.",
    schema: wholeNumber(1, 3_600),
    fallback: "60",
  },
  shutdownGrace: {
    env: "SHUTDOWN_GRACE",
    flag: "shutdown-grace",
    value: "seconds",
    about: "Seconds that calls in flight are given when the runner is told to end.",
    schema: wholeNumber(0, 600),
    fallback: "5",
  },
  pageCalls: {
    env: "PAGE_CALLS",
    flag: "page-calls",
    value: "0|1",
    about: "1 lets visitors of the page on `/` call the server's tools from it.",
    schema: oneOf(["0", "1"]),
    fallback: "0",
  },
  startFailure: {
    env: "START_FAILURE",
    flag: "start-failure",
    value: FAILURE_MANNERS.join("|"),
    about:
      "What follows a start that failed: `exit` with its status, or a `page` that says why until the runner is ended.",
    schema: oneOf(FAILURE_MANNERS),
    fallback: "exit",
  },
} as const satisfies Record<string, SettingRow>;
