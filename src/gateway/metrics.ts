// What has happened, counted, in the text format of Prometheus. Labels take a few values only, none of them a
// client's or a server's own text. https://prometheus.io/docs/instrumenting/exposition_formats/

import type { CallOutcome, ChildPurpose, GatewayEvent, SessionEnd } from "./events.ts";

export interface Metrics {
  observe(event: GatewayEvent): void;
  observeRequest(request: { readonly method: string; readonly status: number }): void;
  text(): string;
}

const PREFIX = "fastmcp_runner_";
/** Upper bounds in seconds. */
const BUCKETS = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60] as const;
const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "DELETE", "OPTIONS"]);

/** Starts with everything at zero. */
export function createMetrics(): Metrics {
  const requests = new Counter("method", "status");
  const closed = new Counter("why");
  const started = new Counter("purpose");
  const crashed = new Counter("purpose");
  const calls = new Map<CallOutcome, Histogram>();
  let sessions = 0;
  let opened = 0;
  let children = 0;
  let dropped = 0;
  return {
    observe(event) {
      switch (event.type) {
        case "session-opened":
          opened += 1;
          sessions = event.sessions;
          break;
        case "session-closed":
          closed.add(event.why satisfies SessionEnd);
          sessions = event.sessions;
          break;
        case "child-started":
          started.add(event.purpose satisfies ChildPurpose);
          children += 1;
          break;
        case "child-ended":
          if (!event.end.wanted) crashed.add(event.purpose);
          children -= 1;
          break;
        case "call-finished":
          histogramOf(calls, event.outcome).add(event.milliseconds / 1_000);
          break;
        case "line-dropped":
          dropped += 1;
      }
    },
    observeRequest({ method, status }) {
      requests.add(METHODS.has(method) ? method : "other", String(status));
    },
    text: () =>
      [
        ...family("requests_total", "counter", "HTTP requests answered.", requests.lines()),
        ...family("sessions", "gauge", "Sessions open now.", [["", sessions]]),
        ...family("sessions_opened_total", "counter", "Sessions opened.", [["", opened]]),
        ...family("sessions_closed_total", "counter", "Sessions ended.", closed.lines()),
        ...family("children", "gauge", "Processes of the server now.", [["", children]]),
        ...family("children_started_total", "counter", "Processes started.", started.lines()),
        ...family(
          "children_crashed_total",
          "counter",
          "Processes that ended unasked.",
          crashed.lines(),
        ),
        ...family("lines_dropped_total", "counter", "Lines of a server that are no messages.", [
          ["", dropped],
        ]),
        ...family(
          "call_seconds",
          "histogram",
          "Time until a call was answered.",
          histogramLines(calls),
        ),
        ...family("resident_memory_bytes", "gauge", "Memory of the runner itself.", [
          ["", process.memoryUsage.rss()],
        ]),
        "",
      ].join("\n"),
  };
}

type Line = readonly [suffixAndLabels: string, value: number];

function family(name: string, type: string, help: string, lines: readonly Line[]): string[] {
  const full = `${PREFIX}${name}`;
  return [
    `# HELP ${full} ${help}`,
    `# TYPE ${full} ${type}`,
    ...lines.map(([rest, value]) => `${full}${rest} ${value}`),
  ];
}

class Counter {
  readonly #names: readonly string[];
  readonly #counts = new Map<string, number>();

  constructor(...names: readonly string[]) {
    this.#names = names;
  }

  add(...values: readonly string[]): void {
    const pairs = this.#names.map((name, index) => `${name}="${values[index] ?? ""}"`);
    const key = `{${pairs.join(",")}}`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  lines(): readonly Line[] {
    return [...this.#counts];
  }
}

class Histogram {
  readonly #counts = BUCKETS.map(() => 0);
  #sum = 0;
  #count = 0;

  add(seconds: number): void {
    this.#sum += seconds;
    this.#count += 1;
    for (const [index, bound] of BUCKETS.entries()) {
      if (seconds <= bound) this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    }
  }

  lines(label: string): readonly Line[] {
    return [
      ...BUCKETS.map((bound, index): Line => [
        `_bucket{${label},le="${bound}"}`,
        this.#counts[index] ?? 0,
      ]),
      [`_bucket{${label},le="+Inf"}`, this.#count],
      [`_sum{${label}}`, this.#sum],
      [`_count{${label}}`, this.#count],
    ];
  }
}

function histogramOf(calls: Map<CallOutcome, Histogram>, outcome: CallOutcome): Histogram {
  const histogram = calls.get(outcome) ?? new Histogram();
  calls.set(outcome, histogram);
  return histogram;
}

function histogramLines(calls: ReadonlyMap<CallOutcome, Histogram>): readonly Line[] {
  return [...calls].flatMap(([outcome, histogram]) => histogram.lines(`outcome="${outcome}"`));
}
