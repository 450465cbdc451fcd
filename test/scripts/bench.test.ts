// The figures, the chart and the content of the bench. Nothing here is timed.

import { describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { barChart } from "../../scripts/bench/chart.ts";
import { proseMaker } from "../../scripts/bench/recipe.ts";
import { type ImageResult, median, rowsOf, type Sample } from "../../scripts/bench/results.ts";
import { startsTable, startsText, summaryTable, textTable } from "../../scripts/bench/table.ts";

const rows = rowsOf([
  { name: "slower", kind: "ours", samples: [2, 4, 3].map(sampleOf) },
  { name: "faster", kind: "ours", samples: [2, 1, 9].map(sampleOf) },
  { name: "a | b <c>", kind: "peer", samples: [6, 8].map(sampleOf) },
  { name: "absent", kind: "peer", samples: [] },
]);

const image: ImageResult = {
  name: "realistic",
  about: "an image",
  layers: 2,
  entries: 30,
  compressedMegabytes: 4,
  unpackedMegabytes: 5,
  rows,
  leftOut: [{ name: "absent", reason: "not installed" }],
};

function sampleOf(seconds: number): Sample {
  return { seconds, cpuSeconds: 2 * seconds, peakBytes: 7e6 };
}

describe("figures", () => {
  test.each([
    [[5], 5],
    [[9, 1, 5], 5],
    [[9, 1, 5, 7], 6],
  ])("the median of %j is %p", (values, expected) => {
    expect(median(values)).toBe(expected);
  });

  test("ratios are against our fastest row, and who has no figures has no row", () => {
    expect(rows.map(({ name, ratio }) => [name, ratio])).toEqual([
      ["slower", 1.5],
      ["faster", 1],
      ["a | b <c>", 3.5],
    ]);
    expect(rows[1]).toMatchObject({
      seconds: { median: 2, min: 1, max: 9 },
      cpuSeconds: 4,
      peakMegabytes: 7,
    });
  });
});

describe("tables", () => {
  test("the terminal's names who is left out", () => {
    expect(textTable(image)).toContain("faster      2.00 [1.00..9.00]   4.00        7        1.00");
    expect(textTable(image)).toContain("left out: absent (not installed)");
  });

  test("the README's has a dash where an image has no figure", () => {
    const other = { ...image, about: "another", rows: rows.slice(0, 1) };
    const results = {
      machine: "",
      rounds: 1,
      pageCacheDropped: true,
      decoder: "",
      programs: {},
      images: [image, other],
      starts: rows,
    };
    expect(summaryTable(results)).toEqual([
      ["Image", "slower", "faster", "`a | b <c>`"],
      ["an image", "3.00 s", "2.00 s", "7.00 s (3.5×)"],
      ["another", "3.00 s", "–", "–"],
    ]);
  });

  test("starts are told in milliseconds", () => {
    const starts = rowsOf([
      { name: "again", kind: "ours", samples: [0.044, 0.0512].map(sampleOf) },
    ]);
    expect(startsText(starts)).toContain(
      "again                          48 ms     44 ms     51 ms  7 MB",
    );
    expect(startsTable(starts)[1]).toEqual(["again", "48 ms"]);
  });
});

describe("chart", () => {
  const svg = barChart(image, 'slower than "a" & <b>', ["a note"]);

  test("it escapes what it shows, and tells screen readers what it says", () => {
    expect(svg).toContain('<desc id="description">slower than &quot;a&quot; &amp; &lt;b></desc>');
    expect(svg).toContain(">a | b &lt;c></text>");
    expect(svg).toContain('role="img" aria-labelledby="title description"');
  });

  test("it has a bar a row, two schemes of colours and no script", () => {
    expect(svg.match(/<rect class="(?:ours|peer)"/g)?.length).toBe(3);
    expect(svg).toContain("prefers-color-scheme: dark");
    expect(svg).not.toContain("<script");
  });
});

test("content is the same each time, and gzip makes it two to four times smaller", () => {
  const prose = proseMaker(1)(1_000_000);
  expect(proseMaker(1)(1_000_000).equals(prose)).toBe(true);
  expect(proseMaker(2)(1_000_000).equals(prose)).toBe(false);
  const ratio = prose.byteLength / gzipSync(prose).byteLength;
  expect(ratio).toBeGreaterThan(2);
  expect(ratio).toBeLessThan(4);
});
